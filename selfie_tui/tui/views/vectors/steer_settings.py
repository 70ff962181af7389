"""How a vector is steered with: strength, tokens, layers, mode and length, and how each of them is changed."""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple, TypeVar

from selfie_tui.errors import RequestError
from selfie_tui.modes import MODES
from selfie_tui.parse import parse_layers, parse_number
from selfie_tui.records import EMBED
from selfie_tui.tui.views.vectors.items import layers_words

Where = Literal["all", "prompt", "generated", "last"]
Value = TypeVar("Value")
WHERE: dict[Where, str] = {
    "all": "every token",
    "prompt": "prompt",
    "generated": "generated",
    "last": "last of prompt",
}
FIELDS = ("strength", "where", "layers", "mode", "max_new_tokens")
STEP = 0.5
TOKENS_STEP = 4
MOST_TOKENS = 400
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
LAYERS = re.compile(r"(L?\d+|embed)([-–,]\s*(L?\d+|embed))*", re.IGNORECASE)


class SteerSettings(NamedTuple):
    """How a vector is steered with; no `layers` are the vector's own, and `positions` stand in place of `where`."""

    strength: float = 1.0
    where: Where = "all"
    layers: tuple[int, ...] = ()
    mode: str = "add"
    max_new_tokens: int = 24
    positions: tuple[int, ...] | None = None

    def text(self, field: str) -> str:
        """The value of a field, as it is shown."""
        match field:
            case "strength":
                return f"{self.strength:.3f}".rstrip("0").ljust(len(f"{self.strength:.1f}"), "0")
            case "where":
                return WHERE[self.where] if self.positions is None else f"{len(self.positions)} tokens of prompt"
            case "layers":
                return layers_words(self.layers) if self.layers else "own layers"
            case "mode":
                return self.mode
        return f"{self.max_new_tokens} tokens"

    def changed(self, field: str, step: int, blocks: int) -> SteerSettings:
        """With another value of a field, so many steps up, in a model of so many blocks."""
        match field:
            case "strength":
                return self._replace(strength=round(self.strength / STEP + step) * STEP)
            case "where":
                return self._replace(where=_next(tuple(WHERE), self.where, -step), positions=None)
            case "layers":
                return self._replace(layers=self._layers_after(step, blocks))
            case "mode":
                return self._replace(mode=_next(tuple(MODES), self.mode, -step))
        tokens = self.max_new_tokens // TOKENS_STEP * TOKENS_STEP + step * TOKENS_STEP
        return self._replace(max_new_tokens=max(TOKENS_STEP, min(tokens, MOST_TOKENS)))

    def _layers_after(self, step: int, blocks: int) -> tuple[int, ...]:
        choices: list[tuple[int, ...]] = [(), *((layer,) for layer in range(EMBED, blocks))]
        here = choices.index(self.layers) if self.layers in choices else 0
        return choices[max(0, min(here + step, len(choices) - 1))]

    def typed(self, field: str, text: str, blocks: int) -> SteerSettings | None:
        """With what was typed after `:`: a number for the field, or else the strength; layers such as `L4-6`.

        None where it is neither. Raises RequestError for what is out of range.
        """
        text = text.strip()
        if text.lower().startswith(("l", "e")) or (field == "layers" and LAYERS.fullmatch(text)):
            return self._replace(layers=layers_typed(text, blocks)) if LAYERS.fullmatch(text) else None
        if field == "max_new_tokens" and text.isdecimal():
            return self._replace(max_new_tokens=max(1, min(int(text), MOST_TOKENS)))
        if field == "where" and text in WHERE:
            return self._replace(where=text, positions=None)
        if field == "mode" and text in MODES:
            return self._replace(mode=text)
        if not NUMBER.fullmatch(text):
            return None
        return self._replace(strength=parse_number(text, "strength"))


def layers_typed(text: str, blocks: int) -> tuple[int, ...]:
    """The layers of `L4-6` or `embed,0`; raises RequestError."""
    if not blocks:
        raise RequestError("No layers are known yet.", "They come with the model.")
    return parse_layers(text.lower().replace("l", "").replace("–", "-").replace(" ", ""), blocks)


def _next(values: tuple[Value, ...], value: Value, step: int) -> Value:
    at = values.index(value) + step
    return values[max(0, min(at, len(values) - 1))]


def dial(strength: float, cells: int) -> str:
    """A scale from -10 to 10 in so many cells or one less, or to a larger power, with 0 and the strength."""
    most = 10.0 * 10 ** max(0, math.ceil(math.log10(max(abs(strength), 1e-9) / 10)))
    label = f"{most:g}"
    width = (cells - 2 * len(label) - 3 - 1) // 2 * 2 + 1  # odd, so that 0 is in the middle
    if width < 7:
        return ""
    scale = ["─"] * width
    middle = width // 2
    scale[middle] = "│"
    steps = max(1, round(abs(strength) / most * middle)) if strength else 0  # only 0 stands on its own mark
    scale[middle + (steps if strength > 0 else -steps)] = "●"
    return f"-{label} {''.join(scale)} {label}"

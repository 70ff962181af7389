"""The values of settings: how each is typed, written, and stepped through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from selfie_tui.errors import RequestError
from selfie_tui.interpret_settings import Bounds
from selfie_tui.parse import parse_integer, parse_layers, parse_number
from selfie_tui.presets import preset_called
from selfie_tui.records import EMBED, Preset

ANY_LAYERS = 100_000
"""The number of layers that a layer is checked against while no model is known."""

STOPS: dict[str, tuple[str, ...]] = {"end": (), "line": ("\n",), "sentence": (".", ";", "\n")}
"""Names for where a text is cut: where the model itself ends, after a line, after a sentence."""


def parse_preset(text: str, bounds: Bounds) -> Preset:
    """A preset by its name."""
    return next((preset for preset in bounds.presets if preset.name == text), None) or preset_called(text)


def parse_layer(text: str, bounds: Bounds) -> int:
    """One layer of a model, or of one whose layers are not known yet where `bounds.blocks` is 0."""
    layers = parse_layers(text, bounds.blocks or ANY_LAYERS)
    if len(layers) != 1:
        raise RequestError("The injection layer must be one layer.", "Write embed or a number.")
    return layers[0]


def parse_strength(text: str, bounds: Bounds) -> float:
    """A finite number."""
    return parse_number(text, "strength")


def parse_temperature(text: str, bounds: Bounds) -> float:
    """A finite number that is not negative."""
    return parse_number(text, "temperature", least=0.0)


def parse_tokens(text: str, bounds: Bounds) -> int:
    """A number of tokens, at least one."""
    return parse_integer(text, "number of tokens", least=1)


def parse_seed(text: str, bounds: Bounds) -> int:
    """A seed, 0 or more."""
    return parse_integer(text, "seed", least=0)


def parse_samples(text: str, bounds: Bounds) -> int:
    """A number of texts for each cell, at least one."""
    return parse_integer(text, "number of samples", least=1)


def parse_stop(text: str, bounds: Bounds) -> tuple[str, ...]:
    """A named place to stop, or a text before which the answer ends; a backslash and n stand for a line's end."""
    if not text:
        raise RequestError("The text to stop at is empty.", f"Use a text, or one of: {', '.join(STOPS)}.")
    return STOPS[text] if text in STOPS else (text.replace("\\n", "\n"),)


def parse_switch(text: str, bounds: Bounds) -> bool:
    """`on` or `off`."""
    if text not in ("on", "off"):
        raise RequestError(f"Invalid value “{text}”.", "Use on or off.")
    return text == "on"


def stop_text(stop: tuple[str, ...]) -> str:
    """The name of a place to stop, or the texts themselves."""
    named = next((name for name, known in STOPS.items() if known == stop), None)
    return named or " ".join(text.replace("\n", "\\n") for text in stop)


def switch_text(on: bool) -> str:
    """`on` or `off`."""
    return "on" if on else "off"


def along(values: Sequence[Any], value: object, steps: int) -> Any:
    """The value so many steps after `value`, stopping at the ends."""
    index = values.index(value) if value in values else 0
    return values[max(0, min(index + steps, len(values) - 1))]


def step_layer(layer: int, steps: int, bounds: Bounds) -> int:
    """The layer so many steps later, inside the model."""
    return max(EMBED, min(layer + steps, bounds.blocks - 1))


def step_switch(on: bool, steps: int, bounds: Bounds) -> bool:
    """The other one; for many steps, off at the top of the list and on at its end."""
    return steps > 0 if abs(steps) > 1 else not on


def in_steps(size: float, low: float, high: float) -> Callable[[float, int, Bounds], float]:
    """Steps of a number, each of this size: down the list is smaller."""
    return lambda value, steps, bounds: max(low, min(round(value - steps * size, 6), high))


def counted(low: int, high: int) -> Callable[[int, int, Bounds], int]:
    """Steps of a count, each of one: down the list is smaller."""
    return lambda value, steps, bounds: max(low, min(value - steps, high))

"""What can be asked of a model: a preset, an injection and how to decode, as settings that are changed in steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from selfie_tui.kinds import MASK, masks_filled
from selfie_tui.presets import PRESETS
from selfie_tui.records import EMBED, MODES, Cell, Mode, Preset, Request, layer_name

CUSTOM = "custom"
STRENGTH_STEP = 0.1
MOST_STRENGTH = 20.0
MOST_TOKENS = 512
STOPS: dict[str, tuple[str, ...]] = {"end": (), "line": ("\n",), "sentence": (".", ";", "\n")}
"""Where a reading is cut: where the model itself ends, after a line, after a sentence."""


class InterpretSettings(msgspec.Struct, frozen=True):
    """Everything about a run but its prompt and its cells."""

    preset: Preset = PRESETS[0]
    injection_layer: int = EMBED
    mode: Mode = "replace"
    strength: float = 1.0
    max_new_tokens: int = 12
    stop: str = "end"
    random_control: bool = False

    def request(self, prompt: str, cells: tuple[Cell, ...], stack: str = "") -> Request:
        """The run that asks this of these cells of a stack."""
        return Request(
            prompt=prompt,
            cells=cells,
            preset=self.preset,
            injection_layer=self.injection_layer,
            mode=self.mode,
            strength=self.strength,
            max_new_tokens=self.max_new_tokens,
            stop=STOPS[self.stop],
            random_control=self.random_control,
            stack=stack,
        )

    def fills(self, kind: str) -> str:
        """What an encoder does with the interpretation prompt: `fills 12 masks`; nothing for other kinds of model."""
        if kind != "encoder":
            return ""
        count = masks_filled(self.preset.text, self.max_new_tokens)
        return f"fills {count} mask{'' if count == 1 else 's'}"


class Setting(NamedTuple):
    """One setting: what stands before and behind its value, how it is written, changed by steps, and explained."""

    before: str
    written: Callable[[InterpretSettings], str]
    behind: str
    changed: Callable[[InterpretSettings, int, SettingBounds], InterpretSettings]
    told: Callable[[InterpretSettings, SettingBounds], str]


class SettingBounds(NamedTuple):
    """What can be chosen: the presets, and the model's number of blocks; and the kind of model that is asked."""

    presets: tuple[Preset, ...] = PRESETS
    blocks: int = 0
    kind: str = "decoder"


def _near(values: Sequence[object], value: object, step: int) -> int:
    """The place `step` away from `value`, stopping at the ends."""
    place = values.index(value) if value in values else 0
    return max(0, min(place + step, len(values) - 1))


def _preset(asked: InterpretSettings, step: int, bounds: SettingBounds) -> InterpretSettings:
    return msgspec.structs.replace(asked, preset=bounds.presets[_near(bounds.presets, asked.preset, step)])


def _layer(asked: InterpretSettings, step: int, bounds: SettingBounds) -> InterpretSettings:
    layer = max(EMBED, min(asked.injection_layer + step, bounds.blocks - 1))
    return msgspec.structs.replace(asked, injection_layer=layer)


def _mode(asked: InterpretSettings, step: int, bounds: SettingBounds) -> InterpretSettings:
    return msgspec.structs.replace(asked, mode=MODES[_near(MODES, asked.mode, step)])


def _strength(asked: InterpretSettings, step: int, bounds: SettingBounds) -> InterpretSettings:
    strength = round(asked.strength - step * STRENGTH_STEP, 6)
    return msgspec.structs.replace(asked, strength=max(0.0, min(strength, MOST_STRENGTH)))


def _tokens(asked: InterpretSettings, step: int, bounds: SettingBounds) -> InterpretSettings:
    return msgspec.structs.replace(asked, max_new_tokens=max(1, min(asked.max_new_tokens - step, MOST_TOKENS)))


def _stop(asked: InterpretSettings, step: int, bounds: SettingBounds) -> InterpretSettings:
    stops = list(STOPS)
    return msgspec.structs.replace(asked, stop=stops[_near(stops, asked.stop, step)])


def _random(asked: InterpretSettings, step: int, bounds: SettingBounds) -> InterpretSettings:
    return msgspec.structs.replace(asked, random_control=step > 0 if abs(step) > 1 else not asked.random_control)


MODES_TOLD: dict[Mode, str] = {
    "replace": "v in place of h",
    "blend": "s·v + (1−s)·h",
    "add": "h + s·v",
    "replace-norm": "v at the norm of h, in place of h",
    "add-norm": "h + s·|h|·v/|v|",
    "unit": "s·v/|v| in place of h",
}
"""What is written at a placeholder: `h` is the state in place, `v` the vector that is read, `s` the strength."""

STOPS_TOLD = {
    "end": "until the model ends, or has written all tokens",
    "line": "until the end of a line",
    "sentence": "until . ; or the end of a line",
}


def _source_told(asked: InterpretSettings, bounds: SettingBounds) -> str:
    return asked.preset.source or "an interpretation prompt of your own: e edits it"


def _tokens_told(asked: InterpretSettings, bounds: SettingBounds) -> str:
    if bounds.kind != "encoder":
        return "tokens to generate at most"
    if MASK in asked.preset.text:
        return f"the text's own {MASK} are filled in, from left to right"
    return f"mask tokens to fill in, at the end; or write {MASK} into the text"


SETTINGS: tuple[Setting, ...] = (
    Setting("", lambda asked: asked.preset.name, "", _preset, _source_told),
    Setting(
        "at", lambda asked: layer_name(asked.injection_layer), "", _layer, lambda *_: "the layer that is written to"
    ),
    Setting("", lambda asked: asked.mode, "", _mode, lambda asked, bounds: MODES_TOLD[asked.mode]),
    Setting("×", lambda asked: f"{asked.strength:g}", "", _strength, lambda *_: "the strength s of the injection"),
    Setting("", lambda asked: str(asked.max_new_tokens), "tokens", _tokens, _tokens_told),
    Setting("to", lambda asked: asked.stop, "", _stop, lambda asked, bounds: STOPS_TOLD[asked.stop]),
    Setting(
        "random",
        lambda asked: "on" if asked.random_control else "off",
        "",
        _random,
        lambda *_: "also read a random direction for each cell",
    ),
)

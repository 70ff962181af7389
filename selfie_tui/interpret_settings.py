"""How a run is to be like: its settings, what can be chosen for them, and what does not go together."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from selfie_tui.errors import RequestError
from selfie_tui.kinds import masks_filled
from selfie_tui.presets import PRESETS
from selfie_tui.records import Cell, Preset, Request, RunSettings

CUSTOM = "custom"
"""The name of an interpretation prompt of the user's own."""


class InterpretSettings(RunSettings, frozen=True):
    """Everything about a run but its prompt and its cells."""

    preset: Preset = PRESETS[0]

    def request(self, prompt: str, cells: tuple[Cell, ...], stack: str = "") -> Request:
        """The run that asks this of these cells of a stack."""
        return Request(prompt=prompt, cells=cells, stack=stack, **msgspec.structs.asdict(self))

    def fills(self, kind: str) -> str:
        """What an encoder does with the interpretation prompt: `fills 12 masks`; nothing for other kinds of model."""
        if kind != "encoder":
            return ""
        count = masks_filled(self.preset.text, self.max_new_tokens)
        return f"fills {count} mask{'' if count == 1 else 's'}"


class Bounds(NamedTuple):
    """What can be chosen: the presets, and the model's number of blocks; and the kind of model that is asked."""

    presets: tuple[Preset, ...] = PRESETS
    blocks: int = 0
    kind: str = "decoder"


def settings_of(request: Request, bounds: Bounds) -> InterpretSettings:
    """The settings that a request was made with, its injection layer inside the model's where that is known."""
    values = {field: getattr(request, field) for field in InterpretSettings.__struct_fields__}
    if bounds.blocks:
        values["injection_layer"] = min(request.injection_layer, bounds.blocks - 1)
    return InterpretSettings(**values)


def check_samples(settings: RunSettings) -> None:
    """Refuse samples that could not differ; raises RequestError."""
    if settings.samples < 1:
        raise RequestError("No text would be sampled.", "Ask for at least one.")
    if settings.samples > 1 and not settings.temperature:
        raise RequestError(
            f"At temperature 0 all {settings.samples} samples would be the same text.",
            "Set a temperature such as 0.7, or one sample.",
        )

"""What was left at the last start, put back: settings, stack, device and precision, and the user's own presets."""

from __future__ import annotations

from pathlib import Path

import msgspec

from selfie_tui.config import Memory
from selfie_tui.interpret_settings import CUSTOM
from selfie_tui.presets import PRESETS, own_presets
from selfie_tui.records import Preset
from selfie_tui.tui.state import AppState

AUTO = "auto"


def restore(state: AppState, memory: Memory, presets: Path | None) -> list[str]:
    """Put settings and stack back, and offer the presets of a folder; what kept some of them from being used."""
    own, problem = own_presets(presets) if presets is not None else ((), "")
    state.bounds = state.bounds._replace(presets=(*PRESETS, *own))
    if memory.settings is not None:
        preset = current(memory.settings.preset, state.bounds.presets)
        state.choose(msgspec.structs.replace(memory.settings, preset=preset))
    state.selection.stack = memory.stack
    return [problem] if problem else []


def current(preset: Preset, known: tuple[Preset, ...]) -> Preset:
    """A preset as it is now under its name; one whose name is gone goes on as a prompt without one."""
    return next((now for now in known if now.name == preset.name), msgspec.structs.replace(preset, name=CUSTOM))


def placement(memory: Memory, device: str, dtype: str) -> tuple[str, str]:
    """The device and the precision to begin with: those of the command line, else those that were chosen last."""
    return (device if device != AUTO else memory.device or AUTO, dtype if dtype != AUTO else memory.dtype or AUTO)


def offer_saved(state: AppState, preset: Preset) -> None:
    """Offer a preset that was saved, in place of the prompt without a name, and take it for the next run."""
    others = tuple(known for known in state.bounds.presets if known.name not in (preset.name, CUSTOM))
    state.bounds = state.bounds._replace(presets=(*others, preset))
    state.choose(msgspec.structs.replace(state.settings, preset=preset))

"""Calibration as the interface asks for it: of the present preset on the present model, and what is said of it."""

from __future__ import annotations

import msgspec

from selfie_tui.calibration_table import curve_text
from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.records import Calibrate, Calibration, InjectionSetting
from selfie_tui.tui.state import AppState

CALIBRATED_FIELDS = ("preset", "injection_layer", "mode", "strength")
"""The settings that a calibration is of."""


def calibration_of(state: AppState) -> Calibration | None:
    """What is known of the present preset on the present model; None where nothing is."""
    settings = state.settings
    return state.calibrations.of(state.model, settings.preset, settings.system) if state.model else None


def is_calibrating(state: AppState) -> bool:
    """Whether the present preset is being calibrated, or waits for it."""
    task = state.calibrating
    return task is not None and (task.preset, task.system) == (state.settings.preset, state.settings.system)


def calibrate(state: AppState, *, anew: bool = False) -> bool:
    """Have the present preset calibrated, from where it stopped unless `anew`; False where that cannot be asked now."""
    if state.model is None or state.calibrating is not None:
        return False
    known = calibration_of(state)
    earlier = None if anew or known is None or known.finished else known
    state.submit(Calibrate(state.settings.preset, system=state.settings.system, earlier=earlier))
    return True


def setting_of(settings: InterpretSettings) -> InjectionSetting:
    """Where and how the settings write a vector."""
    return InjectionSetting(settings.injection_layer, settings.mode, settings.strength)


def with_setting(settings: InterpretSettings, setting: InjectionSetting) -> InterpretSettings:
    """The settings with another way to write a vector."""
    return msgspec.structs.replace(
        settings, injection_layer=setting.layer, mode=setting.mode, strength=setting.strength
    )


def words(state: AppState, key: str) -> str:
    """What the settings pane says: how well the present settings read back, or that this is not known; `key` asks."""
    known = calibration_of(state)
    if is_calibrating(state):
        return "calibrating…"
    if known is None:
        return f"{key}: not calibrated" if state.model else ""
    if not known.finished:
        return f"{key}: calibration stopped"
    row = known.row_of(setting_of(state.settings))
    read = f"reads back {curve_text(row)}" if row else "not calibrated here"
    if known.proposal is None:
        return f"{read} · nothing to propose"
    return read if row and row.setting == known.proposal else f"{read} · {key}: {known.proposal}"

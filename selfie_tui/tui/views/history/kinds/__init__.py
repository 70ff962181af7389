"""How each kind of run is shown in the list of runs, one row a kind; each is a module of its own here."""

from __future__ import annotations

from selfie_tui.records import CompareModels, ControlLayer, Interpret, PatchActivations, RunTask, Steer
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.views.history.kinds import comparisons, controls, patchings, readings, steerings
from selfie_tui.tui.views.history.kinds.kind import Shown

SHOWN: dict[type[RunTask], Shown] = {
    Interpret: readings.SHOWN,
    PatchActivations: patchings.SHOWN,
    Steer: steerings.SHOWN,
    CompareModels: comparisons.SHOWN,
    ControlLayer: controls.SHOWN,
}
"""All kinds, by the type of their task."""


def shown(run: StoredRun) -> Shown:
    """How a run is shown."""
    return SHOWN[type(run.began.task)]

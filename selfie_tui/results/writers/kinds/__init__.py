"""How each kind of run is written, one row a kind; each is a module of its own here."""

from __future__ import annotations

from selfie_tui.records import CompareModels, ControlLayer, Interpret, PatchActivations, RunTask, Steer
from selfie_tui.results.writers.kinds import comparisons, controls, patchings, readings, steerings
from selfie_tui.results.writers.kinds.kind import Written
from selfie_tui.results.writers.runs import KeptRun

WRITTEN: dict[type[RunTask], Written] = {
    Interpret: readings.WRITTEN,
    PatchActivations: patchings.WRITTEN,
    Steer: steerings.WRITTEN,
    CompareModels: comparisons.WRITTEN,
    ControlLayer: controls.WRITTEN,
}
"""All kinds, by the type of their task."""


def written(run: KeptRun) -> Written:
    """How a run is written."""
    return WRITTEN[type(run.began.task)]

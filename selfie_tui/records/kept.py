"""What is kept of runs: the tasks that make one, the records that are its results, and what it goes on from.

A result stands under an index. From 0 on these are the cells of an interpretation, the sites of a patching, the parts
of a comparison (see `ComparisonParts`), and 0 alone
for the answers of a steering or what a layer was trained to; below 0 what belongs to the whole
run.
"""

from __future__ import annotations

from selfie_tui.records.comparing import (
    ComparedCell,
    CompareModels,
    ComparisonBegan,
    EarlierComparison,
    MappedCell,
    SpaceMap,
)
from selfie_tui.records.control import ControlLayer, LayerControlBegan, LayerControlled
from selfie_tui.records.data import Control, Interpretation
from selfie_tui.records.patching import (
    AttributionFinished,
    EarlierPatching,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    PatchEnded,
)
from selfie_tui.records.tasks import Earlier, Interpret
from selfie_tui.records.vectors import Steer, SteeredSoFar

RunTask = Interpret | PatchActivations | Steer | CompareModels | ControlLayer
"""Tasks that make a run: their results are kept, and read back from a session."""

Kept = (
    Interpretation
    | Control
    | PatchBegan
    | AttributionFinished
    | PatchedRun
    | PatchEnded
    | SteeredSoFar
    | ComparisonBegan
    | ComparedCell
    | SpaceMap
    | MappedCell
    | LayerControlBegan
    | LayerControlled
)
"""Records that are kept as results of a run."""


def earlier_of(task: RunTask) -> Earlier | EarlierPatching | EarlierComparison | None:
    """What a task goes on from; None where it begins at the beginning."""
    return getattr(task, "earlier", None)

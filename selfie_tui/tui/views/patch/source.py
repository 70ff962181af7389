"""What the map of patching shows of a site: its score, its attribution, or by how much the metric is another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from selfie_tui.tui.views.patch.patches import Patches
from selfie_tui.tui.views.patch.patching import Patching
from selfie_tui.tui.views.patch.scores import NOT_RUN, change, score_cell
from selfie_tui.tui.widgets.map.cells import UNASKED, MapCell

Measure = Literal["patching", "attribution", "change"]
MEASURES: tuple[Measure, ...] = ("patching", "attribution", "change")

ABSENT = MapCell("absent")
WAITING = MapCell("waiting")


class PatchSource:
    """The cells of the patching that the choices ask for; columns are tokens or heads."""

    foot = ""

    def __init__(self, patches: Patches, measure: Measure = "patching") -> None:
        self.patches = patches
        self.measure: Measure = measure
        self.patching: Patching | None = None
        """The patching that is shown."""

    def foot_text(self, column: int) -> str:
        return ""

    def cell(self, row: int, column: int) -> MapCell:
        shown = self.patching
        if row < 0:
            return ABSENT
        if shown is None or shown.began is None:
            return UNASKED
        index = shown.index(*self.patches.place(row, column))
        if index is None:
            return ABSENT if shown.has_name(self.patches.choices.name) else UNASKED
        return self._attribution(shown, index) if self.measure == "attribution" else self._score(shown, index)

    def _score(self, shown: Patching, index: int) -> MapCell:
        run = shown.runs.get(index)
        if run is None:
            return WAITING if shown.goes_on else NOT_RUN
        return score_cell(run.score, change(shown.change(index)) if self.measure == "change" else "")

    @staticmethod
    def _attribution(shown: Patching, index: int) -> MapCell:
        estimate = shown.estimate(index)
        if estimate is None:
            return WAITING if shown.goes_on and shown.task.attribution else NOT_RUN
        return score_cell(estimate)

    def known(self) -> Iterable[tuple[int, int]]:
        return ()

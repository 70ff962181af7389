"""What the map of the lens shows of a cell, by the measure and, with a pair, beside the other prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from selfie_tui.records import LensRow
from selfie_tui.tui.views.lens.measures import DIFFERENCE, PROBABILITY, Measure
from selfie_tui.tui.views.lens.table import LensTable
from selfie_tui.tui.widgets.map.cells import UNASKED, MapCell

BLANK = MapCell("read")
"""A cell that is about to be read: to draw a glyph in all of them, and the words over it, would send a third more."""


class LensSource:
    """The cells of a `LensTable`; those that are compared have the top tokens of both prompts, where they differ."""

    foot = "says"

    def __init__(self, visible: Callable[[str], str]) -> None:
        self.table = LensTable()
        self.other: LensTable | None = None
        """The lens of the prompt that was put aside as the source of a pair."""
        self.measure: Measure = PROBABILITY
        self.vocabulary = 2
        self.track = ""
        self.waiting: frozenset[int] = frozenset()
        """Positions that have been asked for, and are to be drawn as such."""
        self._visible = visible

    def foot_text(self, column: int) -> str:
        answer = self.table.answers.get(column)
        return answer.text if answer else "..." if column in self.waiting else ""

    def cell(self, row: int, column: int) -> MapCell:
        found = self.table.rows.get((row, column))
        if found is None:
            return MapCell("failed") if column in self.table.failed else BLANK
        if self.measure is DIFFERENCE:
            return self._compared(found)
        return self._read(found, found.top[0].text if found.top else "")

    def known(self) -> Iterable[tuple[int, int]]:
        return self.table.rows

    def _read(self, row: LensRow, text: str) -> MapCell:
        if self.measure.needs == "track" and not self.table.tracks(row.cell.position, self.track):
            return MapCell("waiting", None, text)
        return MapCell("read", self.measure.share(row, self.vocabulary), text)

    def _compared(self, row: LensRow) -> MapCell:
        other = self.other.rows.get((row.cell.layer, row.cell.position)) if self.other else None
        if other is None or not other.top or not row.top:
            return UNASKED
        here, there = row.top[0], other.top[0]
        if (here.id, here.text) == (there.id, there.text):
            return MapCell("same", None, here.text)
        return self._read(row, f"{self._visible(here.text)}|{self._visible(there.text)}")

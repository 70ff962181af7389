"""What the map of the lens shows of a cell, by the measure and, with a pair, beside the other prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from selfie_tui.records import LensRow
from selfie_tui.tui.pair import Alignment
from selfie_tui.tui.views.lens.measures import DIFFERENCE, PROBABILITY, Measure
from selfie_tui.tui.views.lens.table import LensTable
from selfie_tui.tui.widgets.map.cells import MapCell

BLANK = MapCell("read")
"""A cell that is about to be read: to draw a glyph in all of them, and the words over it, would send a third more."""

ALONE = MapCell("absent")

SAME = 0.005
"""Bits below which two distributions with the same top token are drawn as the same: they are 0 in two digits."""


class LensSource:
    """The cells of a `LensTable`; those that are compared have the top tokens of both prompts, where they differ."""

    foot = "says"

    def __init__(self, visible: Callable[[str], str], apart: Callable[[int, int], float | None]) -> None:
        self.table = LensTable()
        self.other: LensTable | None = None
        """The lens of the prompt that was put aside as the source of a pair."""
        self.alignment: Alignment | None = None
        """Which of its tokens each one is compared with."""
        self.measure: Measure = PROBABILITY
        self.vocabulary = 2
        self.track = ""
        self.waiting: frozenset[int] = frozenset()
        """Positions that have been asked for, and are to be drawn as such."""
        self.apart = apart
        """How far the cell of a layer and a position is from A's, in bits."""
        self._visible = visible

    def foot_text(self, column: int) -> str:
        answer = self.table.answers.get(column)
        return answer.text if answer else "..." if column in self.waiting else ""

    def cell(self, row: int, column: int) -> MapCell:
        if self.measure is DIFFERENCE and self.is_alone(column):
            return ALONE
        found = self.table.rows.get((row, column))
        if found is None:
            return MapCell("failed") if column in self.table.failed else BLANK
        if self.measure is DIFFERENCE:
            return self._compared(found)
        return self._read(found, found.top[0].text if found.top else "")

    def known(self) -> Iterable[tuple[int, int]]:
        return self.table.rows

    def is_alone(self, column: int) -> bool:
        """Whether A has no token for one of these."""
        return self.alignment is not None and self.alignment.of(column) is None

    def beside(self, row: int, column: int) -> LensRow | None:
        """What the lens reads in the cell of A that this one is compared with; None where it has not been read."""
        there = self.alignment.of(column) if self.alignment else None
        return None if self.other is None or there is None else self.other.rows.get((row, there))

    def _read(self, row: LensRow, text: str) -> MapCell:
        if self.measure.needs == "track" and not self.table.tracks(row.cell.position, self.track):
            return MapCell("waiting", None, text)
        return MapCell("read", self.measure.share(row, self.vocabulary), text)

    def _compared(self, row: LensRow) -> MapCell:
        layer, position = row.cell.layer, row.cell.position
        other = self.beside(layer, position)
        if other is None or not other.top or not row.top:
            return BLANK
        here, there, bits = row.top[0], other.top[0], self.apart(layer, position)
        if (here.id, here.text) != (there.id, there.text):
            return MapCell("read", bits, f"{self._visible(here.text)}|{self._visible(there.text)}")
        return MapCell("same", None, here.text) if bits is not None and bits < SAME else MapCell("read", bits)

"""What the map shows of each reading: its state, its heat by a measure, its words; as they were last let through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isnan

from selfie_tui.marks import FAR_NORM, NOT_READ, SAYS_MORE, SAYS_NOTHING, mark_of
from selfie_tui.measures import MEASURES, Measure
from selfie_tui.records import Cell, Control, Interpretation
from selfie_tui.tui.views.grid.readings import Reading, Readings
from selfie_tui.tui.widgets.map.cells import UNASKED, MapCell

UNBOUNDED = 5.0
"""The value at which the heat of a measure ends that has no largest value: nats of an entropy."""


def heat_of(measure: Measure, value: float | None) -> float | None:
    """A value as a share from 0 to 1: of two, the larger is that of the text that is worth more."""
    if value is None or isnan(value):
        return value
    share = value / (measure.most or UNBOUNDED)
    share = min(max(share, 0.0), 1.0)
    return 1.0 - share if measure.inverted else share


def scale_of(measure: Measure) -> str:
    """What the ends of the heat stand for: `▁ 0 … █ 1`, `▁ 5+ … █ 0`."""
    largest = "1" if measure.most else f"{UNBOUNDED:g}+"
    return f"▁ {largest} … █ 0" if measure.inverted else f"▁ 0 … █ {largest}"


def next_measure(readings: Readings | None, measure: Measure) -> Measure:
    """The measure after one; those of which no finished reading has a number are passed over."""
    at = MEASURES.index(measure) + 1
    order = [*MEASURES[at:], *MEASURES[:at]]
    found = [(each, readings.control_at(cell)) for cell, each in readings.finished] if readings else []
    measured = (each for each in order if any(each.value(*reading) is not None for reading in found))
    return next(measured, order[0])


def map_cell(reading: Reading | None, measure: Measure) -> MapCell:
    """What a map shows of a reading; `UNASKED` where there is none, or where its run stopped before it came."""
    if reading is None:
        return UNASKED
    found = reading.finished
    if found is not None:
        return _finished(found, reading.run.control, measure)
    if not reading.is_awaited:
        return UNASKED
    text = reading.text
    return MapCell("growing", text=text) if text.strip() else MapCell("waiting")


def _finished(found: Interpretation, control: Control | None, measure: Measure) -> MapCell:
    mark = mark_of(found)
    if mark == NOT_READ:
        return MapCell("failed", text=found.problem)
    if mark == SAYS_NOTHING:
        return MapCell("read", None, SAYS_NOTHING)
    if mark not in (SAYS_MORE, FAR_NORM):
        return MapCell("same", text=found.text)
    return MapCell("read", heat_of(measure, measure.value(found, control)), found.text)


class GridSource:
    """The cells of a map of readings, by layer and position.

    A cell is as it was when it was last `renew`ed, so that a run of many cells can be let through bit by bit.
    """

    foot = ""

    def __init__(self) -> None:
        self.readings: Readings | None = None
        self.measure: Measure = MEASURES[0]
        self._shown: dict[tuple[int, int], MapCell] = {}

    def show(self, readings: Readings | None, measure: Measure | None = None) -> None:
        """Show other readings, or another measure of them."""
        self.readings, self.measure = readings, measure or self.measure
        self._shown.clear()

    def renew(self, place: tuple[int, int]) -> tuple[MapCell, MapCell]:
        """Show the reading of a cell as it is now; what was shown of it before, and what is now."""
        before, now = self.cell(*place), self._now(place)
        self._shown[place] = now
        return before, now

    def cell(self, row: int, column: int) -> MapCell:
        place = (row, column)
        if place not in self._shown:
            self._shown[place] = self._now(place)
        return self._shown[place]

    def _now(self, place: tuple[int, int]) -> MapCell:
        return map_cell(self.readings.at(Cell(*place)), self.measure) if self.readings else UNASKED

    def foot_text(self, column: int) -> str:
        return ""

    def known(self) -> Iterator[tuple[int, int]]:
        cells: Iterable[Cell] = self.readings.with_text() if self.readings else ()
        return ((cell.layer, cell.position) for cell in cells)

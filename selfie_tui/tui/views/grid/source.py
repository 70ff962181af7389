"""What the map shows of each reading: its state, its heat by a measure, its words; as they were last let through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isnan

from selfie_tui.marks import FAR_NORM, NOT_READ, SAYS_MORE, SAYS_NOTHING, mark_of
from selfie_tui.measures import MEASURES, Measure, apart
from selfie_tui.records import Cell, Control, Interpretation
from selfie_tui.tui.pair import Alignment
from selfie_tui.tui.views.grid.readings import Reading, Readings
from selfie_tui.tui.widgets.map.cells import UNASKED, MapCell


def _not_measured(interpretation: Interpretation, control: Control | None) -> float | None:
    return None


ALONE = MapCell("absent")
"""A cell of a token that a pair's source has no counterpart for."""

UNBOUNDED = 5.0
"""The value at which the heat of a measure ends that has no largest value: nats of an entropy."""


DIFFERENCE = Measure("difference", "share of the words that only one says; text|A's where they differ", _not_measured)
"""How far the readings of a pair's two prompts differ; it is measured of two readings, and not of one."""


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


def next_measure(
    readings: Readings | None, measure: Measure, *, tracked: Measure | None = None, pair: bool = False
) -> Measure:
    """The measure after one; those that nothing was measured by are passed over.

    That of a `tracked` word comes after all others, and last, with a `pair`, the difference.
    """
    found = [(each, readings.control_at(cell)) for cell, each in readings.finished] if readings else []
    known = [each for each in MEASURES if any(each.value(*reading) is not None for reading in found)]
    of_word = [tracked] if tracked else []
    after: list[Measure] = [*(known or MEASURES[:1]), *of_word, *([DIFFERENCE] if pair else [])]
    order: list[Measure] = [*MEASURES, *of_word, DIFFERENCE]
    later = (each for each in after if order.index(each) > order.index(measure))
    return next(later, after[0])


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


def compared_cell(reading: Reading | None, other: Reading | None) -> MapCell:
    """What a map shows of the readings of two prompts: both texts where they differ, nothing until both are there."""
    here, there = (each.finished if each else None for each in (reading, other))
    if here is None or there is None or here.problem or there.problem:
        return map_cell(reading if here is None or here.problem else other, MEASURES[0])._replace(heat=None, text="")
    said, before = here.text.strip(), there.text.strip()
    if said == before:
        return MapCell("same", text=said)
    return MapCell("read", apart(said, before), f"{said}|{before}")


class GridSource:
    """The cells of a map of readings, by layer and position.

    A cell is as it was when it was last `renew`ed, so that a run of many cells can be let through bit by bit.
    """

    foot = ""

    def __init__(self) -> None:
        self.readings: Readings | None = None
        self.other: Readings | None = None
        """The readings of a pair's source, which the difference compares with."""
        self.alignment: Alignment | None = None
        """Which of the source's tokens each one is compared with."""
        self.measure: Measure = MEASURES[0]
        self.tracked: Measure | None = None
        """The measure of the word that is tracked."""
        self._shown: dict[tuple[int, int], MapCell] = {}

    def show(
        self, readings: Readings | None, other: Readings | None = None, alignment: Alignment | None = None
    ) -> None:
        """Show other readings, or by another measure; with a pair, those of its source are `other`."""
        self.readings, self.other, self.alignment = readings, other, alignment
        self._shown.clear()

    def cells_beside(self, cells: Iterable[Cell]) -> list[Cell]:
        """The cells that cells of A are compared with."""
        if self.alignment is None:
            return []
        pairs = [(cell.layer, self.alignment.here(cell.position)) for cell in cells]
        return [Cell(layer, position) for layer, position in pairs if position is not None]

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
        if self.readings is None:
            return UNASKED
        reading = self.readings.at(Cell(*place))
        if self.measure is not DIFFERENCE:
            return map_cell(reading, self.measure)
        return ALONE if self.is_alone(place[1]) else compared_cell(reading, self.beside(*place))

    def is_alone(self, position: int) -> bool:
        """Whether A has no token for the one at a position."""
        return self.alignment is not None and self.alignment.of(position) is None

    def beside(self, layer: int, position: int) -> Reading | None:
        """The reading of A's cell that a cell is compared with; None where there is none."""
        there = self.alignment.of(position) if self.alignment else None
        return None if self.other is None or there is None else self.other.at(Cell(layer, there))

    def foot_text(self, column: int) -> str:
        return ""

    def known(self) -> Iterator[tuple[int, int]]:
        cells: Iterable[Cell] = self.readings.with_text() if self.readings else ()
        return ((cell.layer, cell.position) for cell in cells)

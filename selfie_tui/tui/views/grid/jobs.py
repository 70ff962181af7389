"""What enter and ctrl+r do in the grid: which cells are read, or with which run one goes on."""

from __future__ import annotations

from typing import NamedTuple

from selfie_tui.records import Cell, ordinary_positions
from selfie_tui.tui.runs import Run
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.views.grid.maps import Maps
from selfie_tui.tui.views.grid.plan import InSight, next_cells, product
from selfie_tui.tui.views.grid.readings import Readings


class Job(NamedTuple):
    """What is to be done: cells to read, a run to go on with, or only a map to show; nothing where all is read."""

    cells: tuple[Cell, ...] = ()
    stopped: Run | None = None
    turn_to: Readings | None = None


def whole(selection: Selection) -> Job:
    """Every layer of every token that stands for text."""
    return Job(product(selection.layers, ordinary_positions(selection.tokens)))


def next_job(maps: Maps, selection: Selection, in_sight: InSight) -> Job:
    """The marks; else, where the settings are others than those of the map, the cell again; else what is missing."""
    if selection.marks():
        return Job(selection.cells())
    present = maps.present
    if maps.shown is not None and present is not maps.shown:
        return _cell_again(present, Cell(selection.layer, selection.position))
    stopped = present.stopped() if present else None
    if present is not None and stopped is not None:
        return Job(present.left_of(stopped), stopped=stopped)
    asked = present.asked_for() if present else ()
    return Job(next_cells(selection.layers, ordinary_positions(selection.tokens), asked, in_sight))


def _cell_again(present: Readings | None, cell: Cell) -> Job:
    """Read a cell with other settings than the map's; where it has been, show the map that it is in."""
    if present is not None and present.interpretation(cell) is not None:
        return Job(turn_to=present)
    return Job((cell,))

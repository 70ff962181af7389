"""What enter and ctrl+r do in the grid: which cells are read, or with which run one goes on."""

from __future__ import annotations

from typing import NamedTuple

from selfie_tui.records import Cell, ordinary_positions
from selfie_tui.tui.pair import Source
from selfie_tui.tui.runs import Run
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.grid.maps import Maps
from selfie_tui.tui.views.grid.plan import InSight, next_cells, product
from selfie_tui.tui.views.grid.readings import Readings


class Job(NamedTuple):
    """What is to be done: cells to read, a run to go on with, or only a map to show; nothing where all is read."""

    cells: tuple[Cell, ...] = ()
    source: Source | None = None
    """The prompt that they are cells of, where that is not the one that is typed."""
    stopped: Run | None = None
    turn_to: Readings | None = None


def whole(selection: Selection) -> Job:
    """Every layer of every token that stands for text."""
    return Job(product(selection.layers, ordinary_positions(selection.tokens)))


def next_job(maps: Maps, state: AppState, in_sight: InSight, *, compared: bool = False) -> Job:
    """The marks; else, where the settings are others than those of the map, the cell again; else what is missing.

    Where the readings of a pair are `compared`, first what the source lacks of those that are there.
    """
    selection = state.selection
    if compared and (missing := _missing_at_source(maps, state)):
        return Job(missing, source=state.pair)
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


def _missing_at_source(maps: Maps, state: AppState) -> tuple[Cell, ...]:
    """The cells that are read of the prompt and not yet of the pair's source, as far as that has tokens for them.

    None where the settings are others than those of the map, with which the source would be read now.
    """
    alignment = state.alignment
    if maps.shown is None or maps.source is None or alignment is None or maps.present is not maps.shown:
        return ()
    there = maps.source.asked_for()
    pairs = ((cell.layer, alignment.of(cell.position)) for cell, _ in maps.shown.finished)
    found = {Cell(layer, position) for layer, position in pairs if position is not None}
    return tuple(sorted(found - there, key=lambda cell: (cell.position, cell.layer)))


def _cell_again(present: Readings | None, cell: Cell) -> Job:
    """Read a cell with other settings than the map's; where it has been, show the map that it is in."""
    if present is not None and present.interpretation(cell) is not None:
        return Job(turn_to=present)
    return Job((cell,))

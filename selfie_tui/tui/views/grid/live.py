"""A run is drawn while it goes on: every quarter of a second, no more than a slow line takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from selfie_tui.tui.widgets.map.cells import MapCell

EVERY = 0.25
"""Seconds between two drawings of what a run has changed."""

MOST_BYTES = 1600
"""Bytes that the cells of one drawing take at most, about; words and progress have the rest of 2 KiB."""

AROUND = 12
"""Bytes to get to a cell and to set its style, about."""


class Place(NamedTuple):
    """A row and a column of a map."""

    row: int
    column: int


class Pending:
    """Cells that have changed and are still to be drawn; those that changed first come first, finished ones before."""

    def __init__(self) -> None:
        self._places: dict[Place, bool] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, place: Place, *, finished: bool) -> None:
        """A cell has changed."""
        self._places[place] = finished

    def clear(self) -> None:
        """Nothing is left to draw: all was drawn anew."""
        self._places.clear()

    def take(
        self, in_sight: Callable[[Place], bool], renew: Callable[[Place], tuple[MapCell, MapCell]], width: int
    ) -> list[Place]:
        """Let through as many cells as one drawing takes, in columns of `width`; those out of sight cost nothing."""
        drawn: list[Place] = []
        budget = MOST_BYTES
        for place in self._in_order():
            if budget <= 0:
                break
            del self._places[place]
            before, now = renew(place)
            if before != now:
                drawn.append(place)
                budget -= cost(before, now, width) if in_sight(place) else 0
        return drawn

    def _in_order(self) -> Iterable[Place]:
        return sorted(self._places, key=lambda place: not self._places[place])


def cost(before: MapCell, now: MapCell, width: int) -> int:
    """Bytes that a changed cell takes, about; none where all that changed does not fit into it."""
    shown = [(cell.state, cell.heat, cell.text[:width]) for cell in (before, now)]
    return width + AROUND if shown[0] != shown[1] else 0

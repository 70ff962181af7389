"""The lens of one prompt as far as it has been read: rows by layer and position, and what is still missing."""

from __future__ import annotations

from collections.abc import Iterable

from selfie_tui.records import LensRead, LensRow, LensToken, TrackedToken

MOST = 512
"""Positions that are kept; above it those that were read first are forgotten, but not those that are in sight."""


class LensTable:
    """What the lens reads in a prompt; `keep` says which positions are not to be forgotten."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], LensRow] = {}
        self.answers: dict[int, LensToken] = {}
        """What the model itself puts next, by position."""
        self.failed: set[int] = set()
        """Positions that could not be read."""
        self.tracked: dict[str, TrackedToken] = {}
        """The token that a tracked word stands for."""
        self._tracks: dict[int, str] = {}
        """The word that was tracked when a position was read, by position, in the order of reading."""
        self._layers: dict[int, tuple[int, ...]] = {}

    def take(self, event: LensRead, keep: Iterable[int] = ()) -> None:
        """Take what was read, and forget what is too much."""
        for row in event.rows:
            self.rows[row.cell.layer, row.cell.position] = row
        for position in event.positions:
            self._tracks.pop(position, None)
            self._tracks[position] = event.track
            self._layers[position] = tuple(row.cell.layer for row in event.rows if row.cell.position == position)
        self.answers |= dict(zip(event.positions, event.answers, strict=False))
        self.failed -= set(event.positions)
        if event.tracked is not None:
            self.tracked[event.track] = event.tracked
        self._forget(frozenset(keep) | frozenset(event.positions))

    def lacks(self, position: int, track: str) -> bool:
        """Whether a position is to be read, or to be read again for a tracked word; never what could not be read."""
        if position in self.failed:
            return False
        return position not in self._tracks or (track != "" and self._tracks[position] != track)

    def tracks(self, position: int, track: str) -> bool:
        """Whether a position was read with that tracked word."""
        return self._tracks.get(position) == track

    def column(self, position: int) -> list[LensRow]:
        """The rows of a position, `embed` first; none where it has not been read."""
        return [self.rows[layer, position] for layer in self._layers.get(position, ())]

    def positions(self, track: str = "") -> tuple[int, ...]:
        """The positions that have been read, with that tracked word where there is one."""
        return tuple(sorted(at for at, tracked in self._tracks.items() if not track or tracked == track))

    def _forget(self, keep: frozenset[int]) -> None:
        for position in list(self._tracks):
            if len(self._tracks) <= MOST:
                return
            if position not in keep:
                del self._tracks[position]
                self.answers.pop(position, None)
                for layer in self._layers.pop(position):
                    del self.rows[layer, position]

"""What a search finds in a map: cells whose text has what is typed, in reading order, row by row."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from selfie_tui.tui.widgets.map.cells import MapSource

Place = tuple[int, int]
"""A row and a column."""


class MapSearch:
    """The cells of a source that have a text in them, whatever its case; looked for anew after a change."""

    def __init__(self, source: MapSource) -> None:
        self._source = source
        self.query = ""
        self._found: list[Place] | None = None

    def look_for(self, query: str) -> None:
        """Search for another text, "" for none."""
        self.query, self._found = query.casefold(), None

    def forget(self) -> None:
        """Look again: the source has other cells."""
        self._found = None

    @property
    def found(self) -> list[Place]:
        """The cells that have the text, row by row; none where none is searched for."""
        if self._found is None:
            known = self._source.known() if self.query else ()
            self._found = sorted(place for place in known if self.has(*place))
        return self._found

    def has(self, row: int, column: int) -> bool:
        """Whether a cell has the text."""
        return bool(self.query) and self.query in self._source.cell(row, column).text.casefold()

    def next(self, place: Place, direction: int) -> Place | None:
        """The next cell found after a place, or before it, on from the other end; None where there is none."""
        found = self.found
        if not found:
            return None
        index = bisect_right(found, place) if direction > 0 else bisect_left(found, place) - 1
        return found[index % len(found)]

    def count(self, place: Place) -> str:
        """`3/17`: which of the cells found a place is, `–/17` for a place that is none of them; "" without a search."""
        if not self.query:
            return ""
        found = self.found
        index = bisect_left(found, place)
        here = str(index + 1) if index < len(found) and found[index] == place else "–"
        return f"{here}/{len(found)}"

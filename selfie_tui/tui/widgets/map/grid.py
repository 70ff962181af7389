"""The map as a widget over any rows and columns: a cursor that keys move, a search, sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.message import Message

from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.widgets.lines import stride
from selfie_tui.tui.widgets.map.window import SCALES, CellWindow


class CellMap(CellWindow, can_focus=True):
    """A window on cells, one of which is under a cursor that the keys move."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("map",)
    BINDINGS = bindings("map")

    class Moved(Message):
        """The cursor was moved by a key or the mouse, or other cells were marked."""

        def __init__(self, map: CellMap) -> None:
            super().__init__()
            self.map = map

    class SizeChosen(Message):
        """The user chose the size of cells."""

        def __init__(self, map: CellMap) -> None:
            super().__init__()
            self.map = map

    # The cursor ------------------------------------------------------------------------------------------------------

    def show_cursor(self) -> None:
        """Show the cursor and the marks as they are now; only lines that change are drawn again."""
        (before, marked), cursor = self._drawn, self.cursor
        self._drawn = (cursor, self.marks())
        moved = [axis.show(at) for axis, at in zip(self._axes, cursor, strict=True)]
        if any(moved):
            self.refresh()
            self.post_message(self.Windowed(self))
        elif marked != self._drawn[1]:
            self.refresh()
        elif before != cursor:
            for line in {0, *(1 + self.rows.block_of(row) - self.rows.first for row in (before[0], cursor[0]))}:
                self.redraw(line)

    def go(self, row: int, column: int) -> None:
        """Put the cursor on a cell, as near as there is one."""
        rows, columns = self.row_numbers(), self.column_numbers()
        if rows and columns:
            row, column = (max(all[0], min(at, all[-1])) for all, at in ((rows, row), (columns, column)))
            if self.put_cursor(row, column):
                self._changed()

    def _changed(self) -> None:
        self.show_cursor()
        self.post_message(self.Moved(self))

    def action_step(self, rows: int, columns: int) -> None:
        """To a neighbour; where cells stand for blocks, to the strongest of the neighbouring one."""
        steps = zip(self._axes, self.cursor, (rows, columns), strict=True)
        row, column = (max(0, min(axis.block_of(at) + step, axis.blocks - 1)) for axis, at, step in steps)
        if self.columns.blocks and self.rows.blocks:
            self.go(*self.place_of(row, column))

    def action_edge(self, axis: str, end: int) -> None:
        """To the first or the last row or column."""
        row, column = self.cursor
        numbers = self.row_numbers() if axis == "row" else self.column_numbers()
        if numbers:
            at = numbers[0 if end < 0 else -1]
            self.go(*((at, column) if axis == "row" else (row, at)))

    def action_page(self, pages: float) -> None:
        """A window of rows up or down, or half of one."""
        self.action_step(stride(self.rows.cells, pages), 0)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the cell under the mouse."""
        row, column = event.y - 1, (event.x - self.label_cells - 2) // self.cell_width
        if 0 <= row < len(self.rows.in_sight) and 0 <= column < len(self.columns.in_sight):
            self.go(*self.place_of(self.rows.in_sight[row], self.columns.in_sight[column]))

    # Search and measures ---------------------------------------------------------------------------------------------

    def search(self, query: str) -> None:
        """Search for a text; where only matches stand out, other cells do now."""
        self.found.look_for(query)
        if self.only_matches:
            self.refresh()

    def find(self, direction: int) -> bool:
        """Go to the next cell that has what is searched for; False where none has."""
        place = self.found.next(self.cursor, direction)
        if place is not None:
            self.go(*place)
        return place is not None

    def action_filter(self) -> None:
        """Dim the cells that a search does not find, or none."""
        self.only_matches = not self.only_matches
        self.refresh()

    wants: Callable[[str], object] | None = None
    """Called where the user wants another "measure", or to "track" a token; keys of one burst would overtake a message.
    """

    def action_want(self, what: str) -> None:
        """Let the view change what the map shows."""
        if self.wants is not None:
            self.wants(what)

    def action_resize(self, step: int) -> None:
        """Larger or smaller cells."""
        index = SCALES.index(self.scale) + step
        if 0 <= index < len(SCALES):
            self.choose(SCALES[index])
            self.post_message(self.SizeChosen(self))

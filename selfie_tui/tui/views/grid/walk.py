"""A column or a row of the map as a list: one line a reading, at all layers of a token or all tokens of a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from textual.message import Message

from selfie_tui import text
from selfie_tui.records import Cell, layer_name
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.views.grid import actions as _actions  # noqa: F401 - registers the actions of the grid
from selfie_tui.tui.views.grid.cell_words import Here
from selfie_tui.tui.views.grid.readings import Reading
from selfie_tui.tui.widgets.interpretation_lines import Columns, Layout, one_line
from selfie_tui.tui.widgets.layers import MARK
from selfie_tui.tui.widgets.lines import Rows, on_cursor
from selfie_tui.tui.widgets.messages import SelectionChanged

Along = Literal["column", "row"]
"""Whether the lines are the layers of a token, or the tokens of a layer."""

MOST_LABEL = 20


class Asked(Message):
    """A key of the grid was pressed: what is to be done."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what


class Walk(Rows):
    """The readings of the cursor's token at all layers, or of its layer at all tokens; the cursor is the shared one."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("grid", "walk", "list")
    BINDINGS = bindings("grid", "walk")

    def __init__(self, selection: Selection, reading: Callable[[Cell], Reading | None], id: str | None = None) -> None:
        super().__init__(id=id)
        self.selection, self._reading = selection, reading
        self.along: Along = "column"
        self.searched = ""
        self._drawn: tuple[int, int] = (0, 0)

    # Which lines there are -------------------------------------------------------------------------------------------

    @property
    def cells(self) -> list[Cell]:
        """The cells, in the order of their lines."""
        layer, position = self.selection.layer, self.selection.position
        if self.along == "column":
            return [Cell(each, position) for each in self.selection.layers]
        return [Cell(layer, each) for each in range(len(self.selection.tokens))]

    @property
    def cursor(self) -> int:
        """The line under the cursor."""
        layer, position = self.selection.layer, self.selection.position
        return layer - self.selection.layers[0] if self.along == "column" and self.selection.layers else position

    @cursor.setter
    def cursor(self, line: int) -> None:
        here = self.selection.layers[line : line + 1] if self.along == "column" else (line,)
        if here:
            self.selection.move(**({"layer": here[0]} if self.along == "column" else {"position": here[0]}))

    def count(self) -> int:
        return len(self.selection.layers if self.along == "column" else self.selection.tokens)

    def show_along(self, along: Along) -> None:
        """Show the cursor's column, or its row."""
        self.along = along
        self.show_all()

    def show_all(self) -> None:
        """Draw every line, with the cursor's in sight."""
        self._drawn = (self.selection.layer, self.selection.position)
        self.refresh()
        self.settle()
        self.show(self.cursor)

    def show_cursor_moved(self) -> None:
        """Follow the shared cursor: along the list by two lines, across it by another list."""
        before, now = self._drawn, (self.selection.layer, self.selection.position)
        self._drawn = now
        across = 1 if self.along == "column" else 0
        if before[across] != now[across]:
            self.show_all()
        elif before != now:
            first = self.selection.layers[0] if self.along == "column" and self.selection.layers else 0
            self.redraw(before[1 - across] - first)
            self.redraw(self.cursor)
            self.show(self.cursor)

    def update(self, changed: set[Cell]) -> None:
        """Draw the lines of cells that changed."""
        for line, cell in enumerate(self.cells):
            if cell in changed:
                self.redraw(line)

    # Drawing ---------------------------------------------------------------------------------------------------------

    def pieces(self, index: int) -> Pieces:
        cell, here = self.cells[index], index == self.cursor
        mark = MARK if self.selection.is_marked(cell) else " "
        line = self._line(cell, self.size.width - 3)
        return (
            Piece("▌" if here else " ", "key"), Piece(f"{mark} ", "accent"),
            *(on_cursor(line, self.cursor_role) if here else line),
        )  # fmt: skip

    def _line(self, cell: Cell, width: int) -> Pieces:
        reading, label = self._reading(cell), self._label(cell)
        if reading is None or not (reading.finished or reading.is_awaited):
            return (Piece(f"{label}  ", "dim"), Piece("·", "dim"))
        columns = Columns(0, 0, text.width(label))
        return (
            Piece(label, "key"),
            *one_line(reading.run, reading.index, Layout(width, columns, self.look, self.searched))[1:],
        )

    def _label(self, cell: Cell) -> str:
        """The layer or the token, whichever the list goes along."""
        if self.along == "column":
            return f"{layer_name(cell.layer):5}"
        tokens = self.selection.tokens
        width = min(max(text.width(self._token_name(each.position)) for each in tokens), MOST_LABEL)
        return text.pad(text.clip(self._token_name(cell.position), width), width)

    def _token_name(self, position: int) -> str:
        return f"{position:3} {self.look.visible(self.selection.tokens[position].text)}"

    def heading(self) -> str:
        """`column 9 of`, `row L18`: what the list is of."""
        selection = self.selection
        if self.along == "row" or selection.token is None:
            return f"row {layer_name(selection.layer)}"
        return f"column {Here(Cell(0, selection.position), selection.token).label(self.look).split(' · ', 1)[1]}"

    # Keys ------------------------------------------------------------------------------------------------------------

    def cursor_moved(self) -> None:
        self._changed()

    def action_other(self, step: int) -> None:
        """To the same line of the list beside this one."""
        selection = self.selection
        if self.along == "column":
            moved = selection.move(position=selection.position + step)
        else:
            moved = selection.move(layer=selection.layer + step)
        if moved:
            self._changed()

    def action_mark(self) -> None:
        """Mark the cell under the cursor, or take its mark away."""
        self.selection.toggle_cells([Cell(self.selection.layer, self.selection.position)])
        self.redraw(self.cursor)
        self._changed()

    def action_ask(self, what: str) -> None:
        """Let the view do what a key of the grid asks for."""
        self.post_message(Asked(what))

    def _changed(self) -> None:
        self.show_cursor_moved()
        self.post_message(SelectionChanged())

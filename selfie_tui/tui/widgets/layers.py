"""The layers, several of them marked, and what the logit lens reads at the token under the cursor in each."""

from __future__ import annotations

from typing import ClassVar

from selfie_tui import text
from selfie_tui.glyphs import bar
from selfie_tui.records import LensRow, layer_name
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Piece, Pieces, share
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.widgets.lines import Rows, on_cursor
from selfie_tui.tui.widgets.messages import SelectionChanged

MARK = "●"
NAME_CELLS = 5


class LayerList(Rows):
    """`embed`, `L0`, ..., with the shared cursor and marks on them."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("layers", "marks", "list")
    BINDINGS = bindings("layers", "marks")

    def __init__(self, selection: Selection, id: str | None = None) -> None:
        super().__init__(id=id)
        self.selection = selection
        self.lens: dict[int, LensRow] = {}
        self._drawn: tuple[int, frozenset[int]] = (0, frozenset())

    @property
    def numbers(self) -> tuple[int, ...]:
        """The layers that are shown."""
        return self.selection.layers

    @property
    def cursor(self) -> int:
        """The line under the cursor."""
        return self.numbers.index(self.selection.layer) if self.numbers else 0

    @cursor.setter
    def cursor(self, line: int) -> None:
        if self.numbers:
            self.selection.move(layer=self.numbers[line])

    @property
    def marks(self) -> frozenset[int]:
        """The marked layers: those of the free marks where there are such."""
        free = self.selection.marked_cells
        return frozenset(cell.layer for cell in free) if free else self.selection.marked_layers

    def show_layers(self) -> None:
        """Show the layers of another model, or of another stack; what the lens reads there is to come."""
        self.lens = {}
        self._drawn = (self.cursor, self.marks)
        self.refresh()
        self.settle()
        self.show(self.cursor)

    def show_selection(self) -> None:
        """Show the cursor and the marks of the selection as they are now; only lines that change are drawn again."""
        before, marked = self._drawn
        self._drawn = (self.cursor, self.marks)
        for layer in marked ^ self.marks:
            if layer in self.numbers:
                self.redraw(self.numbers.index(layer))
        if before != self.cursor:
            self.redraw(before)
            self.redraw(self.cursor)
            self.show(self.cursor)

    def show_lens(self, rows: tuple[LensRow, ...]) -> None:
        """Show what the lens reads at one position; only lines that say something else are drawn again."""
        before, self.lens = self.lens, {row.cell.layer: row for row in rows}
        for index, layer in enumerate(self.numbers):
            if self.lens.get(layer) != before.get(layer):
                self.redraw(index)

    def count(self) -> int:
        return len(self.numbers)

    def pieces(self, index: int) -> Pieces:
        layer = self.numbers[index]
        here = index == self.cursor
        marked = layer in self.marks
        name = (Piece("▌" if here else " ", "key"), Piece(MARK if marked else " ", "accent"))
        label = Piece(f" {layer_name(layer):{NAME_CELLS}} ", "text" if marked else "dim")
        line = (label, *self._lens_pieces(layer, self.size.width - NAME_CELLS - 4, numbered=here))
        return (*name, *(on_cursor(line, self.cursor_role) if here else line))

    def _lens_pieces(self, layer: int, width: int, *, numbered: bool) -> Pieces:
        """What the lens reads in a layer: its bar and its token; in one line, for all would weigh on a slow line, P."""
        row = self.lens.get(layer)
        if row is None or not row.top:
            return (Piece(" " * max(width, 0)),)
        best = row.top[0]
        number = f" {share(best.probability)} " if numbered and width >= 14 else ""
        token = text.pad(self.look.visible(best.text), max(width - 2 - len(number), 0))
        return (Piece(f"{bar(best.probability)} "), Piece(token), Piece(number))

    def copyable(self) -> str:
        """The lens of every layer as lines: layer, probability, token."""
        rows = [
            (layer, self.lens[layer].top[0]) for layer in self.numbers if layer in self.lens and self.lens[layer].top
        ]
        return "\n".join(f"{layer_name(layer)}\t{best.probability:.3f}\t{best.text}" for layer, best in rows)

    def cursor_moved(self) -> None:
        self._changed()

    def action_mark(self) -> None:
        """Mark the layer under the cursor, or take its mark away."""
        self.selection.toggle_layer()
        self._changed()

    def action_mark_all(self) -> None:
        """Mark all layers, or none when all are marked."""
        self.selection.toggle_all_layers()
        self._changed()

    def action_token(self, step: int) -> None:
        """Move the cursor to another token."""
        if self.selection.move(position=self.selection.position + step):
            self._changed()

    def _changed(self) -> None:
        self.show_selection()
        self.post_message(SelectionChanged())

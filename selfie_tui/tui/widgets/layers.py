"""The layers, several of them marked, and what the logit lens reads at the token under the cursor in each."""

from __future__ import annotations

from typing import ClassVar

from textual.message import Message

from selfie_tui import text
from selfie_tui.glyphs import bar
from selfie_tui.records import EMBED, LensRow, layer_name
from selfie_tui.tui.actions import Scope, bindings
from selfie_tui.tui.render.styles import Piece, Pieces, share
from selfie_tui.tui.widgets.lines import Rows, on_cursor

MARK = "●"
NAME_CELLS = 5


class LayerList(Rows):
    """`embed`, `L0`, ...; `read` says which of them a run would read."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("layers", "marks", "list")
    BINDINGS = bindings("layers", "marks")

    class Marked(Message):
        """Other layers are marked now, or the cursor moved where it stands for a mark."""

    class TokenStep(Message):
        """The user moves the token cursor from here."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.places: tuple[int, ...] = ()
        self.marks: frozenset[int] = frozenset()
        self.lens: dict[int, LensRow] = {}
        self.stack = ""
        self._left: dict[str, tuple[frozenset[int], int]] = {}

    def show_layers(self, blocks: int, stack: str = "") -> None:
        """Show the layers of a model's stack: all marked, unless they are as many as before."""
        layers = (EMBED, *range(blocks))
        if layers != self.places:
            self.places, self.marks, self.cursor = layers, frozenset(layers), 0
        self.stack = stack
        self._left = {}
        self._shown()

    def turn_to(self, blocks: int, stack: str) -> None:
        """Show another stack of the same model, with the marks and the cursor it was left with.

        At first it has those of the stack before, as far as its layers go; all, where all were marked.
        """
        layers = (EMBED, *range(blocks))
        all_marked = self.marks == frozenset(self.places)
        marks = frozenset(layers) if all_marked else self.marks & frozenset(layers)
        self._left[self.stack] = (self.marks, self.cursor)
        self.marks, self.cursor = self._left.get(stack, (marks, min(self.cursor, blocks)))
        self.places, self.stack = layers, stack
        self._shown()

    def _shown(self) -> None:
        self.lens = {}
        self.refresh()
        self.settle()
        self.show(self.cursor)
        self.post_message(self.Marked())

    def show_lens(self, rows: tuple[LensRow, ...]) -> None:
        """Show what the lens reads at one position; only lines that say something else are drawn again."""
        before, self.lens = self.lens, {row.cell.layer: row for row in rows}
        for index, layer in enumerate(self.places):
            if self.lens.get(layer) != before.get(layer):
                self.redraw(index)

    @property
    def read(self) -> tuple[int, ...]:
        """The layers a run would read: the marked ones, or the cursor's."""
        return (
            tuple(layer for layer in self.places if layer in self.marks) or self.places[self.cursor : self.cursor + 1]
        )

    def count(self) -> int:
        return len(self.places)

    def pieces(self, index: int) -> Pieces:
        layer = self.places[index]
        here = index == self.cursor
        marked = layer in self.marks
        name = (Piece("▌" if here else " ", "key"), Piece(MARK if marked else " ", "accent"))
        label = Piece(f" {layer_name(layer):{NAME_CELLS}} ", "text" if marked else "dim")
        line = (label, *self._lens_pieces(layer, self.size.width - NAME_CELLS - 4))
        return (*name, *(on_cursor(line, self.cursor_role) if here else line))

    def _lens_pieces(self, layer: int, room: int) -> Pieces:
        row = self.lens.get(layer)
        if row is None or not row.top:
            return (Piece(" " * max(room, 0)),)
        best = row.top[0]
        number = f" {share(best.probability)} " if room >= 14 else ""
        token = text.pad(self.look.visible(best.text), max(room - 2 - len(number), 0))
        return (Piece(f"{bar(best.probability)} "), Piece(token), Piece(number))

    def copyable(self) -> str:
        """The lens of every layer as lines: layer, probability, token."""
        rows = [
            (layer, self.lens[layer].top[0]) for layer in self.places if layer in self.lens and self.lens[layer].top
        ]
        return "\n".join(f"{layer_name(layer)}\t{best.probability:.3f}\t{best.text}" for layer, best in rows)

    def cursor_moved(self) -> None:
        if not self.marks:
            self.post_message(self.Marked())

    def action_mark(self) -> None:
        """Mark the layer under the cursor, or take its mark away."""
        if self.places:
            self.marks ^= {self.places[self.cursor]}
            self.redraw(self.cursor)
            self.post_message(self.Marked())

    def action_mark_all(self) -> None:
        """Mark all layers, or none when all are marked."""
        every = frozenset(self.places)
        self.marks = frozenset() if self.marks == every else every
        self.refresh()
        self.post_message(self.Marked())

    def action_token(self, step: int) -> None:
        """Move the token cursor."""
        self.post_message(self.TokenStep(step))

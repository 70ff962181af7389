"""The list of vectors, with a cursor on one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from selfie_tui import text
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Piece, Pieces, Role, padded
from selfie_tui.tui.views.vectors.items import Item, layers_words
from selfie_tui.tui.views.vectors.wanted import Wanting
from selfie_tui.tui.widgets.lines import Rows, on_cursor

LAYER_CELLS, NORM_CELLS = 7, 5
LEAST_NAME, MOST_NAME = 8, 18
NONE = (
    "no vectors yet: in Read, Grid, Lens or Inspect v keeps a state under a name; o opens a file; e writes a line, "
    "also of states of texts: 'The king'@4"
)


class VectorList(Wanting, Rows):
    """A row a vector: its mark, name, layer, norm, and where it is from."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("vectors", "vector", "compared", "list")
    BINDINGS = bindings("vectors", "vector", "compared")

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.items: tuple[Item, ...] = ()
        self.marked: tuple[str, ...] = ()
        self.moved: Callable[[], object] = tuple
        """Called when the cursor is on another vector."""

    @property
    def here(self) -> Item | None:
        """The vector under the cursor; None where there is none."""
        return self.items[self.cursor] if self.cursor < len(self.items) else None

    def show_items(self, items: tuple[Item, ...], marked: tuple[str, ...], here: str = "") -> None:
        """Show other vectors, with the cursor on the one of a name, or on the one where it was."""
        before = here or (self.here.name if self.here else "")
        changed = (items, marked) != (self.items, self.marked)
        self.items, self.marked = items, marked
        index = next((at for at, item in enumerate(items) if item.name == before), self.cursor)
        self.cursor = max(0, min(index, len(items) - 1))
        if changed:
            self.refresh()
            self.settle()
        if self.size.height:
            self.show_cursor()

    def mark(self, marked: tuple[str, ...]) -> None:
        """Mark other vectors."""
        changed = set(marked) ^ set(self.marked)
        self.marked = marked
        for index, item in enumerate(self.items):
            if item.name in changed:
                self.redraw(index)

    def count(self) -> int:
        return len(self.items) or len(self._none())

    def _none(self) -> list[str]:
        """What stands where there are no vectors, in lines of the pane's width."""
        return text.wrap(NONE, max(self.size.width - 2, 1))

    def pieces(self, index: int) -> Pieces:
        if not self.items:
            return (Piece(" " + "".join(self._none()[index : index + 1]), "dim"),)
        item, here = self.items[index], index == self.cursor
        width = max(self.size.width - 3, LEAST_NAME)
        columns = width - LAYER_CELLS - NORM_CELLS - 2
        wide = columns >= LEAST_NAME + 10
        longest = max(
            (text.width(self.look.prose(other.name)) for other in self.items if other.kind != "line"),
            default=LEAST_NAME,
        )
        name_cells = max(min(columns - 10, MOST_NAME, longest) if wide else columns, LEAST_NAME)
        if item.kind == "line":
            name_cells = width
        role: Role = "text" if item.usable else "dim"
        name = Piece(text.pad(text.clip(self.look.prose(item.name), name_cells), name_cells), role)
        mark = Piece("●" if item.name in self.marked else "✎" if item.edited else " ", "accent")
        rest = padded(self._rest(item, width - name_cells, role, wide=wide), width - name_cells)
        lead = Piece("▌" if here else " ", "key")
        return (lead, mark, Piece(" "), *(on_cursor((name,), self.cursor_role) if here else (name,)), *rest)

    def _rest(self, item: Item, cells: int, role: Role, *, wide: bool) -> Pieces:
        """Layer, norm and origin; of a vector that does not fit, or is of another model, why in their place."""
        if item.kind == "line":
            return ()
        if not item.usable:
            return (Piece(f" {self.look.prose(item.why)}", "dim"),)
        layers = text.clip(layers_words(item.layers), LAYER_CELLS - 1)
        if item.kind in ("directions", "adapter"):
            return (Piece(f" {self.look.prose(item.made_of)}", role),)
        if cells <= LAYER_CELLS + NORM_CELLS:
            return (Piece(f" {layers}", role),)
        norm = "–" if item.norm is None else f"{item.norm:.3g}"
        made = f" {self.look.prose(item.why or item.made_of)}" if wide else ""
        return (Piece(f" {text.pad(layers, LAYER_CELLS)}{norm:>{NORM_CELLS}}", role), Piece(made, "dim"))

    def go_to_name(self, name: str) -> bool:
        """Put the cursor on the vector of a name; False where there is none."""
        index = next((at for at, item in enumerate(self.items) if item.name == name), None)
        if index is not None:
            self.go(index)
        return index is not None

    def show(self, first: int, last: int | None = None) -> None:
        """Have lines in sight, once it is known how many are."""
        if self.size.height:
            super().show(first, last)

    def cursor_moved(self) -> None:
        self.moved()

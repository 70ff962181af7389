"""The map of patching: layers and tokens, or layers and heads; on wide screens a second one beside it that follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import events

from selfie_tui.config import CellSize
from selfie_tui.records import EMBED, Cell, PatchedSite
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.views.patch import actions as _actions  # noqa: F401 - registers what is bound here
from selfie_tui.tui.views.patch.patches import Patches
from selfie_tui.tui.views.patch.source import PatchSource
from selfie_tui.tui.widgets.map.layers import LayerMap

WIDTHS: dict[CellSize, int] = {"fit": 2, "heat": 2, "word": 7, "phrase": 12}
"""A score has four cells, and the name of a token five of seven."""


class PatchMap(LayerMap):
    """Scores by layer and token or head; a note stands in place of them where there can be none."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("patch", "map", "cells")
    BINDINGS = bindings("patch")
    widths = WIDTHS

    def __init__(self, patches: Patches, source: PatchSource, id: str) -> None:
        super().__init__(patches.state.selection, source, widest="word", id=id)
        self.patches = patches
        self.asks: Callable[[str], object] = lambda what: None
        """Called where a key of the map asks for something."""
        self.note = ""
        """Why there is no map, and what to do; safe text."""
        self.marked_heads: frozenset[tuple[int, int]] = frozenset()
        """Layers and heads that are marked, where heads are shown."""

    @property
    def of_heads(self) -> bool:
        """Whether columns are heads."""
        return self.patches.choices.site == "heads"

    def action_ask(self, what: str) -> None:
        """Let the view do what a key asks for."""
        self.asks(what)

    # Rows and columns ------------------------------------------------------------------------------------------------

    def column_numbers(self) -> range:
        if self.note:
            return range(0)
        here = self.patches.here
        return (
            range(here.heads(self.patches.choices.name) if here else 0) if self.of_heads else super().column_numbers()
        )

    def column_name(self, column: int) -> str:
        return f"{self.patches.choices.name}{column}" if self.of_heads else super().column_name(column)

    @property
    def cursor(self) -> tuple[int, int]:
        return (self.selection.layer, self.patches.head) if self.of_heads else super().cursor

    def put_cursor(self, row: int, column: int) -> bool:
        if not self.of_heads:
            return super().put_cursor(row, column)
        before, self.patches.head = self.patches.head, column
        self.patches.head_chosen |= before != column
        return self.selection.move(layer=row) or before != column

    def lay_out(self) -> None:
        columns = self.column_numbers()
        if self.of_heads and columns:
            self.patches.head = min(self.patches.head, columns[-1])
        super().lay_out()

    # Marks -----------------------------------------------------------------------------------------------------------

    def is_marked(self, row: int, column: int) -> bool:
        return (row, column) in self.marked_heads if self.of_heads else super().is_marked(row, column)

    def marks(self) -> object:
        return self.marked_heads if self.of_heads else super().marks()

    def _toggle(self, cells: list[Cell]) -> None:
        if not self.of_heads:
            super()._toggle(cells)
            return
        toggled = frozenset((cell.layer, cell.position) for cell in cells)
        marked = self.marked_heads
        self.marked_heads = marked - toggled if toggled <= marked else marked | toggled
        self._changed()

    def mark_sites(self, sites: Iterable[PatchedSite]) -> None:
        """Mark these sites and no others; of heads with the cursor at their token."""
        sites = list(sites)
        if self.of_heads:
            self.marked_heads = frozenset((site.layer, site.head) for site in sites if site.head is not None)
            self.selection.move(position=sites[0].positions[0])
        else:
            self.selection.mark_cells(Cell(site.layer, position) for site in sites for position in site.positions)
        self._changed()

    def marked_sites(self) -> tuple[PatchedSite, ...]:
        """The sites that are marked, without those of the embeddings, over which nothing is written."""
        name = self.patches.choices.name
        if self.of_heads:
            at = (self.patches.position,)
            return tuple(PatchedSite(name, layer, at, head) for layer, head in sorted(self.marked_heads) if layer >= 0)
        cells = self.selection.cells() if self.selection.marks() else ()
        return tuple(PatchedSite(name, cell.layer, (cell.position,)) for cell in cells if cell.layer != EMBED)

    # Drawing ---------------------------------------------------------------------------------------------------------

    def show_note(self, note: str) -> None:
        """Show a note in place of the map, or the map again; all is drawn."""
        self.note = note
        self.lay_out()

    @property
    def _note_lines(self) -> list[Pieces]:
        width = max(self.size.width - 2, 1)
        return [line for part in self.note.split("\n") for line in flow([Piece(part)], width)]

    def count(self) -> int:
        return len(self._note_lines) if self.note else super().count()

    def pieces(self, index: int) -> Pieces:
        return (Piece(" "), *self._note_lines[index]) if self.note else super().pieces(index)

    def extent(self) -> str:
        """What is in sight; of heads their number in place of that of tokens."""
        shown = super().extent()
        return shown.replace("token", "head") if self.of_heads else shown


class FollowingMap(PatchMap, can_focus=False):
    """A map that stands where another one does, and takes no keys."""

    def on_click(self, event: events.Click) -> None:
        """Leave the mouse to the other map."""

"""The map of layers and tokens, with the shared cursor and marks on it."""

from __future__ import annotations

from typing import ClassVar

from selfie_tui.config import CellSize
from selfie_tui.records import EMBED, Cell, layer_name
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.widgets.map.axis import Axis
from selfie_tui.tui.widgets.map.cells import MapSource
from selfie_tui.tui.widgets.map.grid import CellMap
from selfie_tui.tui.widgets.messages import SelectionChanged


class LayerMap(CellMap):
    """A row for each layer, `embed` first, a column for each token."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("map", "cells")
    BINDINGS = bindings("map", "cells")

    def __init__(
        self,
        selection: Selection,
        source: MapSource,
        *,
        tokens: bool = True,
        widest: CellSize = "phrase",
        id: str | None = None,
    ) -> None:
        super().__init__(source, tokens=tokens, widest=widest, id=id)
        self.selection = selection

    def row_numbers(self) -> range:
        layers = self.selection.layers
        return range(EMBED, layers[-1] + 1) if layers else range(0)

    def column_numbers(self) -> range:
        return range(len(self.selection.tokens))

    def row_name(self, row: int) -> str:
        return layer_name(row)

    def column_name(self, column: int) -> str:
        return f"{column} {self.look.visible(self.selection.tokens[column].text)}"

    @property
    def cursor(self) -> tuple[int, int]:
        return self.selection.layer, self.selection.position

    def put_cursor(self, row: int, column: int) -> bool:
        return self.selection.move(layer=row, position=column)

    def is_marked(self, row: int, column: int) -> bool:
        return self.selection.is_marked(Cell(row, column))

    def marks(self) -> object:
        selection = self.selection
        layers = selection.selected_layers if selection.marked_positions else ()
        return selection.marked_cells, selection.marked_positions, layers

    def _changed(self) -> None:
        super()._changed()
        self.post_message(SelectionChanged())

    # Marks -----------------------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark the cell under the cursor, or take its mark away."""
        row, column = self.place_here
        self._toggle([Cell(row, column)])

    def action_mark_all(self) -> None:
        """Mark all cells in sight; none at all where these are marked."""
        self._toggle([Cell(row, column) for row, column in self.cells_in_sight()])

    def action_mark_column(self) -> None:
        """Mark the cursor's token at all layers, or take these marks away."""
        self._toggle([Cell(layer, self.cursor[1]) for layer in self.row_numbers()])

    def action_mark_row(self) -> None:
        """Mark the cursor's layer at all tokens, or take these marks away."""
        self._toggle([Cell(self.cursor[0], position) for position in self.column_numbers()])

    def _toggle(self, cells: list[Cell]) -> None:
        if self.rows.blocks and self.columns.blocks:
            self.selection.toggle_cells(cells)
            self._changed()

    # In words --------------------------------------------------------------------------------------------------------

    def extent(self) -> str:
        """`10 tokens · L14–29 of 31`, `3–9 of 10 tokens · 9 layers`; of blocks, the layers and tokens in a cell."""
        rows, columns = self.rows, self.columns
        if not rows.blocks or not columns.blocks:
            return ""
        parts = [_tokens(columns), _layers(rows)]
        if self.is_pooled:
            parts.append(f"{rows.pool} × {columns.pool} a cell")
        return " · ".join(parts)


def _tokens(axis: Axis) -> str:
    shown, count = axis.shown, len(axis.numbers)
    what = "token" if count == 1 else "tokens"
    return f"{count:,} {what}" if axis.is_whole else f"{shown[0]:,}–{shown[-1]:,} of {count:,} {what}"


def _layers(axis: Axis) -> str:
    shown, count = axis.shown, len(axis.numbers)
    if axis.is_whole:
        return f"{count} layer{'' if count == 1 else 's'}"
    return f"{layer_name(shown[0])}–{str(shown[-1]) if shown[-1] >= 0 else 'embed'} of {count}"

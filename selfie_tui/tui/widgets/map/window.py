"""A window on rows and columns of cells, drawn in one of four sizes; it leaps, and asks for nothing outside itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from textual import events
from textual.message import Message

from selfie_tui import text
from selfie_tui.config import CellSize
from selfie_tui.tui.render.styles import Piece, Pieces, Role
from selfie_tui.tui.widgets.lines import Lines
from selfie_tui.tui.widgets.map.axis import Axis
from selfie_tui.tui.widgets.map.cells import MapCell, MapSource, cell_pieces, strength
from selfie_tui.tui.widgets.map.ruler import bars, names, ruler
from selfie_tui.tui.widgets.map.search import MapSearch

WIDTHS: dict[CellSize, int] = {"fit": 2, "heat": 2, "word": 9, "phrase": 18}
"""Columns of the screen that a cell takes at least: for its mark, its glyph, and the rest for its text."""

SCALES: tuple[CellSize, ...] = ("fit", "heat", "word", "phrase")
FEWEST = 3
"""Cells side by side below which words give way to heat alone."""

LABEL_CELLS = 5
SPARK_CELLS = 20


class CellWindow(Lines):
    """The part of a map that is in sight; a subclass gives numbers and names of rows and columns, cursor and marks."""

    class Windowed(Message):
        """Other cells are in sight, or cells of another size."""

        def __init__(self, map: CellWindow) -> None:
            super().__init__()
            self.map = map

    widths: Mapping[CellSize, int] = WIDTHS

    def __init__(self, source: MapSource, *, tokens: bool, widest: CellSize = "phrase", id: str | None = None) -> None:
        """A map of a source whose texts are single `tokens`, or else running text; unless a size is chosen, cells are
        `widest` at most.
        """
        super().__init__(id=id)
        self.source, self._tokens, self._widest = source, tokens, widest
        self.rows, self.columns = Axis(), Axis()
        self.found = MapSearch(source)
        self.only_matches = False
        self._chosen: CellSize | None = None
        self._preferred: CellSize = "word"
        self._drawn: tuple[tuple[int, int], object] = ((0, 0), None)
        self._strongest: dict[tuple[int, int], tuple[int, int]] = {}

    # What a subclass gives -------------------------------------------------------------------------------------------

    def row_numbers(self) -> range:
        """The numbers of all rows."""
        raise NotImplementedError

    def column_numbers(self) -> range:
        """The numbers of all columns."""
        raise NotImplementedError

    def row_name(self, row: int) -> str:
        """The name of a row; safe text."""
        return str(row)

    def column_name(self, column: int) -> str:
        """The name of a column; safe text."""
        return str(column)

    @property
    def cursor(self) -> tuple[int, int]:
        """The row and the column under the cursor."""
        raise NotImplementedError

    def put_cursor(self, row: int, column: int) -> bool:
        """Put the cursor there; whether it was elsewhere."""
        raise NotImplementedError

    def is_marked(self, row: int, column: int) -> bool:
        """Whether a cell is marked."""
        return False

    def marks(self) -> object:
        """What is marked, to be compared with what was before."""
        return None

    # Size and window -------------------------------------------------------------------------------------------------

    @property
    def scale(self) -> CellSize:
        """The size of cells: the one chosen, or else what the screen and the number of columns are fit for."""
        if self._chosen is not None:
            return self._chosen
        if self._widest == "phrase" and 0 < len(self.column_numbers()) <= self._fitting("phrase"):
            return "phrase"
        if self._preferred == "phrase" and self._fitting("phrase") >= FEWEST:
            return "phrase"
        return "word" if self._fitting("word") >= FEWEST else "heat"

    @property
    def cell_width(self) -> int:
        """Columns of the screen that a cell takes; phrases share out the room that is left over."""
        scale, width = self.scale, self.widths[self.scale]
        side_by_side = min(len(self.column_numbers()), self._fitting(scale))
        if self._tokens or self._widest != "phrase" or width <= 2 or not side_by_side:
            return width
        return min(max(self._room // side_by_side, width), 2 * width)

    @property
    def _room(self) -> int:
        """Columns of the screen that all cells of a row have."""
        return self.size.width - self.label_cells - 2

    def _fitting(self, scale: CellSize) -> int:
        """How many cells of a size stand side by side."""
        return self._room // self.widths[scale]

    @property
    def label_cells(self) -> int:
        """Columns of the screen that the names of rows take."""
        last = self.row_numbers()[-1:]
        name = text.width(self.row_name(last[0])) if last else 0
        return max(LABEL_CELLS, 2 * name if self._chosen == "fit" else name)

    @property
    def has_foot(self) -> bool:
        """Whether there is a row under the others."""
        return bool(self.source.foot) and self.widths[self.scale] > 2 and self.size.height > FEWEST

    @property
    def is_pooled(self) -> bool:
        """Whether a cell stands for a block of them."""
        return self.rows.pool > 1 or self.columns.pool > 1

    def lay_out(self) -> None:
        """Take numbers and size as they are now, and draw everything; nothing while there is no size."""
        if not self.size:
            return
        row, column = self.cursor
        pooled = self.scale == "fit"
        height = self.size.height - 1 - self.has_foot
        self.rows.lay_out(self.row_numbers(), height, pooled=pooled, cursor=row)
        self.columns.lay_out(self.column_numbers(), self._fitting(self.scale), pooled=pooled, cursor=column)
        self._drawn = (self.cursor, self.marks())
        self.update()
        self.post_message(self.Windowed(self))

    def prefer(self, scale: CellSize) -> None:
        """Take cells of this size where the user has chosen none and enough of them fit; draw everything."""
        self._preferred = scale
        self.lay_out()

    def choose(self, scale: CellSize) -> None:
        """Draw in cells of this size from now on."""
        self._chosen = scale
        self.lay_out()

    def zoom_in(self) -> bool:
        """Go into the block under the cursor where cells stand for blocks: the largest cells in which all of it fits.

        False where a cell is one already.
        """
        if not self.is_pooled:
            return False
        rows, columns = (axis.members(axis.block_of(at)) for axis, at in zip(self._axes, self.cursor, strict=True))
        self.choose(next((scale for scale in ("phrase", "word") if self._fitting(scale) >= len(columns)), "heat"))
        self.rows.begin_at(rows.start)
        self.columns.begin_at(columns.start)
        self.update()
        self.post_message(self.Windowed(self))
        return True

    @property
    def _axes(self) -> tuple[Axis, Axis]:
        return self.rows, self.columns

    def _on_resize(self, event: events.Resize) -> None:
        self.lay_out()

    # Cells -----------------------------------------------------------------------------------------------------------

    def update(self, changed: Iterable[tuple[int, int]] | None = None) -> None:
        """Draw cells again that changed, all of them by default; only what is in sight."""
        self.found.forget()
        if changed is None:
            self._strongest.clear()
            self.refresh()
            return
        lines = {self.count() - 1} if self.has_foot else set()
        for row, column in changed:
            place = (self.rows.block_of(row), self.columns.block_of(column))
            self._strongest.pop(place, None)
            if place[0] in self.rows.in_sight and place[1] in self.columns.in_sight:
                lines.add(1 + place[0] - self.rows.first)
        for line in lines:
            self.redraw(line)

    def place_of(self, row_block: int, column_block: int) -> tuple[int, int]:
        """The row and column that stand for a block: its only one, or the one with the most heat, the first of such."""
        place = (row_block, column_block)
        if not self.is_pooled:
            return self.rows.members(row_block).start, self.columns.members(column_block).start
        if place not in self._strongest:
            inside = [(r, c) for r in self.rows.members(row_block) for c in self.columns.members(column_block)]
            self._strongest[place] = max(inside, key=lambda at: strength(self.source.cell(*at)))
        return self._strongest[place]

    @property
    def place_here(self) -> tuple[int, int]:
        """The row and column whose cell is drawn under the cursor."""
        return self.place_of(self.rows.block_of(self.cursor[0]), self.columns.block_of(self.cursor[1]))

    def cells_in_sight(self) -> list[tuple[int, int]]:
        """Rows and columns of all cells in sight; of blocks, those that stand for them."""
        return [self.place_of(row, column) for row in self.rows.in_sight for column in self.columns.in_sight]

    # Drawing ---------------------------------------------------------------------------------------------------------

    def count(self) -> int:
        return 1 + len(self.rows.in_sight) + self.has_foot if self.columns.blocks else 0

    def pieces(self, index: int) -> Pieces:
        if index == 0:
            return (Piece(" " * (self.label_cells + 2)), *self._header())
        if index > len(self.rows.in_sight):
            return self._foot()
        block = self.rows.in_sight[index - 1]
        here = block == self.rows.block_of(self.cursor[0])
        label = Piece(f" {text.pad(self._rows_name(block), self.label_cells)} ", "strong" if here else "faint")
        return (label, *(piece for column in self.columns.in_sight for piece in self._cell(block, column)))

    def _header(self) -> Pieces:
        width, cursor = self.cell_width, self.cursor[1]
        if width <= 2:
            return ruler(self.columns, cursor, width)
        return names(self.columns, cursor, width, [self.column_name(column) for column in self.columns.shown])

    def _rows_name(self, block: int) -> str:
        members = self.rows.members(block)
        first, last = self.row_name(members[0]), self.row_name(members[-1])
        return first if first == last else f"{first}–{last.lstrip('L')}"

    def _cell(self, row_block: int, column_block: int) -> Pieces:
        row, column = self.place_of(row_block, column_block)
        cell = self.source.cell(row, column)
        here = (self.rows.block_of(self.cursor[0]), self.columns.block_of(self.cursor[1]))
        return cell_pieces(
            cell,
            self._shown(cell, self.cell_width - 2),
            self.look,
            marked=self.is_marked(row, column),
            cursor=self.cursor_role if here == (row_block, column_block) else None,
            faded=self.only_matches and bool(self.found.query) and not self.found.has(row, column),
        )

    def _shown(self, cell: MapCell, width: int) -> str:
        """The text of a cell in so many columns; nothing but the glyph says that it is the same as its control's."""
        return self._safe("" if cell.state == "same" else cell.text, width) if width else ""

    def _safe(self, unsafe: str, width: int) -> str:
        shown = self.look.visible(unsafe) if self._tokens and unsafe else self.look.prose(unsafe).strip()
        return text.pad(text.clip(shown, width, ""), width)

    def _foot(self) -> Pieces:
        width = self.cell_width
        cells = (f" {self._safe(self.source.foot_text(column), width - 1)}" for column in self.columns.shown)
        return (Piece(f" {text.pad(self.source.foot, self.label_cells)} ", "faint"), Piece("".join(cells)))

    @property
    def cursor_role(self) -> Role:
        """The role of the cell under the cursor: of the focused widget, or of another."""
        return "cursor" if self.has_focus else "rest"

    # What is in sight, in words --------------------------------------------------------------------------------------

    def spark(self) -> str:
        """The heat of the cursor's row over all columns, the strongest of each twentieth; "" where all are in sight."""
        if self.columns.is_whole or self.columns.pooled:
            return ""
        numbers, row = self.column_numbers(), self.cursor[0]
        cells = min(SPARK_CELLS, len(numbers))
        if not cells:
            return ""
        edges = [len(numbers) * step // cells for step in range(cells + 1)]
        return bars([self._peak(row, numbers[a:b]) for a, b in pairwise(edges)], self.look)

    def _peak(self, row: int, columns: range) -> float | None:
        cells = (self.source.cell(row, column) for column in columns)
        return max((cell for cell in cells if cell.heat is not None), key=strength, default=MapCell()).heat

"""The window on the log: the rows in sight, the header of their run above them, and the cursor."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import ClassVar

from textual import events
from textual.geometry import Region
from textual.strip import Strip

from selfie_tui.errors import RequestError
from selfie_tui.records import Cell
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.go_to import parse_destination
from selfie_tui.tui.host import Host
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.runs import CONTROL, Run
from selfie_tui.tui.views.interpret.blocks import HEADER, Block, Item
from selfie_tui.tui.views.interpret.drawn import Drawn
from selfie_tui.tui.views.interpret.outline import Outline
from selfie_tui.tui.widgets.lines import Rows, stride

WELCOME = (
    "What the model says of a hidden state will stand here, layer by layer.",
    "",
    "enter reads the token under the cursor at the marked layers.",
    "",
    "▂▄▆█ how much a word owes to the state · + says more than the control · = says no more",
)

ORDER_NAMES = {"asked": "", "layer": "by layer", "effect": "by effect"}


class LogWindow(Rows):
    """Rows of an outline with a cursor on one of them.

    The first line of the window is the header of the run that is read there, over what would stand in it.
    """

    SCOPES: ClassVar[tuple[Scope, ...]] = ("log", "list")
    BINDINGS = bindings("log")
    app: Host

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.outline = Outline(self._measure)
        self.here: Item | None = None
        """What the cursor is on; `cursor` is its row."""
        self.drawn = Drawn()
        self._bottom = 0
        """The line up to which there are blank lines below the last one, for what is still to come."""
        self._follow = False
        """Whether the cursor goes with new rows."""
        self._welcome: list[Pieces] = []
        self._earlier = ""

    # Lines -----------------------------------------------------------------------------------------------------------

    def count(self) -> int:
        return max(self.outline.lines, self._bottom) if self.outline.blocks else len(self._welcome)

    def pieces(self, index: int) -> Pieces:
        if not self.outline.blocks:
            return (Piece(" "), *self._welcome[index])
        if index >= self.outline.lines:
            return ()
        row, line = self.outline.row_at(index)
        return self._with_cursor(self.drawn.lines(self.outline.item(row))[line], row)

    def _with_cursor(self, pieces: Pieces, row: int) -> Pieces:
        here = (self.has_focus or bool(self.outline.query)) and row == self.cursor
        if here and pieces:
            pieces = (Piece(pieces[0].text, "cursor"), *pieces[1:])
        return (Piece("▌" if here else " ", "key"), *pieces)

    def render_line(self, y: int) -> Strip:
        block = self._sticky() if y == 0 else None
        if block is None:
            return super().render_line(y)
        header = Item(block, HEADER)
        line = self._with_cursor(self.drawn.lines(header)[0], self.outline.row_of(header) or 0)
        return self.look.strip(line, self.size.width, self.base_style)

    def _sticky(self) -> Block | None:
        """The block whose header stands in the first line in place of what would, None where that is drawn."""
        if not 0 < self.top < self.outline.lines:
            return None
        first = self.outline.item(self.outline.row_at(self.top)[0])
        return None if first.block.run is None or first.index == HEADER else first.block

    def _measure(self, item: Item) -> int:
        return self.drawn.height(item)

    def extent(self) -> str:
        lines, height = self.outline.lines, self.size.height
        shown = f"{self.top + 1}–{min(self.top + height, lines)} of {lines}" if lines > height > 0 else ""
        return "  ".join(part for part in (self._search_state(), ORDER_NAMES[self.outline.order], shown) if part)

    def _search_state(self) -> str:
        """`3/17 matching “paris”`, or how many match where the cursor is on none of them."""
        outline = self.outline
        if not outline.query:
            return ""
        on_match = self.here is not None and self.here.index in self.here.block.matching
        number = f"{outline.matches_before(self.cursor) + 1}/" if on_match and outline.matches else ""
        return f"{number}{outline.found} matching “{outline.query}”"

    def _on_resize(self, event: events.Resize) -> None:
        width = max(self.size.width - 1, 20)
        self._lay_out_welcome(width)
        if width != self.drawn.width:
            self.drawn.resize(width, self.look)
            self.outline.forget_heights()
        self._again()

    def _lay_out_welcome(self, width: int) -> None:
        paragraphs = [Piece(paragraph, "dim") for paragraph in WELCOME]
        if self._earlier:  # before the last one: a small terminal shows the first lines
            paragraphs[-1:-1] = [Piece(self._earlier, "accent"), Piece("", "dim")]
        self._welcome = [line for paragraph in paragraphs for line in flow([paragraph], width)]

    def show_earlier(self, earlier: str) -> None:
        """Say in an empty log how to open what was read earlier."""
        if earlier != self._earlier:
            self._earlier = earlier
            self._lay_out_welcome(max(self.size.width - 1, 20))
            if not self.outline.blocks:
                self.refresh()
                self.settle()

    def _again(self) -> None:
        """Draw everything again, what the cursor is on staying in sight."""
        self._bottom = 0
        self._find_cursor()
        self.refresh()
        self.show_cursor()
        self.settle()

    # The cursor ------------------------------------------------------------------------------------------------------

    def go(self, index: int) -> None:
        """Put the cursor on a row; on the last one, new ones are followed."""
        rows = self.outline.rows
        if not rows:
            return
        before, self.cursor = self.cursor, max(0, min(index, rows - 1))
        self.here = self.outline.item(self.cursor)
        self._follow = self.cursor == rows - 1
        self.show_cursor()
        if before != self.cursor:
            self._redraw_row(before)
            self._redraw_row(self.cursor)
            if self.outline.query:
                self.post_message(self.Scrolled(self))

    def go_to_reading(self, run: Run, index: int) -> bool:
        """Put the cursor on an interpretation of a run, or on its header; False where it is not shown."""
        block = self.outline.block_of(run)
        row = self.outline.row_of(Item(block, index)) if block is not None else None
        if row is not None:
            self.go(row)
        return row is not None

    def go_to(self, typed: str) -> bool:
        """Put the cursor on the reading of a token, a layer or a cell in the run that it is in.

        Of a layer alone, that of the cursor's token.

        Raises:
            RequestError: where that run has no such reading.
        """
        wanted = parse_destination(typed)
        run = self.here.block.run if self.here is not None else None
        if self.here is None or run is None or wanted.name or wanted.marks:
            return False
        at = run.cell(self.here.index) if self.here.index > CONTROL else None
        position = at.position if wanted.position is None and at is not None else wanted.position
        readings = (index for index in self.here.block.shown if index > CONTROL)
        found = next((index for index in readings if _is_at(run.cell(index), wanted.layer, position)), None)
        if found is None:
            raise RequestError(f"This run has no reading of “{typed}”.", "[ and ] go to other runs.")
        return self.go_to_reading(run, found)

    def _go_to_item(self, item: Item) -> None:
        self.here, self.cursor = item, self.outline.row_of(item) or 0

    def _find_cursor(self) -> None:
        """Keep the cursor on what it was on; where that is gone, on its run's header or a row near."""
        if self.here is None:
            return
        row = self.outline.row_of(self.here)
        if row is None:
            row = self.outline.row_of(Item(self.here.block, HEADER))
            row = max(min(self.cursor if row is None else row, self.outline.rows - 1), 0)
        self.cursor = row
        self.here = self.outline.item(row) if self.outline.rows else self.here

    def _redraw_row(self, row: int | None) -> None:
        """Draw a row again; the header at the top of the window, too, if it is the row of that."""
        if row is None or row >= self.outline.rows:
            return
        self.redraw(*self.outline.lines_of(row))
        block = self._sticky()
        if block is not None and self.outline.row_of(Item(block, HEADER)) == row:
            self.refresh(Region(0, 0, self.size.width, 1))

    def show_cursor(self) -> None:
        if self.outline.rows:
            first, last = self.outline.lines_of(self.cursor)
            above = self.here is not None and self.here.block.run is not None and self.here.index != HEADER
            self.show(first - 1 if above else first, last)

    def action_page(self, pages: float) -> None:
        """A window up or down, or half of one."""
        if self.outline.rows:
            line = self.outline.lines_of(self.cursor)[0] + stride(self.size.height, pages)
            self.go(self.outline.row_at(max(0, min(line, self.outline.lines - 1)))[0])

    def action_last(self) -> None:
        """To the newest, and follow."""
        self.go(self.outline.rows - 1)

    def action_run(self, step: int) -> None:
        """To the header of the run before or after."""
        rows = self.outline.headers()
        number = bisect_right(rows, self.cursor) if step > 0 else bisect_left(rows, self.cursor) - 1
        if 0 <= number < len(rows):
            self.go(rows[number])

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row under the mouse."""
        line = self.top + event.y
        if line < self.outline.lines:
            block = self._sticky() if event.y == 0 else None
            row = self.outline.row_of(Item(block, HEADER)) if block is not None else None
            self.go(self.outline.row_at(line)[0] if row is None else row)


def _is_at(cell: Cell, layer: int | None, position: int | None) -> bool:
    """Whether a cell is at a layer and a position, of which None means any."""
    return layer in (None, cell.layer) and position in (None, cell.position)

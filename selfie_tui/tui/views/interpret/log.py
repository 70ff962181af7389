"""The interpretations: all runs of the session below each other, one line each, searched, sorted, folded and copied."""

from __future__ import annotations

from textual.geometry import Region
from textual.message import Message

from selfie_tui.records import Severity
from selfie_tui.tui.render.words import folded
from selfie_tui.tui.runs import Run
from selfie_tui.tui.views.interpret.blocks import HEADER, ORDERS, Block, Item
from selfie_tui.tui.views.interpret.window import LogWindow
from selfie_tui.tui.widgets.plain import plain_header, plain_line


class Log(LogWindow):
    """What is done with the rows.

    A new run brings its header to the top, unless all of it fits below what is there. On the last row new
    interpretations are followed.
    """

    class DetailsWanted(Message):
        """The user wants to see an interpretation token by token."""

        def __init__(self, run: Run, index: int) -> None:
            super().__init__()
            self.run = run
            self.index = index

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._from: int | None = None
        """The row from which a search goes forward while it is typed."""

    # What happens ----------------------------------------------------------------------------------------------------

    def begin(self, run: Run) -> None:
        """Show a new run, or one that was kept: its header at the top of the window, if it does not fit below."""
        first = not self.outline.blocks
        block = self.outline.add(Block(run))
        block.folded = False
        self._go_to_item(Item(block, HEADER))
        self._follow = False
        start, _ = self.outline.lines_of(self.cursor)
        height = self.size.height
        end = max(start + 1 + self._expected(block), self.outline.lines)
        if end > self.top + height or first:
            top = max(min(start, end - height), 0) if end - start <= height else start
            self._bottom = top + height
            self._set_top(top)
        self.refresh()
        self.settle()

    def open(self, run: Run) -> None:
        """Show a run that was kept, if it is not shown yet, with the cursor on its header."""
        block = self.outline.block_of(run)
        if block is None:
            self.begin(run)
        else:
            self._go_to_item(Item(block, HEADER))
            self._set_top(self.outline.lines_of(self.cursor)[0])
            self.refresh()

    @property
    def run_here(self) -> Run | None:
        """The run under the cursor."""
        return self.here.block.run if self.here is not None else None

    def update(self, run: Run, index: int) -> None:
        """Show an interpretation as it is now; it has a row from when it first has something to say."""
        block = self.outline.block_of(run)
        if block is None:
            return
        self.drawn.forget(block, index)
        searched = bool(self.outline.query) and block.match(index, self.outline.query, self.look)
        moved = block.update(index) or (searched and self.outline.only_matches)
        if moved or searched or not block.single:
            self.outline.changed()
        if moved:
            self._rows_changed(Item(block, index))
        elif (row := self.outline.row_of(Item(block, index))) is not None:
            self.redraw(*self.outline.lines_of(row))
        if searched:
            self.settle()

    def put_beside(self, run: Run, texts: dict[int, str]) -> None:
        """Have what a pair's source says stand under the run's interpretations of these indices, and no others."""
        block = self.outline.block_of(run)
        changed = block.put_beside(texts) if block is not None else ()
        if block is None or not changed:
            return
        for index in changed:
            self.drawn.forget(block, index)
        self.outline.changed()
        if len(changed) == 1:
            self._rows_changed(Item(block, *changed))
        else:
            self._again()

    def add_beside(self, run: Run, texts: dict[int, str]) -> None:
        """Have what a pair's source says stand under more of the run's interpretations."""
        block = self.outline.block_of(run)
        if block is not None:
            self.put_beside(run, block.beside | texts)

    def update_header(self, run: Run) -> None:
        """Show how a run stands now."""
        block = self.outline.block_of(run)
        if block is not None and self.outline.only_matches:
            before = self.outline.rows
            self.outline.changed()
            if self.outline.rows != before:  # a run without a match is hidden once it has ended
                self._again()
        if block is not None:
            self.drawn.forget(block, HEADER)
            self._redraw_row(self.outline.row_of(Item(block, HEADER)))
            if self._sticky() is block:
                self.refresh(Region(0, 0, self.size.width, 1))

    def notice(self, text: str, severity: Severity) -> None:
        """Keep a notice among the interpretations."""
        block = self.outline.add(Block(None, text, severity))
        self._rows_changed(Item(block, 0))

    def _rows_changed(self, item: Item) -> None:
        """Draw what stands elsewhere now that a row is new or has moved; the window stays on what it showed."""
        row = self.outline.row_of(item)
        line = self.outline.lines_of(row)[0] if row is not None else self.top
        self._find_cursor()
        if row is not None and line < self.top and item.index != HEADER:
            height = self.outline.lines_of(row)[1] - line + 1
            self._bottom += height
            self._set_top(self.top + height)
        if self._follow:
            self._to_end()
        whole = self.outline.only_matches or self.outline.order == "effect"
        self.redraw(self.top if whole else line, self.top + self.size.height)
        self.settle()

    def _to_end(self) -> None:
        """Put the cursor on the last row; a window that has to move leaves half of it blank for what is to come."""
        self.cursor = self.outline.rows - 1
        self.here = self.outline.item(self.cursor)
        lines, height = self.outline.lines, self.size.height
        if lines > self.top + height > 0:
            self._bottom = lines + min(self._expected(self.here.block), height // 2)
            self._set_top(self._bottom - height)

    def _expected(self, block: Block) -> int:
        """Rows that a run still has to come, as far as they will be shown."""
        run = block.run
        if run is None or run.state not in ("waiting", "running") or block.folded or self.outline.only_matches:
            return 0
        return len(run.request.cells) + 1 - len(block.sorted)

    def action_details(self) -> None:
        """Ask for the details of what the cursor is on."""
        if self.outline.rows and self.here is not None and self.here.block.run is not None:
            self.post_message(self.DetailsWanted(self.here.block.run, self.here.index))

    # Folds and order -------------------------------------------------------------------------------------------------

    def action_unfold(self) -> None:
        """Show the whole of what the cursor is on: all of a text, or the readings of a run."""
        self._fold_here(False)

    def action_fold(self) -> None:
        """Leave one line of what the cursor is on; of a reading that has but one, go to its run's header."""
        if not self._fold_here(True) and self.here is not None and self.here.index != HEADER:
            self.go(self.outline.row_of(Item(self.here.block, HEADER)) or 0)

    def _fold_here(self, fold: bool) -> bool:
        here = self.here if self.outline.rows else None  # a filter may have left nothing
        if here is None or here.block.run is None or not self.outline.fold(here, fold):
            return False
        self.drawn.forget(here.block, here.index)
        self._bottom = 0
        first, _ = self.outline.lines_of(self.cursor)
        self.show_cursor()
        self.redraw(first, self.top + self.size.height)
        self.settle()
        return True

    def action_fold_runs(self) -> None:
        """Leave of every run its header, or show all readings again."""
        self.outline.fold_runs(not any(block.folded for block in self.outline.blocks))
        self.drawn.clear()
        self._again()

    def action_unfold_all(self) -> None:
        """Show every reading as a whole, or in one line again."""
        self.drawn.clear()
        self.outline.unfold_all(not self.outline.unfolded)
        self._again()

    def action_sort(self) -> None:
        """The next order: as asked, by layer, the largest effect first."""
        self.outline.sort(ORDERS[(ORDERS.index(self.outline.order) + 1) % len(ORDERS)])
        self._again()

    # Search ----------------------------------------------------------------------------------------------------------

    @property
    def query_text(self) -> str:
        """What is searched for, in lower case; "" for nothing."""
        return self.outline.query

    def search(self, query: str) -> None:
        """Mark all matches of `query` in the readings' texts and go to the first from the cursor on; "" ends it."""
        if self._from is None or not self.outline.query:
            self._from = self.cursor
        self.outline.search(folded(self.look.prose(query)), self.look)
        self.drawn.search(self.outline.query)
        self._again()
        row = self.outline.match_from(self._from, 1)
        if row is not None:
            self.go(row)
        if not query:
            self._from = None

    def search_from_here(self, query: str) -> None:
        """Begin another search, from the cursor on."""
        self._from = None
        self.search(query)

    def find(self, direction: int) -> bool:
        """To the next match in a direction, around the end if need be; False when there is none."""
        if not self.outline.matches and self.outline.found:
            self.outline.fold_runs(False)
            self._again()
        row = self.outline.match_from(self.cursor + direction, direction)
        if row is not None:
            self.go(row)
        return row is not None

    def action_filter(self) -> None:
        """Only matches, below the headers of their runs, or all again."""
        if not self.outline.query:
            self.app.toast("Nothing is searched for: / begins.", "information")
        elif not self.outline.only_matches and not self.outline.found:
            self.app.toast(f"No reading says “{self.outline.query}”: all are shown.", "information")
        else:
            self.outline.filter(not self.outline.only_matches)
            self._again()

    # Copying ---------------------------------------------------------------------------------------------------------

    def copyable(self) -> str:
        """What the cursor is on as a line of text."""
        return "" if self.here is None or not self.outline.rows else self._plain(self.here)

    def copyable_all(self) -> str:
        """All that is shown, as lines of text."""
        return "\n".join(self._plain(item) for item in self.outline.items())

    def _plain(self, item: Item) -> str:
        run = item.block.run
        if run is None:
            return f"! {item.block.notice}"
        return plain_header(run) if item.index == HEADER else plain_line(run, item.index, self.look)

    def neighbour_of(self, run: Run, index: int, step: int) -> int | None:
        """The index of the interpretation before or after one in its run, as shown; after a header the first."""
        block = self.outline.block_of(run)
        if block is None:
            return None
        shown = block.sorted if block.folded else block.shown
        there = shown.index(index) + step if index in shown else 0 if step > 0 else -1
        return shown[there] if 0 <= there < len(shown) else None

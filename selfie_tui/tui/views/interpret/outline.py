"""All runs of the log below each other: which row and which line each interpretation is in, what is found and folded.

Rows are numbered over all blocks, and so are lines, of which an unfolded row has several. Nothing here is drawn; with a
hundred thousand rows only sums over blocks are made anew when something changes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import NamedTuple

from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.runs import Run
from selfie_tui.tui.views.interpret.blocks import HEADER, Block, Item, Order

Measure = Callable[[Item], int]
"""Gives the number of lines of a row that is unfolded, or of a notice."""


class _Starts(NamedTuple):
    """The first row, line and match of each block, and after the last one how many there are."""

    rows: list[int]
    lines: list[int]
    matches: list[int]


class Outline:
    """Blocks, the oldest first, all in one order and filtered by one search."""

    def __init__(self, measure: Measure) -> None:
        self.blocks: list[Block] = []
        self.order: Order = "asked"
        self.query = ""
        self.only_matches = False
        self.unfolded = False
        self._measure = measure
        self._of_runs: dict[int, Block] = {}
        self._known: _Starts | None = None

    def add(self, block: Block) -> Block:
        """Add a block at the end, with all that its run has so far."""
        self.blocks.append(block)
        block.order, block.only_matching, block.unfolded = self.order, self.only_matches, self.unfolded
        block.fill()
        if block.run is not None:
            self._of_runs[id(block.run)] = block
        self.changed()
        return block

    def block_of(self, run: Run) -> Block | None:
        """The block of a run."""
        return self._of_runs.get(id(run))

    def changed(self) -> None:
        """Forget where blocks begin."""
        self._known = None

    # Rows and lines --------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """How many rows are shown."""
        return self._starts.rows[-1]

    @property
    def lines(self) -> int:
        """How many lines they have."""
        return self._starts.lines[-1]

    def item(self, row: int) -> Item:
        """What stands in a row."""
        number = bisect_right(self._starts.rows, row) - 1
        block = self.blocks[number]
        return Item(block, block.index_at(row - self._starts.rows[number]))

    def items(self) -> Iterator[Item]:
        """What stands in every row."""
        for block in self.blocks:
            yield from (Item(block, block.index_at(row)) for row in range(block.rows))

    def row_of(self, item: Item) -> int | None:
        """The row of something; None where it is not shown."""
        row = item.block.row_of(item.index)
        return None if row is None else self._starts.rows[self.blocks.index(item.block)] + row

    def headers(self) -> list[int]:
        """The rows of the headers of runs."""
        starts = zip(self.blocks, self._starts.rows, strict=False)
        return [row for block, row in starts if block.run is not None and block.rows]

    def lines_of(self, row: int) -> tuple[int, int]:
        """The first and the last line of a row."""
        number = bisect_right(self._starts.rows, row) - 1
        inside, block = row - self._starts.rows[number], self.blocks[number]
        first, after = (inside, inside + 1) if block.single else block.tops()[inside : inside + 2]
        start = self._starts.lines[number]
        return start + first, start + after - 1

    def row_at(self, line: int) -> tuple[int, int]:
        """The row that a line belongs to, and which of its lines it is."""
        number = bisect_right(self._starts.lines, line) - 1
        inside, block = line - self._starts.lines[number], self.blocks[number]
        row = inside if block.single else bisect_right(block.tops(), inside) - 1
        return self._starts.rows[number] + row, inside - (row if block.single else block.tops()[row])

    @property
    def _starts(self) -> _Starts:
        if self._known is None:
            self._known = _Starts(
                [*accumulate((block.rows for block in self.blocks), initial=0)],
                [*accumulate((self._height(block) for block in self.blocks), initial=0)],
                [*accumulate((len(block.matches) for block in self.blocks), initial=0)],
            )
        return self._known

    def _height(self, block: Block) -> int:
        if block.single:
            return block.rows
        several = [index for index in block.shown if block.is_several(index)] if block.run else [0]
        for index in several:
            if index not in block.heights:
                block.heights[index] = self._measure(Item(block, index))
        return block.tops()[-1]

    def forget_heights(self) -> None:
        """Count lines anew, as for another width."""
        for block in self.blocks:
            block.heights.clear()
            block.changed()
        self.changed()

    # Order, folds ----------------------------------------------------------------------------------------------------

    def sort(self, order: Order) -> None:
        """Put the interpretations of every run in another order."""
        self.order = order
        for block in self.blocks:
            block.sort(order)
        self.changed()

    def fold_runs(self, folded: bool) -> None:
        """Leave of every run its header, or show all again."""
        for block in self.blocks:
            block.folded = folded
            block.changed()
        self.changed()

    def unfold_all(self, unfolded: bool) -> None:
        """Show every interpretation as a whole, or each in one line."""
        self.unfolded = unfolded
        for block in self.blocks:
            block.unfolded = unfolded
            block.toggled.clear()
            block.changed()
        self.changed()

    def fold(self, item: Item, folded: bool) -> bool:
        """Fold or unfold a run by its header, or one interpretation; False when it is so already."""
        block, index = item.block, item.index
        if index == HEADER:
            done, block.folded = block.folded == folded, folded
        else:
            done = block.is_unfolded(index) != folded
            block.toggled ^= set() if done else {index}
        block.changed()
        self.changed()
        return not done

    # Search ----------------------------------------------------------------------------------------------------------

    def search(self, query: str, look: Look) -> None:
        """Find a `folded` query in all interpretations; "" ends the search, and the filter with it."""
        narrower = bool(self.query) and self.query in query
        self.query = query
        for block in self.blocks:
            block.search(query, look, narrower=narrower)
        if not query:
            self.filter(False)
        self.changed()

    def filter(self, only_matches: bool) -> None:
        """Show what matches, under the headers of its runs, or everything."""
        self.only_matches = only_matches
        for block in self.blocks:
            block.only_matching = only_matches
            block.changed()
        self.changed()

    @property
    def matches(self) -> int:
        """How many of the rows that are shown match."""
        return self._starts.matches[-1]

    @property
    def found(self) -> int:
        """How many interpretations match, shown or not."""
        return sum(len(block.matching) for block in self.blocks)

    def match_from(self, row: int, direction: int) -> int | None:
        """The first row at or after `row` that matches, or at or before it; around the end if need be."""
        count = self.matches
        if not count:
            return None
        number = self.matches_before(row + (0 if direction > 0 else 1)) - (0 if direction > 0 else 1)
        return self._row_of_match(number % count)

    def matches_before(self, row: int) -> int:
        """How many matches there are above a row."""
        number = min(bisect_right(self._starts.rows, row), len(self.blocks)) - 1
        inside = row - self._starts.rows[number]
        return self._starts.matches[number] + bisect_left(self.blocks[number].matches, inside)

    def _row_of_match(self, number: int) -> int:
        block = bisect_right(self._starts.matches, number) - 1
        return self._starts.rows[block] + self.blocks[block].matches[number - self._starts.matches[block]]

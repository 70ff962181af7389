"""One axis of a map: which of its numbers are in sight, and how many of them make one cell."""

from __future__ import annotations

from dataclasses import dataclass

OVERLAP = 2
"""Cells that stay in sight when the window moves."""


@dataclass
class Axis:
    """A window of so many cells on consecutive numbers; where it is `pooled`, all of them are in it, block by block."""

    numbers: range = range(0)
    cells: int = 1
    pooled: bool = False
    first: int = 0
    """The first block in sight; where nothing is pooled a block is one number."""

    @property
    def pool(self) -> int:
        """How many numbers make a cell."""
        return max(-(-len(self.numbers) // max(self.cells, 1)), 1) if self.pooled else 1

    @property
    def blocks(self) -> int:
        """How many cells there are in all."""
        return -(-len(self.numbers) // self.pool)

    @property
    def in_sight(self) -> range:
        """The blocks in sight."""
        return range(self.first, min(self.first + max(self.cells, 1), self.blocks))

    @property
    def shown(self) -> range:
        """The numbers in sight."""
        return self.numbers[self.in_sight.start * self.pool : self.in_sight.stop * self.pool]

    @property
    def is_whole(self) -> bool:
        """Whether all numbers are in sight."""
        return len(self.shown) == len(self.numbers)

    def block_of(self, number: int) -> int:
        """The block that a number is in."""
        return (number - self.numbers.start) // self.pool

    def members(self, block: int) -> range:
        """The numbers of a block."""
        return self.numbers[block * self.pool : (block + 1) * self.pool]

    def lay_out(self, numbers: range, cells: int, *, pooled: bool, cursor: int) -> None:
        """Take other numbers or another size, with the cursor's number in sight."""
        centre = self.shown.start
        self.numbers, self.cells, self.pooled = numbers, max(cells, 1), pooled
        self._set(self.block_of(centre) if centre in numbers else 0)
        self.show(cursor)

    def show(self, number: int) -> bool:
        """Have a number in sight; whether the window had to move.

        It moves by its cells less `OVERLAP`, or as far as there is something: moved by one, all of it would be sent at
        every step of the cursor.
        """
        block, step = self.block_of(number), max(self.cells - OVERLAP, 1)
        first = self.first
        if block < first:
            first = min(first - step, block)
        elif block >= first + self.cells:
            first += step
        return self._set(min(max(first, block - self.cells + 1), max(block, 0)))

    def begin_at(self, number: int) -> None:
        """Have the window begin at a number, or as near as there is something."""
        self._set(self.block_of(number))

    def _set(self, first: int) -> bool:
        before, self.first = self.first, max(0, min(first, self.blocks - self.cells))
        return self.first != before

"""The names above the columns of a map: one a column, or a ruler where columns are too narrow for that."""

from __future__ import annotations

from selfie_tui import text
from selfie_tui.glyphs import bar
from selfie_tui.tui.render.styles import Look, Piece, Pieces
from selfie_tui.tui.widgets.map.axis import Axis

TICKS = 5
"""A ruler has the number of every so-many-th column."""

NOTHING = "·"
"""What a line of bars has where nothing is known."""


def names(columns: Axis, cursor: int, width: int, called: list[str]) -> Pieces:
    """The name of each column in sight, the cursor's in bold, over columns of `width` cells."""
    here = columns.block_of(cursor)
    return tuple(
        Piece(f" {text.pad(text.clip(name, width - 1, ''), width - 1)}", "strong" if block == here else "faint")
        for block, name in zip(columns.in_sight, called, strict=True)
    )


def ruler(columns: Axis, cursor: int, width: int) -> Pieces:
    """The numbers of every fifth column over columns of `width` cells, and the cursor's in bold, before all others."""
    length = len(columns.in_sight) * width
    own = str(cursor)
    begin = max(min((columns.block_of(cursor) - columns.first) * width + 1, length - len(own)), 0)
    cells = [" "] * length
    for block in columns.in_sight:
        number = str(columns.members(block).start)
        start = (block - columns.first) * width + 1
        apart = start + len(number) < begin or start > begin + len(own)
        if block % TICKS == 0 and apart and start + len(number) <= length:
            cells[start : start + len(number)] = number
    line = "".join(cells)
    return (Piece(line[:begin], "faint"), Piece(own, "strong"), Piece(line[begin + len(own) :], "faint"))


def bars(values: list[float | None], look: Look) -> str:
    """A bar for each share from 0 to 1; `·` where there is none, `×` where it is not a number."""
    return "".join(NOTHING if value is None else bar(value, ascii=look.ascii) for value in values)

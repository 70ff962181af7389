"""A map as lines that fit a terminal: rows with a name each, columns of one width, in blocks where they are many."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from selfie_tui.text import clip, pad

Row = TypeVar("Row")
Column = TypeVar("Column")

LABEL = 7
"""Cells of a row's name, with the blank after it."""

LONGEST_LINE = 240
"""Cells of a line where there is no terminal."""

NARROW, WIDE = 10, 20
"""Cells of a column at least and at most, with the blank after it."""


def line_width() -> int:
    """Cells of a line: those of the terminal that stdout is, where it is one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else LONGEST_LINE


def map_lines(
    rows: Sequence[tuple[str, Row]],
    columns: Sequence[tuple[str, Column]],
    cell: Callable[[Row, Column], str],
    width: int,
) -> Iterator[str]:
    """The lines of a map of named rows and columns, in blocks of as many columns as `width` cells have room for."""
    column_width = max(NARROW, min(WIDE, (width - LABEL) // max(1, len(columns))))
    fit = max(1, (width - LABEL) // column_width)
    for start in range(0, len(columns), fit):
        block = columns[start : start + fit]
        if start:
            yield ""
        yield line("", [name for name, _ in block], column_width)
        for name, row in rows:
            yield line(name, [cell(row, column) for _, column in block], column_width)


def line(label: str, columns: Sequence[str], width: int) -> str:
    """A row of columns of one width, whatever is in them."""
    padded = "".join(f"{pad(clip(column, width - 1), width - 1)} " for column in columns)
    return f"{pad(clip(label, LABEL - 1), LABEL)}{padded}".rstrip()

"""The sequences that move the cursor. Columns and lines are counted from 0."""

from __future__ import annotations

INDEX = "\x1bD"
"""One line down in the same column; a line feed does that only where the system adds no return to it."""


def absolute(x: int, y: int) -> str:
    """Move the cursor to column `x` of line `y`."""
    if x:
        return f"\x1b[{y + 1};{x + 1}H"
    return f"\x1b[{y + 1}H" if y else "\x1b[H"


def shortest(start: tuple[int, int] | None, end: tuple[int, int], width: int, *, feeds: bool = False) -> str:
    """The shortest sequence between two places, each a column and a line; `start` is None where it is not known.

    `feeds`: whether a line feed reaches the terminal as it is, without a return before it.

    A start at column `width` is the place after the last cell of a line. With the wrap off, the cursor stays on that
    cell; where terminals count it, they differ.
    """
    x, y = end
    ways = [absolute(x, y)]
    if start is not None:
        from_x, from_y = start
        if from_y == y:
            ways.append(f"\x1b[{x + 1}G")
            if from_x < width:
                ways.append(_along(from_x, x))
        elif from_y < y:
            ways += _down(from_x, x, y - from_y, width, feeds=feeds)
    return min(ways, key=len)


def _down(from_x: int, x: int, lines: int, width: int, *, feeds: bool) -> list[str]:
    """Ways from column `from_x` to column `x` some lines below."""
    down = min("\n" * lines if feeds else INDEX * lines, f"\x1b[{lines}B", key=len)
    ways = ["\r" + "\n" * lines + _along(0, x)]
    if from_x < width:
        ways.append(down + _along(from_x, x))
    elif x == width - 1:
        ways.append(down)
    return ways


def _along(from_x: int, x: int) -> str:
    """Move the cursor within a line."""
    columns = x - from_x
    if columns < 0:
        return min("\b" * -columns, f"\x1b[{-columns}D", key=len)
    return f"\x1b[{columns}C" if columns > 1 else "\x1b[C" * columns

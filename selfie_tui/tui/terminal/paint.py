"""The sequence that turns one screen into another: only cells that differ, the cheapest moves, few renditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from selfie_tui.tui.terminal.cells import Row, overhang
from selfie_tui.tui.terminal.pens import DEFAULT, Pen, Pens

_LONGEST_BRIDGE = 8
"""Unchanged cells that may be drawn again where that is cheaper than to step over them, which costs 3 to 6 bytes."""

_WORTH_CLEARING = 64
"""Spaces on one background from which on the screen is first cleared to it."""


class Painter:
    """Collects the sequence for one update. It begins with the default rendition and the cursor anywhere.

    `erases`: whether the terminal erases to the background in use (terminfo's bce), so that runs of spaces can be
    erased instead of drawn; to the default background every terminal does.
    """

    def __init__(self, width: int, pens: Pens, *, erases: bool) -> None:
        self._width = width
        self._pens = pens
        self._erases = erases
        self._out: list[str] = []
        self._held = DEFAULT
        self._at: tuple[int, int] | None = None

    def finish(self, x: int, y: int) -> str:
        """The complete sequence, which leaves the cursor at column `x` of line `y`; "" if nothing differed."""
        if not self._out:
            return ""
        self._take(DEFAULT)
        if self._at != (x, y):
            self._out.append(absolute(x, y))
        return "".join(self._out)

    def clear(self, rows: Sequence[Row]) -> Row | None:
        """Clear the screen to the background most spaces of `rows` have; what a row then is, or None if left alone."""
        drawn_with = Counter(chain.from_iterable(row.pens for row in rows))
        spaces = {pen: cells for pen, cells in drawn_with.items() if pen is not None and self._can_erase(pen)}
        pen = max(spaces, key=spaces.__getitem__, default=DEFAULT)
        if spaces.get(pen, 0) >= _WORTH_CLEARING:
            self._take(pen)
            self._out.append("\x1b[2J")
            return Row.blank(self._width, pen)
        return None

    def paint(self, before: Sequence[Row], after: Mapping[int, Row]) -> None:
        """Draw the rows of `after`, keyed by line, over those of `before`."""
        for y in sorted(after):
            old, new = before[y], after[y]
            if old.glyphs != new.glyphs or old.pens != new.pens:
                cells = zip(old.glyphs, new.glyphs, old.pens, new.pens, strict=True)
                self._paint_row(y, new, bytearray([a != b or (p is not q and p != q) for a, b, p, q in cells]))

    def _paint_row(self, y: int, row: Row, differs: bytearray) -> None:
        x = differs.find(1)
        while x >= 0:
            pen = row.pens[x]
            if pen is None:
                # A doubtful glyph may have spilled onto this cell, of which nothing is known: it will be drawn in full.
                x = differs.find(1, x + 1)
                continue
            self._reach(x, y, row, pen)
            self._take(pen)
            x = differs.find(1, self._draw(x, y, row, differs))

    def _draw(self, x: int, y: int, row: Row, differs: bytearray) -> int:
        """Draw what differs from column `x` on, as far as the pen held will do; give the column to go on from."""
        glyphs, pens, width, turn = row.glyphs, row.pens, self._width, self._pens.turn
        pen, start = pens[x], x
        drawn: list[str] = []
        while x < width and differs[x]:
            glyph, next_pen = glyphs[x], pens[x]
            if glyph is None or next_pen is None:
                break
            if next_pen is not pen:
                if turn(self._held, next_pen)[0]:
                    break
                pen = next_pen
            if glyph == " ":
                end, erased = _end_of_spaces(x, row, differs), _end_of_blank(x, row, differs)
                if erasure := self._erasure(x, erased, row, differs):
                    self._out += *drawn, erasure
                    self._at = x, y
                    return width if erasure == "\x1b[K" else erased
                drawn.append(" " * (end - x))
                x = end
                continue
            if glyph.isascii():
                drawn.append(glyph)
                x += 1
                continue
            end = _end_of_glyph(x, row)
            if (spilled := overhang(glyph, end - x)) is not None:
                if x == start:
                    self._draw_doubtful(x, end, glyph)
                    differs[end : end + spilled] = b"\x01" * len(differs[end : end + spilled])
                    return end
                break
            drawn.append(glyph)
            x = end
        self._out += drawn
        self._at = x, y
        return x

    def _draw_doubtful(self, x: int, end: int, glyph: str) -> None:
        """Draw a glyph whose width terminals dispute so that neither a narrower nor a wider one upsets the row."""
        if end - x > 1:
            self._out.append(f"{' ' * (end - x)}\x1b[{x + 1}G")
        self._out.append(glyph)
        self._at = None

    def _erasure(self, x: int, end: int, row: Row, differs: bytearray) -> str:
        """The sequence that erases the spaces up to column `end`, or "" if drawing them is as cheap."""
        pen = row.pens[x]
        if end - x <= 3 or pen is None or not self._can_erase(pen):
            return ""
        if all(glyph == " " for glyph in row.glyphs[end:]) and all(other == pen for other in row.pens[end:]):
            return "\x1b[K"
        erasure = f"\x1b[{end - x}X"
        step = len(erasure) if differs.find(1, end) >= 0 else 0
        return erasure if len(erasure) + step < end - x else ""

    def _can_erase(self, pen: Pen) -> bool:
        return pen.is_for_spaces and (self._erases or pen.background == DEFAULT.background)

    def _take(self, pen: Pen) -> None:
        sequence, self._held = self._pens.turn(self._held, pen)
        if sequence:
            self._out.append(sequence)

    def _reach(self, x: int, y: int, row: Row, pen: Pen) -> None:
        """Bring the cursor to a cell about to be drawn in `pen`."""
        if self._at == (x, y):
            return
        steps = [absolute(x, y)]
        if self._at is not None:
            from_x, from_y = self._at
            if from_y == y and from_x < x:
                steps.append(_forward(x - from_x))
                if x - from_x <= _LONGEST_BRIDGE and self._bridge(from_x, x, row, pen, min(map(len, steps))):
                    return
            elif from_y < y:
                steps += self._down(from_x, x, y - from_y)
        self._out.append(min(steps, key=len))

    def _down(self, from_x: int, x: int, lines: int) -> list[str]:
        """Ways from column `from_x` to column `x` some lines below."""
        down = f"\x1b[{lines}B" if lines > 1 else INDEX
        ways = ["\r" + "\n" * lines + _forward(x)]
        if from_x >= self._width:
            # With the wrap off, the cursor stays on the last cell drawn; where terminals count it, they differ.
            return [*ways, down] if x == self._width - 1 else ways
        back = min("\b" * (from_x - x), f"\x1b[{from_x - x}D", key=len)
        return [down + (_forward(x - from_x) if x >= from_x else back), *ways]

    def _bridge(self, x: int, end: int, row: Row, pen: Pen, step: int) -> bool:
        """Draw the unchanged cells up to column `end` if that costs at most `step` bytes; return whether it did."""
        held = self._held
        again: list[str] = []
        for column in range(x, end):
            glyph, next_pen = row.glyphs[column], row.pens[column]
            if glyph is None or next_pen is None:
                return False
            if glyph and not glyph.isascii() and overhang(glyph, _end_of_glyph(column, row) - column) is not None:
                return False
            sequence, held = self._pens.turn(held, next_pen)
            again += sequence, glyph
        bridge = "".join(again)
        dearer = len(self._pens.turn(held, pen)[0]) - len(self._pens.turn(self._held, pen)[0])
        if len(bridge.encode(errors="replace")) + dearer > step:
            return False
        self._out.append(bridge)
        self._held = held
        return True


INDEX = "\x1bD"
"""One line down in the same column; a line feed does that only after the terminal's driver has sent a return."""


def absolute(x: int, y: int) -> str:
    """Move the cursor to column `x` of line `y`, counted from 0."""
    if x:
        return f"\x1b[{y + 1};{x + 1}H"
    return f"\x1b[{y + 1}H" if y else "\x1b[H"


def _forward(columns: int) -> str:
    if columns < 2:
        return "\x1b[C" * columns
    return f"\x1b[{columns}C"


def _end_of_glyph(x: int, row: Row) -> int:
    x += 1
    while x < len(row.glyphs) and row.glyphs[x] == "":
        x += 1
    return x


def _end_of_blank(x: int, row: Row, differs: bytearray) -> int:
    """The column after the last space to be drawn in the run of spaces of one pen from `x` on, whatever is between."""
    glyphs, pens = row.glyphs, row.pens
    pen, end = pens[x], x
    while end < len(glyphs) and glyphs[end] == " " and pens[end] == pen:
        end += 1
    return differs.rfind(1, x, end) + 1


def _end_of_spaces(x: int, row: Row, differs: bytearray) -> int:
    """The column after the spaces to be drawn from `x` on in the same pen."""
    glyphs, pens = row.glyphs, row.pens
    pen, end = pens[x], x
    while end < len(glyphs) and differs[end] and glyphs[end] == " " and pens[end] == pen:
        end += 1
    return end

"""The sequence that turns one screen into another: only cells that differ, the cheapest moves, few renditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

from selfie_tui.tui.terminal.cells import Row, overhang
from selfie_tui.tui.terminal.moves import absolute, shortest
from selfie_tui.tui.terminal.pens import DEFAULT, Pen, Pens
from selfie_tui.tui.terminal.repeats import cost_of_spaces, shortened
from selfie_tui.tui.terminal.strokes import Stroke, end_of_glyph, ordered, strokes

_LONGEST_BRIDGE = 8
"""Unchanged cells that may be drawn again where that is cheaper than to step over them, which costs 3 to 6 bytes."""

_WORTH_CLEARING = 64
"""Spaces on one background from which on the screen is first cleared to it."""


class Painter:
    """Collects the sequence for one update. It begins with the rendition of the pen `held`, and the cursor anywhere.

    `erases`: whether the terminal erases to the background in use (terminfo's bce), so that runs of spaces can be
    erased instead of drawn; to the default background every terminal does. `repeats`: whether it repeats characters.
    `feeds`: whether a line feed leaves the column as it is.
    """

    def __init__(self, width: int, pens: Pens, held: Pen, *, erases: bool, repeats: bool, feeds: bool = False) -> None:
        self._width = width
        self._pens = pens
        self._erases = erases
        self._repeats = repeats
        self._feeds = feeds
        self._out: list[str] = []
        self._held = held
        self._at: tuple[int, int] | None = None

    @property
    def held(self) -> Pen:
        """The pen whose rendition holds after what was collected so far."""
        return self._held

    def finish(self, cursor: tuple[int, int] | None) -> str:
        """The complete sequence, which leaves the cursor at a column and a line if given; "" if nothing differed."""
        if not self._out:
            return ""
        if self._held.link:
            self._take(DEFAULT)
        if cursor is not None and self._at != cursor:
            self._out.append(absolute(*cursor))
        sequence = "".join(self._out)
        return shortened(sequence) if self._repeats else sequence

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

    def paint(self, before: Sequence[Row], after: Mapping[int, Row]) -> int:
        """Draw the rows of `after`, keyed by line, over those of `before`; give the number of cells that differ."""
        rows: dict[int, tuple[Row, bytearray]] = {}
        for y in sorted(after):
            old, new = before[y], after[y]
            if old.glyphs != new.glyphs or old.pens != new.pens:
                cells = zip(old.glyphs, new.glyphs, old.pens, new.pens, strict=True)
                rows[y] = new, bytearray([a != b or (p is not q and p != q) for a, b, p, q in cells])
        differing = sum(differs.count(1) for _, differs in rows.values())
        found = [stroke for y, (row, differs) in rows.items() for stroke in strokes(y, row, differs, self._pens)]
        for stroke in ordered(found, self._pens):
            self._stroke(stroke, *rows[stroke.y])
        return differing

    def _stroke(self, stroke: Stroke, row: Row, differs: bytearray) -> None:
        """Draw what of a stroke is not drawn yet; `differs` says of each cell of the row whether it is to be drawn."""
        x = differs.find(1, stroke.x, stroke.end)
        while x >= 0:
            pen = row.pens[x]
            if pen is None:
                # A doubtful glyph may have spilled onto this cell, of which nothing is known: it will be drawn in full.
                x = differs.find(1, x + 1, stroke.end)
                continue
            if pen.is_for_spaces:
                pen = self._also_for_what_follows(pen, stroke.pen)
            self._reach(x, stroke.y, row, pen, differs)
            self._take(pen)
            end = self._draw(x, stroke.y, row, differs)
            differs[x:end] = bytes(end - x)
            x = differs.find(1, end, stroke.end)

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
                end = _end_of_blank(x, row, differs)
                if erasure := self._erasure(x, end, row, differs):
                    self._out += *drawn, erasure
                    self._at = x, y
                    return width if erasure == "\x1b[K" else end
                end = self._end_of_spaces(x, end, differs)
                drawn.append(" " * (end - x))
                x = end
                continue
            if glyph.isascii():
                drawn.append(glyph)
                x += 1
                continue
            end = end_of_glyph(x, row)
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
        return erasure if len(erasure) + step < self._cost_of_spaces(end - x) else ""

    def _cost_of_spaces(self, count: int) -> int:
        return cost_of_spaces(count) if self._repeats else count

    def _end_of_spaces(self, x: int, end: int, differs: bytearray) -> int:
        """Up to where spaces are drawn of those from `x` to `end` that are blank: to the first that is shown already.

        To all of them where it costs no more.
        """
        first = _end_of_differing(x, end, differs)
        return end if self._cost_of_spaces(end - x) <= self._cost_of_spaces(first - x) + 3 else first

    def _can_erase(self, pen: Pen) -> bool:
        return pen.is_for_spaces and (self._erases or pen.background == DEFAULT.background)

    def _take(self, pen: Pen) -> None:
        sequence, self._held = self._pens.turn(self._held, pen)
        if sequence:
            self._out.append(sequence)

    def _also_for_what_follows(self, pen: Pen, following: Pen) -> Pen:
        """The pen to draw spaces with: `following`, which is needed next, where it does for them and costs less."""
        if following.is_for_spaces or following.link or not self._pens.does_for(following, pen):
            return pen
        sequence, held = self._pens.turn(self._held, pen)
        later = sequence + self._pens.turn(held, following)[0]
        return following if len(self._pens.turn(self._held, following)[0]) < len(later) else pen

    def _reach(self, x: int, y: int, row: Row, pen: Pen, differs: bytearray) -> None:
        """Bring the cursor to a cell about to be drawn in `pen`."""
        if self._at == (x, y):
            return
        step = shortest(self._at, (x, y), self._width, feeds=self._feeds)
        if self._at is not None and self._at[1] == y and 0 < x - self._at[0] <= _LONGEST_BRIDGE:
            bridge, held = self._bridge(self._at[0], x, row, differs)
            dearer = len(self._pens.turn(held, pen)[0]) - len(self._pens.turn(self._held, pen)[0])
            if bridge and len(bridge.encode(errors="replace")) + dearer <= len(step):
                step, self._held = bridge, held
        self._out.append(step)

    def _bridge(self, x: int, end: int, row: Row, differs: bytearray) -> tuple[str, Pen]:
        """What draws the cells up to column `end` as they are, or, if they are yet to be drawn, in the pen held.

        With the pen then held; "" where a width is in dispute, or nothing is known.
        """
        held = self._held
        again: list[str] = []
        for column in range(x, end):
            glyph, pen = row.glyphs[column], row.pens[column]
            if glyph is None or pen is None:
                return "", held
            if glyph and not glyph.isascii() and overhang(glyph, end_of_glyph(column, row) - column) is not None:
                return "", held
            if not differs[column]:
                sequence, held = self._pens.turn(held, pen)
                again.append(sequence)
            again.append(glyph)
        return "".join(again), held


def _end_of_blank(x: int, row: Row, differs: bytearray) -> int:
    """The column after the last space to be drawn in the run of spaces of one pen from `x` on, whatever is between."""
    glyphs, pens = row.glyphs, row.pens
    pen, end = pens[x], x
    while end < len(glyphs) and glyphs[end] == " " and pens[end] == pen:
        end += 1
    return differs.rfind(1, x, end) + 1


def _end_of_differing(x: int, end: int, differs: bytearray) -> int:
    """The column up to which all cells from `x` on are to be drawn, `end` at most."""
    shown = differs.find(0, x, end)
    return end if shown < 0 else shown

"""What of a screen is to be drawn, cut into strokes of one pen, in an order in which the pen rarely changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from selfie_tui.tui.terminal.cells import Row, overhang
from selfie_tui.tui.terminal.pens import DEFAULT_SPACE, Pen, Pens


class Stroke(NamedTuple):
    """Cells of line `y` from column `x` up to `end` that a pen draws, or a line that is drawn from left to right."""

    y: int
    x: int
    end: int
    pen: Pen


def strokes(y: int, row: Row, differs: bytearray, pens: Pens) -> list[Stroke]:
    """The strokes that draw the cells of a row that differ, from left to right.

    It is one for all of a row with a glyph whose width terminals dispute: what is drawn before it may be spilled on.
    """
    found: list[Stroke] = []
    x = differs.find(1)
    while x >= 0:
        end, pen = _end_of_stroke(x, row, differs, pens)
        if end < 0:
            return [Stroke(y, 0, len(differs), pen)]
        found.append(Stroke(y, x, end, pen))
        x = differs.find(1, end)
    return found


def _end_of_stroke(x: int, row: Row, differs: bytearray, pens: Pens) -> tuple[int, Pen]:
    """Up to where one pen draws what differs from column `x` on, and that pen; -1 where a width is in dispute."""
    pen = row.pens[x] or DEFAULT_SPACE
    while x < len(differs) and differs[x]:
        glyph, other = row.glyphs[x], row.pens[x]
        if glyph and not glyph.isascii() and overhang(glyph, end_of_glyph(x, row) - x) is not None:
            return -1, pen
        if other is not pen and other is not None:
            if pen.is_for_spaces and pen.background == other.background:
                pen = other
            elif pens.turn(pen, other)[0]:
                break
        x += 1
    return x, pen


def ordered(found: Sequence[Stroke], pens: Pens) -> list[Stroke]:
    """The strokes pen by pen, in the order in which the pens are first needed.

    To come back to a place takes 4 to 8 bytes, to change the pen and back again 9 (bold) to 40 (24-bit colours).
    """
    together = _with_spaces_beside_ink(found, pens)
    turns = {pen: turn for turn, pen in enumerate(dict.fromkeys(stroke.pen for stroke in together))}
    return sorted(together, key=lambda stroke: turns[stroke.pen])


def _with_spaces_beside_ink(found: Sequence[Stroke], pens: Pens) -> list[Stroke]:
    """The strokes, of which those of spaces have a pen that draws something else too and does for them, if any does.

    It is one that draws on the same line, where one does. So a line's spaces are drawn on the way through its ink.
    """
    inked = list(dict.fromkeys(stroke.pen for stroke in found if not stroke.pen.is_for_spaces))
    on_line: dict[int, list[Pen]] = {}
    for stroke in found:
        if not stroke.pen.is_for_spaces:
            on_line.setdefault(stroke.y, []).append(stroke.pen)

    def pen_for(stroke: Stroke) -> Pen:
        if not stroke.pen.is_for_spaces:
            return stroke.pen
        candidates = (*on_line.get(stroke.y, ()), *inked)
        return next((pen for pen in candidates if pens.does_for(pen, stroke.pen)), stroke.pen)

    return [stroke._replace(pen=pen_for(stroke)) for stroke in found]


def end_of_glyph(x: int, row: Row) -> int:
    """The column after the glyph that begins at column `x`."""
    x += 1
    while x < len(row.glyphs) and row.glyphs[x] == "":
        x += 1
    return x

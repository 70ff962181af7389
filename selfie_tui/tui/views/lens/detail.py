"""The lines under the map of the lens: what it reads in the cell, there over the layers, and what was said of it."""

from __future__ import annotations

from typing import NamedTuple

from selfie_tui import text
from selfie_tui.records import LensRow, TrackedToken
from selfie_tui.tui.render.styles import Piece, Pieces, cells, share
from selfie_tui.tui.views.lens.words import over_layers, top_pieces
from selfie_tui.tui.widgets.lines import Lines

HEIGHT = 3
MARGIN = 3


class Beside(NamedTuple):
    """What the cell of a pair's source reads that this one is compared with."""

    row: LensRow | None = None
    position: int | None = None
    """Its position in A where that is another one; None where it is the same."""
    bits: float | None = None
    is_missing: bool = False
    """Whether A has no token for this one."""


class Detail(NamedTuple):
    """What there is to know of a cell: its row of the lens, that of the pair's other prompt, all rows of its token."""

    label: str = ""
    row: LensRow | None = None
    beside: Beside | None = None
    column: tuple[LensRow, ...] = ()
    answer: str = ""
    tracked: TrackedToken | None = None
    vocabulary: int = 2
    note: str = ""
    """What stands there where nothing has been read; safe text."""
    said: str = ""
    """What the cell was interpreted as; safe text."""


class LensDetail(Lines):
    """Three lines on a cell; one, with the name of the cell, on a low screen."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.detail = Detail()

    def show_detail(self, detail: Detail) -> None:
        """Show this, if it is something else; only lines that change are drawn again."""
        before = [self.pieces(line) for line in range(self.size.height)]
        self.detail = detail
        for line, pieces in enumerate(before):
            if self.pieces(line) != pieces:
                self.redraw(line)

    def count(self) -> int:
        return HEIGHT

    def pieces(self, index: int) -> Pieces:
        if self.size.height == 1:
            return self._one_line()
        digit = Piece(" 5 " if index == 0 else " " * MARGIN, "key")
        return (digit, *self._line(index, self.size.width - MARGIN - 1))

    def _one_line(self) -> Pieces:
        detail = self.detail
        label = Piece(f" {detail.label}  ", "strong")
        width = self.size.width - cells((label,)) - 1
        if not detail.said or detail.row is None or not detail.row.top:
            return (label, *self._line(0, width))
        top = text.clip(self.look.visible(detail.row.top[0].text), width // 3)
        return (label, Piece(text.clip(f"{top}  {detail.said}", width)))

    def _line(self, index: int, width: int) -> Pieces:
        detail = self.detail
        if index == 2:
            return (Piece(text.clip(detail.said, max(width, 0))),)
        if detail.row is None:
            return (Piece("" if index else detail.note, "dim"),)
        if index == 0:
            return top_pieces(detail.row, self.look, width)
        if detail.beside is not None:
            return self._beside(detail.beside, width)
        column = list(detail.column)
        return over_layers(column, detail.answer, detail.tracked, detail.vocabulary, self.look, width)

    def _beside(self, beside: Beside, width: int) -> Pieces:
        """The top tokens of A, and how far it is from here."""
        if beside.is_missing:
            return (Piece("A has no token for this one", "dim"),)
        if beside.row is None:
            return (Piece("A: reading…", "dim"),)
        label = "A  " if beside.position is None else f"A, token {beside.position}  "
        told = "" if beside.bits is None else f"{share(beside.bits)} bit apart"
        return (Piece(label, "accent"), *top_pieces(beside.row, self.look, width - len(label), told))

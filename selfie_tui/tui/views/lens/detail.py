"""The lines under the map of the lens: what it reads in the cell under the cursor, and there over the layers."""

from __future__ import annotations

from typing import NamedTuple

from selfie_tui.records import LensRow, TrackedToken
from selfie_tui.tui.render.styles import Piece, Pieces, cells
from selfie_tui.tui.views.lens.words import over_layers, top_pieces
from selfie_tui.tui.widgets.lines import Lines


class Detail(NamedTuple):
    """What there is to know of a cell: its row of the lens, that of the pair's other prompt, all rows of its token."""

    label: str = ""
    row: LensRow | None = None
    other: LensRow | None = None
    column: tuple[LensRow, ...] = ()
    answer: str = ""
    tracked: TrackedToken | None = None
    vocabulary: int = 2
    note: str = ""
    """What stands there where nothing has been read; safe text."""


class LensDetail(Lines):
    """Two lines on a cell; one, with the name of the cell, where its pane is folded."""

    DEFAULT_CSS = "LensDetail { height: 2; }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.detail = Detail()

    def show_detail(self, detail: Detail) -> None:
        """Show this, if it is something else."""
        if detail != self.detail:
            self.detail = detail
            self.refresh()

    @property
    def folded(self) -> bool:
        """Whether there is one line only."""
        return self.size.height == 1

    def count(self) -> int:
        return 2

    def pieces(self, index: int) -> Pieces:
        detail, width = self.detail, self.size.width - 2
        label = (Piece(f" {detail.label}  ", "strong"),) if self.folded else (Piece(" "),)
        width -= cells(label) - 1
        if detail.row is None:
            return (*label, Piece("" if index else detail.note, "dim"))
        if index == 0:
            return (*label, *top_pieces(detail.row, self.look, width))
        if detail.other is not None:
            return (*label, Piece("A  ", "accent"), *top_pieces(detail.other, self.look, width - 3))
        return (*label, *over_layers(
            list(detail.column), detail.answer, detail.tracked, detail.vocabulary, self.look, width
        ))  # fmt: skip

"""The two single lines of the screen: how things stand, above, and what the keys do, below."""

from __future__ import annotations

from selfie_tui.tui.look import Piece, Pieces, cells, clipped
from selfie_tui.tui.widgets.lines import Lines

NAME = " selfie "


class StatusLine(Lines):
    """The model on the left; on the right, what is running, how long still, and how to stop it."""

    DEFAULT_CSS = "StatusLine { height: 1; }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.left: Pieces = ()
        self.right: Pieces = ()

    def tell(self, left: Pieces, right: Pieces) -> None:
        """Show this, if it is something else."""
        if (left, right) != (self.left, self.right):
            self.left, self.right = left, right
            self.refresh()

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        room = self.size.width
        right = clipped(self.right, room - len(NAME))
        left = clipped((Piece(NAME, "key"), *self.left), room - cells(right) - 1)
        gap = " " * (room - cells(left) - cells(right) - (1 if right else 0))
        return (*left, Piece(gap), *right)


class HintLine(Lines):
    """Keys of the focused widget and of everywhere, as many as fit."""

    DEFAULT_CSS = "HintLine { height: 1; }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.hints: list[tuple[str, str]] = []

    def tell(self, hints: list[tuple[str, str]]) -> None:
        """Show these keys, if they are others."""
        if hints != self.hints:
            self.hints = hints
            self.refresh()

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        line: list[Piece] = []
        for keys, word in self.hints:
            hint = (Piece("  " if line else " "), Piece(keys, "key"), Piece(f" {word}", "dim"))
            if cells(line) + cells(hint) <= self.size.width:
                line += hint
        return tuple(line)

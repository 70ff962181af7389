"""The two single lines of the screen: how things stand, above, and what the keys do, below."""

from __future__ import annotations

from selfie_tui.tui.render.styles import Piece, Pieces, cells, clipped
from selfie_tui.tui.widgets.lines import Lines

NAME = " selfie "
GAP = 2
"""Least cells between the left and the right."""

LEAST = 20
"""Cells that the verdict keeps at least where it must be clipped: `! differs by 3e-04…`."""


class StatusLine(Lines):
    """The model on the left; on the right, what is running, how long still, and how to stop it.

    The left is given in several versions, the fullest first; the first one that fits is shown.
    """

    DEFAULT_CSS = "StatusLine { height: 1; }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.left: tuple[Pieces, ...] = ()
        self.right: Pieces = ()

    def tell(self, left: tuple[Pieces, ...], right: Pieces) -> None:
        """Show this, if it is something else."""
        if (left, right) != (self.left, self.right):
            self.left, self.right = left, right
            self.refresh()

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        room = self.size.width
        right = clipped(self.right, room - len(NAME))
        free = room - cells(right) - (GAP + 1 if right else 1)
        left = fitting([(Piece(NAME, "key"), *version) for version in self.left], free)
        gap = " " * (room - cells(left) - cells(right) - (1 if right else 0))
        return (*left, Piece(gap), *right)


def fitting(versions: list[Pieces], room: int) -> Pieces:
    """The first version that fits; else the first whose last piece is not clipped below `LEAST`; else the last."""
    for version in versions:
        if cells(version) <= room:
            return version
    for version in versions:
        if cells(version[:-1]) + LEAST <= room:
            return clipped(version, room)
    return clipped(versions[-1], room) if versions else ()


class HintLine(Lines):
    """Keys of the focused widget and of everywhere, as many as fit; at the right edge those that are kept longest."""

    DEFAULT_CSS = "HintLine { height: 1; }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.left: list[tuple[str, str]] = []
        self.right: list[tuple[str, str]] = []

    def tell(self, left: list[tuple[str, str]], right: list[tuple[str, str]]) -> None:
        """Show these keys, if they are others."""
        if (left, right) != (self.left, self.right):
            self.left, self.right = left, right
            self.refresh()

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        right = _fitting_hints(self.right, self.size.width)
        left = _fitting_hints(self.left, self.size.width - cells(right) - GAP)
        gap = " " * (self.size.width - cells(left) - cells(right) - 1)
        return (*left, Piece(gap), *right)


def _fitting_hints(hints: list[tuple[str, str]], width: int) -> list[Piece]:
    """The hints that fit a width; one that does not fit leaves its cells to those after it."""
    line: list[Piece] = []
    for keys, word in hints:
        hint = (Piece("  " if line else " "), Piece(keys, "key"), Piece(f" {word}", "dim"))
        if cells(line) + cells(hint) <= width:
            line += hint
    return line

"""The single lines of the screen: how things stand, the views and the hand, and at the foot what the keys do."""

from __future__ import annotations

from textual.timer import Timer

from selfie_tui import text
from selfie_tui.tui.render.styles import Piece, Pieces, cells, clipped
from selfie_tui.tui.widgets.lines import TALL, Lines

GAP = 2
"""Least cells between the left and the right."""

LEAST = 20
"""Cells that the verdict keeps at least where it must be clipped: `! differs by 3e-04…`."""


class StatusLine(Lines):
    """The header: the model on the left; on the right, what is running and how to stop it, or how the last run ended.

    Both are given in several versions, the fullest first. Of the right the first one is shown beside which the left has
    space for more than its last version, the model's name among it; of the left the first one that fits. What is `kept`
    stands after it at any width. On a low screen the view bar is folded into the line.
    """

    DEFAULT_CSS = "StatusLine { height: 1; }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.left: tuple[Pieces, ...] = ()
        self.kept: Pieces = ()
        self.right: tuple[Pieces, ...] = ((),)
        self.tabs: Pieces = ()

    def show_status(self, left: tuple[Pieces, ...], right: tuple[Pieces, ...], kept: Pieces = ()) -> None:
        """Show this, if it is something else."""
        if (left, kept, right) != (self.left, self.kept, self.right):
            self.left, self.kept, self.right = left, kept, right
            self.refresh()

    def show_tabs(self, tabs: Pieces) -> None:
        """Show these letters of views where the view bar is folded."""
        self.tabs = tabs
        self.refresh()

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        width = self.size.width
        tabs = (Piece("  "), *self.tabs) if self.app.size.height < TALL else ()
        folded = (*((Piece("  "), *self.kept) if self.kept else ()), *tabs)
        versions = [(Piece(" "), *version) for version in self.left]
        named = cells(versions[-2]) if len(versions) > 1 else 0

        def free(right: Pieces) -> int:
            return width - cells(right) - cells(folded) - (GAP + 1 if right else 1)

        right = clipped(next((each for each in self.right if named <= free(each)), self.right[0]), width - 1)
        left = (*fitting(versions, free(right)), *folded)
        gap = " " * (width - cells(left) - cells(right) - (1 if right else 0))
        return (*left, Piece(gap), *right)


class ViewBar(Lines):
    """The tabs of the views on the left, the hand on the right: the shared cursor's cell, and how many are marked."""

    DEFAULT_CSS = "ViewBar { height: 1; }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.tabs: Pieces = ()
        self.hand: Pieces = ()

    def show_tabs(self, tabs: Pieces) -> None:
        """Show these tabs."""
        self.tabs = tabs
        self.refresh()

    def show_hand(self, hand: Pieces) -> None:
        """Show this cell, if it is another."""
        if hand != self.hand:
            self.hand = hand
            self.refresh()

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        left = clipped((Piece(" "), *self.tabs), self.size.width)
        right = clipped(self.hand, max(self.size.width - cells(left) - GAP - 1, 0))
        return (*left, Piece(" " * max(self.size.width - cells(left) - cells(right) - 1, 0)), *right)


def fitting(versions: list[Pieces], width: int) -> Pieces:
    """The first version that fits; else the first whose last piece is not clipped below `LEAST`; else the last."""
    for version in versions:
        if cells(version) <= width:
            return version
    for version in versions:
        if cells(version[:-1]) + LEAST <= width:
            return clipped(version, width)
    return clipped(versions[-1], width) if versions else ()


class Fixed(Lines):
    """Two characters that stay: the colon before the line to type in, the digit of a folded pane."""

    DEFAULT_CSS = "Fixed { width: 2; height: 1; }"

    def __init__(self, shown: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown = shown

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        return (Piece(self._shown, "key"),)


CONFIRMED = 4.0
"""Seconds for which the hint line says what was done."""


class HintLine(Lines):
    """Keys of the focused widget and of everywhere, as many as fit; at the right edge those that are kept longest.

    For a moment it says in place of those at the left what the user has just done: there it covers nothing else.
    """

    DEFAULT_CSS = "HintLine { height: 1; }"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.left: list[tuple[str, str]] = []
        self.right: list[tuple[str, str]] = []
        self.confirmed = ""
        """What was done a moment ago; safe text."""
        self._confirming: Timer | None = None

    def confirm(self, done: str) -> bool:
        """Say for a moment what was done, which is safe text; False where the line is too narrow for it."""
        if not self._leaves_room(done):
            return False
        if self._confirming is not None:
            self._confirming.stop()
        self.confirmed, self._confirming = done, self.set_timer(CONFIRMED, self.show_keys)
        self.refresh()
        return True

    def show_keys(self) -> None:
        """Say no more what was done."""
        if self._confirming is not None:
            self._confirming.stop()
            self.confirmed, self._confirming = "", None
            self.refresh()

    def _leaves_room(self, done: str) -> bool:
        return "\n" not in done and text.width(done) + 2 <= self.app.size.width  # the line may be hidden still

    def show_hints(self, left: list[tuple[str, str]], right: list[tuple[str, str]]) -> None:
        """Show these keys, if they are others."""
        if (left, right) != (self.left, self.right):
            self.left, self.right = left, right
            self.refresh()

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        right = _fitting_hints(self.right, self.size.width)
        left = _fitting_hints(self.left, self.size.width - cells(right) - GAP)
        if self.confirmed and self._leaves_room(self.confirmed):
            left = [Piece(f" {self.confirmed}", "good")]
            right = right if cells(left) + cells(right) + GAP < self.size.width else []
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

"""What is known of the vector that is looked at, line by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events

from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.views.vectors.wanted import Wanting
from selfie_tui.tui.widgets.lines import ScrolledLines


class ResultView(Wanting, ScrolledLines):
    """Lines that others make; only those that say something else are drawn again."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("vector", "compared", "list")
    BINDINGS = bindings("vector", "compared")

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.resized: Callable[[], object] = tuple
        """Lays out the lines in another width."""
        self._drawn: list[Pieces] = []

    def _on_resize(self, event: events.Resize) -> None:
        super()._on_resize(event)
        self.resized()

    def on_focus(self) -> None:
        """Show all that fits."""
        self.resized()

    def on_blur(self) -> None:
        """Show no more than a step through the vectors can afford."""
        self.resized()

    @property
    def cells(self) -> int:
        """Cells of a line."""
        return max(self.size.width - 2, 8)

    def show_lines(self, lines: list[Pieces]) -> None:
        """Show other lines."""
        before, self._drawn = self._drawn, lines
        if len(before) != len(lines):
            self.settle()
        for number in range(max(len(before), len(lines))):
            if before[number : number + 1] != lines[number : number + 1]:
                self.redraw(number)

    def count(self) -> int:
        return max(len(self._drawn), 1)

    def pieces(self, index: int) -> Pieces:
        return (Piece(" "), *self._drawn[index]) if index < len(self._drawn) else ()

"""The line over vectors that is looked at, and the field in which it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from selfie_tui import text
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.views.vectors.wanted import Wanting
from selfie_tui.tui.widgets.completing import CompletingField
from selfie_tui.tui.widgets.lines import Rows
from selfie_tui.vector_line import completions


class LineView(Wanting, Rows):
    """The line in one line."""

    DEFAULT_CSS = "LineView { height: 1; }"
    SCOPES: ClassVar[tuple[Scope, ...]] = ("vector", "compared")
    BINDINGS = bindings("vector", "compared")

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.line = ""

    def show_line(self, line: str) -> None:
        """Show another line."""
        if line != self.line:
            self.line = line
            self.refresh()

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        shown = text.clip(self.look.prose(self.line), max(self.size.width - 2, 1))
        return (Piece(" "), Piece(shown or "e writes a line over vectors", "strong" if shown else "dim"))


class LineField(CompletingField):
    """The field of a line, which completes the names of vectors and the functions."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("vector-line"), *bindings("text")]
    SCOPES: ClassVar[tuple[Scope, ...]] = ("vector-line", "text")

    def __init__(self) -> None:
        super().__init__(placeholder="paris - rome · mean(a b) · 'The king'@4 · tab", id="vector-line")
        self.names: Callable[[], tuple[str, ...]] = tuple

    def offered(self, typed: str) -> tuple[str, ...]:
        return completions(typed, self.names())

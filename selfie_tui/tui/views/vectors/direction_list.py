"""The directions of a file in a list, with a cursor on one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from selfie_tui import text
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Piece, Pieces, padded, share
from selfie_tui.tui.views.vectors.browsing import Browsing
from selfie_tui.tui.views.vectors.wanted import Wanting
from selfie_tui.tui.widgets.lines import Rows, on_cursor

ROOMY = 36
"""Cells of a line from which on norms are shown."""


class DirectionList(Wanting, Rows):
    """A row a direction: its index, what was looked for in it, and the tokens that the lens reads."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("directions", "vector", "compared", "list")
    BINDINGS = bindings("directions", "vector", "compared")

    def __init__(self, browsing: Browsing, id: str | None = None) -> None:
        super().__init__(id=id, classes="-hidden")
        self.browsing = browsing
        self.moved: Callable[[], object] = tuple
        """Called when the cursor is on another direction, or other lines are in sight."""

    @property
    def here(self) -> int | None:
        """The index of the direction under the cursor; None where it is not known."""
        if not self.browsing.search and self.browsing.count:
            return self.cursor
        found = self.browsing.found.get(self.cursor)
        return found.index if found else None

    def go_to(self, text: str) -> bool:
        """Go to the direction of a number, in the order of the file; else as elsewhere."""
        if text.isdecimal() and not self.browsing.search and int(text) < self.browsing.count:
            self.go(int(text))
            return True
        return super().go_to(text)

    def count(self) -> int:
        return max(self.browsing.count, 1)

    def pieces(self, index: int) -> Pieces:
        if index == 0 and self.browsing.problem:
            return (Piece(f" {self.look.prose(self.browsing.problem)}", "warn"),)
        found, here = self.browsing.found.get(index), index == self.cursor
        number = found.index if found else index if not self.browsing.search else None
        name = Piece(f"{number:>7,}" if number is not None else "      …", "text")
        body: list[Piece] = []
        if found is not None:
            measure = found.cosine if found.cosine is not None else found.probability
            if measure is not None:
                body.append(Piece(f" {'−' if measure < 0 else ' '}{share(abs(measure))}", "accent"))
            tokens = (Piece(f" {text.clip(self.look.visible(token.text), 12)}") for token in found.nearest)
            norm = () if self.size.width < ROOMY else (Piece(f" {found.norm:>5.3g}", "dim"),)
            body += [*norm, *tokens]
        lead = Piece("▌" if here else " ", "key")
        rest = padded(body, max(self.size.width - 9, 4))
        return (lead, *(on_cursor((name,), self.cursor_role) if here else (name,)), *rest)

    def cursor_moved(self) -> None:
        self.moved()

"""A line in place of the hints in which one thing is typed: a file name, a name for a preset."""

from __future__ import annotations

from textual.containers import Horizontal

from selfie_tui import text
from selfie_tui.tui.render.styles import Piece, Pieces, Role
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.lines import Lines

LEAST_FIELD = 24
"""Cells that the field keeps beside what is written before it."""


class Caption(Lines):
    """What is asked, or why what was typed will not do."""

    DEFAULT_CSS = "Caption { height: 1; }"
    caption = ""
    role: Role = "key"

    def show_caption(self, caption: str, role: Role) -> None:
        """Show a text, which is safe, in the width that it needs."""
        width = min(text.width(caption) + 3, max(self.app.size.width - LEAST_FIELD, 4))
        self.caption, self.role = caption, role
        self.styles.width = width
        self.refresh()

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        return (Piece(f" {text.clip(self.caption, max(self.size.width - 3, 1))}: ", self.role),)


class AskLine(Horizontal):
    """A caption and a field; hidden while nothing is asked."""

    DEFAULT_CSS = "AskLine { height: 1; } AskLine Field { width: 1fr; }"

    def __init__(self) -> None:
        self.caption = Caption()
        self.field = Field(id="ask-text")
        self.question = ""
        super().__init__(self.caption, self.field, id="ask-line", classes="-hidden")

    def ask(self, question: str, proposal: str) -> None:
        """Ask for something, with a proposal that stands in the field."""
        self.question = question
        self.field.value = proposal
        self.field.cursor_position = len(proposal)
        self.caption.show_caption(question, "key")

    def refuse(self, problem: str) -> None:
        """Say why what was typed will not do; it stays in the field."""
        self.caption.show_caption(problem, "warn")

    def ask_again(self) -> None:
        """Show the question again, in place of a refusal."""
        if self.caption.caption != self.question:
            self.caption.show_caption(self.question, "key")

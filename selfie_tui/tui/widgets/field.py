"""A text field in which every character is visible, newlines included, without a blinking cursor."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widgets import Input

from selfie_tui import text
from selfie_tui.tui.actions import Scope, bindings
from selfie_tui.tui.render.styles import Look, Piece, Role
from selfie_tui.tui.widgets.lines import look_of


class Field(Input, inherit_bindings=False):
    """A one-line editor of text that may hold several lines: `↵` stands for a line break.

    Characters are drawn one by one, so that what is under the cursor is one character of the text, whatever it is.
    """

    DEFAULT_CSS = """
    Field, Field:focus, Field:ansi {
        height: 1; border: none; padding: 0; background: transparent; background-tint: transparent;
    }
    """
    BINDINGS = bindings("text")
    SCOPES: ClassVar[tuple[Scope, ...]] = ("text",)

    def __init__(self, *, placeholder: str = "", id: str | None = None, classes: str | None = None) -> None:
        super().__init__(placeholder=placeholder, select_on_focus=False, id=id, classes=classes, compact=True)
        self.cursor_blink = False

    def shown(self) -> list[str]:
        """The glyphs of each character of the value."""
        ascii = self._look.ascii
        return [text.prose(character, ascii=ascii) for character in self.value]

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        if y != 0:
            return Strip.blank(width, base)
        pieces = self._pieces() if self.value or self.has_focus else [Piece(self.placeholder, "dim")]
        offset = round(self.scroll_offset.x)
        line = self._look.strip(pieces, offset + width, base)
        return line.crop(offset, offset + width).adjust_cell_length(width, base)

    @property
    def _look(self) -> Look:
        return look_of(self)

    def _pieces(self) -> list[Piece]:
        start, end = sorted(self.selection)
        cursor = self.cursor_position if self.has_focus else -1
        roles: list[Role] = ["match" if start <= index < end else "text" for index in range(len(self.value))]
        pieces = [
            Piece(glyph, "cursor" if index == cursor else role)
            for index, (glyph, role) in enumerate(zip(self.shown(), roles, strict=True))
        ]
        if cursor == len(self.value):
            pieces.append(Piece(" ", "cursor"))
        if not self.value:
            pieces.append(Piece(self.placeholder, "dim"))
        return pieces

    @property
    def content_width(self) -> int:
        """Cells of the text, and one for the cursor after it."""
        return sum(map(text.width, self.shown())) + 1

    def _position_to_cell(self, position: int) -> int:
        return sum(map(text.width, self.shown()[:position]))

    def _cell_offset_to_index(self, offset: int) -> int:
        cell = offset + round(self.scroll_offset.x)
        for index, glyph in enumerate(self.shown()):
            cell -= text.width(glyph)
            if cell < 0:
                return index
        return len(self.value)

    def _on_resize(self, event: events.Resize) -> None:
        self.scroll_to_region(Region(self._cursor_offset, 0, 1, 1), force=True, animate=False)

    def put(self, typed: str) -> None:
        """Insert what was typed or pasted at the cursor, line breaks included."""
        self.replace(typed.replace("\r\n", "\n").replace("\r", "\n"), *self.selection)

    def _on_paste(self, event: events.Paste) -> None:
        self.put(event.text)
        event.stop()
        event.prevent_default()

    def action_newline(self) -> None:
        """Insert a line break at the cursor."""
        self.replace("\n", *self.selection)


class PromptField(Field):
    """The field of the source prompt."""

    BINDINGS = bindings("prompt")
    SCOPES: ClassVar[tuple[Scope, ...]] = ("prompt", "text")

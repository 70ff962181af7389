"""A text field in which every character is visible, newlines included, without a blinking cursor."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input

from selfie_tui import text
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Look, Piece, Role
from selfie_tui.tui.widgets.lines import look_of

MOST_CHARACTERS = 100_000
"""Characters that a field holds at most; more than the longest prompt whose tokens anyone looks through."""


class Field(Input, inherit_bindings=False):
    """A one-line editor of text that may hold several lines: `↵` stands for a line break.

    Characters are drawn one by one, so that what is under the cursor is one character of the text, whatever it is. A
    key costs the same in a text of any length.
    """

    DEFAULT_CSS = """
    Field, Field:focus, Field:ansi {
        height: 1; border: none; padding: 0; background: transparent; background-tint: transparent;
    }
    """
    BINDINGS = bindings("text")
    SCOPES: ClassVar[tuple[Scope, ...]] = ("text",)

    class Cut(Message):
        """Not all that was typed or pasted could be held; `text` says how much."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, placeholder: str = "", id: str | None = None, classes: str | None = None) -> None:
        super().__init__(placeholder=placeholder, select_on_focus=False, id=id, classes=classes, compact=True)
        self.cursor_blink = False
        self._first = 0
        """The first character in sight."""

    def render_line(self, y: int) -> Strip:
        base, width = self.rich_style, self.size.width
        if y != 0:
            return Strip.blank(width, base)
        return self._look.strip(self._pieces(), width, base)

    @property
    def _look(self) -> Look:
        return look_of(self)

    def _glyph(self, index: int) -> str:
        """What a character of the value is drawn as."""
        return text.prose(self.value[index], ascii=self._look.ascii)

    def _pieces(self) -> list[Piece]:
        """The characters in sight, and the cursor; of a long text no others are looked at."""
        focused = self.has_focus
        if not self.value:
            cursor = [Piece(" ", "cursor")] if focused else []
            return [*cursor, Piece(self.placeholder, "dim")]
        self._keep_cursor_in_sight()
        start, end = sorted(self.selection)
        pieces: list[Piece] = []
        left = self.size.width
        for index in range(self._first, len(self.value)):
            glyph = self._glyph(index)
            left -= text.width(glyph)
            if left < 0:
                break
            selected: Role = "match" if start <= index < end else "text"
            pieces.append(Piece(glyph, "cursor" if focused and index == self.cursor_position else selected))
        if focused and self.cursor_position == len(self.value):
            pieces.append(Piece(" ", "cursor"))
        return pieces

    # The window --------------------------------------------------------------------------------------------------

    def _keep_cursor_in_sight(self) -> None:
        """Move the window where the cursor has left it, by a third of its width; a step costs no whole line then."""
        width, cursor = max(self.size.width, 1), min(self.cursor_position, len(self.value))
        self._first = min(self._first, len(self.value))
        if cursor < self._first:
            self._first = self._back_from(cursor, width // 3)
        elif not self._reaches(cursor, width):
            self._first = self._back_from(cursor, width - max(width // 3 + 1, self._cells_of(cursor)))

    def _on_resize(self, event: events.Resize) -> None:
        self._first = 0
        self.refresh()

    def _reaches(self, cursor: int, width: int) -> bool:
        """Whether the window as it is has the cursor in it."""
        if cursor - self._first >= width:
            return False
        return self._position_to_cell(cursor) + self._cells_of(cursor) <= width

    def _cells_of(self, cursor: int) -> int:
        """Cells that the cursor takes: those of the character under it, one at the end."""
        return text.width(self._glyph(cursor)) if cursor < len(self.value) else 1

    def _back_from(self, position: int, cells: int) -> int:
        """The first of the characters before a position that fit into so many cells."""
        while position > 0 and (cells := cells - text.width(self._glyph(position - 1))) >= 0:
            position -= 1
        return position

    @property
    def content_width(self) -> int:
        """One cell: the field has a window of its own, and nothing for Textual to scroll."""
        return 1

    @property
    def _cursor_offset(self) -> int:
        self._keep_cursor_in_sight()
        return self._position_to_cell(self.cursor_position)

    def _position_to_cell(self, position: int) -> int:
        """The column of a character at or after the first one in sight."""
        return sum(text.width(self._glyph(index)) for index in range(self._first, min(position, len(self.value))))

    def _cell_offset_to_index(self, offset: int) -> int:
        for index in range(self._first, len(self.value)):
            offset -= text.width(self._glyph(index))
            if offset < 0:
                return index
        return len(self.value)

    # Typing ------------------------------------------------------------------------------------------------------

    def put(self, typed: str) -> None:
        """Insert what was typed or pasted at the cursor, line breaks included; what is too much is left out, aloud."""
        start, end = sorted(self.selection)
        kept = self._fitting(typed, MOST_CHARACTERS - len(self.value) + end - start)
        self.replace(kept.replace("\r\n", "\n").replace("\r", "\n"), start, end)

    def hold(self, value: str) -> None:
        """Hold this text, as it is and as far as it fits, in place of the one before."""
        self.value = self._fitting(value, MOST_CHARACTERS)

    def _fitting(self, typed: str, most: int) -> str:
        """The beginning of a text that fits; what is left out is said."""
        kept = typed[: max(most, 0)]
        if len(kept) < len(typed):
            cut = f"{len(typed) - len(kept):,} of {len(typed):,} characters were left out"
            self.post_message(self.Cut(f"{cut}: a text holds {MOST_CHARACTERS:,} at most."))
        return kept

    def _on_paste(self, event: events.Paste) -> None:
        self.put(event.text)
        event.stop()
        event.prevent_default()

    def action_newline(self) -> None:
        """Insert a line break at the cursor."""
        self.replace("\n", *self.selection)

"""The field of the source prompt: its text in lines, a few of them in sight, the cursor's among these."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from textual import events
from textual.geometry import Offset
from textual.strip import Strip

from selfie_tui import text
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.breaks import Breaks
from selfie_tui.tui.render.styles import Piece, Role
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.lines import TALL

MOST = 4
"""Lines on a high screen; half of that on a low one."""

SHARE_FILLED = 3
"""The part of the screen that the text has at most where its pane has the whole of it."""


@lru_cache(maxsize=4096)
def cells_of(character: str, ascii: bool) -> int:
    """The cells of what a character is drawn as."""
    return text.width(text.prose(character, ascii=ascii))


class PromptField(Field):
    """A field that wraps: as high as its text, up to some lines."""

    BINDINGS = bindings("prompt")
    SCOPES: ClassVar[tuple[Scope, ...]] = ("prompt", "text")

    def __init__(self, *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=id)
        self._breaks = Breaks(self._cells)
        self._top = 0
        """The first line in sight."""
        self._height = 1
        self._filled = False
        self._mouse_line = 0

    def _cells(self, character: str) -> int:
        return cells_of(character, self._look.ascii)

    # Lines -----------------------------------------------------------------------------------------------------------

    def fill(self, filled: bool) -> None:
        """Take more lines, or as many as before."""
        self._filled = filled
        self._fit()

    def _fit(self) -> None:
        """Be as high as the text, up to some lines."""
        screen = self.app.size.height
        most = screen // SHARE_FILLED if self._filled else MOST if screen >= TALL else MOST // 2
        height = max(1, min(len(self._lines.starts), most))
        if height != self._height:
            self._height = height
            self.styles.height = height

    @property
    def _lines(self) -> Breaks:
        """Where the lines of the value begin; a cell is kept for the cursor after the last character."""
        self._breaks.update(self.value, max(self.size.width - 1, 1))
        return self._breaks

    def _watch_value(self, value: str) -> None:
        super()._watch_value(value)
        self._fit()

    def _on_resize(self, event: events.Resize) -> None:
        self._fit()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if not self.value:
            return super().render_line(y)
        lines = self._lines
        self._keep_cursor_in_sight()
        line = self._top + y
        pieces = self._line_pieces(lines.starts[line], lines.end_of(line)) if line < len(lines.starts) else []
        return self._look.strip(pieces, self.size.width, self.rich_style)

    def _line_pieces(self, first: int, end: int) -> list[Piece]:
        cursor = self.cursor_position if self.has_focus else -1
        low, high = sorted(self.selection)
        roles: list[Role] = ["match" if low <= index < high else "text" for index in range(first, end)]
        pieces = [
            Piece(self._glyph(index), "cursor" if index == cursor else role) for index, role in enumerate(roles, first)
        ]
        if cursor == end == len(self.value):
            pieces.append(Piece(" ", "cursor"))
        return pieces

    def _keep_cursor_in_sight(self) -> None:
        line, height = self._lines.line_of(self.cursor_position), max(self.size.height, 1)
        last = max(len(self._lines.starts) - height, 0)
        self._top = min(max(line - height + 1, min(self._top, line)), last)

    # The cursor ------------------------------------------------------------------------------------------------------

    @property
    def cursor_screen_offset(self) -> Offset:
        """Where the cursor is on the screen."""
        x, y, _width, _height = self.content_region
        column = self._cursor_offset
        return Offset(x + column, y + self._lines.line_of(self.cursor_position) - self._top)

    def _position_to_cell(self, position: int) -> int:
        """The column of a character in its line."""
        lines = self._lines
        return sum(map(self._cells, self.value[lines.starts[lines.line_of(position)] : position]))

    def _cell_offset_to_index(self, offset: int) -> int:
        return self._index_at(self._top + self._mouse_line, offset)

    def _index_at(self, line: int, column: int) -> int:
        """The character nearest to a column of a line."""
        lines = self._lines
        line = max(0, min(line, len(lines.starts) - 1))
        end = lines.end_of(line)
        for index in range(lines.starts[line], end):
            column -= self._cells(self.value[index])
            if column < 0:
                return index
        return end if end == len(self.value) else end - 1

    async def _on_mouse_down(self, event: events.MouseDown) -> None:
        self._mouse_line = event.get_content_offset_capture(self).y

    async def _on_mouse_move(self, event: events.MouseMove) -> None:
        self._mouse_line = event.get_content_offset_capture(self).y

    async def action_line(self, step: int) -> None:
        """A line up or down; from the last one down to the tokens."""
        lines = self._lines
        line = lines.line_of(self.cursor_position) + step
        if line >= len(lines.starts):
            await self.run_action("screen.to_tokens")
        elif line >= 0:
            self.cursor_position = self._index_at(line, self._position_to_cell(self.cursor_position))

"""The prompt's tokens as a strip that wraps: each with its position, the cursor between bars, marks as dots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.message import Message

from selfie_tui import text
from selfie_tui.records import Token
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.widgets.lines import Lines, stride
from selfie_tui.tui.widgets.messages import SelectionChanged

MARK = "●"
SPACES = "·~"
"""What `text.visible` writes for a space at the end of a token."""


class Chip(NamedTuple):
    """Where a token is drawn: its line, its first column, its cells, and what is written there."""

    line: int
    column: int
    cells: int
    position: str
    token: str


def chips(tokens: Sequence[Token], width: int, look: Look) -> list[Chip]:
    """Tokens in lines of `width` cells, one free column before each and after the last of a line."""
    placed: list[Chip] = []
    line, column = 0, 1
    for token in tokens:
        position = str(token.position)
        shown = text.clip(look.visible(token.text), max(width - len(position) - 3, 1))
        cells = len(position) + 1 + text.width(shown)
        if column > 1 and column + cells + 1 > width:
            line, column = line + 1, 1
        placed.append(Chip(line, column, cells, position, shown))
        column += cells + 1
    return placed


class TokenStrip(Lines, can_focus=True):
    """The tokens of the prompt, with the shared cursor and marks on them."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("tokens", "marks", "list")
    BINDINGS = bindings("tokens", "marks", "list")

    class Above(Message):
        """The user went up from the first line."""

    def __init__(self, selection: Selection, id: str | None = None) -> None:
        super().__init__(id=id)
        self.selection = selection
        self.note = ""
        self._drawn: tuple[int, frozenset[int]] = (0, frozenset())
        self._chips: list[Chip] = []
        self._starts: list[int] = []
        """The first position of each line."""
        self._notes: list[str] = [""]
        """The note in lines, where it stands instead of tokens."""

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens that are shown."""
        return self.selection.tokens

    @property
    def cursor(self) -> int:
        """The position of the token under the cursor."""
        return self.selection.position

    @property
    def marks(self) -> frozenset[int]:
        """The marked positions: those of the free marks where there are such."""
        free = self.selection.marked_cells
        return frozenset(cell.position for cell in free) if free else self.selection.marked_positions

    def show_tokens(self) -> None:
        """Show the tokens of the selection as they are now."""
        self.note = ""
        self._lay_out()

    def show_selection(self) -> None:
        """Show the cursor and the marks of the selection as they are now; only lines that change are drawn again."""
        before, marked = self._drawn
        self._drawn = (self.cursor, self.marks)
        changed = marked ^ self.marks | ({before, self.cursor} if before != self.cursor else set())
        for line in {self._chips[index].line for index in changed if index < len(self._chips)}:
            self.redraw(line)
        if before != self.cursor and self._chips:
            self.show(self._chips[self.cursor].line)

    def show_note(self, note: str) -> None:
        """Show a note behind the tokens, or instead of them."""
        if note != self.note:
            self.note = note
            self._lay_out()

    def count(self) -> int:
        return len(self._starts) or len(self._notes)

    def pieces(self, index: int) -> Pieces:
        if not self._chips:
            return (Piece(f" {self._notes[index]}", "dim"),)
        last = self.note if index == self.count() - 1 else ""
        line: list[Piece] = []
        positions = self._positions(index)
        for position in positions:
            line += self._edge(position, position - 1)
            line += self._chip(position, self._chips[position])
        line += self._edge(len(self._chips), positions[-1])
        return (*line, Piece(f" {last}", "dim"))

    def _positions(self, line: int) -> range:
        """The positions of the tokens in a line."""
        ends = [*self._starts[line + 1 : line + 2], len(self._chips)]
        return range(self._starts[line], ends[0])

    def _edge(self, right: int, left: int) -> list[Piece]:
        """The column between two tokens, which is where the cursor's bars stand."""
        if right == self.cursor and right < len(self._chips):
            return [Piece("▌", self._cursor_role)]
        beside = left == self.cursor and (
            right >= len(self._chips) or self._chips[left].line == self._chips[right].line
        )
        return [Piece("▐", self._cursor_role) if beside else Piece(" ")]

    @property
    def _cursor_role(self) -> Role:
        return "cursor" if self.has_focus else "rest"

    def _chip(self, position: int, chip: Chip) -> list[Piece]:
        marked = position in self.marks
        gap = MARK if marked else " "
        if position == self.cursor:
            return [Piece(f"{chip.position}{gap}{chip.token}", self._cursor_role)]
        if marked:
            return [Piece(f"{chip.position}{gap}{chip.token}", "accent")]
        lead = len(chip.token) - len(chip.token.lstrip(SPACES))
        return [Piece(chip.position + gap + chip.token[:lead], "dim"), Piece(chip.token[lead:])]

    def go(self, position: int) -> None:
        """Put the cursor on a token."""
        if self.selection.move(position=position):
            self._changed()

    def _changed(self) -> None:
        self.show_selection()
        self.post_message(SelectionChanged())

    def action_step(self, step: int) -> None:
        """To the token before or after."""
        self.go(self.cursor + step)

    def action_line(self, step: int) -> None:
        """To the nearest token of the line above or below."""
        if not self._chips:
            return
        here = self._chips[self.cursor]
        if 0 <= here.line + step < self.count():
            line = self._positions(here.line + step)
            self.go(min(line, key=lambda position: abs(self._chips[position].column - here.column)))

    def action_up(self) -> None:
        """To the line above; from the first line to the text."""
        if not self._chips or self._chips[self.cursor].line == 0:
            self.post_message(self.Above())
        else:
            self.action_line(-1)

    def action_move(self, step: int) -> None:
        """A line up or down."""
        self.action_line(step)

    def action_page(self, pages: float) -> None:
        """A window of lines up or down, or half of one."""
        lines = stride(self.size.height, pages)
        direction = 1 if lines > 0 else -1
        for _ in range(abs(lines)):
            if 0 <= self._chips[self.cursor].line + direction < self.count() if self._chips else False:
                self.action_line(direction)

    def action_first(self) -> None:
        """To the first token."""
        self.go(0)

    def action_last(self) -> None:
        """To the last token."""
        self.go(len(self.tokens) - 1)

    def action_mark(self) -> None:
        """Mark the token under the cursor, or take its mark away."""
        self.selection.toggle_position()
        self._changed()

    def action_mark_all(self) -> None:
        """Mark all tokens, or none when all are marked."""
        self.selection.toggle_all_positions()
        self._changed()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the token under the mouse."""
        for position, chip in enumerate(self._chips):
            if chip.line == self.top + event.y and chip.column <= event.x < chip.column + chip.cells:
                self.go(position)

    def _on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        width = max(self.size.width, 1)
        self._chips = chips(self.tokens, width, self.look)
        lines = [chip.line for chip in self._chips]
        self._starts = [index for index, line in enumerate(lines) if index == 0 or line != lines[index - 1]]
        self._notes = text.wrap(self.look.prose(self.note), width - 2)
        self._drawn = (self.cursor, self.marks)
        self.fit(4)
        self.refresh()
        self.settle()
        if self._chips:
            self.show(self._chips[self.cursor].line)

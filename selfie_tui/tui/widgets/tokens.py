"""The prompt's tokens as a strip that wraps: each with its position, the cursor between bars, marks as dots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual import events
from textual.message import Message

from selfie_tui import text
from selfie_tui.records import Token
from selfie_tui.tui.actions import Scope, bindings
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role
from selfie_tui.tui.widgets.lines import Lines

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


def chips(tokens: Sequence[Token], room: int, look: Look) -> list[Chip]:
    """Tokens in lines of `room` cells, one free column before each and after the last of a line."""
    placed: list[Chip] = []
    line, column = 0, 1
    for token in tokens:
        position = str(token.position)
        shown = text.clip(look.visible(token.text), max(room - len(position) - 3, 1))
        cells = len(position) + 1 + text.width(shown)
        if column > 1 and column + cells + 1 > room:
            line, column = line + 1, 1
        placed.append(Chip(line, column, cells, position, shown))
        column += cells + 1
    return placed


class TokenStrip(Lines, can_focus=True):
    """The tokens of the prompt; `read` says which of them a run would read."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("tokens", "marks", "list")
    BINDINGS = bindings("tokens", "marks", "list")

    class Moved(Message):
        """The token cursor is on another token, or marks have changed."""

    class Above(Message):
        """The user went up from the first line."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.tokens: tuple[Token, ...] = ()
        self.cursor = 0
        self.marks: frozenset[int] = frozenset()
        self.note = ""
        self.stack = ""
        self._left: dict[str, tuple[tuple[Token, ...], int, frozenset[int]]] = {}
        self._chips: list[Chip] = []

    def show_tokens(self, tokens: tuple[Token, ...]) -> None:
        """Show a prompt's tokens; the cursor stays where it is if all before it is the same, else goes to the last."""
        before, self.tokens = self.tokens, tokens
        at_end = self.cursor >= len(before) - 1
        same = tokens[: self.cursor + 1] == before[: self.cursor + 1]
        self.cursor = len(tokens) - 1 if at_end or not same else self.cursor
        self.marks = frozenset(mark for mark in self.marks if tokens[mark : mark + 1] == before[mark : mark + 1] != ())
        self.note = ""
        self._lay_out()
        self.post_message(self.Moved())

    def turn_to(self, stack: str) -> None:
        """Go back to the tokens, the cursor and the marks with which a stack was left; none where it is new.

        They stand until the tokens of the prompt as it is now are shown.
        """
        self._left[self.stack] = (self.tokens, self.cursor, self.marks)
        self.tokens, self.cursor, self.marks = self._left.get(stack, ((), 0, frozenset()))
        self.stack, self.note = stack, ""
        self._lay_out()

    def forget_stacks(self, stack: str) -> None:
        """Another model is there, of which this stack is read."""
        self.stack, self._left = stack, {}

    def show_note(self, note: str) -> None:
        """Say behind the tokens, or in place of them, what is to be known of them."""
        if note != self.note:
            self.note = note
            self.refresh()

    @property
    def read(self) -> tuple[int, ...]:
        """The positions a run would read: the marked ones, or the cursor's."""
        return tuple(sorted(self.marks)) or ((self.cursor,) if self.tokens else ())

    def count(self) -> int:
        return self._chips[-1].line + 1 if self._chips else 1

    def pieces(self, index: int) -> Pieces:
        if not self.tokens:
            return (Piece(f" {self.note}", "dim"),) if index == 0 else ()
        last = self.note if index == self.count() - 1 else ""
        line: list[Piece] = []
        for place, chip in enumerate(self._chips):
            if chip.line == index:
                line += self._edge(place, place - 1)
                line += self._chip(place, chip)
        line += self._edge(len(self._chips), self._last_of(index))
        return (*line, Piece(f" {last}", "dim"))

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

    def _last_of(self, line: int) -> int:
        return max((place for place, chip in enumerate(self._chips) if chip.line == line), default=-1)

    def _chip(self, place: int, chip: Chip) -> list[Piece]:
        marked = place in self.marks
        gap = MARK if marked else " "
        if place == self.cursor:
            return [Piece(f"{chip.position}{gap}{chip.token}", self._cursor_role)]
        if marked:
            return [Piece(f"{chip.position}{gap}{chip.token}", "accent")]
        lead = len(chip.token) - len(chip.token.lstrip(SPACES))
        return [Piece(chip.position + gap + chip.token[:lead], "dim"), Piece(chip.token[lead:])]

    def go(self, place: int) -> None:
        """Put the token cursor on a token."""
        place = max(0, min(place, len(self.tokens) - 1))
        if place == self.cursor or not self.tokens:
            return
        before, self.cursor = self.cursor, place
        self._redraw_tokens(before, place)
        self.show(self._chips[place].line)
        self.post_message(self.Moved())

    def action_step(self, step: int) -> None:
        """To the token before or after."""
        self.go(self.cursor + step)

    def action_line(self, step: int) -> None:
        """To the nearest token of the line above or below; from the first line up to the text."""
        if not self._chips or (step < 0 and self._chips[self.cursor].line == 0):
            if step < 0:
                self.post_message(self.Above())
            return
        here = self._chips[self.cursor]
        line = [place for place, chip in enumerate(self._chips) if chip.line == here.line + step]
        if line:
            self.go(min(line, key=lambda place: abs(self._chips[place].column - here.column)))

    def action_move(self, step: int) -> None:
        """A line up or down."""
        self.action_line(step)

    def action_page(self, direction: int) -> None:
        """Half a window of lines up or down."""
        for _ in range(max(self.size.height // 2, 1)):
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
        if self.tokens:
            self.marks ^= {self.cursor}
            self._redraw_tokens(self.cursor)
            self.post_message(self.Moved())

    def action_mark_all(self) -> None:
        """Mark all tokens, or none when all are marked."""
        every = frozenset(range(len(self.tokens)))
        self.marks = frozenset() if self.marks == every else every
        self.refresh()
        self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the token under the mouse."""
        for place, chip in enumerate(self._chips):
            if chip.line == self.top + event.y and chip.column <= event.x < chip.column + chip.cells:
                self.go(place)

    def _on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        self._chips = chips(self.tokens, max(self.size.width, 1), self.look)
        self.fit(4)
        self.refresh()
        self.settle()
        if self._chips:
            self.show(self._chips[self.cursor].line)

    def _redraw_tokens(self, *places: int) -> None:
        for place in places:
            self.redraw(self._chips[place].line)

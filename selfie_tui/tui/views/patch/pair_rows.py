"""Pane 2: both prompts token under token, those that differ, and what is said after each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

from selfie_tui import text
from selfie_tui.records import LensToken, Token
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role, cells, clipped, share
from selfie_tui.tui.views.patch import actions as _actions  # noqa: F401 - registers what is bound here
from selfie_tui.tui.views.patch.patches import Patches
from selfie_tui.tui.widgets.lines import TALL, Lines
from selfie_tui.tui.widgets.messages import SelectionChanged

MOST_TOKEN = 14
"""Cells that a token has at most."""

SAID = 19
"""Cells for what is said after a prompt."""

OVERLAP = 2
"""Tokens that stay in sight when the window moves."""

A, B, DIFFER = range(3)


class PairRows(Lines, can_focus=True):
    """A above B, column by column; the cursor's column is the shared cursor's, its row is the one that is edited."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("pair-rows",)
    BINDINGS = bindings("pair-rows")

    def __init__(self, patches: Patches, edit: Callable[[int], object], id: str | None = None) -> None:
        super().__init__(id=id)
        self.patches, self._edit = patches, edit
        self.row = B
        self.note = ""
        """What is to be done where there is no pair; safe text."""
        self._first = 0
        self._drawn = -1

    # Columns ---------------------------------------------------------------------------------------------------------

    @property
    def sides(self) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
        """The tokens of A and of B; B has none where the prompt is A itself."""
        state = self.patches.state
        here = state.selection.tokens
        if state.pair is None:
            return here, ()
        return state.pair.tokens, () if state.at_source else here

    @property
    def shifts(self) -> tuple[int, int]:
        """By how many columns each prompt begins later, where both are aligned at their ends."""
        one, other = (len(side) for side in self.sides)
        if one == other or not self.patches.aligned:
            return 0, 0
        return max(other - one, 0), max(one - other, 0)

    def token(self, row: int, column: int) -> Token | None:
        """The token of a prompt in a column; None where it has none."""
        side, at = self.sides[row], column - self.shifts[row]
        return side[at] if 0 <= at < len(side) else None

    def differs(self, column: int) -> bool:
        """Whether the prompts have different tokens in a column; of unaligned ones only the first that differ do."""
        if not all(self.sides):
            return False
        one, other = self.token(A, column), self.token(B, column)
        apart = (one.id if one else None) != (other.id if other else None)
        if apart and not self.patches.aligned:
            return not any(self._apart(before) for before in range(column))
        return apart and one is not None and other is not None

    def _apart(self, column: int) -> bool:
        one, other = self.token(A, column), self.token(B, column)
        return (one.id if one else None) != (other.id if other else None)

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return max(len(side) + shift for side, shift in zip(self.sides, self.shifts, strict=True))

    @property
    def cursor(self) -> int:
        """The column under the cursor."""
        row = B if self.sides[B] else A
        return self.patches.state.selection.position + self.shifts[row]

    # Laying out ------------------------------------------------------------------------------------------------------

    def _width(self, column: int) -> int:
        shown = (self._shown(self.token(row, column)) for row in (A, B))
        return max(text.width(token) for token in shown)

    def _shown(self, token: Token | None) -> str:
        return text.clip(self.look.visible(token.text), MOST_TOKEN, "") if token else ""

    @property
    def _label_cells(self) -> int:
        return 10 if self.size.width >= 100 else 3

    @property
    def _room(self) -> int:
        return self.size.width - self._label_cells - SAID - 3

    def _window(self) -> range:
        """The columns in sight, the cursor's among them; the window leaps where the cursor leaves it."""
        count, cursor = self.columns, self.cursor
        self._first = max(0, min(self._first, count - 1))
        if cursor < self._first:
            self._first = self._back_from(cursor)
        shown = self._from(self._first, count)
        while cursor >= shown.stop and self._first < cursor:
            self._first = max(self._first + 1, min(shown.stop - OVERLAP, cursor))
            shown = self._from(self._first, count)
        return shown

    def _from(self, first: int, count: int) -> range:
        room, stop = self._room, first
        while stop < count and (room := room - self._width(stop) - 1) >= 0:
            stop += 1
        return range(first, max(stop, first + 1))

    def _back_from(self, cursor: int) -> int:
        """The first column of a window in which the cursor's is near the end."""
        room, first = self._room - self._width(cursor) - 1, cursor
        while first > 0 and (room := room - self._width(first - 1) - 1) >= 0:
            first -= 1
        return first

    # Drawing ---------------------------------------------------------------------------------------------------------

    def show_pair(self) -> None:
        """Draw all of it as it is now."""
        self.refresh()
        self.settle()

    def show_cursor(self) -> None:
        """Follow the cursor."""
        if self._drawn != self.cursor:
            self.refresh()

    def count(self) -> int:
        if self.note:
            return 2 if self.sides[A] else 1
        return 3 if self.app.size.height >= TALL else 2

    def pieces(self, index: int) -> Pieces:
        self._drawn = self.cursor
        if self.note:
            return self._side(A) if index == A and self.sides[A] else (Piece(f" {self.note}", "dim"),)
        return self._differences() if index == DIFFER else self._side(index)

    def _side(self, row: int) -> Pieces:
        wide = self._label_cells > 3
        name = ("A source" if row == A else "B target") if wide else "AB"[row]
        here = row == self.row and self.has_focus
        label = Piece(f" {text.pad(name, self._label_cells - 1)}", "key" if here else "dim")
        line: list[Piece] = [label]
        window = self._window()
        for column in window:
            line += self._edge(column, window)
            line.append(self._token_piece(row, column))
        line.append(self._last_edge(window))
        said = self._said(row)
        gap = self.size.width - cells(line) - text.width(said) - 1
        return clipped((*line, Piece(" " * max(gap, 0)), Piece(said, "strong")), self.size.width)

    def _token_piece(self, row: int, column: int) -> Piece:
        shown = text.pad(self._shown(self.token(row, column)), self._width(column))
        if column == self.cursor and row == self.row and self.has_focus:
            return Piece(shown, "cursor")
        if self.differs(column):
            return Piece(shown, "slot")
        return Piece(shown, "strong" if column == self.cursor else "text")

    def _edge(self, column: int, window: range) -> list[Piece]:
        """The cell before a column, which is where the bars around the cursor's stand."""
        if column == self.cursor:
            return [Piece("▌", self._bar_role)]
        return [Piece("▐", self._bar_role) if column - 1 == self.cursor and column > window.start else Piece(" ")]

    def _last_edge(self, window: range) -> Piece:
        return Piece("▐", self._bar_role) if window.stop - 1 == self.cursor else Piece(" ")

    @property
    def _bar_role(self) -> Role:
        return "key" if self.has_focus else "text"

    def _said(self, row: int) -> str:
        state = self.patches.state
        prompt = state.pair.prompt if row == A and state.pair else state.selection.prompt
        return said_words(self.patches.says(prompt), self.look)

    def told(self) -> str:
        """How many tokens the prompts have, and how many differ."""
        one, other = (len(side) for side in self.sides)
        return lengths_words(one, other, sum(map(self.differs, range(self.columns))))

    def _differences(self) -> Pieces:
        window = self._window()
        marks = "".join(f" {('^' if self.differs(at) else ' ') * self._width(at)}" for at in window)
        told = self.told()
        line = f" {text.pad('differ', self._label_cells - 1)}{marks}"
        gap = max(self.size.width - text.width(line) - text.width(told) - 1, 1)
        return clipped((Piece(line + " " * gap, "dim"), Piece(told, "dim")), self.size.width)

    # Keys ------------------------------------------------------------------------------------------------------------

    def action_step(self, step: int) -> None:
        """To the token before or after."""
        selection = self.patches.state.selection
        if selection.move(position=selection.position + step):
            self.show_cursor()
            self.post_message(SelectionChanged())

    def action_edge(self, end: int) -> None:
        """To the first or the last token."""
        self.action_step(end * len(self.patches.state.selection.tokens))

    def action_row(self, row: int) -> None:
        """To the source's row, or to the target's."""
        self.row = row
        self.refresh()

    def action_edit_row(self) -> None:
        """Edit the prompt of the row under the cursor."""
        self._edit(self.row)


def said_words(said: LensToken | None, look: Look) -> str:
    """`says ·Mary .71`: the most probable next token; "" while it is not known."""
    if said is None or math.isnan(said.probability):
        return ""
    return f"says {text.clip(look.visible(said.text), SAID - 9)} {share(said.probability)}"


def lengths_words(one: int, other: int, differing: int) -> str:
    """`15 = 15 tokens · 1 differs`, `15 ≠ 16 tokens`."""
    if one != other:
        return f"{one:,} ≠ {other:,} tokens"
    return f"{one:,} = {other:,} tokens · {differing:,} {'differs' if differing == 1 else 'differ'}"

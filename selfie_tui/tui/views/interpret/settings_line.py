"""The settings of a run in one line, and the interpretation prompt with the tokens that the injection overwrites."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby
from typing import ClassVar

import msgspec
from textual import events
from textual.message import Message

from selfie_tui.presets import PRESETS
from selfie_tui.records import Preset, PresetTokens, PromptToken
from selfie_tui.settings import CUSTOM, SETTINGS, Bounds, InterpretSettings
from selfie_tui.tui.actions import Scope, bindings
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, cells
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.interpret.typed import typed_value
from selfie_tui.tui.widgets.lines import TALL, Lines
from selfie_tui.tui.widgets.messages import SettingsChanged

MORE = "…"
"""Stands where there are settings outside the line."""


class SettingsLine(Lines, can_focus=True):
    """The settings in one line, one of them under the cursor; where they do not all fit, those around the cursor."""

    DEFAULT_CSS = "SettingsLine { height: 1; }"
    SCOPES: ClassVar[tuple[Scope, ...]] = ("settings",)
    BINDINGS = bindings("settings")

    class Moved(Message):
        """The cursor is on another setting."""

    def __init__(self, state: AppState, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = state
        self.cursor = 0
        self._first = 0
        """The first setting that is drawn."""
        self._columns: dict[int, int] = {}
        """Where each setting that is drawn begins, by its index."""

    def on_mount(self) -> None:
        self._lay_out()

    @property
    def values(self) -> InterpretSettings:
        """The settings, which are the state's."""
        return self.state.settings

    @property
    def bounds(self) -> Bounds:
        """What can be chosen."""
        return self.state.bounds

    def show_settings(self) -> None:
        """Show the settings of the state as they are now."""
        self._lay_out()

    def choose(self, settings: InterpretSettings) -> None:
        """Take these settings, and let the screen know when they are others.

        Posted here, the message would not rise above a view in whose handler this is called.
        """
        if self.state.choose(settings).settings:
            self._lay_out()
            self.screen.post_message(SettingsChanged())

    def choose_text(self, written: str) -> None:
        """Take an interpretation prompt of the user's own."""
        placeholder = "_" if "_" in written else self.values.preset.placeholder
        self.choose(msgspec.structs.replace(self.values, preset=Preset(CUSTOM, written, placeholder)))

    def count(self) -> int:
        return 1

    def pieces(self, index: int) -> Pieces:
        line: list[Piece] = [Piece(MORE if self._first else " ", "dim")]
        for number, column in self._columns.items():
            line.append(Piece(" " * (column - cells(line))))
            line += self._setting(number)
        if self._columns and max(self._columns) < len(SETTINGS) - 1:
            line.append(Piece(" " * (self._width - 1 - cells(line)) + MORE, "dim"))
        return tuple(line)

    def description(self) -> str:
        """What the setting under the cursor does; while the focus is elsewhere, what an encoder fills in."""
        if not self.has_focus:
            return self.values.fills(self.bounds.kind)
        return SETTINGS[self.cursor].about(self.values, self.bounds)

    @property
    def _width(self) -> int:
        return max(self.size.width, 1)

    def _setting(self, number: int) -> Pieces:
        setting = SETTINGS[number]
        value = self.look.prose(setting.written(self.values))
        before, after = Piece(setting.before, "dim"), Piece(setting.after, "dim")
        if number == self.cursor:
            return before, Piece(f"‹{value}›", "cursor" if self.has_focus else "strong"), after
        return before, Piece(f" {value} ", "strong"), after

    def _lay_out(self) -> None:
        """Draw from the first setting that is drawn now, unless the cursor's would then be outside."""
        self._first = min(self._first, self.cursor)
        self._columns = self._fitting(self._first)
        while self.cursor not in self._columns and self._first < self.cursor:
            self._first += 1
            self._columns = self._fitting(self._first)
        self.refresh()

    def _fitting(self, first: int) -> dict[int, int]:
        """The settings from `first` on that fit, at least one, with the columns where they begin."""
        columns: dict[int, int] = {}
        column = 1
        for number in range(first, len(SETTINGS)):
            width = cells(self._setting(number))
            last = number == len(SETTINGS) - 1
            if columns and column + width > self._width - (0 if last else 2):
                break
            columns[number] = column
            column += width + 1
        return columns

    def _on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def action_step(self, step: int) -> None:
        """To the setting on the left or right."""
        self.cursor = max(0, min(self.cursor + step, len(SETTINGS) - 1))
        self.post_message(self.Moved())
        self._lay_out()

    def action_change(self, step: int) -> None:
        """Change the setting under the cursor: down the list of its choices, or to a smaller number."""
        self.choose(SETTINGS[self.cursor].changed(self.values, step, self.bounds))

    def go_to(self, typed: str) -> bool:
        """Give the setting under the cursor a typed value; of presets and modes, a number is the one in the list.

        Raises:
            RequestError: for a number that the setting does not take.
        """
        setting = SETTINGS[self.cursor]
        value = typed_value(setting, typed, self.bounds)
        if value is not None:
            self.choose(msgspec.structs.replace(self.values, **{setting.field: value[0]}))
        return value is not None

    def on_click(self, event: events.Click) -> None:
        """Go to the setting under the mouse; on the one that is there already, take its next value."""
        under = max((number for number, column in self._columns.items() if column <= event.x), default=self.cursor)
        if under == self.cursor:
            self.action_change(1)
        else:
            self.action_step(under - self.cursor)


def slot_pieces(tokens: Sequence[PromptToken], look: Look) -> list[Piece]:
    """An interpretation prompt as running text in which every token that will be overwritten stands in brackets.

    The masks that an encoder will fill in stand out, those of a row as one: `[MASK]×12`.
    """
    pieces: list[Piece] = []
    for filled, grouped in groupby(_without_spaces(tokens), lambda token: token.filled):
        row = list(grouped)
        pieces += _masks(row, look) if filled else chain.from_iterable(_slot(token, look) for token in row)
    return pieces


def _without_spaces(tokens: Sequence[PromptToken]) -> list[PromptToken]:
    """The tokens less those that are nothing but the space before a mask."""
    after = [*tokens[1:], None]
    return [
        token
        for token, next in zip(tokens, after, strict=True)
        if token.overwritten or token.token.text.strip() or next is None or not next.filled
    ]


def _slot(token: PromptToken, look: Look) -> list[Piece]:
    shown = look.prose(token.token.text)
    if not token.overwritten:
        return [Piece(shown)]
    lead = " " if shown.startswith(" ") else ""
    return [Piece(lead), Piece(f"[{shown.strip() or look.visible(token.token.text)}]", "slot")]


def _masks(row: list[PromptToken], look: Look) -> list[Piece]:
    many = f"×{len(row)}" if len(row) > 1 else ""
    return [Piece(" "), Piece(look.prose(row[0].token.text).strip() + many, "accent")]


class PresetView(Lines):
    """The interpretation prompt with its overwritten tokens marked, or why it cannot be used."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.shown: PresetTokens | None = None
        self.preset: Preset = PRESETS[0]
        self._lines: list[Pieces] = []

    def show_preset(self, preset: Preset) -> None:
        """Show a preset's text until its tokens are known."""
        self.preset = preset
        self._lay_out()

    def show_tokens(self, tokens: PresetTokens) -> None:
        """Show the tokens of the preset, if it is still the one that is chosen."""
        if tokens.preset == self.preset:
            self.shown = tokens
            self._lay_out()

    @property
    def problem(self) -> str:
        """Why the preset cannot be used, as far as is known."""
        return self.shown.problem if self.shown is not None and self.shown.preset == self.preset else ""

    def count(self) -> int:
        return len(self._lines)

    def pieces(self, index: int) -> Pieces:
        return (Piece(" "), *self._lines[index])

    def _lay_out(self) -> None:
        width = max(self.size.width - 2, 1)
        if self.problem:
            words = [Piece("cannot be used: ", "bad"), Piece(self.look.prose(self.problem), "bad")]
        elif self.shown is not None and self.shown.preset == self.preset:
            words = slot_pieces(self.shown.tokens, self.look)
        else:
            words = [Piece(self.look.prose(self.preset.text), "dim")]
        low = self.app.size.height < TALL
        self._lines = [tuple(words)] if low else flow(words, width)
        self.fit(4)
        self.refresh()
        self.settle()

    def _on_resize(self, event: events.Resize) -> None:
        self._lay_out()

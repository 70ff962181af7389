"""The settings of a run in one line."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from textual import events
from textual.message import Message

from selfie_tui.interpret_settings import CUSTOM, Bounds, InterpretSettings
from selfie_tui.records import Preset
from selfie_tui.settings import SETTINGS
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.calibrating import CALIBRATED_FIELDS, words
from selfie_tui.tui.render.styles import Piece, Pieces, cells
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import key_of
from selfie_tui.tui.widgets.lines import Lines
from selfie_tui.tui.widgets.messages import CalibrationWanted, SettingsChanged
from selfie_tui.tui.widgets.typed import typed_value

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
        """How well the settings read, and what the setting under the cursor does or else what an encoder fills in."""
        setting = SETTINGS[self.cursor]
        about = setting.about(self.values, self.bounds) if self.has_focus else self.values.fills(self.bounds.kind)
        if self.has_focus and setting.field not in CALIBRATED_FIELDS:
            return about
        known = words(self.state, key_of("settings.calibrate", getattr(self.app, "keymap", {})))
        return " · ".join(part for part in (known, about) if part)

    def action_calibrate(self) -> None:
        """Ask for the calibration of the preset."""
        self.screen.post_message(CalibrationWanted())

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

"""What is asked: preset, injection and decoding as settings in one line, and which tokens the injection overwrites."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby
from typing import ClassVar

import msgspec
from textual import events
from textual.message import Message

from selfie_tui import text
from selfie_tui.presets import PRESETS
from selfie_tui.records import Preset, PresetTokens, PromptToken
from selfie_tui.tui.actions import Scope, bindings
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, cells
from selfie_tui.tui.settings import CUSTOM, SETTINGS, InterpretSettings, Setting, SettingBounds
from selfie_tui.tui.widgets.lines import TALL, Lines


class SettingsLine(Lines, can_focus=True):
    """The settings in as few lines as they need, one of them under the cursor."""

    DEFAULT_CSS = "AskSettings { height: 1; }"
    SCOPES: ClassVar[tuple[Scope, ...]] = ("ask",)
    BINDINGS = bindings("ask")

    class Moved(Message):
        """The cursor is on another setting."""

    class Changed(Message):
        """Something else is asked now."""

        def __init__(self, asked: InterpretSettings) -> None:
            super().__init__()
            self.asked = asked

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.asked = InterpretSettings()
        self.bounds = SettingBounds()
        self.cursor = 0
        self._places: list[tuple[int, int]] = []

    def on_mount(self) -> None:
        self._lay_out()

    def show_model(self, blocks: int, kind: str) -> None:
        """Keep the injection layer inside a model of so many blocks, and speak of what its kind does."""
        self.bounds = self.bounds._replace(blocks=blocks, kind=kind)
        self.ask(msgspec.structs.replace(self.asked, injection_layer=min(self.asked.injection_layer, blocks - 1)))

    def ask(self, asked: InterpretSettings) -> None:
        """Ask this, and say so when it is something else."""
        if asked.preset not in self.bounds.presets:
            presets = tuple(preset for preset in self.bounds.presets if preset.name != asked.preset.name)
            self.bounds = self.bounds._replace(presets=(*presets, asked.preset))
        if asked != self.asked:
            self.asked = asked
            self._lay_out()
            self.post_message(self.Changed(asked))

    def ask_text(self, written: str) -> None:
        """Ask with an interpretation prompt of the user's own."""
        placeholder = "_" if "_" in written else self.asked.preset.placeholder
        self.ask(msgspec.structs.replace(self.asked, preset=Preset(CUSTOM, written, placeholder)))

    def count(self) -> int:
        return self._places[-1][0] + 1 if self._places else 1

    def pieces(self, index: int) -> Pieces:
        line: list[Piece] = []
        for place, (setting, (at, column)) in enumerate(zip(SETTINGS, self._places, strict=False)):
            if at == index:
                line.append(Piece(" " * (column - cells(line))))
                line += self._setting(place, setting)
        return tuple(line)

    def told(self) -> str:
        """What the setting under the cursor does; where the keys go elsewhere, what an encoder fills in."""
        if not self.has_focus:
            return self.asked.fills(self.bounds.kind)
        return SETTINGS[self.cursor].told(self.asked, self.bounds)

    def _setting(self, place: int, setting: Setting) -> Pieces:
        value = self.look.prose(setting.written(self.asked))
        before, behind = Piece(setting.before, "dim"), Piece(setting.behind, "dim")
        if place == self.cursor:
            return before, Piece(f"‹{value}›", "cursor" if self.has_focus else "strong"), behind
        return before, Piece(f" {value} ", "strong"), behind

    def _lay_out(self) -> None:
        room = max(self.size.width, 1)
        line, column = 0, 1
        places: list[tuple[int, int]] = []
        for setting in SETTINGS:
            size = len(setting.before + setting.behind) + text.width(self.look.prose(setting.written(self.asked))) + 2
            if column > 1 and column + size > room:
                line, column = line + 1, 1
            places.append((line, column))
            column += size + 1
        self._places = places
        self.fit(3)
        self.refresh()

    def _on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def action_step(self, step: int) -> None:
        """To the setting on the left or right."""
        before, self.cursor = self.cursor, max(0, min(self.cursor + step, len(SETTINGS) - 1))
        self.post_message(self.Moved())
        for place in (before, self.cursor):
            self.redraw(self._places[place][0])

    def action_change(self, step: int) -> None:
        """Change the setting under the cursor: down the list of its choices, or to a smaller number."""
        self.ask(SETTINGS[self.cursor].changed(self.asked, step, self.bounds))

    def on_click(self, event: events.Click) -> None:
        """Go to the setting under the mouse; on the one that is there already, take its next value."""
        under = [place for place, (line, column) in enumerate(self._places) if line == event.y and column <= event.x]
        if under and under[-1] == self.cursor:
            self.action_change(1)
        elif under:
            self.action_step(under[-1] - self.cursor)


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
        """Show the tokens of the preset, if it is still the one that is asked."""
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
        room = max(self.size.width - 2, 1)
        if self.problem:
            words = [Piece("cannot be used: ", "bad"), Piece(self.look.prose(self.problem), "bad")]
        elif self.shown is not None and self.shown.preset == self.preset:
            words = slot_pieces(self.shown.tokens, self.look)
        else:
            words = [Piece(self.look.prose(self.preset.text), "dim")]
        low = self.app.size.height < TALL
        self._lines = [tuple(words)] if low else flow(words, room)
        self.fit(4)
        self.refresh()
        self.settle()

    def _on_resize(self, event: events.Resize) -> None:
        self._lay_out()

"""Keys as they are typed: in their order, and alt as a key of its own."""

from __future__ import annotations

from enum import StrEnum

from textual import _ansi_sequences, events

from selfie_tui.tui.host import Host
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.screens.main import MainScreen
from selfie_tui.tui.widgets.field import Field


class AltDigit(StrEnum):
    """Alt with the digit of a pane."""

    MODEL = "alt+1"
    PROMPT = "alt+2"
    SETTINGS = "alt+3"
    LAYERS = "alt+4"
    LOG = "alt+5"


def take_alt_digits() -> None:
    """Take escape and a digit for alt and that digit, which Textual takes for what a Mac types with it, such as `¢`."""
    for key in AltDigit:
        _ansi_sequences.ANSI_SEQUENCES_KEYS[f"\x1b{key[-1]}"] = (key,)  # type: ignore[index]


class KeyboardApp(Host, inherit_bindings=False):
    """An app that does what a key is for before it looks at the next one."""

    async def on_event(self, event: events.Event) -> None:
        """Do what a key is for before the next one is looked at.

        Textual hands each key to the focused widget's queue and looks for a binding once it comes back unused, by when
        later letters of a burst (fast typing, a slow line, tmux) have overtaken it: backspace then deletes the wrong
        letter, and letters typed after `i` are taken for commands.
        """
        here = (
            self._screen_in_order()
            if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded
            else None
        )
        if here is not None:
            if isinstance(event, events.Key) and await self._key(here, event):
                return
            if isinstance(event, events.Paste) and isinstance(here.focused, Field):
                here.focused.put(event.text)
                return
        await super().on_event(event)

    def _screen_in_order(self) -> MainScreen | PageScreen | None:
        if not self._screen_stack:
            return None
        screen = self.screen
        return screen if isinstance(screen, (MainScreen, PageScreen)) else None

    async def _key(self, screen: MainScreen | PageScreen, event: events.Key) -> bool:
        typed = event.character if event.is_printable and not event.key.startswith("alt+") else ""
        if isinstance(screen.focused, Field) and typed:
            screen.focused.put(typed)
            return True
        active = screen.active_bindings.get(event.key)
        done = active is not None and bool(await self.run_action(active.binding.action, active.node))
        return done or (isinstance(screen.focused, Field) and event.is_printable)  # alt and a letter types nothing

"""Keys in the order in which they are typed, and alt with a digit as a key of its own."""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum

from textual import _ansi_sequences, events

from selfie_tui.tui.host import Host
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.screens.main import MainScreen
from selfie_tui.tui.widgets.field import Field

BURST = 0.01
"""Seconds between keys that are taken to have come together."""

DRAWN_EVERY = 0.1
"""Seconds of a burst of keys after which the screen is drawn."""

DRAWING = 0.025
"""Seconds for that: a little more than Textual waits between two frames."""


class AltDigit(StrEnum):
    """Alt with the digit of a pane, as Textual names the key."""

    MODEL = "alt+1"
    PROMPT = "alt+2"
    SETTINGS = "alt+3"
    LAYERS = "alt+4"
    LOG = "alt+5"


def register_alt_digits() -> None:
    """Read escape and a digit as alt and that digit; Textual reads what a Mac types with them, such as `¢`."""
    for key in AltDigit:
        _ansi_sequences.ANSI_SEQUENCES_KEYS[f"\x1b{key[-1]}"] = (key,)  # type: ignore[index]


class KeyboardApp(Host, inherit_bindings=False):
    """An app that carries out each key before it looks at the next one."""

    main: MainScreen
    """The screen below all pages."""

    _typed_at = _drawn_at = 0.0

    async def on_event(self, event: events.Event) -> None:
        """Carry out a key before the next one is looked at.

        Textual hands each key to the focused widget's queue and looks for a binding once it comes back unused, by when
        later letters of a burst (fast typing, a slow line, tmux) have overtaken it: backspace then deletes the wrong
        letter, and letters typed after `i` run as commands.
        """
        screen = (
            self._screen_in_order()
            if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded
            else None
        )
        if screen is not None:
            await self._let_others_work()
            if isinstance(event, events.Key):
                done = await self._key(screen, event)
                self._typed_at = time.monotonic()
                if done:
                    return
            if isinstance(event, events.Paste) and screen.focused is not None and self._paste(screen, event.text):
                return
        await super().on_event(event)

    def _screen_in_order(self) -> MainScreen | PageScreen | None:
        if not self._screen_stack:
            return None
        screen = self.screen
        return screen if isinstance(screen, (MainScreen, PageScreen)) else None

    async def _let_others_work(self) -> None:
        """Let the screen be drawn between the keys of a burst, which else are all answered before anything is drawn."""
        now, before = time.monotonic(), self._typed_at
        if now - before > BURST:
            self._drawn_at = now
        elif now - self._drawn_at > DRAWN_EVERY:
            await asyncio.sleep(DRAWING)
            self._drawn_at = time.monotonic()

    def _paste(self, screen: MainScreen | PageScreen, pasted: str) -> bool:
        """Insert what was pasted into the field with the focus; on the prompt's tokens, into their text."""
        if isinstance(screen, MainScreen) and screen.focused is screen.tokens:
            screen.edit(screen.prompt_text)
            screen.prompt_text.put(pasted)
        elif isinstance(screen.focused, Field):
            screen.focused.put(pasted)
        else:
            return False
        return True

    async def _key(self, screen: MainScreen | PageScreen, event: events.Key) -> bool:
        typed = event.character if event.is_printable and not event.key.startswith("alt+") else ""
        if isinstance(screen.focused, Field) and typed:
            screen.focused.put(typed)
            return True
        active = screen.active_bindings.get(event.key)
        done = active is not None and bool(await self.run_action(active.binding.action, active.node))
        return done or (isinstance(screen.focused, Field) and event.is_printable)  # alt and a letter types nothing

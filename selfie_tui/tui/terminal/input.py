"""What a terminal sends, as messages: what cannot be one is dropped by itself, and a paste is text to its very end.

Textual's parser is a generator, so that an error in it (a key past Unicode, mouse reports after a size of no pixels)
ends all input; and an escape inside a paste makes the characters behind it act as keys.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable
from contextlib import suppress

from textual import events
from textual._parser import Peek1, Read1, TokenCallback
from textual._time import get_time
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.keys import Keys
from textual.message import Message

log = logging.getLogger(__name__)

LARGEST = 2000
"""Columns, or lines, beyond which a report of the terminal's size is not believed."""

SILENCE = 1.0
"""Seconds without input after which a key of `ALWAYS_KEYS` is one, though a paste has not ended."""

ALWAYS_KEYS = ("\x03", "\x11", "\x1b[99;5u", "\x1b[113;5u")
"""ctrl+c and ctrl+q, in both ways in which a terminal sends them."""

_NOT_UNDERSTOOD = (ValueError, OverflowError, ZeroDivisionError, IndexError)


class InputParser(XTermParser):
    """Textual's parser, which no input can end."""

    def __init__(self, debug: bool = False) -> None:
        self._matched = 0
        self._pasted: list[str] | None = None
        self._fed = 0.0
        self._believed: tuple[tuple[int, int] | None, tuple[int, int] | None, bool] = (None, None, False)
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        """The messages that are complete with this text; "" ends the input."""
        if not data:
            yield from super().feed(data)
            return
        while data:
            data = self._feed_keys(data) if self._pasted is None else self._feed_paste(self._pasted, data)
            while self._tokens:
                yield self._tokens.popleft()

    def tick(self) -> Iterable[Message]:
        """The messages that are complete as nothing came for a while, such as escape by itself."""
        try:
            yield from super().tick()
        except Exception:
            log.exception("Input that is not understood was dropped.")
            self._restart()

    def parse(self, token_callback: TokenCallback[Message]) -> Generator[Read1 | Peek1, str, None]:
        """Parse as Textual does, but for reports of sizes that no terminal has."""

        def take(message: Message) -> None:
            if not isinstance(message, events.Resize) or self._is_believed(message):
                token_callback(message)

        return super().parse(take)

    def parse_mouse_code(self, code: str) -> Message | None:
        """The event of a mouse report, or None for one that is outside any terminal."""
        with suppress(*_NOT_UNDERSTOOD):
            message = super().parse_mouse_code(code)
            if not isinstance(message, events.MouseEvent) or max(message.screen_x, message.screen_y) < LARGEST:
                return message
        return None

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        """The keys of a sequence; one that stands for no character is taken and ignored."""
        try:
            keys = list(super()._sequence_to_key_events(sequence, alt))
        except _NOT_UNDERSTOOD:
            keys = [events.Key(Keys.Ignore, sequence)]
        return [key if is_text(key.character) else events.Key(Keys.Ignore, sequence) for key in keys]

    def _feed_keys(self, data: str) -> str:
        """Parse text up to where a paste begins; return the rest."""
        for end, character in enumerate(data, 1):
            if character == BRACKETED_PASTE_START[self._matched]:
                self._matched += 1
            else:
                self._matched = int(character == BRACKETED_PASTE_START[0])
            if self._matched == len(BRACKETED_PASTE_START):
                self._matched, self._pasted, self._fed = 0, [], get_time()
                self._restart()
                return data[end:]
            self._send(character)
        return ""

    def _send(self, character: str) -> None:
        try:
            self._timeout_time = None
            self._awaiting = self._gen.send(character)
        except Exception:
            log.exception("Input that is not understood was dropped.")
            self._restart()
        if self._awaiting.timeout is not None:
            self._timeout_time = get_time() + self._awaiting.timeout

    def _restart(self) -> None:
        """Begin anew, with whatever comes next."""
        self._timeout_time = None
        self._gen = self.parse(self._tokens.append)
        self._awaiting = next(self._gen)

    def _feed_paste(self, parts: list[str], data: str) -> str:
        """Collect what is pasted; at its end a `Paste` is complete, and the rest is returned."""
        silent, self._fed = get_time() - self._fed > SILENCE, get_time()
        if silent and data in ALWAYS_KEYS:
            self._pasted = None
            self._tokens.append(events.Paste("".join(parts).replace("\x00", "")))
            return data
        overlap = len(BRACKETED_PASTE_END) - 1
        before = "".join(parts[-overlap:])[-overlap:]
        end = (before + data).find(BRACKETED_PASTE_END)
        if end < 0:
            parts.append(data)
            return ""
        end += len(BRACKETED_PASTE_END) - len(before)
        text = ("".join(parts) + data[:end]).removesuffix(BRACKETED_PASTE_END)
        self._pasted = None
        self._tokens.append(events.Paste(text.replace("\x00", "")))
        return data[end:]

    def _is_believed(self, report: events.Resize) -> bool:
        """Whether a terminal can have the size of a report; if not, what was known before holds."""
        sides = (*report.size, *(() if report.pixel_size is None else report.pixel_size))
        if all(side > 0 for side in sides) and max(report.size) <= LARGEST:
            self._believed = (self.terminal_size, self.terminal_pixel_size, self.mouse_pixels)
            return True
        self.terminal_size, self.terminal_pixel_size, self.mouse_pixels = self._believed
        return False


def is_text(character: str | None) -> bool:
    """Whether a key's character, if it has one, can be written as UTF-8: half of a surrogate pair cannot."""
    return character is None or not any("\ud800" <= part <= "\udfff" for part in character)

"""Textual's driver for a terminal that may send anything, vanish, or have to be given back at any moment."""

from __future__ import annotations

import codecs
import logging
import os
import select
import signal
import termios
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from selfie_tui.tui.terminal.input import InputParser

log = logging.getLogger(__name__)

GIVE_BACK = (
    "\x1b\\\x1b[?2026l\x1b[r\x1b[m\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1016l\x1b[?1006l"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""Ends a sequence that was cut off, and every mode that Textual sets."""

_POLL = 0.1
"""Seconds after which an escape that nothing follows is a key, and after which a driver that ends stops reading."""


class TerminalDriver(LinuxDriver):
    """Draws on a stream of its own, and reads keys until the terminal hangs up, which counts as SIGHUP."""

    def __init__(
        self,
        app: App[object],
        drawing: TextIOWrapper,
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file = self._drawing = drawing
        self._holds_terminal = False
        self._asked = False
        """Whether the event loop has been asked to suspend or to restart."""
        self.feeds = False
        """Whether a line feed reaches the terminal as it is, and leaves the column."""

    def start_application_mode(self) -> None:
        self._holds_terminal = True
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self.feeds = self._feed_lines_only()
        told = signal.getsignal(signal.SIGWINCH)
        signal.signal(signal.SIGWINCH, lambda *given: None if self._has_ended() or not callable(told) else told(*given))

    def stop_application_mode(self) -> None:
        super().stop_application_mode()
        self._holds_terminal = False

    def _feed_lines_only(self) -> bool:
        """Have the system add no return to line feeds, as curses does; whether it will.

        The modes that held before are set again with those of the input, so both have to be of one terminal.
        """
        try:
            drawing = self._drawing.fileno()
            if self.attrs_before is None or os.ttyname(drawing) != os.ttyname(self.fileno):
                return False
            modes = termios.tcgetattr(drawing)
            modes[1] &= ~termios.OPOST
            termios.tcsetattr(drawing, termios.TCSANOW, modes)
            return not termios.tcgetattr(drawing)[1] & termios.OPOST
        except (OSError, ValueError, termios.error):
            return False

    def _has_ended(self) -> bool:
        """Whether the program is leaving: what the terminal says is nobody's concern any more."""
        return self._loop.is_closed()

    # Suspending ------------------------------------------------------------------------------------------------------

    def _sigtstp_application(self, *_: object) -> None:
        """Suspend, once the event loop gets to it: inside of what the signal has interrupted, locks may be held."""
        if self._auto_restart and not self._has_ended():
            self._ask(self._suspend)
        else:  # the terminal is an editor's, which the same key suspends, or the shell's again
            os.kill(os.getpid(), signal.SIGSTOP)

    def _sigcont_application(self, *_: object) -> None:
        """Draw again after a stop that was not asked for here, such as by `kill -STOP`: the shell had the terminal."""
        if self._auto_restart and not self._has_ended():
            self._ask(self._restart)

    def _ask(self, what: Callable[[], None]) -> None:
        if not self._asked:
            self._asked = True
            self._loop.call_soon_threadsafe(what)

    def _suspend(self) -> None:
        """Give the terminal to the shell and stop until the program is in the foreground again.

        Until then both signals are left alone: a key that is typed again means no second stop.
        """
        with _left_alone(signal.SIGTSTP, signal.SIGCONT):
            self.suspend_application_mode()
            os.kill(os.getpid(), signal.SIGSTOP)
            while not self._in_foreground():
                os.kill(os.getpid(), signal.SIGSTOP)
            self._resume()
        self._asked = False

    def _restart(self) -> None:
        if self._holds_terminal:  # not where the end of the program has given it back meanwhile
            with _left_alone(signal.SIGTSTP, signal.SIGCONT):
                self.suspend_application_mode()
                self._resume()
        self._asked = False

    def _resume(self) -> None:
        self._must_signal_resume = True
        self.resume_application_mode()

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:
            return True

    # Giving back -----------------------------------------------------------------------------------------------------

    def give_back(self) -> None:
        """Give the terminal back at once, from any thread, if it has not been given back in the regular way.

        What waits to be drawn is dropped, and a terminal that takes nothing is not waited for.
        """
        if not self._holds_terminal:
            return
        self._holds_terminal = False
        with suppress(OSError, ValueError, termios.error):
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
            descriptor = self._drawing.fileno()
            termios.tcflush(descriptor, termios.TCOFLUSH)
            if select.select([], [descriptor], [], _POLL)[1]:
                os.write(descriptor, GIVE_BACK.encode())

    # Input -----------------------------------------------------------------------------------------------------------

    def run_input_thread(self) -> None:
        parser = InputParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        ends = False
        while not ends:
            ends = self.exit_event.is_set()
            if select.select([self.fileno], [], [], _POLL)[0]:
                data = self._read()
                if not data:
                    return
                if text := decode(data):  # a part of a character is kept for what comes next
                    self._process(parser.feed(text))
            self._process(parser.tick())

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except Exception as error:  # noqa: BLE001 - raised where the app handles what is fatal
            self._app.call_later(_raise, error)

    def _read(self) -> bytes:
        """What has come; nothing where the terminal has hung up."""
        data = b""
        with suppress(OSError):
            data = os.read(self.fileno, 4096)
        if not data and not self.exit_event.is_set():
            ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGTERM if ignored else signal.SIGHUP)
        return data

    def _process(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if self._has_ended():
                return
            try:
                self.process_message(message)
            except Exception:
                log.exception("Input was dropped: %r", message)


@contextmanager
def _left_alone(*numbers: int) -> Iterator[None]:
    """Meanwhile these signals have no handler that does anything; they still stop and continue other programs."""
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(error: Exception) -> None:
    raise error

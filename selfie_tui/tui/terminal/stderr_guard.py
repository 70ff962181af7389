"""Keeps what C libraries, child processes and early-bound loggers print off the screen that Textual draws on.

Textual draws on standard error. While a guard holds, drawing goes to a private duplicate of the terminal's descriptor,
and those of descriptors 1 and 2 that are the terminal are the log file instead:

    with StderrGuard(paths.log_file()) as guard:
        SelfieApp(driver_class=guard.driver_class()).run()

The driver lifts the guard whenever it leaves application mode, so that an editor started by `App.suspend`, and the
traceback that Textual prints at the end, have the terminal.
"""

from __future__ import annotations

import codecs
import locale
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType

from textual import constants
from textual.app import App
from textual.driver import Driver

_STANDARD = (1, 2)


class StderrGuard:
    """A context in which the terminal is for drawing alone. `problem` is the reason, in one line, if nothing is logged.

    `give_back()` gives the terminal back at once, from any thread, where a driver still holds it.

    Descriptors that lead elsewhere (`2>file`) are left as they are; drawing then goes to standard output, or to
    `/dev/tty`. Without a terminal to read from and draw on the guard does nothing, and Textual draws as it would.
    """

    def __init__(self, log_path: Path) -> None:
        self.log_path = log_path
        self.problem = ""
        self.drawing: TextIOWrapper | None = None
        self._log = -1
        self._kept: dict[int, int] = {}
        self._closing = ExitStack()
        self.give_back: Callable[[], None] = _do_nothing

    def __enter__(self) -> StderrGuard:
        with ExitStack() as opened:
            terminal = _terminal()
            if terminal is not None:
                self.drawing = open(terminal, "w", encoding=_encoding(), errors="backslashreplace", newline="")
                opened.callback(_close, self.drawing)
                self._log = self._open_log()
                opened.callback(os.close, self._log)
                opened.callback(self.release)
                self.engage()
            self._closing = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.give_back()
        self._closing.close()
        self.drawing = None

    def engage(self) -> None:
        """Point the standard descriptors that are the terminal at the log; those that were pointed there stay so."""
        if self.drawing is None:
            return
        _flush()
        for descriptor in _STANDARD:
            if descriptor not in self._kept and _is_terminal(descriptor):
                self._kept[descriptor] = os.dup(descriptor)
                os.dup2(self._log, descriptor)

    def release(self) -> None:
        """Point the standard descriptors back at the terminal."""
        _flush()
        while self._kept:
            descriptor, kept = self._kept.popitem()
            os.dup2(kept, descriptor)
            os.close(kept)

    def driver_class(self) -> type[Driver] | None:
        """The driver to give to an app: one that draws past the guard, or None for the one Textual chooses."""
        drawing = self.drawing
        if drawing is None or constants.DRIVER is not None:
            return None
        return _guarded_driver(self, drawing)

    def _open_log(self) -> int:
        try:
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            self.problem = f"Nothing is logged: {self.log_path} cannot be written ({error.strerror or error})."
            return os.open(os.devnull, os.O_WRONLY)


def _guarded_driver(guard: StderrGuard, drawing: TextIOWrapper) -> type[Driver]:
    from selfie_tui.tui.terminal.driver import TerminalDriver  # not on Windows

    class GuardedDriver(TerminalDriver):
        """A driver on the guard's descriptor."""

        def __init__(
            self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
        ) -> None:
            super().__init__(app, drawing, debug=debug, mouse=mouse, size=size)
            guard.give_back = self.give_back

        def start_application_mode(self) -> None:
            guard.engage()
            super().start_application_mode()

        def stop_application_mode(self) -> None:
            super().stop_application_mode()
            guard.release()

        def _get_terminal_size(self) -> tuple[int, int]:
            if not {"COLUMNS", "LINES"} & os.environ.keys():
                # Textual asks standard output, which is the log, or where the user sent it.
                with suppress(OSError):
                    columns, lines = os.get_terminal_size(drawing.fileno())
                    if columns and lines:
                        return columns, lines
            return super()._get_terminal_size()

    return GuardedDriver


def _terminal() -> int | None:
    """A new descriptor of the terminal to draw on, or None where there is none, or no keys can come from it."""
    if sys.platform == "win32" or not _is_terminal(0):
        return None
    for descriptor in (2, 1):
        if _is_terminal(descriptor):
            return os.dup(descriptor)
    try:
        return os.open("/dev/tty", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _encoding() -> str:
    """The locale's encoding, whatever Python's own streams are set to; UTF-8 for ASCII, of which it is an extension."""
    encoding = codecs.lookup(locale.getencoding()).name
    return "utf-8" if encoding == "ascii" else encoding


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _do_nothing() -> None:
    """No driver holds the terminal."""


def _close(drawing: TextIOWrapper) -> None:
    with suppress(OSError):  # of a terminal that has gone
        drawing.close()


def _flush() -> None:
    """Let what Python has buffered go where it was meant to go."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()

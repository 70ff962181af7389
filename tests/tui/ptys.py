"""A program in a real pseudo-terminal, with an emulated screen to look at."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from tests.tui.terminals import Terminal

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _begin() -> None:
    """In the new process: its terminal controls it, and it ignores no signal that the test runner ignores."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class PtyProgram:
    """`python ARGUMENTS` with a terminal of this size as its standard input, output and error."""

    def __init__(
        self, *arguments: str, size: tuple[int, int] = (80, 24), env: dict[str, str] | None = None, shell: str = ""
    ) -> None:
        self.terminal = Terminal(*size, repeats="none" if (env or {}).get("TERM") in ("linux", "screen") else "any")
        self.received = 0
        self._master, slave = pty.openpty()
        self._resize(slave, size)
        # Sizes in the environment, as test runners put them there, would stand for the terminal's own.
        dropped = ("NO_COLOR", "COLORTERM", "TMUX", "STY", "COLUMNS", "LINES")
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        command = ["/bin/sh", "-c", shell, sys.executable, *arguments] if shell else [sys.executable, *arguments]
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**kept, "TERM": "xterm-256color", "PYTHONPATH": ROOT, **(env or {})},
            start_new_session=True,
            preexec_fn=_begin,
        )
        os.close(slave)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._unfed = ""

    def __enter__(self) -> PtyProgram:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the terminal under the program."""
        with suppress(OSError):  # closed before
            os.close(self._master)

    def send(self, keys: str) -> None:
        """Type."""
        self.send_bytes(keys.encode())

    def send_bytes(self, data: bytes) -> None:
        """Send any bytes, at the pace at which they are read; what is drawn meanwhile is read."""
        while data and self.process.poll() is None:
            if select.select([], [self._master], [], 0.5)[1]:
                data = data[os.write(self._master, data[:1024]) :]
            self.read(0)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the terminal."""
        self.terminal.resize(lines, columns)
        self._resize(self._master, (columns, lines))
        os.killpg(self.process.pid, signal.SIGWINCH)

    def read(self, seconds: float) -> bool:
        """Show what comes within this time, or until there is a pause; whether anything came."""
        data = b""
        if select.select([self._master], [], [], seconds)[0]:
            # A terminal whose program has ended reads as an error.
            with suppress(OSError):
                data = os.read(self._master, 65536)
        if not data:
            self._feed(self._unfed)
            self._unfed = ""
            return False
        self.received += len(data)
        text = self._unfed + self._decoder.decode(data)
        # The last sequence may not have come whole.
        start = text.rfind("\x1b")
        self._unfed = text[start:] if start >= 0 else ""
        self._feed(text[:start] if start >= 0 else text)
        return True

    def until(self, true: Callable[[], bool], seconds: float = 20) -> bool:
        """Read until something is true, and nothing more comes; whether it came true in this time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.read(0.1) and true():
                return True
            if self.process.poll() is not None and not self.read(0.05):
                return true()
        return False

    def text(self) -> str:
        """What the screen shows."""
        return "\n".join("".join(look.glyph for look in line) for line in self.terminal.looks())

    def shows(self, text: str) -> bool:
        """Wait until the screen shows a text."""
        return self.until(lambda: text in self.text())

    def _feed(self, text: str) -> None:
        self.terminal.feed(text)
        if answers := self.terminal.taken_answers():
            os.write(self._master, answers.encode())

    @staticmethod
    def _resize(descriptor: int, size: tuple[int, int]) -> None:
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

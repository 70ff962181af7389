"""Starts an installed selfie-tui in a pseudo-terminal, presses enter once, reads `Paris` on the screen, and quits."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import sys
import tempfile
import termios
import time

import pyte

SECONDS = 90


def main(program: str) -> None:
    screen = pyte.Screen(120, 40)
    stream = pyte.ByteStream(screen)
    home = tempfile.mkdtemp()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", HOME=home, XDG_STATE_HOME=home, XDG_CONFIG_HOME=home, COLUMNS="120")
        os.chdir(home)
        os.execv(program, [program])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    started = time.monotonic()
    wait_for(terminal, stream, screen, "Interpretations", started)
    print(f"first screen after {time.monotonic() - started:.2f} s")
    os.write(terminal, b"\r")
    wait_for(terminal, stream, screen, "capital of France", started)
    print(f"first interpretation after {time.monotonic() - started:.2f} s")
    os.write(terminal, b"\x11")
    while time.monotonic() - started < SECONDS:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0, status
            print("1 passed, 0 failed")
            return
        pump(terminal, stream)
    raise SystemExit("the app did not quit")


def wait_for(terminal: int, stream: pyte.ByteStream, screen: pyte.Screen, text: str, started: float) -> None:
    """Read the terminal until a text is on its screen."""
    while text not in "\n".join(screen.display):
        if time.monotonic() - started > SECONDS:
            raise SystemExit(f"“{text}” did not appear:\n" + "\n".join(screen.display))
        pump(terminal, stream)


def pump(terminal: int, stream: pyte.ByteStream) -> None:
    """Feed what the program wrote, if anything."""
    if select.select([terminal], [], [], 0.02)[0]:
        try:
            stream.feed(os.read(terminal, 1 << 16))
        except OSError:  # the other end is closed: the program has left
            time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1])

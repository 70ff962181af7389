"""Copying to the clipboard of the terminal the user sits at, over SSH, tmux and screen, by OSC 52."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from selfie_tui.paths import make_private
from selfie_tui.text import pasteable

LIMIT = 74_994
"""The longest text, in bytes, that is sent: with base64 it is the 100 kB at which common terminals stop listening."""

SCREEN_CHUNK = 508
"""GNU screen drops a device control string that is longer than 512 bytes."""

Runner = Callable[[list[str], bytes], bool]


class Copied(NamedTuple):
    """The outcome of a copy: `sequence` is to be written to the terminal, `message` is for the user."""

    sequence: str
    message: str
    ok: bool = True


def copy(
    text: str, what: str, spill: Path, environment: Mapping[str, str] | None = None, run: Runner | None = None
) -> Copied:
    """Copy `text`, control characters in it written out; what is too long for a terminal goes to the file `spill`.

    `what` names the text. Inside tmux the server gets it first (`load-buffer -w`), since by default tmux
    ignores OSC 52 from programs; the wrapped sequence is for servers that do not answer.
    """
    variables = os.environ if environment is None else environment
    text = pasteable(text)
    size = len(text.encode())
    if size > LIMIT:
        return _spilled(text, what, size, spill)
    if "TMUX" in variables:
        if (run or _run)(["tmux", "load-buffer", "-w", "-"], text.encode()):
            return Copied("", f"Copied {what} ({len(text)} characters): tmux buffer and terminal clipboard.")
        return Copied(wrapped_for_tmux(osc52(text)), _sent(what, text, "tmux needs `set -g allow-passthrough on`"))
    if "STY" in variables:
        return Copied(wrapped_for_screen(osc52(text)), _sent(what, text, "through screen"))
    if variables.get("TERM", "").startswith(("tmux", "screen")):  # a tmux on the near side of an SSH connection
        return Copied(wrapped_for_tmux(osc52(text)), _sent(what, text, "tmux needs `set -g set-clipboard on`"))
    return Copied(osc52(text), _sent(what, text, "if it does not arrive, your terminal does not support OSC 52"))


def osc52(text: str) -> str:
    """The control sequence that sets a terminal's clipboard to `text`."""
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"


def wrapped_for_tmux(sequence: str) -> str:
    """A sequence that tmux hands through to its own terminal, followed by the plain one for `set-clipboard on`."""
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\{sequence}"


def wrapped_for_screen(sequence: str) -> str:
    """A sequence that GNU screen hands through to its own terminal, in pieces that it accepts."""
    pieces = (sequence[start : start + SCREEN_CHUNK] for start in range(0, len(sequence), SCREEN_CHUNK))
    return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)


def _sent(what: str, text: str, hint: str) -> str:
    return f"Copied {what} ({len(text)} characters) to the terminal's clipboard; {hint}."


def _spilled(text: str, what: str, size: int, spill: Path) -> Copied:
    try:
        make_private(spill.parent)
        spill.touch(mode=0o600)
        spill.write_text(text, encoding="utf-8")
    except OSError as error:
        return Copied(
            "", f"{what}: {size} bytes are too many for a terminal's clipboard, and {spill}: {error.strerror}", False
        )
    return Copied("", f"{what}: {size} bytes are too many for a terminal's clipboard; they are in {spill}", False)


def _run(command: list[str], content: bytes) -> bool:
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=1, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0

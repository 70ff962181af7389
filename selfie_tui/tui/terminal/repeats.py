"""Runs of one character by REP, `CSI n b`, which repeats the last character; how a terminal is asked if it does."""

from __future__ import annotations

import re

from selfie_tui.tui.terminal.cells import AGREED_RANGES

_ASKED = 9
"""How often the question repeats a character."""

QUESTION = f"\x1b[H漢\x1b[{_ASKED}b\x1b[6n\x1b[2J"
"""Repeats a character, asks where the cursor is then, and clears the screen.

Terminfo does not tell: programs of many kinds call themselves `xterm-256color`. Some repeat only ASCII (tmux up to
3.4), or the last ASCII character there was, which a wide character finds out.
"""

ANSWER = 2 * (1 + _ASKED)
"""The column in which the cursor is then, counted from 0, in a terminal that repeats any character."""

_agreed = "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in AGREED_RANGES)
_SEQUENCE = r"\x1b\].*?\x1b\\|\x1b\[[^@-~]*[@-~]"
_RUN = re.compile(f"{_SEQUENCE}|([{_agreed}])\\1{{2,}}(?![^{_agreed}\x00-\x1f])")
"""A sequence, or a run of a character that is one cell wide by itself; the last one of it has no mark on it."""


def shortened(drawn: str) -> str:
    """Text and sequences, with long runs of a character in the text repeated."""
    return _RUN.sub(_repeated, drawn)


def cost_of_spaces(count: int) -> int:
    """Bytes that a run of so many spaces takes, which is at least one."""
    return min(count, 1 + len(_repetition(count - 1)))


def _repetition(times: int) -> str:
    return f"\x1b[{times}b"


def _repeated(run: re.Match[str]) -> str:
    if not run[1]:
        return run[0]
    character, times = run[1], len(run[0]) - 1
    repetition = _repetition(times)
    return character + repetition if len(repetition) < times * len(character.encode(errors="replace")) else run[0]

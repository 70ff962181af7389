"""Every view and page is legible in the terminals there are, at every size, with and without colour."""

from __future__ import annotations

import re

import pytest

from tests.tui.ptys import PtyProgram

PROGRAM = """
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.fake_engine import FakeEngine
SelfieApp(FakeEngine, AppOptions()).run()
"""
SIZES = [(120, 40), (80, 24), (60, 20), (200, 60)]
TERMINALS = [
    {"TERM": "xterm-256color"},
    {"TERM": "xterm-256color", "NO_COLOR": "1"},
    {"TERM": "screen"},
    {"TERM": "linux"},
]
JUNK = re.compile(r"\x1b|\[\?\d|\[\d+(;\d+)*[mHJKCX]|\x00|�")
"""What is on a screen that did not understand a sequence."""

VIEWS = [("", "Interpretations"), ("z", "4 Layers"), ("z", "5 Interpretations"), ("?", "Help"), ("\x1b", "Layers"),
         ("\x10", "an action"), ("\x1b", "Layers"), ("H", "History"), ("#", "4 Grid"), ("R", "Read")]  # fmt: skip
"""Keys one after another, and what is then to be read."""


def problems(text: str, size: tuple[int, int], *, ascii: bool) -> list[str]:
    """What is wrong with a screen: sequences in sight, open boxes, a missing header or hints."""
    lines = text.splitlines()
    found = []
    if JUNK.search(text):
        found.append("escape sequences in sight")
    if ascii and not text.isascii():
        found.append(f"not ASCII: {sorted(set(filter(lambda c: not c.isascii(), text)))}")
    if not ascii:
        corners = [text.count(corner) for corner in "╭╮╰╯"]
        # a page or the palette stands over the corners of panes, on both of its sides
        if "Help" not in text and "an action" not in text and len(set(corners)) != 1:
            found.append(f"open boxes: {corners}")
    if len(lines) != size[1] or any(len(line) > size[0] for line in lines):
        found.append("not of the size of the terminal")
    if "demo" not in lines[0]:
        found.append(f"no header: {lines[0]}")
    if "help" not in lines[-1] or "quit" not in lines[-1]:
        found.append(f"no help or quit among the hints: {lines[-1]}")
    return found


@pytest.mark.parametrize("env", TERMINALS, ids=lambda env: "-".join(env.values()))
def test_every_view_is_legible_at_every_size(env):
    ascii = env["TERM"] == "linux"
    with PtyProgram("-c", PROGRAM, size=SIZES[0], env={"COLORTERM": "", **env}) as program:
        assert program.shows("reads this token"), program.text()
        program.send("a\r")
        assert program.shows("81 readings")
        for size in SIZES:
            program.resize(*size)
            assert program.until(lambda: "quit" in program.text().splitlines()[-1]), (size, program.text())
            program.send("4")
            before = ""
            for keys, wanted in VIEWS:
                program.send(keys)
                closed = before if keys == "\x1b" else ""
                assert program.until(
                    lambda wanted=wanted, closed=closed: (
                        wanted in program.text() and not (closed and closed in program.text())
                    )
                ), (size, keys, program.text())
                before = wanted
                assert not problems(program.text(), size, ascii=ascii), (size, keys, program.text())
                if keys == "z":
                    program.send("z5")

"""What the grid sends: for steps, windows and views, and while a run is drawn, on a deep model and a long prompt."""

from __future__ import annotations

import time

import pytest

from tests.tui.test_weight import DOWN, LEFT, RIGHT, Terminal

PROGRAM = """
import hashlib, os
os.environ.update({environ})
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui import fake_engine
from tests.tui.fake_engine import FakeEngine
WORDS = ("Paris", "the", "city", "Tower", "France", "of", "a", "capital", "located", "in", "word", "river", ",")

class Varied(FakeEngine):
    pause = {pause}
    def _interpretation(self, cell, source, request):
        # as in a real model, what neighbouring layers say is alike
        dice = hashlib.md5(repr((cell.position, cell.layer // 3)).encode()).digest()
        self.late = " ".join(WORDS[byte % len(WORDS)] for byte in dice[:12])
        found = super()._interpretation(cell, source, request)
        import msgspec
        return msgspec.structs.replace(found, treatment_effect=dice[0] / 256, entropy=dice[1] / 64)

prompt = " ".join("w%d" % number for number in range({tokens}))
SelfieApp(lambda: Varied(blocks={blocks}), AppOptions(theme="dusk", ascii=False, prompt=prompt)).run()
"""

HOME = b"\x1b[H"

PLAIN, COLOURED = '{"SSH_CONNECTION": "1 2 3 4"}', "{}"


def program(environ: str = PLAIN, *, tokens: int = 50, pause: float = 0.0) -> str:
    settings = {"{environ}": environ, "{tokens}": str(tokens), "{pause}": str(pause)}
    source = PROGRAM
    for name, value in settings.items():
        source = source.replace(name, value)
    return source


def grid(environ: str, size: tuple[int, int]) -> Terminal:
    """A terminal with a map of 31 layers and 50 tokens, as far as it is in sight."""
    terminal = Terminal(program(environ), blocks=30, size=size)
    terminal.settle(b"31 layers", quiet=1.0)
    terminal.press(DOWN)
    terminal.press(b"#", b"4 Grid")
    terminal.press(b"\r", b"readings", quiet=1.5)  # a sample
    terminal.press(b"\r", b"readings", quiet=1.5)  # what is in sight
    return terminal


@pytest.mark.parametrize(
    ("environ", "size", "jump", "view"),
    [(PLAIN, (120, 40), 4, 6), (COLOURED, (120, 40), 4, 7), (PLAIN, (200, 60), 7, 11.5)],
    ids=["plain", "coloured", "200x60"],
)
def test_steps_windows_and_changes_of_view_stay_within_their_budgets(environ, size, jump, view):
    """`jump` is for all cells of a map that fills the screen, `view` for these and all that is around them, in KiB.

    The map and the log it replaces are of words that do not repeat: at 200x60 their letters alone are more than 6 KiB.
    """
    terminal = grid(environ, size)
    try:
        for key in (LEFT, LEFT, b"j", b"j", RIGHT, b"k", LEFT):
            assert 0 < terminal.press(key) <= 512, "a step inside the window, with all that is said of the cell"
        assert 0 < terminal.press(b"c", quiet=0.8) <= jump * 1024, "another measure"
        assert 0 < terminal.press(b"R", quiet=0.8) <= 1.15 * view * 1024, "a log full of readings in place of the grid"
        assert 0 < terminal.press(b"#", quiet=0.8) <= view * 1024, "the grid in place of a log full of readings"
        assert 0 < terminal.press(HOME, quiet=0.6) <= jump * 1024, "a jump of the window"
        assert 0 < terminal.press(b"w", quiet=0.8) <= jump * 1024, "the column as a list"
        assert 0 < terminal.press(b"j") <= 1024, "a line of it"
    finally:
        terminal.close()


def test_a_run_that_is_drawn_while_it_goes_on_stays_within_eight_kibibytes_a_second():
    terminal = Terminal(program(COLOURED, tokens=16, pause=0.004), blocks=30)
    try:
        terminal.settle(b"31 layers", quiet=1.0)
        terminal.press(DOWN)
        terminal.press(b"#", b"4 Grid")
        began = time.monotonic()
        sent = terminal.press(b"\r", b"496 readings", quiet=1.5)
        took = time.monotonic() - began - 1.5
        assert 4 * 1024 < sent <= 8 * 1024 * max(took, 1.0) + 4 * 1024, (sent, took)
    finally:
        terminal.close()

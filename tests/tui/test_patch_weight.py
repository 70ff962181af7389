"""What the view of patching sends to the terminal: a map of 31 layers whose scores have no pattern."""

from __future__ import annotations

import time

import pytest

from tests.tui.test_weight import Terminal

PROGRAM = """
import hashlib
from msgspec.structs import replace
from selfie_tui.config import Config
from selfie_tui.records import LensToken
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui import fake_patching
from tests.tui.fake_engine import FakeEngine
WORDS = (" the", " of", " Paris", "ffel", " located", " in", "-", " city", " France", " and", " Tower", " a", ",")

def score_of(sites, differing, tokens, blocks):
    dice = hashlib.md5(repr(sites).encode()).digest()
    return dice[0] / 200 - 0.25

fake_patching.score_of = score_of
fake_patching.top = lambda word: tuple(
    LensToken(WORDS[hash((word, at)) % len(WORDS)], 0.5 / (at + 1), at) for at in range(3))

class Varied(FakeEngine):
    def _read_lens(self, task):
        said = LensToken(" Paris" if task.prompt.endswith("x") else " Tokyo", 0.75, 7)
        return replace(super()._read_lens(task), answers=(said,) * len(task.positions))

prompt = " ".join(f"word{number}" for number in range({tokens}))
options = AppOptions(theme="dusk", ascii=False, prompt=prompt, config=Config(cell_colours="{colours}"))
SelfieApp(lambda: Varied(blocks={blocks}, pause={pause}), options).run()
"""

RIGHT, LEFT, DOWN, UP = b"\x1b[C", b"\x1b[D", b"\x1b[B", b"\x1b[A"
STEP = 512
KIB = 1024


def program(colours: str = "off", *, tokens: int = 40, pause: float = 0.0) -> str:
    source = PROGRAM
    for name, value in {"{pause}": str(pause), "{tokens}": str(tokens), "{colours}": colours}.items():
        source = source.replace(name, value)
    return source


def with_a_pair(source: str, size: tuple[int, int], *, repeats: bool = True) -> Terminal:
    """A terminal that shows a pair whose last tokens differ."""
    terminal = Terminal(source, blocks=30, size=size, repeats=repeats)
    terminal.settle(b"31 layers" if size[0] >= 100 else b"word", quiet=1.5)
    terminal.press(DOWN)
    assert 0 < terminal.press(b"p", quiet=0.5) <= STEP, "kept as A, and said"
    terminal.press(b"P", quiet=1.0)
    assert 0 < terminal.press(b"", quiet=4.0) <= STEP, "what was said goes"
    terminal.press(b"i", quiet=0.3)
    terminal.press(b"x\r", b"Tokyo", quiet=1.0)
    return terminal


@pytest.mark.parametrize(
    ("size", "colours", "repeats", "view"),
    [
        ((120, 40), "off", True, 6 * KIB),
        ((120, 40), "off", False, 7.5 * KIB),
        ((120, 40), "on", True, 12 * KIB),
        ((80, 24), "off", True, 4 * KIB),
        ((200, 60), "off", True, 12 * KIB),
    ],
)
def test_a_step_a_jump_and_a_change_of_view_stay_within_their_budgets(size, colours, repeats, view):
    terminal = with_a_pair(program(colours), size, repeats=repeats)
    try:
        terminal.press(b"\r", quiet=2.0)
        terminal.press(b"g", quiet=0.5)  # at the top, whichever site is the strongest
        steps = [terminal.press(key) for key in (LEFT, DOWN, LEFT, DOWN, DOWN, RIGHT, UP)]
        left = terminal.press(b"R", quiet=1.0)
        shown = terminal.press(b"P", quiet=1.0)
        jump = terminal.press(b"\x1b[H", quiet=1.0)
        turned = terminal.press(b"c", quiet=1.0)
        walk = [terminal.press(RIGHT, quiet=0.15) for _ in range(30)]
        assert min(steps) > 0
        assert max(steps) <= STEP, "a step inside the window, with the lines on the site"
        assert KIB < shown <= view, "the view is shown"
        assert 0 < left <= view, f"and left: {left}"
        assert KIB < jump <= view, "a jump of the window, of both maps where there are two"
        assert 0 < turned <= view, "another measure"
        assert sum(walk) / len(walk) <= KIB, "with the window's leaps"
    finally:
        terminal.close()


def test_a_run_that_is_drawn_while_it_goes_on_stays_within_eight_kibibytes_a_second():
    terminal = with_a_pair(program("on", tokens=12, pause=0.03), (120, 40))
    try:
        began = time.monotonic()
        sent = terminal.press(b"\r", quiet=1.5)
        took = time.monotonic() - began - 1.5
        assert 4 * KIB < sent <= 8 * KIB * max(took, 1.0) + 4 * KIB, (sent, took)
    finally:
        terminal.close()

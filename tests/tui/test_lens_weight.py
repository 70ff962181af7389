"""What the view of the lens sends to the terminal: a map of 31 layers whose words and heat have no pattern."""

from __future__ import annotations

import pytest

from tests.tui.test_weight import Terminal

PROGRAM = """
import hashlib
from selfie_tui.config import Config
from selfie_tui.records import Cell, LensRow, LensToken
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.fake_engine import FakeEngine
WORDS = (" the", " of", " Paris", "ffel", " located", " in", "-", " city", " France", " and", " Tower", " a", ",")

class Varied(FakeEngine):
    def _lens(self, text, position, blocks):
        rows = []
        for layer in range(-1, blocks):
            dice = hashlib.md5(f"{text}{position}{layer}".encode()).digest()
            top = tuple(LensToken(WORDS[dice[at] % len(WORDS)], dice[at] / 256, dice[at]) for at in range(8))
            rows.append(LensRow(Cell(layer, position), top, dice[8] / 32, dice[9], dice[10] / 25))
        return tuple(rows)

prompt = " ".join(f"word{number}" for number in range(60))
config = Config(cell_colours="COLOURS")
options = AppOptions(theme="dusk", ascii=False, prompt=prompt, config=config)
SelfieApp(lambda: Varied(blocks={blocks}), options).run()
"""

RIGHT, LEFT, DOWN, UP = b"\x1b[C", b"\x1b[D", b"\x1b[B", b"\x1b[A"
STEP = 512
KIB = 1024


@pytest.mark.parametrize(
    ("size", "colours", "repeats", "view", "jump"),
    [
        # No two cells are alike here, which is worse than any model: there a change of view is 3 to 6 KiB.
        ((120, 40), "off", True, 6.5 * KIB, 5.5 * KIB),
        ((120, 40), "off", False, 7.5 * KIB, 6 * KIB),
        ((120, 40), "on", True, 7.25 * KIB, 6.25 * KIB),
        ((80, 24), "off", True, 3 * KIB, 2.5 * KIB),
        ((200, 60), "off", True, 11 * KIB, 9 * KIB),
    ],
)
def test_a_step_a_jump_and_a_change_of_view_stay_within_their_budgets(size, colours, repeats, view, jump):
    """A terminal that repeats no characters gets borders and blanks in full."""
    terminal = Terminal(PROGRAM.replace("COLOURS", colours), blocks=30, size=size, repeats=repeats)
    try:
        terminal.settle(b"word59", quiet=1.5)
        terminal.press(DOWN)
        assert KIB < terminal.press(b"L", quiet=1.0) <= view, "the view is shown"
        assert 0 < terminal.press(b"\x7f", quiet=1.0) <= (7.5 if size == (200, 60) else 6) * KIB, "and left"
        assert KIB < terminal.press(b"L", quiet=1.0) <= view
        steps = [terminal.press(key) for key in (LEFT, DOWN, LEFT, DOWN, DOWN, RIGHT, UP)]
        assert min(steps) > 0
        assert max(steps) <= STEP, "a step inside the window, with the lines on the cell"
        assert KIB < terminal.press(b"\x1b[H", quiet=1.0) <= jump, "a jump of the window"
        walk = [terminal.press(RIGHT, quiet=0.15) for _ in range(40)]
        assert sum(walk) / len(walk) <= KIB, "with the window's leaps"
    finally:
        terminal.close()


def test_the_difference_of_a_pair_in_which_every_cell_differs_stays_within_the_budgets():
    terminal = Terminal(PROGRAM.replace("COLOURS", "off"), blocks=30, size=(120, 40))
    try:
        terminal.settle(b"word59", quiet=1.5)
        terminal.press(DOWN)
        terminal.press(b"L", quiet=1.0)
        terminal.press(b"p", quiet=1.0)
        typed = " ".join(f"other{number}" for number in range(60))
        terminal.press(b"i\x15" + typed.encode() + b"\r", quiet=2.0)
        turned = terminal.press(b"D", quiet=1.5)
        assert KIB < turned <= 6 * KIB, "larger cells, words of A, then the heat once it is known"
        terminal.settle(quiet=5.0)  # what was said of the pair goes meanwhile, which is no part of a step
        steps = [terminal.press(key) for key in (LEFT, DOWN, LEFT, DOWN, RIGHT, UP)]
        assert min(steps) > 0
        assert max(steps) <= STEP
    finally:
        terminal.close()

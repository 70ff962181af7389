"""What the interface costs: what it imports, and what it sends to the terminal."""

from __future__ import annotations

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
from collections.abc import Iterator

import pytest

from selfie_tui.tui.terminal.repeats import ANSWER

HEAVY = ("torch", "transformers", "nnsight", "numpy", "pydantic", "httpx", "huggingface_hub", "IPython", "pandas")


def test_the_interface_imports_nothing_heavy():
    program = "import sys; import selfie_tui.tui.app; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "selfie_tui.tui.screens.main" in modules
    assert not {module.partition(".")[0] for module in modules} & set(HEAVY)
    assert "selfie_tui.engine" not in modules
    views = {
        f"selfie_tui.tui.views.{name}.view"
        for name in ("interpret", "grid", "lens", "patch", "inspect", "vectors", "history")
    }
    assert views & set(modules) == {"selfie_tui.tui.views.interpret.view"}, "others are imported when they are shown"


PROGRAM = """
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.fake_engine import FakeEngine

class Varied(FakeEngine):
    def _interpretation(self, cell, source, request):
        if {words}:
            numbers = ((cell.layer * 37 + cell.position * 61 + word * 17) % 997 for word in range({words}))
            self.late = " ".join(map(str, numbers))
        return super()._interpretation(cell, source, request)

SelfieApp(lambda: Varied(blocks={blocks}), AppOptions(theme="dusk", ascii=False)).run()
"""

TWO_VIEWS = (
    """
from typing import ClassVar
from selfie_tui.tui import views
from selfie_tui.tui.render.styles import Piece
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.lines import Rows
from selfie_tui.tui.widgets.pane import Pane
class Map(Rows):
    def count(self):
        return 24  # what the prompt, the settings and the words of a cell leave to a map at 120x40
    def pieces(self, index):
        words = ("Paris", "the", "a city", "iffel", "of", "Tower", "locatio", "in")
        chosen = [words[hash((index, column)) % len(words)] for column in range(10)]
        return tuple(Piece(f"{'▁▂▃▄▅▆▇█'[len(word) % 8]}{word:<8}") for word in chosen)
class Second(View):
    NAME, TITLE, LETTER, FUNCTION_KEY = "second", "Second", "D", "f9"
    FRAME_PANES = frozenset({"prompt"})
    def __init__(self, state):
        super().__init__(state)
        self.panes = (Pane(4, "Map", Map(), id="map"),)
views.VIEWS = (*views.VIEWS, Second)
views.register_views(views.VIEWS)
"""
    + PROGRAM
)

QUIET = 0.4
"""Seconds without a byte after which an answer is taken to be over."""


class Terminal:
    """The program on a pseudo-terminal with 256 colours, of 120 columns and 40 lines; counts what it sends.

    The model has so many blocks; what it says of late layers has so many words that differ from cell to cell.
    `repeats`: whether it repeats characters, as most terminals do today.
    """

    def __init__(
        self,
        program: str = PROGRAM,
        *,
        blocks: int = 8,
        words: int = 0,
        size: tuple[int, int] = (120, 40),
        repeats: bool = True,
    ) -> None:
        columns, lines = size
        self._answer = f"\x1b[1;{(ANSWER if repeats else 2) + 1}R".encode()
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.environ.update(
                TERM="xterm-256color", COLORTERM="", LC_ALL="C.UTF-8", COLUMNS=str(columns), LINES=str(lines)
            )
            code = program.replace("{blocks}", str(blocks)).replace("{words}", str(words))
            os.execv(sys.executable, [sys.executable, "-c", code])
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds: float) -> bytes:
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return b""
        data = os.read(self.descriptor, 1 << 16)
        if b"\x1b[6n" in data:
            os.write(self.descriptor, self._answer)
        return data

    def settle(self, wanted: bytes = b"", quiet: float = QUIET) -> bytes:
        """What comes until it is quiet, not before `wanted` has come."""
        sent, limit, last = b"", time.monotonic() + 20, time.monotonic()
        while time.monotonic() < limit and (wanted not in sent or time.monotonic() - last < quiet):
            if data := self.read(0.02):
                sent, last = sent + data, time.monotonic()
        assert wanted in sent
        return sent

    def press(self, key: bytes, wanted: bytes = b"", quiet: float = QUIET) -> int:
        """Bytes that answer a key."""
        os.write(self.descriptor, key)
        return len(self.settle(wanted, quiet))

    def mean(self, key: bytes, times: int) -> float:
        """Bytes that answer a key, on average over several."""
        return sum(self.press(key, quiet=0.12) for _ in range(times)) / times

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.descriptor)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


RIGHT, LEFT, DOWN, ESCAPE = b"\x1b[C", b"\x1b[D", b"\x1b[B", b"\x1b"


def test_what_is_sent_stays_within_the_budgets(terminal):
    """Budgets of the interface at 120x40: what is felt over a slow line is bytes."""
    assert len(terminal.settle(b"reads this token")) <= 30 * 1024, "from the start to a settled screen"
    assert terminal.press(b"", b"") == 0
    assert len(terminal.settle(quiet=1.5)) == 0, "nothing is sent while nothing happens"
    assert 0 < terminal.press(b"i") <= 4096, "from the tokens to the text"
    assert 0 < terminal.press(DOWN) <= 4096, "and back"
    for key in (LEFT, LEFT, RIGHT):
        assert 0 < terminal.press(key) <= 512, "a step of the token cursor, the lens included"
    assert 0 < terminal.press(b"\r", b"France") <= 11 * 1024, "a run: at most 1 KiB for each line"
    for _ in range(5):
        assert 0 < terminal.press(b"\t") <= 4096, "another pane"
    assert 0 < terminal.press(b"4") <= 4096
    for _ in range(3):
        assert 0 < terminal.press(DOWN) <= 512, "a step of the layer cursor"
    assert 0 < terminal.press(b"3") <= 4096
    assert 0 < terminal.press(RIGHT) <= 512, "a step through the settings"
    assert 0 < terminal.press(b"5") <= 4096
    for _ in range(3):
        assert 0 < terminal.press(b"j") <= 512, "a step through the readings"


LENS = """
import hashlib
from selfie_tui.records import Cell, LensRow, LensToken
from tests.tui.fake_engine import FakeEngine
WORDS = (" the", " of", " Paris", "ffel", " located", " in", "-", " city", " France", " and", " Tower", " a", ",")
def lens(self, text, position, blocks):
    rows = []
    for layer in range(-1, blocks):
        dice = hashlib.md5(f"{text}{position}{layer}".encode()).digest()
        token = LensToken(WORDS[dice[0] % len(WORDS)], dice[1] / 256, 5)
        rows.append(LensRow(Cell(layer, position), (token,), 1.0, 0, 1.0))
    return tuple(rows)
FakeEngine._lens = lens
"""


def test_a_step_of_the_token_cursor_costs_at_most_twenty_bytes_for_each_line_of_the_lens_that_changes():
    terminal = Terminal(LENS + PROGRAM, blocks=30)
    try:
        terminal.settle(b"31 layers", quiet=1.0)
        steps = [terminal.press(key) for key in (LEFT,) * 6 + (RIGHT,) * 6]
        assert sum(steps) / len(steps) <= 31 * 20
        assert terminal.press(LEFT * 5) <= 1024, "the lens follows when the keys pause"
    finally:
        terminal.close()


def test_scrolling_by_single_steps_costs_a_kibibyte_a_key_at_most():
    """The window moves by its height less two, so that most steps of the cursor redraw two lines."""
    terminal = Terminal(blocks=30, words=16)
    try:
        terminal.settle(b"31 layers", quiet=1.0)
        terminal.press(DOWN)
        terminal.press(b"4")
        for key in (b"j", b"k"):
            assert 64 < terminal.mean(key, 30) <= 1024, "through the list of 31 layers"
        terminal.press(b"2")
        terminal.press(b"a")
        terminal.press(b"\r", quiet=2.0)
        terminal.press(b"5")
        terminal.press(b"g")
        for key in (b"j", b"k"):
            assert 64 < terminal.mean(key, 40) <= 1024, "through the interpretations"
    finally:
        terminal.close()


def test_a_change_of_view_stays_within_its_budget_though_the_new_view_is_a_full_map():
    terminal = Terminal(TWO_VIEWS)
    try:
        terminal.settle(b"reads this token")
        terminal.press(DOWN)
        for key in (b"D", b"\x7f", b"\x1b[20~", b"R"):
            assert 0 < terminal.press(key) <= 5 * 1024
        assert 0 < terminal.press(b":") <= 1024, "the line in which one types where to go"
    finally:
        terminal.close()


@pytest.mark.parametrize(("size", "whole"), [((120, 40), 7 * 1024), ((200, 60), 12 * 1024)])
def test_what_covers_or_fills_the_screen_stays_within_its_budget(size, whole):
    """With a log full of readings; `whole` is for what draws the whole screen."""
    terminal = Terminal(size=size)
    try:
        terminal.settle(b"reads this token", quiet=1.0)
        terminal.press(b"a")
        terminal.press(b"\r", quiet=2.0)
        for digit in b"2345":
            terminal.press(bytes([digit]))
            assert 512 < terminal.press(b"z", quiet=0.8) <= whole, "a pane fills the screen"
            assert 1024 < terminal.press(b"z", quiet=0.8) <= whole, "all panes are there again"
        for key in b"?", b"\x10", b"\r":  # help, palette, details
            assert 1024 < terminal.press(key, quiet=0.8) <= 5 * 1024, key
            assert 1024 < terminal.press(ESCAPE, quiet=0.8) <= 5 * 1024, key
        for _ in range(3):
            assert 1024 < terminal.press(b"\x14", quiet=1.5) <= whole, "another theme"
    finally:
        terminal.close()


def test_the_terminal_is_restored_at_the_end(terminal):
    terminal.settle(b"reads this token")
    os.write(terminal.descriptor, b"\x11")
    sent = b""
    while True:
        try:
            data = terminal.read(5)
        except OSError:
            break
        if not data:
            break
        sent += data
    for restoring in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l"):
        assert restoring in sent

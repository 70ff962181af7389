"""What the view of modules sends to the terminal, and that keys drive it there: in a pseudo-terminal, at two sizes."""

from __future__ import annotations

import pytest

from tests.tui.ptys import PtyProgram
from tests.tui.test_every_terminal import PROGRAM as LEGIBLE
from tests.tui.test_every_terminal import SIZES, TERMINALS, problems
from tests.tui.test_weight import DOWN, LEFT, PROGRAM, RIGHT, Terminal

ANY = b"\x1b"
"""What every answer has in it."""

HELD = LEGIBLE.replace(
    "SelfieApp(FakeEngine,",
    """
from selfie_tui.records import Answer, AnswersSoFar
class Held(FakeEngine):
    def run(self, task, cancelled, post):
        first = isinstance(task, Answer) and not any(isinstance(other, Answer) for other in self.done)
        self.step.set()
        for event in super().run(task, cancelled, post):
            yield event
            if first and isinstance(event, AnswersSoFar):
                self.step.clear()
SelfieApp(Held,""",
)
"""The program whose first answer stops after a token, until it is cancelled."""


@pytest.mark.parametrize(("blocks", "size"), [(8, (120, 40)), (30, (120, 40)), (30, (200, 60))])
def test_what_the_view_of_modules_sends_stays_within_the_budgets(blocks, size):
    whole = 6 * 1024
    terminal = Terminal(PROGRAM, blocks=blocks, size=size)
    try:
        terminal.settle(b"reads this token", quiet=1.0)
        assert 1024 < terminal.press(b"I", b"nearest", quiet=0.8) <= whole, "from Read to the view"
        assert 1024 < terminal.press(b"R", ANY, 0.8) <= whole, "and back"
        terminal.press(b"I", b"nearest", quiet=0.8)
        for key in (LEFT, LEFT, RIGHT):
            assert 0 < terminal.press(key, ANY, 0.6) <= 512, "a step of the token cursor, the values included"
        assert 0 < terminal.press(b"l", ANY, 0.6) <= 512, "into the block"
        for key in (DOWN, DOWN, b"k"):
            assert 0 < terminal.press(key, ANY, 0.6) <= 512, "a step through the modules, the values included"
        assert 0 < terminal.press(b"\r", ANY, 0.6) <= 4 * 1024, "folding"
        assert 0 < terminal.press(b"a", ANY, 0.6) <= 4 * 1024, "attention"
        for key in (LEFT, RIGHT):
            assert 0 < terminal.press(key, ANY, 0.6) <= 512, "a step of the token cursor beside it"
        for digit in b"5324":
            assert 0 < terminal.press(bytes([digit]), ANY, 0.6) <= 4 * 1024, "another pane"
        terminal.press(b"g", ANY, 0.6)
        assert 0 < terminal.mean(b"j", 30) <= 1024, "through all that is unfolded"
        assert len(terminal.settle(quiet=1.0)) == 0, "nothing is sent while nothing happens"
    finally:
        terminal.close()


SLOW = PROGRAM.replace(
    "SelfieApp(lambda: Varied",
    """
import random, time
from msgspec.structs import replace
from selfie_tui.records import LensToken, Peeked, Values
class Slow(Varied):
    def run(self, task, cancelled, post):
        for event in super().run(task, cancelled, post):
            yield other(event) if isinstance(event, Peeked) else event
def other(event):
    time.sleep(0.4)
    dice = random.Random(repr((event.module, event.position)))
    values = [Values(dice.random() * 100, -dice.random(), dice.random(), dice.random() * 9) for _ in event.tokens]
    layers = tuple((layer, layer // 4 + dice.random() / 2) for layer, _ in event.layers)
    words = dice.choices((" the", " accred", " preserv", " such", "ffel"), k=8)
    near = tuple(LensToken(word, dice.random()) for word in words)
    return replace(event, tokens=tuple(values), layers=layers, nearest=near, is_stream=True)
SelfieApp(lambda: Slow""",
)
"""The program with values that take their time, and that grow over the layers, as norms do."""


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
def test_a_step_to_values_that_take_their_time_sends_no_name_twice(size):
    """These values are noise, of which next to nothing stays, and they are so late that those before are marked."""
    terminal = Terminal(SLOW, blocks=30, size=size)
    try:
        terminal.settle(b"reads this token", quiet=1.0)
        terminal.press(b"I", b"nearest", quiet=1.5)
        terminal.press(b"l", ANY, 1.0)
        steps = [terminal.press(key, ANY, 1.0) for key in (DOWN, DOWN, b"k", DOWN)]
        assert min(steps) > 200, steps
        assert max(steps) <= 512, steps
    finally:
        terminal.close()


@pytest.mark.parametrize("size", SIZES[:2])
def test_the_view_is_driven_by_keys_in_a_terminal_and_answers_are_cancelled_half_way(size):
    with PtyProgram("-c", HELD, size=size, env={"COLORTERM": ""}) as program:
        assert program.shows("reads this token"), program.text()
        program.send("I")
        assert program.shows("LlamaAttention"), program.text()
        program.send("lje* 0.5 at 3\r")
        assert program.shows("EDITED 1"), program.text()
        assert program.shows("answers 1 of 12 tokens"), program.text()
        program.send("\x1b")
        assert program.until(lambda: "cancels" not in program.text()), program.text()
        assert "✎ * 0.5 at 3" in program.text(), "the edit stands"
        assert "·France" not in program.text()
        program.send("\x12")
        assert program.shows("·London"), program.text()
        assert program.shows("differs from token 0"), program.text()
        assert program.until(lambda: "cancels" not in program.text()), program.text()
        program.send("dd")
        assert program.until(lambda: "EDITED" not in program.text()), program.text()
        program.send("q")
        assert program.until(lambda: program.process.poll() is not None)


@pytest.mark.parametrize("env", TERMINALS, ids=lambda env: "-".join(env.values()))
def test_the_view_is_legible_at_every_size(env):
    ascii = env["TERM"] == "linux"
    with PtyProgram("-c", LEGIBLE, size=SIZES[0], env={"COLORTERM": "", **env}) as program:
        assert program.shows("reads this token"), program.text()
        program.send("I")
        assert program.shows("LlamaAttention"), program.text()
        program.send("e* 0.5\r")
        assert program.shows("EDITED 1")
        for size in SIZES:
            program.resize(*size)
            assert program.until(lambda: "quit" in program.text().splitlines()[-1]), (size, program.text())
            for keys, wanted in (("4", "LlamaAttention"), ("5", "norm"), ("a", "attention from"), ("3", "London"),
                                 ("2", "city")):  # fmt: skip
                program.send(keys)
                assert program.shows(wanted), (size, keys, program.text())
                assert not problems(program.text(), size, ascii=ascii), (size, keys, program.text())

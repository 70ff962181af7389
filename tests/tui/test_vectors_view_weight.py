"""What the view of vectors sends to the terminal, and that keys drive it there: in a pseudo-terminal, at two sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui import fake_vectors
from tests.tui.ptys import PtyProgram
from tests.tui.test_every_terminal import PROGRAM as LEGIBLE
from tests.tui.test_every_terminal import SIZES, TERMINALS, problems
from tests.tui.test_weight import DOWN, LEFT, PROGRAM, RIGHT, Terminal

ANY = b"\x1b"
"""What every answer has in it."""

KEPT = "AppOptions(state_dir=__import__('selfie_tui.paths', fromlist=['paths']).state_dir()"

HELD = LEGIBLE.replace(
    "SelfieApp(FakeEngine,",
    """
from selfie_tui.records import Steer, SteeredSoFar
class Held(FakeEngine):
    def run(self, task, cancelled, post):
        first = isinstance(task, Steer) and not any(isinstance(other, Steer) for other in self.done)
        self.step.set()
        for event in super().run(task, cancelled, post):
            yield event
            if first and isinstance(event, SteeredSoFar):
                self.step.clear()
SelfieApp(Held,""",
).replace("AppOptions(", KEPT)
"""The program whose first steered answer stops after a token, until it is cancelled."""


@pytest.fixture
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with vectors in it, for the program and for this process."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = tmp_path / "selfie-tui" / "vectors"
    for number, name in enumerate(("paris", "rome", "italy", "formal", "japan", "tokyo", "woman", "king")):
        fake_vectors.keep(folder, name, norm=40.0 + number / 7)
    fake_vectors.keep(folder, "wide", width=576)
    return tmp_path


@pytest.mark.parametrize(("blocks", "size"), [(8, (120, 40)), (30, (120, 40)), (30, (200, 60))])
def test_what_the_view_of_vectors_sends_stays_within_the_budgets(blocks, size, state_home: Path):
    whole = 6 * 1024
    terminal = Terminal(PROGRAM.replace("AppOptions(", f"{KEPT}, "), blocks=blocks, size=size)
    try:
        terminal.settle(b"reads this token", quiet=1.0)
        terminal.press(b"\t", ANY, 0.6)
        assert 1024 < terminal.press(b"V", b"farthest", quiet=0.8) <= whole, "from Read to the view"
        assert 1024 < terminal.press(b"R", ANY, 0.8) <= whole, "and back"
        terminal.press(b"V", b"farthest", quiet=0.8)
        for key in (DOWN, DOWN, b"k"):
            assert 0 < terminal.press(key, ANY, 0.6) <= 512, "a step through the vectors, the results included"
        assert 0 < terminal.press(b" ", ANY, 0.6) <= 512, "a mark"
        assert 0 < terminal.press(b"+", b"Paris", 1.0) <= 2 * 1024, "a strength, with both answers"
        for digit in b"3455":
            assert 0 < terminal.press(bytes([digit]), ANY, 0.6) <= 4 * 1024, "another pane"
        for key in (RIGHT, LEFT):
            assert 0 < terminal.press(key, ANY, 0.6) <= 512, "a step through the settings of steering"
        assert 0 < terminal.press(b"-", b"Paris", 1.0) <= 1024, "another strength"
        assert len(terminal.settle(quiet=1.0)) == 0, "nothing is sent while nothing happens"
    finally:
        terminal.close()


LONG = f"""
from tests.tui import fake_vectors
fake_vectors.PLAIN = {tuple(f" word{number}" for number in range(24))}
fake_vectors.STEERED = {(" word0", " word1", *(f" other{number}" for number in range(22)))}
"""
"""Both answers have as many tokens as the view asks for, and hardly one in common."""


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
def test_a_step_onto_a_vector_that_was_steered_with_and_from_it_stays_within_the_budget(size, state_home: Path):
    terminal = Terminal(LONG + PROGRAM.replace("AppOptions(", f"{KEPT}, "), blocks=30, size=size)
    try:
        terminal.settle(b"reads this token", quiet=1.0)
        terminal.press(b"\t", ANY, 0.6)
        terminal.press(b"V", b"farthest", quiet=0.8)
        terminal.press(DOWN, ANY, 0.6)
        assert terminal.press(b"+", b"other21", 1.0) > 200, "both answers"
        for key in (DOWN, b"k", b"k", DOWN):
            assert 0 < terminal.press(key, ANY, 0.8) <= 512, "the steered answer is another, the plain one the same"
    finally:
        terminal.close()


@pytest.mark.parametrize("size", SIZES[:2])
def test_the_view_is_driven_by_keys_in_a_terminal_and_steering_is_cancelled_half_way(size, state_home: Path):
    with PtyProgram("-c", HELD, size=size, env={"COLORTERM": ""}) as program:
        assert program.shows("reads this token"), program.text()
        program.send("\tV")
        assert program.shows("farthest"), program.text()
        program.send("e\x15paris - ro\t\r")
        assert program.shows("nothing at all"), program.text()
        program.send("5" * (1 if size[0] < 100 else 2) + "5" * (size[0] < 100))
        program.send("+")
        assert program.shows("steering 1 of 24 tokens"), program.text()
        program.send("\x1b")
        assert program.until(lambda: "cancels" not in program.text()), program.text()
        assert "Paris is new" not in program.text()
        program.send("\x12")
        assert program.shows("Rome. Paris is new."), program.text()
        assert program.shows("differs from token 2"), program.text()
        program.send(":0\r")
        assert program.shows("no difference"), program.text()
        program.send("4dd")
        assert program.until(lambda: "paris - rome" not in program.text()), program.text()
        program.send("u")
        assert program.shows("paris - rome"), program.text()
        program.send("q")
        assert program.until(lambda: program.process.poll() is not None)


@pytest.mark.parametrize("env", TERMINALS, ids=lambda env: "-".join(env.values()))
def test_the_view_is_legible_at_every_size(env, state_home: Path):
    ascii = env["TERM"] == "linux"
    program_text = LEGIBLE.replace("AppOptions(", KEPT)
    with PtyProgram("-c", program_text, size=SIZES[0], env={"COLORTERM": "", **env}) as program:
        assert program.shows("reads this token"), program.text()
        program.send("\tV")
        assert program.shows("farthest"), program.text()
        program.send("\r")
        assert program.shows("here"), program.text()
        program.send("aja+")
        assert program.shows("Paris"), program.text()
        for size in SIZES:
            program.resize(*size)
            assert program.until(lambda: "quit" in program.text().splitlines()[-1]), (size, program.text())
            for keys, wanted in (
                ("4", "king"),
                ("5", "nearest"),
                ("5", "Paris"),
                ("3", "3 Line"),
                ("4a", "marked"),
                ("a", "king"),
            ):
                program.send(keys)
                assert program.shows(wanted), (size, keys, program.text())
                assert not problems(program.text(), size, ascii=ascii), (size, keys, program.text())

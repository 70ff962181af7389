"""Very many cells are read at the second enter, after an estimate of how long it takes."""

from __future__ import annotations

import pytest

from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.records import Cell, Interpret, Token
from selfie_tui.tui.estimates import MANY, about, seconds_for
from selfie_tui.tui.runs import Run
from tests.tui.driving import run_to_end, running, text_of, until
from tests.tui.fake_engine import FakeEngine, info, words

LONG = " ".join(f"w{number}" for number in range(70))


def runs(engine: FakeEngine) -> int:
    return sum(isinstance(task, Interpret) for task in engine.done)


def hints(app) -> str:
    return text_of(app).splitlines()[-1]


async def test_more_than_five_hundred_cells_are_run_at_the_second_enter():
    engine = FakeEngine()
    async with running(engine, prompt=LONG) as (app, pilot):
        await pilot.press("a", "enter")
        assert "630 cells · about " in hints(app)
        assert "enter again to run  esc not" in hints(app)
        assert not runs(engine)
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert runs(engine) == 1
        assert "again to run" not in hints(app)


@pytest.mark.parametrize("key", ["escape", "h"])
async def test_escape_and_other_marks_take_the_question_back(key):
    engine = FakeEngine()
    async with running(engine, prompt=LONG) as (app, pilot):
        await pilot.press("a", "enter", key)
        assert "again to run" not in hints(app)
        await pilot.press("enter")
        assert "again to run" in hints(app)
        assert not runs(engine)


async def test_five_hundred_cells_are_run_at_once():
    engine = FakeEngine(blocks=MANY - 1)
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert runs(engine) == 1


async def test_a_run_that_waited_for_the_model_is_asked_about_when_the_tokens_are_there():
    engine = FakeEngine(blocks=MANY)
    engine.loaded.clear()
    async with running(engine, ready=False) as (app, pilot):
        await pilot.press("enter")
        engine.loaded.set()
        await until(pilot, lambda: "501 cells" in hints(app))
        assert not runs(engine)
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert runs(engine) == 1


async def test_a_special_token_is_left_out_of_all():
    engine = FakeEngine()
    engine._source = lambda prompt, stack: (Token(0, 1, "<s>", special=True), *words(f"x {prompt}")[1:])
    async with running(engine) as (app, pilot):
        await pilot.press("a")
        assert app.main.tokens.marks == frozenset(range(1, 10))


def finished(cells: int, tokens: int, seconds: float, model: str = "demo") -> Run:
    request = InterpretSettings(max_new_tokens=tokens).request("x", tuple(Cell(0, index) for index in range(cells)))
    return Run(1, model, request, {}, state="finished", seconds=seconds)


def test_an_estimate_is_that_of_the_last_finished_run_of_the_model():
    model, settings = info("demo", 8), InterpretSettings(max_new_tokens=20)
    before = [finished(10, 10, 99.0), finished(100, 10, 5.0), finished(1, 1, 7.0, "other")]
    assert seconds_for(600, settings, model, before) == pytest.approx(5.0 / 1000 * 600 * 20)
    guessed = seconds_for(600, settings, model, [])
    assert guessed > 0
    assert seconds_for(1200, settings, model, []) == pytest.approx(2 * guessed)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "about 1 s"), (40.4, "about 40 s"), (240, "about 4 min"), (7000, "about 2 h")]
)
def test_an_estimate_is_said_in_round_numbers(seconds, said):
    assert about(seconds) == said

"""With a pair, what its source says stands under what this prompt says, in the log of readings."""

from __future__ import annotations

from itertools import pairwise

from tests.tui.driving import log_text, run_to_end, running, until
from tests.tui.fake_engine import FakeEngine


async def test_with_a_pair_a_stands_under_the_readings_that_say_something_else():
    engine = FakeEngine(late="Rome , the capital of Italy")
    async with running(engine, prompt="Rome is in") as (app, pilot):
        await pilot.press("escape", "a", "enter")
        await run_to_end(app, pilot)
        alone = log_text(app)
        await pilot.press("p")
        assert log_text(app) == alone, "this prompt is A itself"
        engine.late = "Rome , a city"
        app.main.prompt_text.value = "Rome surely is in"
        await until(pilot, lambda: app.main.state.ready and len(app.main.state.selection.tokens) == 4)
        await pilot.press("a", "enter")
        await run_to_end(app, pilot)
        lines = log_text(app)
        assert lines[: len(alone)] == alone, "the readings of A are as they were"
        under = [(above, line) for above, line in pairwise(lines) if line[1:].startswith("A  ")]
        assert len(under) == 4 * 3, "late layers of three tokens; early ones say the same, surely has no counterpart"
        assert all("city" in above and "surely" not in above for above, _ in under)
        assert all("Rome , the capital of Italy" in line for _, line in under)
        log = app.main.view.log_view
        assert log.outline.lines == log.outline.rows + len(under)
        await pilot.press("5", "G", "k", "k", "g", "/", *"city", "enter", "n")
        assert log.here is not None
        await pilot.press("escape", "U")
        app.main.prompt_text.value = "Something else"
        await until(pilot, lambda: app.main.state.ready and len(app.main.state.selection.tokens) == 2)
        assert not any(line[1:].startswith("A  ") for line in log_text(app)), "that is no prompt of theirs"


async def test_what_a_says_comes_under_each_reading_as_it_comes_and_goes_with_the_pair():
    engine = FakeEngine(late="Rome , the capital of Italy")
    async with running(engine, prompt="Rome is in") as (app, pilot):
        await pilot.press("escape", "a", "enter")
        await run_to_end(app, pilot)
        await pilot.press("p")
        engine.late, engine.pause = "Rome , a city", 0.1
        app.main.prompt_text.value = "Rome is on"
        await until(pilot, lambda: app.main.state.ready and app.main.state.selection.tokens[2].text == " on")
        await pilot.press("enter")
        await until(pilot, lambda: 0 < sum(line[1:].startswith("A  ") for line in log_text(app)) < 12)
        assert app.main.state.busy, "the run goes on"
        await run_to_end(app, pilot)
        assert sum(line[1:].startswith("A  ") for line in log_text(app)) == 4 * len(app.main.state.selection.positions)
        await pilot.press("p", "p")
        assert not any(line[1:].startswith("A  ") for line in log_text(app))

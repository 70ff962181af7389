"""The interpretations: what follows, what is found, what is copied, and how it is laid out again."""

from __future__ import annotations

from tests.tui.driving import log_text, run_to_end, running, text_of, until
from tests.tui.fake_engine import FakeEngine


async def several_runs(app, pilot, count):
    for number in range(count):
        await pilot.press("enter")
        await until(pilot, lambda: not app.main.state.busy)
        if number < count - 1:
            await pilot.press("left")


async def test_new_readings_are_followed_at_the_end_and_only_there():
    async with running(size=(120, 30)) as (app, pilot):
        log = app.main.view.log_view
        await pilot.press("escape")
        await several_runs(app, pilot, 3)
        assert log.top + log.size.height >= len(log._lines)
        await pilot.press("5", "g")
        assert log.top == 0
        await pilot.press("2", "left", "enter")
        await run_to_end(app, pilot)
        assert log.top == 0, "who reads further up is left alone"
        await pilot.press("5", "G")
        assert log.top + log.size.height >= len(log._lines)
        await pilot.press("2", "left", "enter")
        await run_to_end(app, pilot)
        assert "▌" not in log_text(app)[-1]
        assert log.top + log.size.height >= len(log._lines)


async def test_a_finished_run_that_fits_is_shown_whole():
    async with running() as (app, pilot):
        await pilot.press("escape")
        await several_runs(app, pilot, 4)
        log = app.main.view.log_view
        shown = log_text(app)[log.top : log.top + log.size.height]
        assert shown[-11:] == log_text(app)[-11:]


async def test_a_growing_reading_is_shown_and_then_replaced():
    engine = FakeEngine()
    engine.step.clear()
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: len(log_text(app)) == 11)
        assert log_text(app)[-1].split()[-1] == "the"
        engine.step.set()
        await run_to_end(app, pilot)
        assert "Paris , the capital of France" in log_text(app)[-1]
        assert len(log_text(app)) == 11


async def test_search_marks_and_goes_through_matches_around_the_end():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        log = app.main.view.log_view
        await pilot.press("slash", *"PARIS", "enter")
        assert log.has_focus
        assert "4 matching" in text_of(app)
        assert log.matches() == [7, 8, 9, 10]
        await pilot.press("n", "n")
        here = log.cursor
        await pilot.press("N")
        assert log.cursor == here - 1 if here > 7 else 10
        await pilot.press("escape")
        assert log.matches() == []
        assert not app.main.view.search_text.display


async def test_the_filter_shows_only_matches_and_all_again():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("slash", *"word", "enter", "f")
        assert len(log_text(app)) == 4
        assert all("word" in line for line in log_text(app))
        await pilot.press("f")
        assert len(log_text(app)) == 11


async def test_readings_that_arrive_under_a_filter_are_filtered():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("slash", *"paris", "enter", "f", "2", "left", "enter")
        await run_to_end(app, pilot)
        assert len(log_text(app)) == 8
        await pilot.press("escape")
        assert len(log_text(app)) == 22


async def test_a_search_without_a_match_says_so():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("slash", *"zebra", "enter", "n")
        await until(pilot, lambda: "No match." in text_of(app))


async def test_y_copies_the_reading_and_shift_y_all_of_them():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "G", "y")
        assert app.copied == "L7 · 8 of\tParis , the capital of France\t0.367\t+"
        await pilot.press("Y")
        lines = app.copied.splitlines()
        assert len(lines) == 11
        assert lines[0].startswith("# demo (verified) · summarize at embed, replace")
        assert lines[1] == "control\tthe message is empty"


async def test_settings_other_than_the_defaults_stand_in_a_runs_header_in_its_details_and_in_what_is_copied():
    async with running() as (app, pilot):
        await pilot.press("escape", "3", *["right"] * 5, "down", *["right"] * 2, "up", "up", "2", "enter")
        await run_to_end(app, pilot)
        assert "summarize at embed, replace, to line, temp 0.2" in log_text(app)[0]
        await pilot.press("5", "g", "enter")
        await until(pilot, lambda: "temp 0.2" in text_of(app) and "to line" in text_of(app).split("strength")[1])
        await pilot.press("escape", "Y")
        assert "strength 1, to line, temp 0.2" in app.copied.splitlines()[0]


async def test_every_pane_has_something_to_copy():
    async with running() as (app, pilot):
        await pilot.press("escape", "y")
        assert app.copied == app.main.prompt_text.value
        await pilot.press("1", "y")
        assert app.copied == "demo"
        await pilot.press("3", "y")
        assert app.copied == app.main.view.settings.values.preset.text
        await pilot.press("4", "y")
        assert app.copied.splitlines()[-1] == "L7\t0.889\t of7"


async def test_details_show_each_token_and_go_through_the_run():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "G", "enter")
        shown = text_of(app)
        assert "L7 · 8 of" in shown
        assert "+0.900" in shown
        assert "-0.450" in shown
        assert "the message is empty" in shown
        await pilot.press("left")
        assert "L6 · 8 of" in text_of(app)
        await pilot.press("right", "right", "y")
        assert "+0.900" in app.copied
        await pilot.press("escape")
        assert app.screen is app.main


async def test_details_of_a_runs_header_tell_the_request():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "g", "enter")
        assert "read with: [INST]_ _ _ _ _ [/INST]" in text_of(app)
        await pilot.press("right")
        assert "control" in text_of(app)


async def test_the_random_control_stands_below_its_reading():
    async with running() as (app, pilot):
        await pilot.press("escape", "3", "left", *["right"] * 6, "up", "enter")
        await run_to_end(app, pilot)
        assert log_text(app)[3].split() == ["random", "Picasso,", "painter"]


async def test_bars_go_below_the_text_they_belong_to():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "b")
        text, bars = log_text(app)[-2:]
        start = text.index("Paris")
        assert bars[start : start + 9] == "█████ ▄ ▃"
        assert len(log_text(app)) == 11 + 9
        await pilot.press("b")
        assert len(log_text(app)) == 11


async def test_a_resize_lays_the_log_out_again_and_loses_nothing():
    async with running(FakeEngine(late=" ".join(["Paris"] * 40))) as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        wide = len(log_text(app))
        words = " ".join(log_text(app)).count("Paris")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert len(log_text(app)) > wide
        assert " ".join(log_text(app)).count("Paris") == words
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert len(log_text(app)) == wide

"""The interpretations: what follows, what is found, what is copied, and how it is laid out again."""

from __future__ import annotations

import random
import time

import msgspec
import pytest

from selfie_tui.tui.views.interpret.blocks import HEADER
from tests.tui.driving import log_text, run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine
from tests.tui.test_outline import run_of


def shown_lines(log):
    """What the window of the log shows."""
    return [log.render_line(line).text.rstrip() for line in range(log.size.height)]


def labels(app):
    """The cells of the rows of the log, without their tokens."""
    return [
        line.lstrip(" ▌").rsplit("  ")[0].rsplit(" ", 1)[0] if "·" in line else line.split()[0]
        for line in log_text(app)
    ]


async def several_runs(app, pilot, count):
    for number in range(count):
        await pilot.press("enter")
        await until(pilot, lambda: not app.main.state.busy)
        if number < count - 1:
            await pilot.press("left")


async def test_a_new_run_is_gone_to_its_header_first_wherever_the_cursor_was():
    async with running(size=(120, 30)) as (app, pilot):
        log = app.main.view.log_view
        await pilot.press("escape")
        await several_runs(app, pilot, 3)
        await pilot.press("5", "g")
        assert log.top == 0
        await pilot.press("2", "left", "enter")
        await run_to_end(app, pilot)
        assert log.here.index == HEADER
        assert log.here.block.run is app.main.state.last_run
        shown = log_text(app)[log.top : log.top + log.size.height]
        assert log_text(app)[log.cursor] in shown
        assert log_text(app)[-1] in shown, "a run that fits is shown whole"


async def test_the_window_stays_at_the_beginning_of_a_run_that_is_longer_than_it():
    engine = FakeEngine()
    engine.step.clear()
    async with running(engine, size=(120, 30)) as (app, pilot):
        log = app.main.view.log_view
        await pilot.press("escape", "a", "enter")
        await until(pilot, lambda: len(log_text(app)) > 60)
        assert log.top == 0
        engine.step.set()
        await run_to_end(app, pilot)
        assert log.top == 0
        assert "control" in log_text(app)[1]
        assert "1–" in log.extent()
        await pilot.press("left", "enter")
        await run_to_end(app, pilot)
        assert log.top == log.outline.lines_of(log.cursor)[0]
        assert "── demo" in shown_lines(log)[0]


async def test_the_last_row_follows_new_readings_and_another_row_does_not():
    engine = FakeEngine()
    async with running(engine, size=(120, 30)) as (app, pilot):
        log = app.main.view.log_view
        await pilot.press("escape", "a", "enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "G")
        lines = log.outline.lines
        assert log.top + log.size.height >= lines
        log.notice("a notice", "warning")
        assert log.cursor == log.outline.rows - 1
        assert log.top + log.size.height >= lines + 1
        await pilot.press("k")
        log.notice("another", "warning")
        assert log.cursor == log.outline.rows - 3


async def test_the_header_of_the_run_that_is_read_stays_at_the_top_of_the_window():
    async with running(size=(120, 30)) as (app, pilot):
        log = app.main.view.log_view
        await pilot.press("escape", "a", "enter")
        await run_to_end(app, pilot)
        await pilot.press("2", "left", "enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "g", *["j"] * 30)
        assert log.top > 0
        assert shown_lines(log)[0].split("──")[1] == log_text(app)[0].split("──")[1]
        for _ in range(12):
            await pilot.press("k")
            at = log.outline.lines_of(log.cursor)[0] - log.top
            assert at > 0 or log.top == 0, "the header hides no row that the cursor is on"
        await pilot.press("]")
        assert log.here.index == HEADER
        assert log.here.block is log.outline.blocks[1]
        await pilot.press("[", "[")
        assert log.cursor == 0


async def test_a_finished_run_that_fits_is_shown_whole():
    async with running() as (app, pilot):
        await pilot.press("escape")
        await several_runs(app, pilot, 4)
        log = app.main.view.log_view
        shown = log_text(app)[log.top : log.top + log.size.height]
        assert shown[-11:] == log_text(app)[-11:]


async def test_k_on_the_first_row_stays_in_the_log():
    async with running() as (app, pilot):
        await pilot.press("escape", "enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "g", "k", "k")
        assert app.main.view.log_view.has_focus
        assert app.main.view.log_view.cursor == 0


async def test_a_growing_reading_is_shown_and_then_replaced():
    engine = FakeEngine()
    engine.step.clear()
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: len(log_text(app)) == 11)
        assert log_text(app)[-1].split()[-1] == "the"
        engine.step.set()
        await run_to_end(app, pilot)
        assert "Paris█ ,▄ the▃ capital▂ of▂ France▂" in log_text(app)[-1]
        assert len(log_text(app)) == 11


async def test_a_runs_header_counts_its_readings_as_they_come():
    engine = FakeEngine(pause=0.05)
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        seen = set()
        while app.main.state.busy or app.main.state.pending_view:
            seen.add(log_text(app)[0].rsplit("─", 1)[-1].strip())
            await pilot.pause(0.01)
        assert {"3 of 9", "7 of 9"} & seen
        await run_to_end(app, pilot)
        assert log_text(app)[0].endswith("s")


async def test_a_search_goes_forward_from_the_cursor_around_the_end_and_counts():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        log = app.main.view.log_view
        await pilot.press("5", *"jjjjjjjj", "slash", *"PARIS")
        assert log.cursor == 8
        assert "2/4 matching" in text_of(app)
        await pilot.press("enter")
        assert log.has_focus
        await pilot.press("n", "n")
        assert log.cursor == 10
        assert "4/4 matching “paris”" in text_of(app)
        await pilot.press("n")
        assert log.cursor == 7
        await pilot.press("N")
        assert log.cursor == 10
        await pilot.press("g")
        assert " 4 matching" in text_of(app)
        await pilot.press("escape")
        assert log.outline.matches == 0
        assert not app.main.view.search_text.display


async def test_a_search_begins_anew_from_where_it_began_with_every_key():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        log = app.main.view.log_view
        await pilot.press("5", "g", "slash", *"the c")
        assert log.cursor == 7
        await pilot.press("backspace")
        assert log.cursor == 1, "“the” is in the control's text already"


async def test_a_search_looks_through_the_readings_alone():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        for word in ("summarize", "control", "L3", "Eiffel"):
            await pilot.press("slash", *word, "enter", "n")
            assert app.main.view.log_view.outline.found == 0, word
            await pilot.press("escape", "escape")


async def test_the_filter_keeps_the_headers_of_runs_that_match_and_shows_all_again():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("slash", *"word", "enter", "f")
        assert len(log_text(app)) == 5
        assert "summarize" in log_text(app)[0]
        assert all("word" in line for line in log_text(app)[1:])
        await pilot.press("f")
        assert len(log_text(app)) == 11


async def test_a_filter_without_a_match_or_a_search_changes_nothing_and_says_so():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "f")
        assert "Nothing is searched for: / begins." in toasts(app)
        await pilot.press("slash", *"zebra", "enter", "f")
        assert "No reading says “zebra”: all are shown." in toasts(app)
        assert len(log_text(app)) == 11


async def test_readings_that_arrive_under_a_filter_are_filtered():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("slash", *"paris", "enter", "f", "2", "left", "enter")
        await run_to_end(app, pilot)
        assert len(log_text(app)) == 10
        await pilot.press("escape")
        assert len(log_text(app)) == 22


async def test_a_run_without_a_match_is_hidden_by_the_filter_once_it_has_ended():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        log = app.main.view.log_view
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("slash", *"paris", "enter", "f")
        engine.late = "nothing of the kind"
        engine.step.clear()
        await pilot.press("2", "left", "enter")
        await until(pilot, lambda: len(log_text(app)) == 6)
        engine.step.set()
        await run_to_end(app, pilot)
        assert log.outline.rows == len(log_text(app)) == 5


async def test_keys_do_nothing_where_another_search_leaves_nothing_of_a_filtered_log():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("slash", *"paris", "enter", "f", "slash", *"zebra", "enter")
        assert log_text(app) == []
        for key in ("right", "left", "enter", "y", "j", "G", "[", "n", "s", "-", "b"):
            await pilot.press(key)
            assert app.screen is app.main, key
        await pilot.press("escape")
        assert len(log_text(app)) == 1


async def test_a_search_without_a_match_says_so():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("slash", *"zebra", "enter", "n")
        await until(pilot, lambda: "No match." in text_of(app))


async def test_n_finds_what_folded_runs_hide():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "-", "slash", *"paris", "enter", "n")
        assert "Paris" in log_text(app)[app.main.view.log_view.cursor]


async def test_a_token_a_layer_or_a_cell_typed_in_the_log_goes_to_its_reading():
    async with running() as (app, pilot):
        log = app.main.view.log_view
        await pilot.press("escape", "space", "left", "space", "enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "colon", *"L5,8", "enter")
        assert "L5 · 8 of" in log_text(app)[log.cursor]
        assert log.has_focus
        await pilot.press("colon", *"L2", "enter")
        assert "L2 · 8 of" in log_text(app)[log.cursor]
        await pilot.press("colon", *"7", "enter")
        assert "embed · 7 city" in log_text(app)[log.cursor]
        await pilot.press("colon", *"3", "enter")
        assert "This run has no reading of “3”." in toasts(app)[-1]
        assert "embed · 7 city" in log_text(app)[log.cursor]


# Order and folds ------------------------------------------------------------------------------------------------------


async def test_s_sorts_by_layer_then_by_effect_and_the_cursor_stays_on_its_reading():
    async with running() as (app, pilot):
        log = app.main.view.log_view
        await pilot.press("escape", "space", "left", "space", "enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "g", "j", "j", "j")
        here = log.here
        assert labels(app)[2:4] == ["embed · 7", "L0 · 7"]
        await pilot.press("s")
        assert labels(app)[1:5] == ["control", "embed · 7", "embed · 8", "L0 · 7"]
        assert log.here == here
        assert "by layer" in text_of(app)
        await pilot.press("s")
        effects = [line.rsplit(maxsplit=2)[1] for line in log_text(app)[2:]]
        assert effects == sorted(effects, reverse=True)
        assert len(set(effects)) > 1
        assert log.here == here
        await pilot.press("s")
        assert labels(app)[2:4] == ["embed · 7", "L0 · 7"]


async def test_readings_that_arrive_in_order_of_effect_stand_where_they_belong():
    async with running() as (app, pilot):
        await pilot.press("escape", "5", "s", "s", "2", "enter")
        await run_to_end(app, pilot)
        effects = [line.rsplit(maxsplit=2)[1] for line in log_text(app)[2:]]
        assert effects == sorted(effects, reverse=True)
        assert len(effects) == 9


async def test_left_folds_a_run_to_its_header_and_right_unfolds_it():
    async with running() as (app, pilot):
        log = app.main.view.log_view
        await pilot.press("escape")
        await several_runs(app, pilot, 2)
        await pilot.press("5", "g", "j", "j", "left")
        assert log.cursor == 0
        await pilot.press("left")
        assert len(log_text(app)) == 1 + 11
        assert log_text(app)[0].lstrip(" ▌").startswith("▸─ demo")
        await pilot.press("right")
        assert len(log_text(app)) == 22
        await pilot.press("-")
        assert len(log_text(app)) == 2
        await pilot.press("-")
        assert len(log_text(app)) == 22


async def test_one_long_text_or_all_of_them_are_unfolded_by_a_key():
    async with running(FakeEngine(late=" ".join(["Paris"] * 40))) as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert len(log_text(app)) == 11
        await pilot.press("5", "G", "right")
        assert len(log_text(app)) > 12
        assert " ".join(log_text(app)[10:]).count("Paris") == 40
        await pilot.press("left")
        assert len(log_text(app)) == 11
        await pilot.press("b")
        assert " ".join(log_text(app)).count("Paris") == 160
        await pilot.press("b")
        assert len(log_text(app)) == 11


# Copying and details --------------------------------------------------------------------------------------------------


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
        assert "without injection: the message is empty" in shown
        assert "the lens here: ·lens 0.25" in shown
        assert "the token's bare embedding: the message is empty" in shown
        assert "entropy is 0.50 nats" in shown
        assert "the control has 0%" in shown
        await pilot.press("left")
        assert "L6 · 8 of" in text_of(app)
        await pilot.press("right", "right", "y")
        assert "+0.900" in app.copied
        await pilot.press("escape")
        assert app.screen is app.main


async def test_details_say_how_many_samples_agree_and_what_the_others_say():
    async with running() as (app, pilot):
        settings = app.main.view.settings
        settings.choose(msgspec.structs.replace(settings.values, samples=3, temperature=0.5, baselines=False))
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "G", "enter")
        shown = text_of(app)
        assert "2 of 3 samples agree: " in shown
        assert "| something else |" in shown
        assert "the lens here" not in shown
        assert "bare embedding" not in shown


async def test_details_of_a_runs_header_tell_the_request():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "g", "enter")
        assert "read with: [INST]_ _ _ _ _ [/INST]" in text_of(app)
        await pilot.press("right")
        assert "control" in text_of(app)


async def test_details_that_were_stepped_through_leave_the_cursor_where_they_ended():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "G", "enter", "left", "left", "escape")
        await until(pilot, lambda: app.screen is app.main)
        assert "L5 · 8" in log_text(app)[app.main.view.log_view.cursor]


async def test_the_random_control_stands_beside_its_reading():
    async with running() as (app, pilot):
        await pilot.press("escape", "3", "left", *["right"] * 6, "up", "enter")
        await run_to_end(app, pilot)
        assert "~ Picasso, painter" in log_text(app)[3]


KEYS = [*"jjjjkkkkgGhlllhsb-f[]nN", "ctrl+d", "ctrl+u", "slash", "escape", "run", "resize"]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_pressed_the_cursor_is_on_a_row_in_sight_and_not_under_the_header(seed):
    chance = random.Random(seed)
    async with running(FakeEngine(late=" ".join(["Paris"] * 30)), size=(100, 24)) as (app, pilot):
        log = app.main.view.log_view
        pressed = []
        for key in ["run", *(chance.choice(KEYS) for _ in range(90))]:
            pressed.append(key)
            await press_or_do(app, pilot, key, chance)
            rows, outline = log.outline.rows, log.outline
            assert rows == len([*outline.items()]), pressed[-6:]
            assert 0 <= log.top <= max(log.count() - log.size.height, 0), pressed[-6:]
            if rows:
                assert outline.item(log.cursor) == log.here, pressed[-6:]
                first, _ = outline.lines_of(log.cursor)
                covered = 1 if log._sticky() is not None else 0
                assert log.top + covered <= first < log.top + log.size.height, pressed[-6:]


async def press_or_do(app, pilot, key, chance):
    """Press a key in the log; or run, search or resize."""
    if key == "run":
        if chance.random() < 0.5:
            await pilot.press("2", "left")
        await pilot.press("2", *(["a"] if chance.random() < 0.3 else []), "ctrl+r")
        await run_to_end(app, pilot)
        await pilot.press("5")
    elif key == "slash":
        await pilot.press("slash", *chance.choice(["paris", "word", "the", "zebra"]), "enter")
    elif key == "resize":
        await pilot.resize_terminal(chance.choice([60, 80, 120]), chance.choice([20, 24, 40]))
    else:
        await pilot.press(key)
    await pilot.pause()


async def test_a_hundred_thousand_readings_are_opened_and_gone_through_without_a_wait():
    """Bounds are ten times what is needed, for a machine that does other things."""
    async with running() as (app, pilot):
        log = app.main.view.log_view
        runs = [run_of(number, 1000) for number in range(100)]
        start = time.process_time()
        for run in runs:
            run.state = "finished"
            log.open(run)
        text_of(app)
        assert time.process_time() - start < 3
        assert log.outline.rows == 100 * 1001
        for key in ("5", "g", "j", "G", "ctrl+u", "s", "s", "b", "slash", *"paris", "enter", "n", "f", "["):
            start = time.process_time()
            await pilot.press(key)
            text_of(app)
            assert time.process_time() - start < 1.5, key
        assert log.here.index == HEADER
        assert log.outline.rows == 100 * 201


async def test_a_resize_lays_the_log_out_again_and_loses_nothing():
    async with running(FakeEngine(late=" ".join(["Paris"] * 40))) as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("5", "b")
        wide = len(log_text(app))
        words = " ".join(log_text(app)).count("Paris")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert len(log_text(app)) > wide
        assert " ".join(log_text(app)).count("Paris") == words
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert len(log_text(app)) == wide

"""The program from its first key to its last, on a scripted engine."""

from __future__ import annotations

import re
import threading
import time

import pytest
from textual._xterm_parser import XTermParser
from textual.events import Key, Paste

from selfie_tui.errors import SelfieError
from selfie_tui.records import EMBED, Interpret, LoadModel, Notice, Tokenize
from selfie_tui.tui.app import FIRST_PROMPT
from selfie_tui.tui.keyboard import register_alt_digits
from selfie_tui.tui.pages.error import ErrorScreen
from tests.tui.driving import log_text, run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

SIZES = [(120, 40), (80, 24)]


@pytest.mark.parametrize("size", SIZES)
async def test_the_first_screen_shows_all_panes_the_prompt_and_the_last_token_under_the_cursor(size):
    async with running(size=size) as (app, _):
        shown = text_of(app)
        for title in ("4 Layers", "2 Prompt", "3 Settings", "5 Interpretations", "1 Model"):
            assert title in shown or (title == "3 Settings" and size[1] < 30 and " 3 ‹summarize›" in shown)
        assert FIRST_PROMPT in shown
        assert "▌8 ·of▐" in shown
        assert app.main.state.selection.selected_layers == (EMBED, *range(8))


async def test_before_the_model_is_there_the_screen_is_complete_and_says_what_it_waits_for():
    engine = FakeEngine()
    engine.loaded.clear()
    async with running(engine, ready=False) as (app, pilot):
        await until(pilot, lambda: "reading weights" in text_of(app))
        shown = text_of(app)
        assert FIRST_PROMPT in shown
        assert "tokens come with the model" in shown
        assert "50%" in shown


async def test_enter_once_reads_every_layer_of_the_last_token():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        lines = log_text(app)
        assert "summarize at embed, replace" in lines[0]
        assert lines[1].split() == ["control", "the", "message", "is", "empty"]
        assert "Paris█ ,▄ the▃ capital▂ of▂ France▂" in lines[-1]
        assert lines[2].endswith("="), "what says no more than the control is marked"
        assert lines[-1].endswith("+")
        assert len(lines) == 2 + 9


async def test_a_request_made_while_the_model_loads_waits_and_runs_when_it_is_ready():
    engine = FakeEngine()
    engine.loaded.clear()
    async with running(engine, ready=False) as (app, pilot):
        await until(pilot, lambda: app.main.state.load_step is not None)
        await pilot.press("enter")
        await until(pilot, lambda: "will interpret when ready" in text_of(app))
        engine.loaded.set()
        await until(pilot, lambda: len(log_text(app)) == 11)


async def test_enter_before_anything_has_begun_waits_too():
    engine = FakeEngine()
    async with running(engine, ready=False) as (app, pilot):
        app.main.action_interpret()
        await until(pilot, lambda: len(log_text(app)) == 11)


async def test_a_request_that_waits_for_the_model_is_forgotten_on_escape():
    engine = FakeEngine()
    engine.loaded.clear()
    async with running(engine, ready=False) as (app, pilot):
        await until(pilot, lambda: app.main.state.load_step is not None)
        await pilot.press("enter")
        await pilot.press("escape")
        assert not app.main.state.pending_view
        engine.loaded.set()
        await until(pilot, lambda: bool(app.main.tokens.tokens))
        await pilot.pause(0.1)
        assert not any(isinstance(task, Interpret) for task in engine.done)


async def test_enter_right_after_typing_reads_the_prompt_as_typed():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("i", "space", "R", "o", "m", "e", "enter")
        await run_to_end(app, pilot)
        (asked,) = [task.request for task in engine.done if isinstance(task, Interpret)]
        assert asked.prompt == f"{FIRST_PROMPT} Rome"
        assert {cell.position for cell in asked.cells} == {9}


async def test_typing_asks_for_tokens_once_when_it_pauses():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        before = sum(isinstance(task, Tokenize) for task in engine.done)
        await burst(app, pilot, "i", "a", "b", "c")
        await until(pilot, lambda: app.main.tokens.tokens[-1].text == " ofabc")
        assert sum(isinstance(task, Tokenize) for task in engine.done) == before + 1


async def test_escape_goes_one_level_out_and_never_quits():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        main = app.main
        engine.step.clear()
        await pilot.press("enter")
        await until(pilot, lambda: main.state.running is not None)
        await pilot.press("5", "z")
        assert main.zoomed is not None
        await pilot.press("slash", *"word", "enter")
        assert main.view.log_view.query_text == "word"
        await pilot.press("i", "question_mark")
        assert main.prompt_text.has_focus
        assert main.prompt_text.value.endswith("?"), "in a text field a question mark is a question mark"
        await pilot.press("f1")
        assert app.screen is not main
        await pilot.press("escape")
        assert app.screen is main
        await pilot.press("escape")
        assert main.zoomed is None
        assert main.view.log_view.query_text == "word"
        await pilot.press("escape")
        assert main.view.log_view.query_text == ""
        assert main.prompt_text.has_focus
        await pilot.press("escape")
        assert main.tokens.has_focus
        assert main.state.running is not None
        await pilot.press("escape")
        await until(pilot, lambda: main.state.running is None)
        assert "cancelled" in log_text(app)[0]
        await pilot.press("escape", "escape")
        assert app.is_running


async def test_a_cancelled_run_keeps_what_was_finished():
    engine = FakeEngine(pause=0.5)
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: any(run.interpretations for run in app.main.state.runs.values()))
        await pilot.press("escape")
        assert "cancelling" in text_of(app)
        await run_to_end(app, pilot)
        (run,) = app.main.state.runs.values()
        assert run.state == "cancelled"
        assert 0 < len(run.interpretations) < 9


async def test_the_header_keeps_the_outcome_of_the_last_run_until_the_next_one():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert re.search(r"9 readings · \d+\.\d s$", text_of(app).splitlines()[0])
        engine.step.clear()
        await pilot.press("left", "enter")
        await until(pilot, lambda: app.main.state.runs_now)
        assert "readings" not in text_of(app).splitlines()[0]
        await pilot.press("escape")
        await run_to_end(app, pilot)
        assert text_of(app).splitlines()[0].endswith("cancelled · 0 of 9")


async def test_a_run_in_the_queue_is_cancelled_with_the_one_that_runs():
    engine = FakeEngine()
    engine.step.clear()
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: app.main.state.running is not None)
        await pilot.press("left", "enter")
        assert [run.state for run in app.main.state.runs.values()] == ["running", "waiting"]
        await pilot.press("escape")
        await run_to_end(app, pilot)
        assert [run.state for run in app.main.state.runs.values()] == ["cancelled", "cancelled"]


async def test_the_same_request_is_not_queued_twice():
    engine = FakeEngine()
    engine.step.clear()
    async with running(engine) as (app, pilot):
        await pilot.press("enter", "enter", "enter")
        await until(pilot, lambda: app.main.state.running is not None)
        assert len(app.main.state.runs) == 1
        await until(pilot, lambda: any("already" in toast for toast in toasts(app)))


async def test_an_error_in_a_run_is_told_with_its_remedy_and_closes_with_escape():
    engine = FakeEngine(fail=SelfieError("The device is on fire [/INST].", "Use another one."))
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ErrorScreen))
        shown = text_of(app)
        assert "The device is on fire [/INST]." in shown
        assert "Use another one." in shown
        await pilot.press("escape")
        assert app.screen is app.main
        assert "failed" in log_text(app)[0]
        assert app.main.prompt_text.value == FIRST_PROMPT


async def test_a_fault_of_the_program_is_told_and_its_traceback_copied():
    engine = FakeEngine(fail=ZeroDivisionError("[bold]oops"))
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ErrorScreen))
        await pilot.press("y")
        assert "Traceback" in app.copied
        assert "ZeroDivisionError: [bold]oops" in app.copied
        await pilot.press("enter")
        engine.fail = None
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert len(log_text(app)) == 1 + 11, "the program goes on after a fault"


async def test_a_model_that_cannot_be_loaded_leaves_the_one_before():
    async with running() as (app, pilot):
        await pilot.press("alt+1", "o", *"missing", "enter")
        await until(pilot, lambda: isinstance(app.screen, ErrorScreen))
        assert "missing was not loaded" in text_of(app)
        await pilot.press("escape", "2", "enter")
        await run_to_end(app, pilot)
        assert len(log_text(app)) == 11


async def test_a_model_is_loaded_by_typing_its_name_with_the_device_that_is_chosen():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("alt+1", "G", "up", "right")
        await pilot.press("o", *"a/b", "enter")
        await until(pilot, lambda: app.main.state.model is not None and app.main.state.model.name == "a/b")
        assert LoadModel("a/b", device="cpu", dtype="auto") in engine.done
        await until(pilot, lambda: bool(app.main.layer_list.lens))
        assert "a/b" in text_of(app)


async def test_notices_are_toasts_and_warnings_stay_in_the_log():
    notices = (Notice(text="falling back to [cpu]", severity="warning"), Notice(text="by the way"))
    async with running(FakeEngine(notices=notices)) as (app, pilot):
        await until(pilot, lambda: len(toasts(app)) == 2)
        assert toasts(app) == ["falling back to [cpu]", "by the way"]
        assert log_text(app) == [" ! falling back to [cpu]"]
        assert "falling back to [cpu]" in text_of(app)


async def test_an_empty_prompt_is_asked_for_instead_of_run():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("i", "ctrl+u", "enter")
        await until(pilot, lambda: any("empty" in toast for toast in toasts(app)))
        assert app.main.prompt_text.has_focus
        assert not any(isinstance(task, Interpret) for task in engine.done)


async def test_quitting_while_a_run_goes_on_takes_less_than_a_second():
    engine = FakeEngine()
    engine.step.clear()
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: app.main.state.running is not None)
        began = time.monotonic()
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
        assert time.monotonic() - began < 1.0
    app.jobs.join(1.0)
    assert not any(thread.name == "engine" and thread.is_alive() for thread in threading.enumerate())


async def test_ctrl_c_quits_when_pressed_twice_and_only_then():
    async with running() as (app, pilot):
        await pilot.press("ctrl+c")
        assert app.is_running
        await until(pilot, lambda: any("once more" in toast for toast in toasts(app)))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not app.is_running)


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_these_keys_quit(key):
    async with running() as (app, pilot):
        await pilot.press("escape", key)
        await until(pilot, lambda: not app.is_running)


async def test_q_is_a_letter_in_a_text_field():
    async with running() as (app, pilot):
        await pilot.press("i", "q")
        assert app.is_running
        assert app.main.prompt_text.value.endswith("q")


async def test_at_the_start_the_keys_go_to_the_tokens_where_q_quits_and_leaves_the_draft_as_it_was():
    engine = FakeEngine()
    engine.loaded.clear()
    async with running(engine, ready=False) as (app, pilot):
        assert app.main.focused is app.main.tokens
        assert "i edit" in text_of(app)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
        assert app.main.prompt_text.value == FIRST_PROMPT


async def burst(app, pilot, *keys):
    """Keys that arrive faster than any of them can be answered."""
    for key in keys:
        character = key if len(key) == 1 else {"space": " "}.get(key)
        app.post_message(Key(key, character))
    await pilot.pause(0.05)


async def test_keys_of_a_burst_are_answered_in_their_order():
    async with running(prompt="x") as (app, pilot):
        text = app.main.prompt_text
        await burst(
            app,
            pilot,
            "i",
            "ctrl+u",
            *"teh",
            "backspace",
            "backspace",
            *"he",
            "space",
            *"qat",
            "left",
            "left",
            "delete",
        )
        assert text.value == "the qt"
        await burst(app, pilot, "escape", "5", "4", "j", "tab", "i", "end", *"q1?", "backspace", "down", "g", "l")
        assert text.value == "the qtq1"
        assert app.is_running
        assert app.main.layer_list.cursor == 1
        assert app.main.focused is app.main.tokens


async def test_what_follows_a_name_that_was_taken_is_a_command():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await burst(app, pilot, "escape", "o", *"small", "enter", "2", "h")
        await until(pilot, lambda: app.main.state.model is not None and app.main.state.model.name == "small")
        assert app.main.tokens.has_focus
        assert [task.name for task in engine.done if isinstance(task, LoadModel)] == ["demo", "small"]


@pytest.mark.parametrize("digit", "12345")
def test_escape_and_a_digit_as_terminals_send_alt_is_the_key_of_a_pane(digit):
    register_alt_digits()
    (key,) = XTermParser().feed(f"\x1b{digit}")
    assert (key.key, key.is_printable) == (f"alt+{digit}", False)


async def test_a_letter_with_alt_as_terminals_send_it_is_no_letter_in_a_text_field():
    async with running(prompt="x") as (app, pilot):
        app.post_message(Key("alt+3", "3"))
        await pilot.pause(0.05)
        assert app.main.view.settings.has_focus
        await pilot.press("i")
        app.post_message(Key("alt+x", "x"))
        await burst(app, pilot, "y")
        assert app.main.prompt_text.value == "xy"


async def test_what_is_pasted_stays_before_what_is_typed_after_it():
    async with running(prompt="x") as (app, pilot):
        app.post_message(Paste("one\r\ntwo"))
        await burst(app, pilot, "backspace", *"!")
        await until(pilot, lambda: app.main.prompt_text.value.endswith("!"))
        assert app.main.prompt_text.value == "xone\ntw!"


@pytest.mark.parametrize("size", [(40, 12), (20, 5), (1, 1), (200, 60)])
async def test_any_size_of_terminal_is_survived(size):
    async with running(size=size, ready=False) as (app, pilot):
        await pilot.pause(0.2)
        await pilot.press("enter", "1", "3", "4", "5", "z", "question_mark")
        await pilot.resize_terminal(120, 40)
        await pilot.resize_terminal(*size)
        assert app.is_running


@pytest.mark.parametrize("digit", "12345")
@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 12)])
async def test_every_pane_is_reached_by_its_digit_and_is_in_sight(size, digit):
    async with running(size=size) as (app, pilot):
        await pilot.press("escape", digit)
        pane = app.main.panes[int(digit) - 1]
        assert app.main.focused in pane.walk_children()
        assert pane.region.area > 0
        assert f"{digit} " in text_of(app)
        assert pane.has_class("-active")


async def test_tab_goes_through_the_panes_in_the_order_of_their_digits():
    async with running() as (app, pilot):
        seen = []
        for _ in range(6):
            await pilot.press("tab")
            seen.append(next(pane.digit for pane in app.main.panes if pane.has_class("-active")))
        assert seen == [3, 4, 5, 1, 2, 3]
        await pilot.press("shift+tab")
        assert app.main.panes[1].has_class("-active")


async def test_nothing_has_a_name_that_textual_takes_for_the_handler_of_a_key():
    async with running() as (app, pilot):
        await pilot.press("escape", "question_mark")
        nodes = [app, app.main, app.screen, *app.main.query("*"), *app.screen.query("*")]
        for node in nodes:
            names = {name for name in (*vars(node), *vars(type(node))) if name.startswith(("key_", "_key_"))}
            assert all(callable(getattr(node, name)) for name in names), (node, names)
        await pilot.press("escape", "at")
        assert app.is_running


async def test_the_header_goes_on_while_nothing_is_heard_of_a_run_and_says_nothing_when_it_is_over():
    engine = FakeEngine()
    engine.step.clear()
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "0:02 left" in text_of(app))
        await until(pilot, lambda: "0:01 left" in text_of(app))
        engine.step.set()
        await run_to_end(app, pilot)
        await until(pilot, lambda: app.main._ticking is None)
        assert "left" not in text_of(app).splitlines()[0]

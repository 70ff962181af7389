"""The view of runs that were kept: listed, looked at, opened as if just run, searched and deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from selfie_tui.records import EMBED, Cell, Interpret, PromptTokens, StackInfo
from selfie_tui.results.entries import Result
from selfie_tui.results.history import stored_runs
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.kept import day, moment, read_back
from selfie_tui.tui.opening import run_open, take_opened
from selfie_tui.tui.pages.error import ErrorScreen
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.history.compare import compare
from selfie_tui.tui.views.history.glimpse import glimpse
from selfie_tui.tui.views.history.kinds.kind import SAMPLE
from selfie_tui.tui.views.history.rows import by_day, done, run_pieces
from tests.results.runs import run_of, write
from tests.tui.driving import log_text, run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine, info, words
from tests.tui.test_state import Submitted, ready

PARIS = ["the word of.", "Paris, the capital", "PARIS"]
PROMPT = "The Eiffel Tower"


def kept(folder: Path, *runs) -> list:
    """The stored runs of a session of yesterday."""
    write(folder / "sessions" / "yesterday.jsonl", *runs)
    return stored_runs(folder / "sessions", folder / "cache")


def yesterday(hour: int = 12) -> str:
    return (datetime.now(UTC) - timedelta(days=1)).replace(hour=hour, minute=0).isoformat(timespec="seconds")


def list_of(app: SelfieApp):
    return app.main.opened["history"].list


# Runs that are read back ----------------------------------------------------------------------------------------------


def test_a_run_that_is_read_back_is_as_it_was_and_says_from_when(tmp_path: Path):
    (stored,) = kept(tmp_path, run_of(PARIS, began="2026-11-24T10:34:00+00:00"))
    run = read_back(stored, -1, datetime(2026, 12, 1).astimezone())
    assert [run.text(index) for index in range(3)] == PARIS
    assert run.control is not None
    assert run.control.text == "the message is empty."
    assert (run.state, run.model, run.sources[2].text) == ("finished", "demo", " Tower")
    when = datetime.fromisoformat("2026-11-24T10:34:00+00:00").astimezone()
    assert run.description() == f"3 readings · from {when.day} Nov {when:%H:%M}"


@pytest.mark.parametrize(("ending", "state"), [("cancelled", "cancelled"), (None, "unfinished"), ("failed", "failed")])
def test_a_run_that_was_not_finished_says_how_far_it_came(tmp_path: Path, ending, state):
    (stored,) = kept(tmp_path, run_of(PARIS[:1], ending=ending, cells=5))
    run = read_back(stored, -1)
    assert run.state == state
    assert run.description().startswith(f"{state} · 1 of 5 · from ")


def test_an_opened_run_sets_prompt_settings_and_marks_so_that_the_same_is_asked_again(tmp_path: Path):
    (stored,) = kept(tmp_path, run_of(PARIS))
    state = ready()
    run = read_back(stored, -1)
    assert take_opened(state, stored, run).settings
    assert state.prompt == PROMPT
    state.take(PromptTokens(prompt=PROMPT, tokens=words(PROMPT)))
    assert state.selection.position == 2
    assert state.interpret(state.selection.cells()).request == run.request
    assert run_open(state, stored) is run


def test_marks_of_an_opened_run_wait_for_the_tokens_of_its_prompt(tmp_path: Path):
    entries = run_of(PARIS)
    (stored,) = kept(tmp_path, entries)
    state = AppState(Submitted())
    take_opened(state, stored, read_back(stored, -1))
    assert state.selection.cells() == ()
    fresh = ready()
    take_opened(fresh, stored, read_back(stored, -1))
    other = tuple(token if token.position != 2 else words("x y Turm")[2] for token in words(PROMPT))
    fresh.take(PromptTokens(prompt=PROMPT, tokens=other))
    assert len(fresh.selection.cells()) == 5, "another token is another cell: all layers of the cursor's token"


def test_an_opened_run_of_another_stack_is_read_from_that_stack(tmp_path: Path):
    first, *rest = run_of(PARIS[:1])
    task = Interpret(msgspec.structs.replace(first.request, stack="decoder"))
    entries = [msgspec.structs.replace(first, task=task), *rest]
    (stored,) = kept(tmp_path, entries)
    state = ready(stacks=(StackInfo("encoder", 4), StackInfo("decoder", 4)))
    assert take_opened(state, stored, read_back(stored, -1)).stack
    assert state.stack == "decoder"


def test_days_have_names():
    now = datetime(2026, 3, 1, 9, 0).astimezone()
    assert day(now, now) == "today"
    assert moment(now - timedelta(days=1), now) == "yesterday 09:00"
    assert day(now - timedelta(days=9), now) == "Fri 20 Feb"
    assert moment(now - timedelta(days=9), now) == "20 Feb 09:00"
    assert day(now - timedelta(days=90), now) == "Mon 1 Dec 2025"


# Lines ----------------------------------------------------------------------------------------------------------------


def test_runs_stand_under_their_days_and_say_how_far_they_came(tmp_path: Path):
    runs = kept(
        tmp_path,
        run_of(PARIS, 1, began="2026-01-01T12:00:00+00:00"),
        run_of(PARIS[:1], 2, "cancelled", began="2026-01-02T12:00:00+00:00", cells=90, model="a/folder/gpt2"),
    )
    lines = by_day(runs, datetime(2026, 1, 2, 23).astimezone())
    assert [line.heading for line in lines if line.run is None] == ["today", "yesterday"]
    assert [done(run) for run in runs] == ["◐ 1/90", "3"]
    shown = "".join(piece.text for piece in run_pieces(runs[0], 90, Look(), marked=True))
    assert shown.startswith("●")
    assert "gpt2" in shown
    assert "summarize at embed" in shown
    assert "folder" not in shown


@pytest.mark.parametrize("width", [1, 10, 40, 100])
def test_a_line_is_as_wide_as_its_pane(tmp_path: Path, width):
    (run,) = kept(tmp_path, run_of(PARIS, prompt="wide 漢字 " * 20))
    line = run_pieces(run, width, Look(), marked=False)
    assert Look().strip(line, width).cell_length == width


def test_a_glimpse_of_a_large_run_reads_a_sample_of_it(tmp_path: Path):
    (run,) = kept(tmp_path, run_of([f"text {number}" for number in range(SAMPLE * 2 + 10)]))
    seen = glimpse(run)
    assert SAMPLE / 2 < seen.looked_at <= SAMPLE
    assert seen.seen[0] == "the message is empty."
    run.path.unlink()
    assert "cannot be read" in glimpse(run).problem


# In the app -----------------------------------------------------------------------------------------------------------


async def test_two_keys_open_the_readings_of_yesterday(tmp_path: Path):
    kept(tmp_path, run_of(["older"], 1, began=yesterday(9)), run_of(PARIS, 2, began=yesterday(18)))
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("alt+2", "enter")
        await run_to_end(app, pilot)
        await pilot.press("H")
        await until(pilot, lambda: len(list_of(app).runs) == 3)
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view.NAME == "interpret")
        await until(pilot, lambda: any("yesterday" in line for line in log_text(app)))
        header, *said = log_text(app)[-5:]
        assert "3 readings · from yesterday" in header
        assert "control" in said[0]
        assert ["PARIS" in line for line in said[1:]] == [False, False, True]
        await until(pilot, lambda: app.main.state.selection.prompt == PROMPT)
        assert app.main.prompt_text.value == PROMPT
        lines = len(log_text(app))
        await pilot.press("H", "enter")
        await until(pilot, lambda: app.main.view.NAME == "interpret")
        assert len(log_text(app)) == lines, "a run that is open is gone to, not opened twice"


async def test_a_run_opens_without_a_model_and_asked_for_before_the_runs_are_known(tmp_path: Path):
    kept(tmp_path, run_of(PARIS, began=yesterday()))
    engine = FakeEngine()
    engine.loaded.clear()
    async with running(engine, ready=False, state_dir=tmp_path) as (app, pilot):
        await pilot.press("escape", "H", "enter")
        await until(pilot, lambda: any("PARIS" in line for line in log_text(app) if app.main.view.NAME == "interpret"))
        assert app.main.state.model is None
        assert not any(isinstance(task, Interpret) for task in engine.done)


async def test_the_same_is_asked_again_of_the_loaded_model(tmp_path: Path):
    kept(tmp_path, run_of(PARIS, began=yesterday()))
    engine = FakeEngine()
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: list_of(app).here is not None)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: any(isinstance(task, Interpret) for task in engine.done))
        await run_to_end(app, pilot)
        (task,) = [task for task in engine.done if isinstance(task, Interpret)]
        assert (task.request.prompt, len(task.request.cells)) == (PROMPT, 3)
        assert EMBED not in {cell.layer for cell in task.request.cells}


async def test_a_run_of_this_session_joins_the_list_while_it_is_looked_at(tmp_path: Path):
    kept(tmp_path, run_of(PARIS, began=yesterday()))
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: list_of(app).here is not None)
        await pilot.press("R", "2", "enter", "H")
        await run_to_end(app, pilot)
        await until(pilot, lambda: len(list_of(app).runs) == 2)
        await until(pilot, lambda: list_of(app).runs[0].ending == "finished")
        assert "2 sessions · 2 runs" in text_of(app)
        assert list_of(app).here.id == "yesterday:1", "the cursor stays on its run"


async def test_a_search_finds_runs_by_what_they_said_and_escape_ends_it(tmp_path: Path):
    runs = [run_of([f"item {number}"], number, began=yesterday()) for number in range(2, 9)]
    kept(tmp_path, run_of(PARIS, 1, began=yesterday()), *runs)
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: len(list_of(app).runs) == 8)
        await pilot.press("slash", *"paris")
        await until(pilot, lambda: len(list_of(app).runs) == 1)
        await until(pilot, lambda: "/ paris: 1 of 8 runs" in text_of(app))
        await until(pilot, lambda: "found in 2 of 3" in text_of(app))
        await pilot.press("ctrl+u", *"zebra")
        await until(pilot, lambda: "No run has this text." in text_of(app))
        await pilot.press("ctrl+u", *"item")
        await until(pilot, lambda: len(list_of(app).runs) == 7)
        await pilot.press("enter", "g", "N")
        assert list_of(app).here.id == "yesterday:2", "before the first match comes the last"
        await pilot.press("escape")
        await until(pilot, lambda: len(list_of(app).runs) == 8)
        assert app.main.view.NAME == "history"


async def test_the_log_of_a_run_that_was_found_by_its_readings_is_searched_for_the_same(tmp_path: Path):
    kept(tmp_path, run_of(["a tower.", *PARIS], 1, began=yesterday()), run_of(["paris"], 2, began=yesterday(14)))
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: len(list_of(app).runs) == 2)
        await pilot.press("slash", *"CAPITAL")
        await until(pilot, lambda: len(list_of(app).runs) == 1)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: app.main.view.NAME == "interpret")
        log = app.main.view.log_view
        await until(pilot, lambda: "capital" in log.copyable())
        assert app.main.view.search_text.value == "CAPITAL"
        assert "1/1" in text_of(app)
        assert log.has_focus
        await pilot.press("escape")
        assert log.outline.query == ""
        assert app.main.view.NAME == "interpret"


async def test_a_run_that_was_found_by_its_prompt_is_opened_without_a_search(tmp_path: Path):
    kept(tmp_path, run_of(["a tower."], 1, began=yesterday()))
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: len(list_of(app).runs) == 1)
        await pilot.press("slash", *"Eiffel")
        await until(pilot, lambda: "/ Eiffel: 1 of 1 runs" in text_of(app))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: app.main.view.NAME == "interpret")
        assert app.main.view.search_text.value == ""
        assert app.main.view.log_view.outline.query == ""


async def test_a_file_that_is_gone_is_said_and_listed_no_more(tmp_path: Path):
    kept(tmp_path, run_of(PARIS, began=yesterday()))
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: list_of(app).here is not None)
        (tmp_path / "sessions" / "yesterday.jsonl").unlink()
        await pilot.press("enter")
        await until(pilot, lambda: any("cannot be read" in toast for toast in toasts(app)))
        await until(pilot, lambda: not list_of(app).runs)
        assert "No runs yet" in text_of(app)


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20), (200, 60), (30, 10)])
async def test_the_list_is_legible_at_any_size(tmp_path: Path, size):
    kept(tmp_path, *(run_of(PARIS, number, began=yesterday(number)) for number in range(1, 20)))
    async with running(size=size, state_dir=tmp_path, ready=False) as (app, pilot):
        await pilot.press("escape", "H")
        await until(pilot, lambda: list_of(app).here is not None)
        await until(pilot, lambda: "4 Runs" in text_of(app))
        assert "▌ " in text_of(app)
        await pilot.press("5")
        await until(pilot, lambda: "The Eiffel Tower" in text_of(app))
        assert ("4 Runs" in text_of(app)) == (size[0] >= 100), "in a narrow terminal one pane is seen at a time"


# Going on, deleting, comparing ----------------------------------------------------------------------------------------


def stopped(done: int, model: str = "demo") -> list:
    """The entries of a run of eight cells that was killed after so many of them."""
    first, control, *_ = run_of(PARIS, cells=8, ending=None, began=yesterday(), model=model)
    request = msgspec.structs.replace(first.request, relevancy=False)
    first = msgspec.structs.replace(first, task=Interpret(request), info=info(model, 8))
    results = [
        Result(1, index, FakeEngine()._interpretation(cell, words(PROMPT), request))
        for index, cell in enumerate(request.cells[:done])
    ]
    return [first, control, *results]


async def test_a_run_that_was_killed_goes_on_where_it_stopped(tmp_path: Path):
    engine = FakeEngine()
    kept(tmp_path, stopped(3))
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: list_of(app).here is not None)
        assert "◐ 3/8" in text_of(app)
        await pilot.press("r")
        await until(pilot, lambda: any(isinstance(task, Interpret) for task in engine.done))
        await run_to_end(app, pilot)
        (task,) = [task for task in engine.done if isinstance(task, Interpret)]
        assert task.earlier is not None
        assert [index for index, _ in task.earlier.interpretations] == [0, 1, 2]
        assert "8 readings" in text_of(app)
        await pilot.press("H")
        await until(pilot, lambda: [done(run) for run in list_of(app).runs] == ["8"])
        await pilot.press("r")
        await until(pilot, lambda: any("This run is whole" in toast for toast in toasts(app)))


async def test_the_model_of_a_run_is_loaded_before_it_goes_on(tmp_path: Path):
    engine = FakeEngine()
    kept(tmp_path, stopped(1, "gpt2"))
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: list_of(app).here is not None)
        await pilot.press("r")
        await until(pilot, lambda: "Loading gpt2, to go on" in app.main.hints.confirmed)
        await until(pilot, lambda: any(isinstance(task, Interpret) for task in engine.done))
        await run_to_end(app, pilot)
        assert app.main.state.model.name == "gpt2"


async def test_a_model_that_does_not_come_leaves_the_run_as_it_is(tmp_path: Path):
    engine = FakeEngine()
    kept(tmp_path, stopped(1, "missing"))
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: list_of(app).here is not None)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ErrorScreen))
        await pilot.press("escape")
        app.main.load("demo")
        await run_to_end(app, pilot)
        assert not any(isinstance(task, Interpret) for task in engine.done)


async def test_a_run_is_deleted_by_the_second_d_and_u_takes_it_back(tmp_path: Path):
    (_, older) = kept(tmp_path, run_of(["ancient"], 1, began=yesterday(9)), run_of(PARIS, 2, began=yesterday(18)))
    before = older.path.read_bytes()
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: len(list_of(app).runs) == 2)
        await pilot.press("d")
        await until(pilot, lambda: "d again deletes this run" in text_of(app))
        await pilot.press("down", "up")
        await until(pilot, lambda: "d again" not in text_of(app))
        await pilot.press("d", "down", "d")
        await pilot.pause()
        assert older.path.read_bytes() == before, "the second d was on another run"
        await pilot.press("d")
        await until(pilot, lambda: [run.id for run in list_of(app).runs] == ["yesterday:2"])
        assert b"ancient" not in older.path.read_bytes()
        await pilot.press("d", "d")
        await until(pilot, lambda: not older.path.exists())
        await until(pilot, lambda: not list_of(app).runs)
        await pilot.press("u")
        await until(pilot, lambda: [run.id for run in list_of(app).runs] == ["yesterday:2"])
        await pilot.press("u")
        await until(pilot, lambda: [run.id for run in list_of(app).runs] == ["yesterday:2", "yesterday:1"])
        assert sorted(older.path.read_bytes().splitlines()) == sorted(before.splitlines())
        await pilot.press("u")
        await until(pilot, lambda: any("Nothing was deleted" in toast for toast in toasts(app)))


async def test_two_marked_runs_are_compared_cell_by_cell(tmp_path: Path):
    kept(tmp_path, run_of(PARIS, 1, began=yesterday(9)), run_of(["the word of.", "Rome"], 2, began=yesterday(18)))
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: len(list_of(app).runs) == 2)
        await pilot.press("space", "down", "space")
        await until(pilot, lambda: "enter compares the two marked" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "1 of 2 cells that both have say other words." in text_of(app))
        page = text_of(app)
        assert "L1 · 2 Tower" in page
        assert "A  Paris, the capital" in page
        assert "B  Rome" in page
        assert page.index("A  Paris") < page.index("B  Rome")


async def test_keys_that_come_faster_than_they_are_answered_mean_the_run_that_they_were_pressed_on(tmp_path: Path):
    kept(tmp_path, run_of(PARIS, 1, began=yesterday(9)), run_of(PARIS, 2, began=yesterday(18)))
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: len(list_of(app).runs) == 2)
        list_of(app).action_ask("mark")
        list_of(app).action_move(1)
        list_of(app).action_ask("mark")
        await until(pilot, lambda: list_of(app).marked == ["yesterday:2", "yesterday:1"])


def test_a_comparison_says_what_was_asked_otherwise(tmp_path: Path):
    first, second = kept(tmp_path, run_of(PARIS, 1), run_of(PARIS, 2, prompt="Another Eiffel Tower", cells=9))
    found = compare(read_back(first, -1), read_back(second, -2))
    assert found.settings == ("prompt: “Another Eiffel Tower” | “The Eiffel Tower”",)
    assert (found.shared, found.differing) == (3, ())


async def test_an_empty_log_says_how_to_open_what_was_read_earlier(tmp_path: Path):
    kept(tmp_path, run_of(PARIS, began=yesterday()))
    async with running(state_dir=tmp_path) as (app, pilot):
        await until(pilot, lambda: "H enter opens the 3 readings of yesterday" in text_of(app))


async def test_a_preview_says_what_is_not_as_it_was(tmp_path: Path):
    first, *rest = run_of(PARIS, began=yesterday())
    then = msgspec.structs.replace(info("demo", 8), dtype="float32")
    kept(tmp_path, [msgspec.structs.replace(first, info=then, versions={}), *rest])
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: "dtype float32 →" in text_of(app).replace("\n", " "))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: any("Not as it was then: dtype float32 → bfloat16" in each for each in toasts(app)))
        await run_to_end(app, pilot)


async def test_the_prompt_is_edited_where_it_is_seen():
    async with running() as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: app.main.view.NAME == "history")
        await pilot.press("i", "x")
        assert app.main.view.NAME == "interpret"
        assert app.main.prompt_text.has_focus
        assert app.main.prompt_text.value.endswith("city ofx")


async def test_a_run_of_this_session_can_be_deleted_and_put_back(tmp_path: Path):
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("alt+2", "enter")
        await run_to_end(app, pilot)
        await pilot.press("f8")
        await until(pilot, lambda: [run.ending for run in list_of(app).runs] == ["finished"])
        (own,) = list_of(app).runs
        await pilot.press("d", "d")
        await until(pilot, lambda: not list_of(app).runs)
        assert not own.path.read_bytes().strip()
        await pilot.press("u")
        await until(pilot, lambda: [done(run) for run in list_of(app).runs] == ["9"])
        assert [run.id for run in list_of(app).runs] == [own.id]
        await pilot.press("R", "alt+2", "left", "enter")
        await run_to_end(app, pilot)
        await until(pilot, lambda: len(app.main.state.kept.runs) == 2)


async def test_a_run_whose_cells_the_model_lacks_is_not_asked_of_other_cells(tmp_path: Path):
    first, control, *_, last = run_of(PARIS, began=yesterday())
    layers = tuple(Cell(layer, 2) for layer in (7, 8, 9))
    some = msgspec.structs.replace(first, run=1, task=Interpret(msgspec.structs.replace(first.request, cells=layers)))
    none = msgspec.structs.replace(
        some, run=2, task=Interpret(msgspec.structs.replace(first.request, cells=layers[1:]))
    )
    ended = [control, last]
    kept(tmp_path, [none, *(msgspec.structs.replace(entry, run=2) for entry in ended)], [some, *ended])
    engine = FakeEngine()
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: len(list_of(app).runs) == 2)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: any("in this model" in toast for toast in toasts(app)))
        await run_to_end(app, pilot)
        await pilot.press("H", "down", "ctrl+r")
        await until(pilot, lambda: len([toast for toast in toasts(app) if "in this model" in toast]) == 2)
        await run_to_end(app, pilot)
        asked = [task.request.cells for task in engine.done if isinstance(task, Interpret)]
        assert asked == [(Cell(7, 2),)]
        said = " ".join(toasts(app))
        assert "2 of its 3 cells are not in this model" in said
        assert "None of its cells is in this model" in said


async def test_the_preview_shows_two_readings_and_with_the_keys_in_it_all(tmp_path: Path):
    kept(tmp_path, run_of([f"number {number}" for number in range(9)], began=yesterday()))
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: text_of(app).count(" number ") == 2)
        await pilot.press("5")
        await until(pilot, lambda: text_of(app).count(" number ") == 9)
        await pilot.press("4")
        await until(pilot, lambda: text_of(app).count(" number ") == 2)


async def test_an_ascii_terminal_gets_ascii_only(tmp_path: Path):
    kept(tmp_path, run_of(PARIS, ending="cancelled", cells=9, began=yesterday()))
    async with running(state_dir=tmp_path, ascii=True) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: "% 3/9" in text_of(app))
        await pilot.press("space", "d")
        await until(pilot, lambda: "d again" in text_of(app))
        assert text_of(app).isascii()


async def test_a_file_that_another_program_changed_is_said_and_listed_anew(tmp_path: Path):
    runs = [run_of(["same words"], number, began=yesterday(9)) for number in (1, 2)]
    kept(tmp_path, *runs)
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: len(list_of(app).runs) == 2)
        await pilot.press("G")
        path = list_of(app).here.path
        path.unlink()
        write(path, runs[1])
        await pilot.press("enter")
        await until(pilot, lambda: any("another run lies there" in toast for toast in toasts(app)))
        await until(pilot, lambda: [run.number for run in list_of(app).runs] == [2])
        assert app.main.view.NAME == "history"

"""A run that stopped goes on where it did and ends as one that was never stopped; what has changed is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.errors import RequestError
from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.records import (
    CONTROL,
    Cell,
    CellFinished,
    Control,
    ControlFinished,
    Earlier,
    Interpret,
    JobCancelled,
    JobFinished,
    JobStarted,
    ModelReady,
    Progress,
)
from selfie_tui.results.entries import Result, RunBegan, RunEnded, versions
from selfie_tui.results.history import read_run, stored_runs
from selfie_tui.results.recorder import Recorder
from selfie_tui.results.resuming import check_resumable, differences, resume_task
from selfie_tui.results.run_kinds.readings import is_whole
from selfie_tui.results.sessions import Session
from tests.engine.records_compared import assert_same
from tests.results.runs import began, reading, run_of, with_fields, write
from tests.tui.fake_engine import info

EIFFEL = "The Eiffel Tower is located in the city of"
CELLS = tuple(Cell(layer, position) for position in (9, 1) for layer in (-1, 2, 5, 7))


def events_to_disk(folder: Path, model, task: Interpret, stop_after: int | None = None, number: int = 1) -> list:
    """Do a task as the job thread does, each event through a recorder, and stop after so many cells without a word."""
    session = Session(folder / f"{number}.jsonl")
    passed: list = []
    recorder = Recorder(passed.append, session.append)
    recorder(ModelReady(job=0, model=model.info()))
    recorder(JobStarted(job=number, task=task))
    cells = 0
    for event in interpret(model, task.request, earlier=task.earlier):
        recorder(msgspec.structs.replace(event, job=number))
        cells += isinstance(event, CellFinished)
        if cells == stop_after:
            session.close()
            return passed
    recorder(JobFinished(job=number, seconds=1.0))
    session.close()
    return passed


@pytest.fixture
def three_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfie_tui.engine.generation.plan.rows_that_fit", lambda *arguments: 3)


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.8, "seed": 5, "random_control": True}], ids=str)
@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_a_run_that_stopped_goes_on_and_ends_as_a_whole_one(demo, tmp_path, three_at_a_time, stop_after, settings):
    request = InterpretSettings(**settings).request(EIFFEL, CELLS)
    events_to_disk(tmp_path / "whole", demo, Interpret(request))
    events_to_disk(tmp_path / "parts", demo, Interpret(request), stop_after)
    (stopped,) = stored_runs(tmp_path / "parts", tmp_path / "cache")
    assert (stopped.ending, stopped.done, stopped.cells) == ("killed", stop_after, 8)
    passed = events_to_disk(tmp_path / "parts", demo, resume_task(stopped), number=2)
    decoded = [event for event in passed if isinstance(event, Progress)]
    assert {event.cells_done for event in decoded} == {*range(stop_after, 8, 3 if not settings else 1), 8}
    (whole,) = stored_runs(tmp_path / "whole", tmp_path / "cache")
    (resumed,) = stored_runs(tmp_path / "parts", tmp_path / "cache")
    assert (resumed.began.resumes, resumed.ending, resumed.done) == (stopped.id, "finished", 8)
    first, *wanted = read_run(whole)
    again, *found = read_run(resumed)
    assert again.task == first.task == Interpret(request)
    found, wanted = (sorted(entries[:-1], key=lambda entry: entry.index) for entries in (found, wanted))
    assert_same([entry.value for entry in found], [entry.value for entry in wanted])
    assert [entry.value.text for entry in found] == [entry.value.text for entry in wanted]


def test_nothing_is_decoded_where_only_the_end_is_missing(demo, monkeypatch):
    request = InterpretSettings().request(EIFFEL, CELLS[:2])
    control = Control("none", "nothing")
    there = ((0, reading(0, "x")), (1, reading(1, "y")))
    monkeypatch.setattr(type(demo), "read", lambda *arguments: pytest.fail("read"))
    events = list(interpret(demo, request, earlier=Earlier("a:1", control, there)))
    assert events == [
        ControlFinished(control=control),
        *(CellFinished(index=index, interpretation=each) for index, each in there),
    ]


def test_results_that_a_cancellation_cut_short_are_made_again(tmp_path):
    full = reading(0, "Paris")
    cut = msgspec.structs.replace(
        full, tokens=tuple(msgspec.structs.replace(token, effect=None) for token in full.tokens), treatment_effect=None
    )
    empty = msgspec.structs.replace(cut, tokens=(), text="")
    unread = msgspec.structs.replace(empty, problem="the state is not finite in fp16")
    request = msgspec.structs.replace(began().request, baselines=False)
    assert [is_whole(each, request) for each in (full, cut, empty)] == [True, False, True]
    assert is_whole(unread, msgspec.structs.replace(request, random_control=True))
    assert is_whole(cut, msgspec.structs.replace(request, relevancy=False))
    assert not is_whole(full, msgspec.structs.replace(request, random_control=True))
    first, control, *_ = run_of([], 1, cells=3)
    first = with_fields(first, task=Interpret(request))
    entries = [first, control, Result(1, 2, full), Result(1, 0, cut), RunEnded(1, "cancelled")]
    write(tmp_path / "a.jsonl", entries)
    (stored,) = stored_runs(tmp_path, tmp_path / "cache")
    task = resume_task(stored)
    assert task == Interpret(request, Earlier("a:1", control.value, ((2, full),)))


def test_a_run_without_its_control_is_made_again_wholly(tmp_path):
    first, _, *rest = run_of(["x"], 1, ending="cancelled", cells=3)
    write(tmp_path / "a.jsonl", [first, *rest])
    (stored,) = stored_runs(tmp_path, tmp_path / "cache")
    assert resume_task(stored) == Interpret(first.request)


def test_a_whole_run_and_one_that_is_gone_are_refused(tmp_path):
    path = write(tmp_path / "a.jsonl", run_of(["x"], 1), run_of(["y"], 2, ending="cancelled", cells=2))
    partial, whole = stored_runs(tmp_path, tmp_path / "cache")
    with pytest.raises(RequestError, match="This run is whole"):
        resume_task(whole)
    path.write_text("\n" * 3000)
    with pytest.raises(RequestError, match="cannot be read"):
        resume_task(partial)
    path.unlink()
    with pytest.raises(RequestError, match="cannot be read"):
        resume_task(partial)


def test_what_differs_from_the_loaded_model_is_named(monkeypatch):
    model = info("demo", 8)
    then = began(info=model, versions=versions())
    assert differences(then, model) == ()
    changed = msgspec.structs.replace(model, dtype="fp16", revision="content:2")
    then = msgspec.structs.replace(then, versions={**versions(), "torch": "1.0"})
    found = [str(difference) for difference in differences(then, changed)]
    assert found == [
        f"revision {model.revision or 'unknown'} → content:2",
        f"dtype {model.dtype} → fp16",
        f"torch 1.0 → {versions()['torch']}",
    ]
    assert differences(began(), msgspec.structs.replace(model, name="gemma"))[0].name == "model"
    with pytest.raises(RequestError, match="→ fp16"):
        check_resumable(then, changed)
    check_resumable(then, msgspec.structs.replace(model, device="cuda:0"))


def test_a_resumed_run_says_which_one_it_goes_on_with_and_keeps_its_task_small():
    entries: list = []
    recorder = Recorder(lambda event: None, lambda entry: entries.append(entry) or "")
    request = began().request
    earlier = Earlier("a:7", Control("none", "nothing"), ((0, reading(0, "x")),))
    recorder(JobStarted(job=3, task=Interpret(request, earlier)))
    recorder(ControlFinished(job=3, control=earlier.control))
    recorder(JobCancelled(job=3))
    first, control, end = entries
    assert isinstance(first, RunBegan)
    assert (first.resumes, first.task) == ("a:7", Interpret(request))
    assert (control.index, end.ending) == (CONTROL, "cancelled")


PROGRAM = """
import sys
from selfie_tui.engine.generation import plan
plan.rows_that_fit = lambda *arguments: 4  # results come four by four
from selfie_tui import cli
cli.main(sys.argv[1:])
"""


@pytest.mark.parametrize("lines", [5, 41])
def test_a_run_that_is_killed_at_any_moment_goes_on_with_all_that_it_had_printed(demo, tmp_path, lines):
    """`kill -9` after so many lines of output: what was printed is in the session, and goes on to the same end."""
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    arguments = ["interpret", EIFFEL, "--tokens", "all", "--layers", "embed,1-7", "--json", "--dtype", "fp32"]
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, env=environment)
    assert child.stdout is not None
    printed = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    (stored,) = stored_runs(tmp_path / "state" / "selfie-tui" / "sessions", tmp_path / "cache")
    assert stored.ending == "killed"
    assert stored.done >= len(printed) - 2
    task = resume_task(stored)
    assert len(task.earlier.interpretations) == stored.done
    found = [each for event in interpret(demo, task.request, earlier=task.earlier) for each in event.results()]
    wanted = [each for event in interpret(demo, task.request) for each in event.results()]
    assert_same(sorted(found), sorted(wanted))

"""Patching and steering that are kept: listed, searched, read back as they were, gone on with, deleted and put back."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.methods.patch import run as patch
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching import joined
from selfie_tui.engine.service import METHODS
from selfie_tui.errors import RequestError
from selfie_tui.records import (
    Event,
    JobCancelled,
    JobFinished,
    JobStarted,
    ModelReady,
    Notice,
    PatchActivations,
    PatchBegan,
    PatchEnded,
    PatchProgress,
    RunTask,
    SitesPatched,
    Steer,
    SteeredSoFar,
)
from selfie_tui.results.deleting import delete_run
from selfie_tui.results.entries import Entry, Result, RunBegan, RunEnded
from selfie_tui.results.history import read_run, search, stored_runs
from selfie_tui.results.recorder import Recorder
from selfie_tui.results.resuming import check_resumable, contents, resume_task
from selfie_tui.results.run_kinds import patchings, steerings
from selfie_tui.results.sessions import Session
from selfie_tui.results.stored import StoredRun
from selfie_tui.results.undeleting import lines_of, put_back

TASK = PatchActivations(
    clean="The capital of France is", corrupt="The capital of Japan is", correct="Paris", wrong="Tokyo"
)


def to_disk(folder: Path, model: Model, task: RunTask, stop_after: int | None = None, number: int = 1) -> list[Event]:
    """Do a task as the job thread does, each event through a recorder, and stop after so many sites without a word."""
    session = Session(folder / f"{number}.jsonl")
    passed: list[Event] = []

    def append(entry: Entry) -> str:
        if stop_after is not None and isinstance(entry, Result) and entry.index >= 0:
            append.left -= 1
            if append.left < 0:
                session.close()
        return session.append(entry)

    append.left = stop_after or 0
    recorder = Recorder(passed.append, append)
    recorder(ModelReady(model=model.info()))
    recorder(JobStarted(job=number, task=task))
    for event in METHODS[type(task)](model, task, never):
        recorder(msgspec.structs.replace(event, job=number))
    recorder(JobFinished(job=number, seconds=1.0))
    session.close()
    return passed


def listed(folder: Path) -> list[StoredRun]:
    return stored_runs(folder, folder / "cache")


def results(run: StoredRun) -> dict[int, object]:
    return dict(sorted(contents(run)[1].items()))


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined, "TOKENS", 96)


def test_a_patching_is_kept_site_by_site_and_read_back_as_the_events_it_was(demo: Model, tmp_path: Path) -> None:
    passed = to_disk(tmp_path, demo, TASK)
    (run,) = listed(tmp_path)
    began = next(event for event in passed if isinstance(event, PatchBegan))
    assert (run.ending, run.done, run.cells) == ("finished", len(began.sites), len(began.sites))
    assert (run.layers, run.positions) == (8, len(began.corrupt.tokens))
    assert (run.kind.word, run.kind.asked(run.began.task), run.prompt) == ("patch", "logit diff A→B", TASK.clean)
    assert run.began.task == TASK
    again = list(patchings.events(results(run)))
    wanted = [
        msgspec.structs.replace(event, job=0)
        for event in passed
        if not isinstance(event, ModelReady | JobStarted | JobFinished | PatchProgress)
    ]
    assert [type(event) for event in again] == [type(began), type(wanted[1]), SitesPatched, PatchEnded]
    assert (again[0], again[1], again[-1]) == (wanted[0], wanted[1], wanted[-1])
    every = [site for event in wanted if isinstance(event, SitesPatched) for site in event.runs]
    assert again[2] == SitesPatched(runs=tuple(sorted(every, key=lambda site: site.index)))


def test_what_is_shown_has_been_written_first(demo: Model, tmp_path: Path) -> None:
    session = Session(tmp_path / "1.jsonl")
    shown: list[bool] = []

    def show(event: Event) -> None:
        if isinstance(event, SitesPatched):
            lines = (tmp_path / "1.jsonl").read_text().splitlines()
            shown.append(all(f'"index":{run.index},"value"' in "".join(lines) for run in event.runs))

    recorder = Recorder(show, session.append)
    recorder(JobStarted(job=1, task=TASK))
    for event in patch(demo, TASK, never):
        recorder(msgspec.structs.replace(event, job=1))
    assert shown
    assert all(shown)


@pytest.mark.parametrize("stop_after", [0, 1, 25, 60])
def test_patching_that_stopped_goes_on_and_has_the_bits_of_one_that_did_not(
    demo: Model, tmp_path: Path, small_batches: None, stop_after: int
) -> None:
    to_disk(tmp_path / "whole", demo, TASK)
    to_disk(tmp_path / "parts", demo, TASK, stop_after)
    (stopped,) = listed(tmp_path / "parts")
    assert (stopped.ending, stopped.done, stopped.is_partial) == ("killed", stop_after, True)
    task = resume_task(stopped)
    assert task.earlier is not None
    assert len(task.earlier.runs) == stop_after
    check_resumable(stopped.began, demo.info())
    passed = to_disk(tmp_path / "parts", demo, task, number=2)
    run_now = [run for event in passed if isinstance(event, SitesPatched) for run in event.runs][stop_after:]
    assert not {run.index for run in run_now} & {run.index for run in task.earlier.runs}
    (resumed,) = listed(tmp_path / "parts")
    (whole,) = listed(tmp_path / "whole")
    assert (resumed.began.resumes, resumed.began.task) == (stopped.id, TASK)
    assert results(resumed) == results(whole)
    with pytest.raises(RequestError, match="This run is whole"):
        resume_task(resumed)


def test_a_run_that_stopped_before_its_first_number_begins_anew(demo: Model, tmp_path: Path) -> None:
    session = Session(tmp_path / "1.jsonl")
    recorder = Recorder(lambda event: None, session.append)
    recorder(JobStarted(job=1, task=TASK))
    recorder(Notice(job=1, text="something"))
    session.close()
    (run,) = listed(tmp_path)
    assert (run.done, run.cells, run.is_partial) == (0, 0, True)
    assert resume_task(run) == TASK


def test_runs_of_all_kinds_are_searched_by_what_was_asked_and_what_they_say(demo: Model, tmp_path: Path) -> None:
    to_disk(tmp_path, demo, TASK)
    (run,) = listed(tmp_path)
    for text, anywhere in (("capital of japan", 0), ("tokyo", run.done), ("paris", run.done)):
        (found,) = search([run], text)
        assert found.matches <= anywhere
        assert len(found.texts) <= 3
        assert all(text in said.lower() for said in found.texts)
    assert next(search([run], "paris")).matches > 10
    assert not list(search([run], "zebra"))


def test_scores_that_are_no_numbers_come_back(demo: Model, tmp_path: Path) -> None:
    to_disk(tmp_path, demo, msgspec.structs.replace(TASK, corrupt=TASK.clean, sites=("resid",)))
    (run,) = listed(tmp_path)
    began, *rest = patchings.events(results(run))
    assert "answered alike" in began.problem
    assert all(math.isnan(site.score) for event in rest if isinstance(event, SitesPatched) for site in event.runs)


def test_a_patching_is_deleted_and_put_back(demo: Model, tmp_path: Path) -> None:
    to_disk(tmp_path, demo, TASK)
    (run,) = listed(tmp_path)
    before = results(run)
    lines = lines_of(run)
    delete_run(run, tmp_path / "cache")
    assert listed(tmp_path) == []
    put_back(run.path, lines)
    (back,) = listed(tmp_path)
    assert results(back) == before


def test_steering_is_kept_once_it_is_finished_and_leaves_nothing_when_it_is_cancelled(
    demo: Model, tmp_path: Path
) -> None:
    vector = made_vector(demo, tmp_path)
    task = Steer(line=f'"{vector}"', prompt="The capital of Japan is", strengths=(0.0, 1.0), max_new_tokens=3)
    passed = to_disk(tmp_path / "kept", demo, task)
    (run,) = listed(tmp_path / "kept")
    last = passed[-2]
    assert isinstance(last, SteeredSoFar)
    assert (run.done, run.cells, run.kind.word, run.prompt) == (1, 1, "steer", task.prompt)
    assert list(steerings.KIND.events(results(run))) == [msgspec.structs.replace(last, job=0)]
    (found,) = search([run], "".join(token.text for token in last.steered[1].tokens).strip())
    assert found.matches == 1
    entries: list[Entry] = []
    recorder = Recorder(lambda event: None, lambda entry: entries.append(entry) or "")
    recorder(JobStarted(job=4, task=task))
    recorder(msgspec.structs.replace(passed[2], job=4, finished=False))
    recorder(JobCancelled(job=4))
    assert entries == []


def made_vector(model: Model, folder: Path) -> Path:
    """A kept vector: the difference of two states."""
    import selfie_tui

    found = selfie_tui.mean_vector(model, ["The capital of Japan is"], 5, against=["The capital of France is"])
    return selfie_tui.save_vector(found, str(folder / "japan.safetensors"))


def test_entries_of_a_patching_are_one_beginning_its_results_and_its_end(demo: Model, tmp_path: Path) -> None:
    to_disk(tmp_path, demo, TASK)
    (run,) = listed(tmp_path)
    first, *middle, last = read_run(run)
    assert isinstance(first, RunBegan)
    assert isinstance(last, RunEnded)
    assert [entry.index for entry in middle[:3]] == [-1, -2, -3]
    assert sorted(entry.index for entry in middle[3:]) == list(range(run.cells))

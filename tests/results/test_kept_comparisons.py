"""Comparisons of two models are kept as they come, go on where they stopped, and are shown, written and read again."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow.parquet
import pytest
import torch

import selfie_tui
from selfie_tui.comparison_table import COLUMNS, gathered, rows_of
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.model import Model
from selfie_tui.engine.service import METHODS_OF_TWO
from selfie_tui.errors import RequestError
from selfie_tui.presets import PRESETS
from selfie_tui.records import (
    BEGINNING,
    CellRead,
    CompareModels,
    Event,
    JobFailed,
    JobFinished,
    JobStarted,
    LoadModel,
    ModelReady,
    Request,
)
from selfie_tui.results.entries import Entry, Result
from selfie_tui.results.history import read_run, search, stored_runs
from selfie_tui.results.recorder import Recorder
from selfie_tui.results.resuming import contents, resume_task
from selfie_tui.results.run_kinds.comparisons import comparison_of
from selfie_tui.results.sessions import Session
from selfie_tui.results.stored import StoredRun
from selfie_tui.results.writers import export
from tests.engine.records_compared import assert_same

EIFFEL = "The Eiffel Tower is located in the city of"
TASK = CompareModels(
    LoadModel("changed"),
    EIFFEL,
    positions=(2, 9),
    layers=(-1, 3, 7),
    k=3,
    request=Request(prompt="", cells=(), preset=PRESETS[0], max_new_tokens=5),
)
TEXTS = tuple(f"The capital of {country} is" for country in ("France", "Japan", "Italy", "Spain", "Egypt", "China"))

PARTS = 6 + 2 + 6 + 6
"""Lenses of the cells and of the last layers, and the words of either model."""


@pytest.fixture(scope="module")
def changed() -> Model:
    """The bundled model with the MLPs from layer 2 on taken out."""
    model = load("demo", device="cpu", dtype="fp32")
    with torch.no_grad():
        for block in model.blocks[2:]:
            block.mlp.down_proj.weight.zero_()
    return model


@pytest.fixture(autouse=True)
def three_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfie_tui.engine.generation.plan.rows_that_fit", lambda *arguments: 3)


def to_disk(
    folder: Path, demo: Model, other: Model, task: CompareModels, stop_after: int | None = None, number: int = 1
) -> list[Event]:
    """Do a task as the job thread does; after so many results not a line more is written."""
    session = Session(folder / f"{number}.jsonl")
    left = [PARTS * 1000 if stop_after is None else stop_after]
    passed: list[Event] = []

    def append(entry: Entry) -> str:
        left[0] -= isinstance(entry, Result) and entry.index >= 0
        return session.append(entry) if left[0] >= 0 else ""

    recorder = Recorder(passed.append, append)
    recorder(ModelReady(model=demo.info()))
    recorder(JobStarted(job=number, task=task))
    for event in METHODS_OF_TWO[CompareModels](demo, other, task, never):
        recorder(msgspec.structs.replace(event, job=number))
        if left[0] < 0:
            session.close()
            return passed
    recorder(JobFinished(job=number, seconds=1.0))
    session.close()
    return passed


def listed(folder: Path) -> list[StoredRun]:
    return stored_runs(folder, folder / "cache")


@pytest.fixture(scope="module")
def whole(demo: Model, changed: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[StoredRun, list[Event]]:
    folder = tmp_path_factory.mktemp("whole")
    passed = to_disk(folder, demo, changed, TASK)
    (run,) = listed(folder)
    return run, passed


def test_a_comparison_is_listed_and_read_back_as_it_was(whole, changed):
    run, passed = whole
    assert (run.kind.word, run.prompt, run.done, run.cells, run.ending) == ("compare", EIFFEL, PARTS, PARTS, "finished")
    assert (run.layers, run.positions, run.kind.asked(run.began.task)) == (3, 2, "≠ changed")
    found = comparison_of(contents(run)[1])
    wanted = gathered(passed)
    assert found == msgspec.structs.replace(wanted, began=msgspec.structs.replace(wanted.began, job=0))
    assert len(found.readings) == len(found.cells) == 6
    assert sum(cell.differs for cell in found.cells) > 0
    assert {hit.run.id for hit in search([run], "changed")} == {run.id}
    word = found.cells[-1].other_top[0].text.strip()
    assert next(search([run], word)).matches > 0


@pytest.mark.parametrize("stop_after", range(PARTS + 1))
def test_a_comparison_that_stopped_anywhere_goes_on_and_ends_as_a_whole_one(whole, demo, changed, tmp_path, stop_after):
    to_disk(tmp_path, demo, changed, TASK, stop_after)
    (stopped,) = listed(tmp_path)
    before = contents(stopped)[1]
    assert (stopped.done, stopped.is_partial) == (stop_after, stop_after < PARTS)
    if not stopped.is_partial:
        return
    task = resume_task(stopped)
    assert task.earlier.done == stop_after
    passed = to_disk(tmp_path, demo, changed, task, number=2)
    (resumed,) = listed(tmp_path)
    assert (resumed.began.resumes, resumed.began.task, resumed.done) == (stopped.id, TASK, PARTS)
    after = contents(resumed)[1]
    words = {event.index for event in passed if isinstance(event, CellRead)}
    assert {index: after[index] for index in before if index in words} == {
        index: value for index, value in before.items() if index in words
    }
    assert_same(rows_of(comparison_of(after)), rows_of(gathered(whole[1])))


def test_readings_that_are_there_are_not_made_again(whole, demo, changed, monkeypatch):
    results = contents(whole[0])[1]
    task = resume_task(msgspec.structs.replace(whole[0], ending="killed", cells=PARTS + 1))
    monkeypatch.setattr(Model, "read", lambda *arguments, **named: pytest.fail("a model was read"))
    events = list(METHODS_OF_TWO[CompareModels](demo, changed, task, never))
    assert {index: value for event in events for index, value in event.results()} == results


def test_maps_and_what_is_said_through_them_are_kept_and_gone_on_with(demo, changed, tmp_path):
    task = msgspec.structs.replace(TASK, texts=TEXTS, layers=(3, 7))
    to_disk(tmp_path / "whole", demo, changed, task)
    (run,) = listed(tmp_path / "whole")
    found = comparison_of(contents(run)[1])
    assert (len(found.maps), len(found.mapped), len(found.mapped_readings)) == (2, 4, 4)
    assert run.done == run.cells == 4 + 2 + 8 + 2 + 4 + 8
    for stop_after in (15, 22):
        folder = tmp_path / str(stop_after)
        to_disk(folder, demo, changed, task, stop_after)
        (stopped,) = listed(folder)
        to_disk(folder, demo, changed, resume_task(stopped), number=2)
        (resumed,) = listed(folder)
        assert_same(rows_of(comparison_of(contents(resumed)[1])), rows_of(found))


def test_a_comparison_of_another_other_model_is_not_gone_on_with(whole, demo, changed):
    task = resume_task(msgspec.structs.replace(whole[0], ending="killed", cells=PARTS + 1))
    with pytest.raises(RequestError, match="was another model"):
        list(METHODS_OF_TWO[CompareModels](demo, load("demo", device="cpu", dtype="bf16"), task, never))


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".md", ".html", ".parquet", ".py"])
def test_a_kept_comparison_is_written_in_every_format(whole, tmp_path, ending):
    run, passed = whole
    path = tmp_path / f"found{ending}"
    written = export(read_run(run), path)
    assert written.results == {"result": PARTS}
    wanted = rows_of(gathered(passed))
    if ending == ".jsonl":
        (found,) = selfie_tui.read_results(path)
        assert isinstance(found, selfie_tui.library.comparing.ModelComparison)
        assert rows_of(found.records) == wanted
    elif ending == ".csv":
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [(row["layer"], row["text"], row["other_text"]) for row in rows] == [
            (str(row["layer"]), row["text"], row["other_text"]) for row in wanted
        ]
    elif ending == ".parquet":
        rows = pyarrow.parquet.read_table(path).to_pylist()
        assert [{each.name: row[each.name] for each in COLUMNS} for row in rows] == wanted
        assert {row["ending"] for row in rows} == {"finished"}
    elif ending == ".py":
        assert path.read_text().count("CompareModels(other=LoadModel(name='changed'") == 1
    else:
        text = path.read_text(encoding="utf-8")
        assert "other model" in text
        assert text.count("≠") == sum(row["differs"] for row in wanted)
        assert f"{PARTS} of {PARTS} results" in text


def test_the_script_makes_a_comparison_again(tmp_path):
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    program = [sys.executable, "-m", "selfie_tui.cli"]
    given = ["--tokens", "2,9", "--layers", "3,7", "--dtype", "fp32", "--other-dtype", "bf16"]
    asked = ["compare", "demo", "demo", EIFFEL, *given, "--interpret", "--max-new-tokens", "4"]
    subprocess.run([*program, *asked], env=environment, check=True, capture_output=True)
    script = tmp_path / "again.py"
    subprocess.run([*program, "sessions", "export", "1", "--out", str(script)], env=environment, check=True)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "14 of 14 texts are the exported ones"


def test_another_model_that_cannot_be_loaded_leaves_nothing_behind(demo, changed, tmp_path):
    began = next(METHODS_OF_TWO[CompareModels](demo, changed, TASK, never))
    written: list[Entry] = []
    recorder = Recorder(lambda event: None, lambda entry: written.append(entry) or "")
    recorder(ModelReady(model=demo.info()))
    failed = JobFailed(cause="Folder not found: changed.", remedy="Check the path.")
    for number, events in enumerate(([failed], [began, failed]), 1):
        recorder(JobStarted(job=number, task=TASK))
        for event in events:
            recorder(msgspec.structs.replace(event, job=number))
    assert [type(entry).__name__ for entry in written] == ["RunBegan", "Result", "RunEnded"]
    assert {entry.run for entry in written} == {2}


PROGRAM = """
import sys, time
from selfie_tui.engine.generation import plan
plan.rows_that_fit = lambda *arguments: 2  # results come two by two
from selfie_tui.results import sessions
written = sessions.Session.append
def append(self, entry):
    found = written(self, entry)
    print(type(entry).__name__, flush=True)
    time.sleep(0.02)
    return found
sessions.Session.append = append
from selfie_tui import cli
cli.run()
"""


@pytest.mark.parametrize("lines", [3, 14, 20])
def test_a_comparison_that_is_killed_goes_on_to_the_same_table(tmp_path, lines):
    """`kill -9` after so many lines: while lenses are written, in the first model's words, and in the other's."""
    asked = ["compare", "demo", "demo", EIFFEL, "--tokens", "2,9", "--layers", "embed,3,7", "--interpret"]
    asked += ["--max-new-tokens", "4", "--dtype", "fp32", "--other-dtype", "bf16"]

    def environment(name: str) -> dict[str, str]:
        return {**os.environ, "XDG_STATE_HOME": str(tmp_path / name), "COLUMNS": "100"}

    def run(name: str, *arguments: str) -> str:
        program = [sys.executable, "-m", "selfie_tui.cli"]
        done = subprocess.run(
            [*program, *arguments], env=environment(name), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *asked, "--json"], stdout=subprocess.PIPE, env=environment("killed")
    )
    assert child.stdout is not None
    for _ in range(lines):
        assert child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    (stopped,) = stored_runs(tmp_path / "killed" / "selfie-tui" / "sessions", tmp_path / "cache")
    assert (stopped.ending, stopped.is_partial) == ("killed", True)
    assert stopped.done >= lines - 4
    wanted = run("whole", *asked)
    assert run("killed", "sessions", "resume", "1") == wanted
    (resumed,) = stored_runs(tmp_path / "killed" / "selfie-tui" / "sessions", tmp_path / "cache")
    assert (resumed.ending, resumed.done) == ("finished", PARTS)
    assert BEGINNING in resumed.about
    assert wanted in run("killed", "sessions", "show", "1")

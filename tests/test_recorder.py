"""The recorder: what it writes of which events, in which order, and that app and command write the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfie_tui import cli
from selfie_tui.jobs import default_engine
from selfie_tui.presets import PRESETS
from selfie_tui.records import (
    CONTROL,
    EMBED,
    Cell,
    CellFinished,
    Control,
    ControlFinished,
    Event,
    Interpret,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    LensRead,
    LoadModel,
    ModelReady,
    Notice,
    Progress,
    Request,
)
from selfie_tui.results.entries import Entry, Result, RunBegan, RunEnded, encode, versions
from selfie_tui.results.recorder import Recorder
from selfie_tui.results.sessions import read
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.test_sessions import READING
from tests.tui.driving import run_to_end, until
from tests.tui.fake_engine import info

RUN = Interpret(Request("a prompt", (Cell(EMBED, 0), Cell(3, 1)), PRESETS[0]))
PROGRESS = Progress(job=2, cells_done=0, cells=2, steps_done=1, steps=9)


class Trail(list[tuple[str, object]]):
    """What was written and what was passed on, in one order."""

    def write(self, entry: Entry) -> str:
        self.append(("written", entry))
        return ""

    def pass_on(self, event: Event) -> None:
        self.append(("passed", event))

    @property
    def entries(self) -> list[Entry]:
        return [what for how, what in self if how == "written"]


@pytest.fixture
def trail() -> Trail:
    return Trail()


@pytest.fixture
def recorder(trail: Trail) -> Recorder:
    return Recorder(trail.pass_on, trail.write)


def hand_over(recorder: Recorder, *events: Event) -> None:
    for event in events:
        recorder(event)


def test_a_run_is_its_beginning_its_results_and_its_end_each_written_before_it_is_passed_on(recorder, trail):
    model = info("demo", 8)
    begun = JobStarted(job=2, task=RUN)
    results = (
        ControlFinished(job=2, control=Control("none", "nothing")),
        CellFinished(job=2, index=1, interpretation=READING),
    )
    hand_over(recorder, ModelReady(job=1, model=model), begun, PROGRESS, *results, JobFinished(job=2, seconds=1.0))
    began, *rest = trail.entries
    assert (began.run, began.model, began.task, began.info) == (2, "demo", RUN, model)
    assert began.versions == versions()
    assert rest == [
        Result(2, CONTROL, Control("none", "nothing")),
        Result(2, 1, READING),
        RunEnded(2, "finished"),
    ]
    for event, kind in ((results[0], Result), (results[1], Result), (JobFinished(job=2, seconds=1.0), RunEnded)):
        passed = trail.index(("passed", event))
        assert isinstance(trail[passed - 1][1], kind)


def test_every_event_is_passed_on_as_it_came(recorder, trail):
    events = [JobStarted(job=2, task=RUN), PROGRESS, Notice(text="x"), LensRead(prompt="p", positions=(0,), rows=())]
    hand_over(recorder, *events)
    assert [what for how, what in trail if how == "passed"] == events


def test_loading_and_quick_tasks_leave_nothing(recorder, trail):
    hand_over(
        recorder,
        JobStarted(job=1, task=LoadModel("demo")),
        ModelReady(job=1, model=info("demo", 8)),
        JobFinished(job=1, seconds=1.0),
        LensRead(job=2, prompt="p", positions=(0,), rows=()),
        JobFailed(job=3, cause="x", remedy="y"),
    )
    assert trail.entries == []


def test_a_request_that_is_refused_leaves_nothing_and_one_that_fails_later_does(recorder, trail):
    hand_over(recorder, JobStarted(job=2, task=RUN), JobFailed(job=2, cause="x", remedy="", refused=True))
    assert trail.entries == []
    hand_over(recorder, JobStarted(job=3, task=RUN), JobFailed(job=3, cause="x", remedy=""))
    hand_over(recorder, JobStarted(job=2, task=RUN), PROGRESS, JobCancelled(job=2))
    assert [getattr(entry, "ending", type(entry)) for entry in trail.entries] == [
        RunBegan,
        "failed",
        RunBegan,
        "cancelled",
    ]


def test_what_goes_wrong_with_writing_comes_out_as_one_notice(trail):
    problems = iter(["The disk is full."])
    recorder = Recorder(trail.pass_on, lambda entry: next(problems, ""))
    hand_over(recorder, JobStarted(job=2, task=RUN), PROGRESS, JobFinished(job=2, seconds=1.0))
    notices = [what for how, what in trail if isinstance(what, Notice)]
    assert notices == [Notice(text="The disk is full.", severity="error")]


async def test_the_session_of_the_app_and_the_json_of_the_command_hold_the_same_entries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = SelfieApp(default_engine, AppOptions(theme="dusk", ascii=False, state_dir=tmp_path / "app"))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: bool(app.main.tokens.tokens), 120.0)
        await pilot.press("enter")
        await run_to_end(app, pilot)
        prompt = app.main.prompt_text.value
    (file,) = (tmp_path / "app" / "sessions").iterdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "command"))
    assert cli.main(["interpret", prompt, "--json"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (kept,) = (tmp_path / "command").rglob("*.jsonl")
    assert [json.loads(line) for line in kept.read_bytes().splitlines()] == printed
    in_app = [json.loads(encode(entry)) for entry in read(file)]
    assert len(in_app) == 2 + 1 + 9
    for entry in (*printed, *in_app):
        entry.pop("run")
        entry.pop("began", None)
    assert printed == in_app


def test_a_run_that_fails_keeps_the_cause(recorder, trail):
    hand_over(
        recorder, JobStarted(job=3, task=RUN), PROGRESS, JobFailed(job=3, cause="The device is gone.", remedy="x")
    )
    assert trail.entries[-1] == RunEnded(3, "failed", "The device is gone.")

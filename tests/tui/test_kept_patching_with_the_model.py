"""Patchings and steered answers that stay, with the bundled model: opened in their views, gone on with, exported."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from msgspec.structs import replace

import selfie_tui
from selfie_tui.engine.model import Model
from selfie_tui.jobs import default_engine
from selfie_tui.ranks import rank_correlation
from selfie_tui.records import PatchActivations, PatchedRun, Steer
from selfie_tui.results.history import StoredRun, stored_runs
from selfie_tui.results.resuming import contents
from selfie_tui.results.sessions import read
from selfie_tui.results.writers.runs import kept_runs
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.pages.page import PageScreen
from tests.results.test_kept_patching import to_disk
from tests.tui.driving import text_of, until
from tests.tui.ptys import PtyProgram
from tests.tui.test_with_the_model import LOADING

TASK = PatchActivations(
    clean="The capital of France is",
    corrupt="The capital of Japan is",
    correct="Paris",
    wrong="Tokyo",
    sites=("resid",),
)


def app_in(folder: Path) -> SelfieApp:
    options = AppOptions(theme="dusk", ascii=False, state_dir=folder, user_presets=folder / "presets")
    return SelfieApp(default_engine, options)


def listed(folder: Path) -> list[StoredRun]:
    return stored_runs(folder / "sessions", folder / "index")


def scores(run: StoredRun) -> dict[int, float]:
    return {index: each.score for index, each in sorted(contents(run)[1].items()) if isinstance(each, PatchedRun)}


async def test_a_patching_that_stopped_is_opened_in_its_view_exported_gone_on_with_and_deleted(
    demo: Model, tmp_path: Path
):
    to_disk(tmp_path / "whole", demo, TASK)
    to_disk(tmp_path / "sessions", demo, TASK, stop_after=44)
    (stopped,) = listed(tmp_path)
    app = app_in(tmp_path)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.main.state.ready, LOADING)
        await pilot.press("H")
        await until(pilot, lambda: "◐ 44/48  logit diff A→B" in text_of(app))
        await until(pilot, lambda: "resid L" in text_of(app))
        assert "corrupt: “The capital of Japan is”" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view.NAME == "patch")
        await until(pilot, lambda: "from today" in text_of(app))
        here = app.main.view.patches.here
        assert {index: run.score for index, run in here.runs.items()} == scores(stopped)
        await pilot.press("x", *(["ctrl+u"]), *str(tmp_path / "out.jsonl"), "enter")
        await until(pilot, (tmp_path / "out.jsonl").exists)
        (exported,) = kept_runs(read(tmp_path / "out.jsonl"))
        assert {index: run.score for index, run in exported.results.items() if index >= 0} == scores(stopped)
        assert exported.began.info == stopped.began.info
        await pilot.press("enter")
        await until(pilot, lambda: any("its model was another one" in toast.message for toast in app._notifications))
        assert len(listed(tmp_path)) == 1, "in another number format it is not gone on with"
        await pilot.press("H", "r")
        await until(pilot, lambda: len(runs := listed(tmp_path)) == 1 and runs[0].ending == "finished", LOADING)
        (resumed,) = listed(tmp_path)
        (whole,) = stored_runs(tmp_path / "whole", tmp_path / "index")
        assert resumed.began.resumes == stopped.id
        assert scores(resumed) == scores(whole)
        await until(pilot, lambda: app.main.view.NAME == "patch" and "48" in text_of(app))
        await until(pilot, lambda: app.main.view.patches.here and app.main.view.patches.here.done == 48)
        await pilot.press("H")
        await until(pilot, lambda: "      48  logit diff A→B" in text_of(app))
        await pilot.press("d", "d")
        await until(pilot, lambda: "logit diff" not in text_of(app))
        await pilot.press("u")
        await until(pilot, lambda: "logit diff A→B" in text_of(app))
        assert sorted(map(scores, listed(tmp_path)), key=len)[-1] == scores(whole)


async def test_two_patchings_are_compared_site_by_site(demo: Model, tmp_path: Path):
    noised = replace(TASK, noise=True)
    steered = Steer(line="'Japan'@5", prompt=TASK.clean, strengths=(1.0,), max_new_tokens=1)
    for number, task in enumerate((steered, TASK, noised), 1):
        to_disk(tmp_path / "sessions", demo, task, number=number)
    by_task = {run.began.task.noise: scores(run) for run in listed(tmp_path) if run.kind.word == "patch"}
    app = app_in(tmp_path)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.main.state.ready, LOADING)
        await pilot.press("H")
        await until(pilot, lambda: len(app.main.view.list.runs) == 3)
        kinds = [run.kind.word for run in app.main.view.list.runs]
        await pilot.press("g", *[key for kind in kinds for key in (["space"] if kind == "patch" else []) + ["down"]])
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PageScreen))
        page = app.screen.page.text()
        agreement = rank_correlation(list(by_task[False].values()), list(by_task[True].values()))
        assert f"rank correlation {agreement:.2f}" in page
        assert "noise: " in page
        apart = {index: by_task[True][index] - by_task[False][index] for index in by_task[False]}
        differing = [each for each in apart.values() if abs(each) >= 0.005]
        assert f"Other scores at {len(differing)} of {len(apart)} sites" in page
        largest = max(apart.values(), key=abs)
        first = next(line for line in page.splitlines() if line.startswith("resid "))
        assert abs(float(first.split()[-1])) == pytest.approx(abs(largest), abs=0.006), "the furthest apart first"
        await pilot.press("escape", "g", *["down"] * kinds.index("steer"), "space", "enter")
        await until(pilot, lambda: any("two of the kind “patch”" in toast.message for toast in app._notifications))


async def test_steered_answers_are_opened_in_the_view_of_vectors_and_exported(demo: Model, tmp_path: Path):
    vector = selfie_tui.mean_vector(demo, [TASK.corrupt], 5, against=[TASK.clean])
    path = selfie_tui.save_vector(vector, str(tmp_path / "japan.safetensors"))
    task = Steer(line=f'"{path}"', prompt=TASK.clean, strengths=(2.0,), max_new_tokens=2)
    to_disk(tmp_path / "sessions", demo, task)
    app = app_in(tmp_path)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.main.state.ready, LOADING)
        await pilot.press("H")
        await until(pilot, lambda: "steer" in text_of(app) and "plain  " in text_of(app))
        assert "× 2" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view.NAME == "vectors")
        await until(pilot, lambda: app.main.view.exportable() is not None)
        await until(pilot, lambda: "Tokyo" in text_of(app))
        view, other = app.main.view, f"dtype fp32 → {app.main.state.model.dtype}"
        assert other == "dtype fp32 → bf16", "or they are of the model that is loaded"
        assert f"not by this model: {other}" in view.steering.origin
        assert any(f"Another model gave these answers: {other}" in toast.message for toast in app._notifications)
        await pilot.press("+")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished, LOADING)
        assert not view.steering.origin, "these are the loaded model's"


def test_a_patching_of_the_program_is_kept_through_a_kill_and_opened_by_the_next(tmp_path: Path):
    folders = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("STATE", "CONFIG", "CACHE")}
    env = {**folders, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    sessions, cache = tmp_path / "state" / "selfie-tui" / "sessions", tmp_path / "index"
    with PtyProgram("-m", "selfie_tui.cli", "--prompt", TASK.clean, size=(120, 40), env=env) as program:
        assert program.until(lambda: program.shows("verified"), LOADING)
        for keys in ("p", "P", "i", "\x15" + TASK.corrupt + "\r"):
            program.send(keys)
            assert program.until(lambda: not program.read(0.3))
        assert program.until(lambda: program.shows("·Tokyo"), LOADING)
        program.send("\r")
        assert program.until(lambda: any(run.done for run in stored_runs(sessions, cache)), LOADING)
        os.kill(program.process.pid, signal.SIGKILL)
    (run,) = stored_runs(sessions, cache)
    assert run.kind.word == "patch"
    before = scores(run)
    with PtyProgram("-m", "selfie_tui.cli", size=(120, 40), env=env) as program:
        assert program.until(lambda: program.shows("verified"), LOADING)
        program.send("H")
        assert program.until(lambda: program.shows("logit diff A→B"))
        program.send("\r" if run.ending == "finished" else "r")
        assert program.until(lambda: program.shows("▌P Patch▐"), LOADING), program.text()
        assert program.until(lambda: all(each.ending == "finished" for each in stored_runs(sessions, cache)), LOADING)
        program.send("q")
    (last,) = stored_runs(sessions, cache)
    assert before.items() <= scores(last).items()

"""Readings that stay, with the bundled model: opened after a restart, and gone on with after a kill."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from selfie_tui.jobs import default_engine
from selfie_tui.results.history import StoredRun, read_run, stored_runs
from selfie_tui.results.resuming import contents
from selfie_tui.results.run_kinds.readings import interpretations_in
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.driving import log_text, run_to_end, text_of, until
from tests.tui.ptys import PtyProgram
from tests.tui.test_with_the_model import LOADING


def app_in(folder: Path) -> SelfieApp:
    options = AppOptions(theme="dusk", ascii=False, state_dir=folder, user_presets=folder / "presets")
    return SelfieApp(default_engine, options)


async def test_two_keys_after_a_restart_open_the_readings_and_ctrl_r_gives_the_same_words(tmp_path: Path):
    app = app_in(tmp_path)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: len(app.main.state.runs) == 1, LOADING)
        await run_to_end(app, pilot)
        said = {index: found.text for index, found in app.main.state.last_run.interpretations.items()}
        await pilot.press("q")
    assert any("Paris" in text for text in said.values())
    app = app_in(tmp_path)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("H", "enter")
        await until(pilot, lambda: len(log_text(app)) >= 11 if app.main.view.NAME == "interpret" else False)
        (run,) = app.main.state.opened.values()
        assert {index: found.text for index, found in run.interpretations.items()} == said
        assert "from today" in text_of(app)
        await until(pilot, lambda: app.main.state.selection.tokens and app.main.state.ready, LOADING)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(app.main.state.runs) == 1)
        await run_to_end(app, pilot)
        again = app.main.state.last_run
        assert {index: found.text for index, found in again.interpretations.items()} == said
        assert again.request == run.request


def results(run: StoredRun) -> dict[int, tuple[str, float | None]]:
    """What a run said of each cell, and the effect of it."""
    found = interpretations_in(contents(run)[1])
    return {index: (each.text, each.treatment_effect) for index, each in found.items()}


def leave_torn(session: Path, most: int) -> None:
    """Cut a session in the middle of a line, after so many, as an earlier kill would have: one may come too late."""
    lines = session.read_bytes().splitlines(keepends=True)
    if len(lines) > most:
        session.write_bytes(b"".join(lines[:most]) + lines[most][:50])


def test_a_run_that_was_killed_is_gone_on_with_and_ends_as_one_that_was_not(tmp_path: Path):
    folders = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("STATE", "CONFIG", "CACHE")}
    env = {**folders, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    sessions, cache = tmp_path / "state" / "selfie-tui" / "sessions", tmp_path / "index"
    prompt = " ".join(["The Eiffel Tower is located in the city of Paris."] * 4)
    with PtyProgram("-m", "selfie_tui.cli", "--prompt", prompt, size=(120, 40), env=env) as program:
        assert program.until(lambda: program.shows("reads this token"), LOADING)
        program.send("a\r")
        assert program.until(lambda: any(run.done >= 3 for run in stored_runs(sessions, cache)), LOADING)
        os.kill(program.process.pid, signal.SIGKILL)
    leave_torn(next(sessions.glob("*.jsonl")), 30)
    (killed,) = stored_runs(sessions, cache)
    assert killed.ending == "killed"
    before = results(killed)
    assert 3 <= len(before) < killed.cells
    with PtyProgram("-m", "selfie_tui.cli", size=(120, 40), env=env) as program:
        assert program.until(lambda: program.shows("verified"), LOADING)
        program.send("H")
        assert program.until(lambda: program.shows(f"◐ {killed.done}/{killed.cells}"))
        program.send("r")
        assert program.until(lambda: program.shows(f"{killed.cells} readings"), LOADING)
        program.send("H")
        time.sleep(0.3)
        program.send("\x12")
        assert program.until(lambda: len(stored_runs(sessions, cache)) == 2, LOADING)
        assert program.until(lambda: all(run.ending == "finished" for run in stored_runs(sessions, cache)), LOADING)
        program.send("q")
    whole, resumed = stored_runs(sessions, cache)
    assert resumed.began.resumes == killed.id
    assert results(resumed) == results(whole)
    assert before.items() <= results(resumed).items()
    assert len(list(read_run(resumed))) == 1 + 1 + killed.cells + 1

"""Exporting from the app: what is written, what is proposed, and what is refused in the line where one types."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from selfie_tui.records import CONTROL
from selfie_tui.results import sessions
from selfie_tui.results.entries import Result, RunBegan, RunEnded
from selfie_tui.results.history import stored_runs
from selfie_tui.tui.exporting import Exportable, entries_of, proposed_name
from selfie_tui.tui.kept import read_back
from tests.results.runs import run_of, write
from tests.tui.driving import run_to_end, running, text_of, toasts, until
from tests.tui.test_history_view import PARIS, kept, list_of, yesterday


def test_a_run_that_was_read_back_is_exported_as_it_was_stored(tmp_path: Path):
    entries = run_of(PARIS, 7, versions={"torch": "1"})
    write(tmp_path / "a.jsonl", entries)
    (stored,) = stored_runs(tmp_path, tmp_path)
    assert list(entries_of(read_back(stored, -4))) == entries


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("demo", "selfie-demo-2026-11-24_18-02.jsonl"),
        ("Qwen/Qwen3-0.6B", "selfie-Qwen3-0.6B-2026-11-24_18-02.jsonl"),
        ("/a/föld er/", "selfie-f-ld-er-2026-11-24_18-02.jsonl"),
        ("", "selfie-model-2026-11-24_18-02.jsonl"),
    ],
)
def test_the_proposed_name_has_model_and_time_and_is_not_taken(tmp_path: Path, model, name):
    exportable = Exportable("", model, list)
    now = datetime(2026, 11, 24, 18, 2)
    assert proposed_name(exportable, tmp_path, now) == name
    (tmp_path / name).touch()
    assert proposed_name(exportable, tmp_path, now) == name.replace(".jsonl", "-2.jsonl")


async def test_two_keys_export_the_last_run_from_wherever_the_keys_go(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with running() as (app, pilot):
        await pilot.press("alt+2", "x")
        await until(pilot, lambda: any("nothing to export yet" in toast for toast in toasts(app)))
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("x")
        assert "export 9 readings to: selfie-demo-" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: any("Exported 9" in said for said in (app.main.hints.confirmed, *toasts(app))))
        (path,) = tmp_path.glob("*.jsonl")
        first, *results, last = sessions.read(path)
        assert isinstance(first, RunBegan)
        assert first.info == app.main.state.model
        assert [result.index for result in results if isinstance(result, Result)] == [CONTROL, *range(9)]
        assert last == RunEnded(first.run, "finished")
        assert app.main.focused is app.main.tokens, "the keys go where they went"


async def test_an_unknown_ending_and_a_file_that_is_there_are_refused_in_the_line(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.csv").write_text("mine")
    async with running() as (app, pilot):
        await pilot.press("alt+2", "enter")
        await run_to_end(app, pilot)
        await pilot.press("x", "ctrl+u", *"a.txt", "enter")
        await until(pilot, lambda: "no ending of a format" in text_of(app))
        assert app.main.asking
        await pilot.press("ctrl+u", *"there.csv", "enter")
        await until(pilot, lambda: "enter overwrites it" in text_of(app))
        assert (tmp_path / "there.csv").read_text() == "mine"
        await pilot.press("v")
        assert "export 9 readings to" in text_of(app), "what is typed anew is asked anew"
        await pilot.press("backspace", "enter", "enter")
        await until(pilot, lambda: (tmp_path / "there.csv").read_text() != "mine")
        await until(pilot, lambda: not app.main.asking)
        assert "? help" in text_of(app)


async def test_escape_leaves_the_line_and_writes_nothing(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with running() as (app, pilot):
        await pilot.press("alt+2", "enter")
        await run_to_end(app, pilot)
        await pilot.press("x", "escape", "q")
        assert not list(tmp_path.iterdir())
        assert not app.is_running, "q is a key again"


async def test_marked_runs_are_exported_together_oldest_first(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept(tmp_path, *(run_of([f"text {number}"], number, began=yesterday(number)) for number in (1, 2, 3)))
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("f8")
        await until(pilot, lambda: len(list_of(app).runs) == 3)
        await pilot.press("space", "down", "down", "space", "x")
        assert "export 2 readings of 2 runs to" in text_of(app)
        await pilot.press("ctrl+u", *"two.jsonl", "enter")
        await until(pilot, lambda: (tmp_path / "two.jsonl").exists())
        found = [entry for entry in sessions.read(tmp_path / "two.jsonl") if isinstance(entry, RunBegan)]
        assert [entry.run for entry in found] == [1, 3]


async def test_the_palette_exports_all_runs_of_the_log(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with running() as (app, pilot):
        await pilot.press("alt+2", "enter")
        await run_to_end(app, pilot)
        await pilot.press("left", "enter")
        await run_to_end(app, pilot)
        app.main.view.export_all()
        await until(pilot, lambda: "export 18 readings of 2 runs to" in text_of(app))

"""Comparisons of two models that stay, with the bundled model: opened on their page, gone on with, made again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from selfie_tui.comparison_table import rows_of
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.model import Model
from selfie_tui.jobs import default_engine
from selfie_tui.records import LoadModel
from selfie_tui.results.history import stored_runs
from selfie_tui.results.resuming import contents
from selfie_tui.results.run_kinds.comparisons import comparison_of
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.pages.comparison import ComparisonScreen
from tests.engine.records_compared import assert_same
from tests.results.test_kept_comparisons import PARTS, TASK, to_disk
from tests.tui.driving import text_of, until
from tests.tui.test_with_the_model import LOADING


def app_in(folder: Path) -> SelfieApp:
    options = AppOptions(theme="dusk", ascii=False, state_dir=folder, user_presets=folder / "presets")
    return SelfieApp(default_engine, options)


def listed(folder: Path) -> list[StoredRun]:
    return stored_runs(folder / "sessions", folder / "index")


def table(run: StoredRun) -> list[dict[str, object]]:
    return rows_of(comparison_of(contents(run)[1]))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_comparison_that_stopped_is_opened_on_its_page_gone_on_with_and_made_again(
    demo: Model, tmp_path: Path, size: tuple[int, int]
):
    other = load("demo", device="cpu", dtype="bf16")
    task = msgspec.structs.replace(TASK, other=LoadModel("demo", "cpu", "bf16"))
    to_disk(tmp_path / "whole", demo, other, task)
    to_disk(tmp_path / "sessions", demo, other, task, stop_after=PARTS - 4)
    (stopped,) = listed(tmp_path)
    app = app_in(tmp_path)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.main.state.ready, LOADING)
        await pilot.press("H")
        await until(pilot, lambda: f"◐ {PARTS - 4}/{PARTS}  ≠ demo bf16" in text_of(app))
        if size[0] < 100:
            await pilot.press("5")
        await until(pilot, lambda: "beside demo bf16 · 2 tokens × 3 layers" in text_of(app))
        await until(pilot, lambda: "top tokens in" in text_of(app))
        await pilot.press("4", "enter")
        await until(pilot, lambda: isinstance(app.screen, ComparisonScreen))
        page = app.screen.page
        assert "It stopped before its end" in page.text()
        assert "Other words in" in page.text()
        await pilot.press("w")
        await until(pilot, lambda: any("have said these cells" in toast.message for toast in app._notifications))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press("r")
        await until(pilot, lambda: len(runs := listed(tmp_path)) == 1 and runs[0].ending == "finished", LOADING)
        (resumed,) = listed(tmp_path)
        (whole,) = stored_runs(tmp_path / "whole", tmp_path / "index")
        assert resumed.began.resumes == stopped.id
        assert_same(table(resumed), table(whole))
        await until(pilot, lambda: isinstance(app.screen, ComparisonScreen) and not app.main.state.compared.step)
        found = app.main.state.compared.found
        assert rows_of(found) == table(resumed)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main and f"      {PARTS}  ≠ demo bf16" in text_of(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(runs := listed(tmp_path)) == 2 and runs[0].ending == "finished", LOADING)
        again, _ = listed(tmp_path)
        assert (again.began.task, again.done) == (task, PARTS)
        await until(pilot, lambda: isinstance(app.screen, ComparisonScreen))
        await pilot.press("escape", "d", "d")
        await until(pilot, lambda: len(app.main.state.kept.runs) == 1)
        await pilot.press("u")
        await until(pilot, lambda: len(app.main.state.kept.runs) == 2)

"""Calibration in the app: the settings say how well they read back, one key finds out and uses what is proposed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from selfie_tui.jobs import default_engine
from selfie_tui.presets import preset_called
from selfie_tui.records import Calibrate, InjectionSetting, Preset
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.calibrating import setting_of
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.pages.calibration import CalibrationScreen
from tests.tui.driving import drawn_when_looked_at, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

LOADING = 120.0
"""Seconds that importing torch and loading may take on a machine under load."""

REVISION = "content:0a1b"
BETTER = InjectionSetting(2, "replace-norm")


def said(app: SelfieApp) -> str:
    """What stands on the border of the settings."""
    return str(app.main.view.settings_pane.border_subtitle or "")


async def calibrated(app: SelfieApp, pilot: Pilot[None]) -> None:
    """Wait until no calibration is under way."""
    await until(pilot, lambda: app.main.state.calibrating is None)


async def test_one_key_finds_out_shows_the_table_and_uses_what_is_proposed():
    async with running() as (app, pilot):
        await pilot.press("alt+3")
        await pilot.pause()
        assert said(app).startswith("c: not calibrated · ")
        await pilot.press("c")
        await calibrated(app, pilot)
        assert isinstance(app.screen, CalibrationScreen)
        screen = text_of(app)
        assert "Calibration of summarize" in screen
        assert "L2 replace-norm reads most of the words back." in screen
        assert screen.index("L2 replace-norm  ") < screen.index(" ● embed replace"), "the present one is marked"
        await pilot.press("c")
        await pilot.pause()
        assert app.screen is app.main
        assert setting_of(app.main.state.settings) == BETTER
        assert said(app).startswith("reads back .75 | .25 · ")


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20)])
async def test_any_setting_of_the_table_can_be_chosen_and_used(size):
    async with running(size=size) as (app, pilot):
        await pilot.press("alt+3", "c")
        await calibrated(app, pilot)
        assert "▌  L2 replace-norm" in text_of(app), "the cursor begins at what is proposed"
        assert "esc close" in text_of(app)
        await pilot.press("up", "down")
        assert "▌● embed replace" in text_of(app)
        await pilot.press("up")
        assert "▌  L2 replace-norm" in text_of(app)
        await pilot.press("j", "enter")
        await pilot.pause()
        assert app.screen is app.main
        assert setting_of(app.main.state.settings) != BETTER


async def test_settings_other_than_the_proposal_say_how_well_they_read_and_what_reads_better():
    async with running() as (app, pilot):
        await pilot.press("alt+3", "c")
        await calibrated(app, pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert said(app).startswith("reads back .25 | .00 · c: L2 replace-norm · ")
        await pilot.press("right", "up")
        await pilot.pause()
        assert said(app).startswith("reads back .25"), "embed is the first layer"
        await pilot.press("down")
        await pilot.pause()
        assert said(app).startswith("not calibrated here · c: L2 replace-norm · the layer that is written to")
        await pilot.press("right", "right", "right")
        await pilot.pause()
        assert "calibrated" not in said(app), "the number of tokens is not calibrated"
        await pilot.press("2")
        await pilot.pause()
        assert said(app) == "not calibrated here · c: L2 replace-norm"
        app.main.show(app.main.state.choose(msgspec.structs.replace(app.main.state.settings, system=False)))
        await pilot.pause()
        assert said(app) == "c: not calibrated", "with another system text it is another prompt"


async def test_it_goes_on_in_the_background_is_cancelled_and_goes_on_where_it_stopped():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        engine.step.clear()
        await pilot.press("alt+3", "c")
        await until(pilot, lambda: "▌● embed replace" in text_of(app))
        assert "Not finished" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: "calibrating summarize 50 %  0:03 left  esc cancels" in text_of(app))
        assert said(app).startswith("calibrating… · ")
        await pilot.press("escape", "escape")
        await calibrated(app, pilot)
        assert said(app).startswith("c: calibration stopped"), said(app)
        assert not toasts(app)
        engine.step.set()
        await pilot.press("3", "c")
        await calibrated(app, pilot)
        tasks = [task for task in engine.done if isinstance(task, Calibrate)]
        assert [len(task.earlier.rows) if task.earlier else None for task in tasks] == [None, 1]
        assert "L2 replace-norm reads most" in text_of(app)


async def test_at_the_next_start_it_is_still_known_and_of_this_model_alone(tmp_path: Path):
    async with running(FakeEngine(revision=REVISION), state_dir=tmp_path) as (app, pilot):
        await pilot.press("alt+3", "c")
        await calibrated(app, pilot)
    engine = FakeEngine(revision=REVISION)
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        assert said(app) == "reads back .25 | .00 · c: L2 replace-norm"
        await pilot.press("alt+3", "c", "c")
        await pilot.pause()
        assert setting_of(app.main.state.settings) == BETTER
        assert not [task for task in engine.done if isinstance(task, Calibrate)]
    async with running(FakeEngine(revision="content:ffff"), state_dir=tmp_path) as (app, pilot):
        assert said(app) == "c: not calibrated"


async def test_the_end_is_said_where_the_page_is_closed_and_another_preset_stays_unknown():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        engine.step.clear()
        await pilot.press("alt+3", "c")
        await until(pilot, lambda: "▌● embed replace" in text_of(app))
        await pilot.press("escape", "down")
        await pilot.pause()
        assert said(app).startswith("c: not calibrated"), "this is the next preset"
        await pilot.press("c")
        await pilot.pause()
        assert "Another preset is being calibrated." in toasts(app)
        await pilot.press("escape")
        engine.step.set()
        await calibrated(app, pilot)
        assert toasts(app)[-1] == "summarize: L2 replace-norm reads back most."
        assert said(app).startswith("c: not calibrated")


async def test_where_nothing_is_read_back_nothing_is_proposed_and_r_tries_again():
    engine = FakeEngine(reads_back=False)
    async with running(engine) as (app, pilot):
        await pilot.press("alt+3", "c")
        await until(pilot, lambda: "L2 replace-norm" in text_of(app))
        await calibrated(app, pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert toasts(app) == ["No setting reads enough of the words back to be proposed."]
        assert isinstance(app.screen, CalibrationScreen)
        engine.reads_back = True
        await pilot.press("r")
        await until(pilot, lambda: "reads most of the words" in text_of(app))
        (first, second) = [task for task in engine.done if isinstance(task, Calibrate)]
        assert first == second, "begun anew, not gone on with"


async def test_every_size_of_screen_shows_the_table_and_a_name_is_no_markup():
    for size in ((120, 40), (80, 24), (60, 20)):
        async with running(size=size) as (app, pilot):
            own = Preset("[red]x[/red]", "say _")
            app.main.show(app.main.state.choose(msgspec.structs.replace(app.main.state.settings, preset=own)))
            await pilot.press("alt+3", "c")
            await calibrated(app, pilot)
            screen = text_of(app)
            assert "Calibration of [red]x[/red]" in screen, size
            assert "logit lens" in screen, size


async def test_the_key_is_typed_in_text_fields_and_does_nothing_without_a_model():
    engine = FakeEngine()
    engine.loaded.clear()
    async with running(engine, ready=False) as (app, pilot):
        await pilot.press("alt+3", "c")
        await until(pilot, lambda: bool(toasts(app)))
        assert toasts(app) == ["No model is loaded yet."]
        await pilot.press("e", "c")
        await pilot.pause()
        assert app.main.state.settings.preset.text.endswith("c")
        assert app.screen is app.main


async def test_the_bundled_model_is_calibrated_from_the_settings(tmp_path: Path):
    app = SelfieApp(default_engine, AppOptions(theme="dusk", ascii=False, state_dir=tmp_path))
    with drawn_when_looked_at():
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await until(pilot, lambda: app.main.state.model is not None, LOADING)
            entity = msgspec.structs.replace(app.main.state.settings, preset=preset_called("entity"))
            app.main.show(app.main.state.choose(entity))
            await pilot.press("alt+3", "c")
            await until(pilot, lambda: "reads most of the words back." in text_of(app), LOADING)
            assert "L5 replace-norm reads most" in text_of(app)
            assert "logit lens" in text_of(app)
            await pilot.press("c")
            await pilot.pause()
            assert setting_of(app.main.state.settings) == InjectionSetting(5, "replace-norm")
            assert said(app).startswith("reads back 1.0 "), said(app)
    assert len(list((tmp_path / "calibrations").rglob("*.json"))) == 1

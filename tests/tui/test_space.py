"""What is in sight at each size of terminal: space goes to what one reads."""

from __future__ import annotations

import pytest
from textual.widgets._toast import Toast

from selfie_tui.records import Preset
from selfie_tui.tui.app import TWICE
from selfie_tui.tui.catalog import Offer
from tests.tui.driving import confirmed, run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine


async def interpret_all(app, pilot):
    """81 readings, the log's window on the first ones."""
    app.main.enter_pane(app.main.prompt_pane)
    await pilot.press("a", "enter")
    await run_to_end(app, pilot)
    await pilot.press("5", "g")
    await pilot.pause()


async def test_at_80x24_header_control_and_twelve_readings_are_in_sight():
    async with running(size=(80, 24)) as (app, pilot):
        await interpret_all(app, pilot)
        log = app.main.view.log_pane
        shown = text_of(app).splitlines()[log.region.y + 1 : log.region.bottom - 1]
        assert "summarize at embed" in shown[0]
        assert "control" in shown[1]
        labels = ["embed·0 The", *(f"L{layer}·0 The" for layer in range(8)), "embed·1", "L0·1", "L1·1"]
        assert [label in line for label, line in zip(labels, shown[2:14], strict=True)] == [True] * 12, shown


async def test_on_a_low_screen_the_settings_are_one_line_until_the_keys_go_there():
    async with running(size=(80, 24)) as (app, pilot):
        pane = app.main.view.settings_pane
        await pilot.press("escape", "2")
        await pilot.pause()
        assert pane.region.height == 1
        assert " 3 ‹summarize›" in text_of(app)
        await pilot.press("3")
        await pilot.pause()
        assert pane.region.height >= 4
        assert "[_]" in text_of(app)


async def test_an_interpretation_prompt_that_cannot_be_used_unfolds_the_settings():
    async with running(size=(80, 24)) as (app, pilot):
        view = app.main.view
        view.settings.choose_text("no placeholder at all")
        await pilot.press("escape", "2")
        await until(pilot, lambda: view.preset_view.problem)
        await pilot.pause()
        assert view.settings_pane.region.height > 1
        assert "cannot be used" in text_of(app)


@pytest.mark.parametrize(("models", "rows"), [(1, 4), (5, 8), (40, 12)])
async def test_the_model_pane_has_the_rows_that_it_needs(models, rows):
    async with running() as (app, pilot):
        offers = tuple(Offer(f"model-{number}", "cached") for number in range(models))
        app.main.models.show_offers(offers)
        await pilot.pause()
        assert app.main.model_pane.region.height == rows + 2
        assert app.main.layers_pane.region.y == app.main.model_pane.region.bottom


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_long_interpretation_prompt_is_shown_around_what_is_overwritten(size):
    async with running(FakeEngine(), size=size) as (app, pilot):
        view = app.main.view
        view.change(view.settings.values.__class__(preset=Preset("long", "word " * 300 + "_ _ _" + " word" * 300, "_")))
        app.main.enter_pane(view.settings_pane)
        await until(pilot, lambda: view.preset_view.shown and view.preset_view.shown.preset.name == "long")
        await pilot.pause()
        pane = view.settings_pane.region
        shown = "\n".join(text_of(app).splitlines()[pane.y : pane.bottom])
        assert "[_]" in shown
        assert shown.count("…") >= 2


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20)])
async def test_a_toast_covers_neither_the_header_nor_the_newest_reading(size):
    async with running(size=size) as (app, pilot):
        app.main.enter_pane(app.main.prompt_pane)
        await pilot.press("a", "enter")
        await run_to_end(app, pilot)
        app.toast("A toast that is long enough to need some lines, as problems often are. " * 3, "warning")
        await pilot.pause(0.1)
        (toast,) = app.screen.query(Toast)
        assert toast.region.y >= 1
        assert toast.region.bottom <= app.main.view.log_pane.region.bottom - 3
        assert "A toast" in text_of(app)


async def test_the_toast_of_ctrl_c_stays_as_long_as_a_second_one_quits():
    async with running() as (app, pilot):
        await pilot.press("ctrl+c")
        (shown,) = [notice for notice in app._notifications if "once more" in notice.message]
        assert shown.timeout == TWICE


@pytest.mark.parametrize(("columns", "left"), [(120, 30), (159, 30), (160, 44), (200, 44)])
async def test_from_160_columns_on_models_and_layers_have_more_of_the_width(columns, left):
    async with running(size=(columns, 60)) as (app, _):
        assert app.main.layers_pane.region.width == left
        assert app.main.view.log_pane.region.right == columns


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_what_was_just_done_is_said_in_the_hint_line_and_covers_no_pane(size):
    async with running(size=size, theme="dusk") as (app, pilot):
        await pilot.press("escape", "p")
        assert confirmed(app) == "This prompt is A: i edits it into B, to compare."
        assert text_of(app).splitlines()[-1].endswith("? help  q quit")
        await pilot.press("p")
        assert confirmed(app) == "The pair is gone."
        assert not app.screen.query(Toast)
        app.main.hints.show_keys()
        await pilot.pause()
        assert "interpret" in text_of(app).splitlines()[-1]


async def test_what_the_hint_line_is_too_narrow_for_is_said_in_a_toast():
    async with running(size=(80, 24)) as (app, pilot):
        app.confirm(f"Exported 9 readings to {'folder/' * 12}found.csv")
        await pilot.pause()
        assert not confirmed(app)
        assert toasts(app)[-1].endswith("found.csv")

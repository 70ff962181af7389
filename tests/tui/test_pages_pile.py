"""Pages do not pile up: each is drawn with all below it, and a pile takes ever longer to draw until nothing does."""

from __future__ import annotations

from selfie_tui.records import JobFailed
from selfie_tui.tui.handlers import MOST_PAGES, _show_error
from selfie_tui.tui.pages.error import ErrorScreen
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.views.interpret.log import Log
from tests.tui.driving import run_to_end, running, text_of, until


async def test_details_asked_for_many_times_in_one_burst_open_one_page():
    async with running() as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        log = app.main.view.log_view
        run = next(iter(app.main.state.runs.values()))
        for _ in range(50):
            log.post_message(Log.DetailsWanted(run, 0))
        await until(pilot, lambda: isinstance(app.screen, PageScreen))
        await pilot.pause()
        assert len(app.screen_stack) == 2
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_errors_that_nobody_closes_are_kept_in_the_log():
    async with running() as (app, pilot):
        for number in range(60):
            _show_error(app.main, f"model {number} was not loaded", JobFailed(cause="It broke.", remedy="Try again."))
            await pilot.pause()
        assert len(app.screen_stack) == 1 + MOST_PAGES
        for _ in range(MOST_PAGES):
            assert isinstance(app.screen, ErrorScreen)
            await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press("5", "G")
        assert "model 59 was not loaded" in text_of(app)

"""Pages do not pile up: each is drawn with all below it, and a pile takes ever longer to draw until nothing does."""

from __future__ import annotations

import pytest

from selfie_tui.records import JobFailed
from selfie_tui.tui.handlers import MOST_PAGES, _show_error
from selfie_tui.tui.pages.error import ErrorScreen
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.views.interpret.log import Log
from selfie_tui.tui.widgets.lines import OVERLAP
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


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20)])
async def test_a_page_is_read_page_by_page_and_says_where_one_is(size):
    async with running(size=size) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, PageScreen) and app.screen.page.size.height > 1)
        page = app.screen.page
        height, count, seen = page.size.height, page.count(), set()
        assert height >= min(size[1] * 0.9 - 2, 28) - 1, "as much of the screen as a page may have"
        for _ in range(count):
            seen.update(range(page.top, page.top + height))
            assert f"{page.top + 1}–{page.top + height} of {count}" in app.screen.box.border_subtitle
            before = page.top
            await pilot.press("space")
            if page.top == before:
                break
            assert page.top == min(before + height - OVERLAP, count - height)
        assert seen == set(range(count)), "no line is skipped"
        await pilot.press("b")
        assert page.top == count - height - (height - OVERLAP)
        for key, top in ("home", 0), ("pagedown", height - OVERLAP), ("pageup", 0), ("ctrl+d", height // 2):
            await pilot.press(key)
            assert page.top == top, key


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

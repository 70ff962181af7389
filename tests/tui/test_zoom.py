"""A pane that is zoomed has all the space between the header and the hints, at any size of terminal."""

from __future__ import annotations

import pytest

from tests.tui.driving import running, text_of

SIZES = [(120, 40), (80, 24), (60, 20), (200, 60)]


def regions(app):
    return {pane.id: pane.region for pane in app.main.panes}


@pytest.mark.parametrize("size", SIZES)
async def test_every_pane_fills_the_screen_between_header_and_hints(size):
    async with running(size=size) as (app, pilot):
        main = app.main
        for pane in main.panes:
            main.enter_pane(pane)
            await pilot.press("z")
            await pilot.pause()
            top = 2 if main.view_bar.display else 1
            assert pane.region == (0, top, size[0], size[1] - top - 1), pane.id
            first, *_, last = text_of(app).splitlines()
            assert "demo" in first
            assert "? help" in last
            await pilot.press("z")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", ["z", "escape"])
async def test_z_and_escape_restore_every_pane(size, key):
    async with running(size=size) as (app, pilot):
        main = app.main
        for pane in main.panes:
            main.enter_pane(pane)
            await pilot.pause()
            before = regions(app)
            await pilot.press("z")
            await pilot.pause()
            assert regions(app) != before or size == (60, 20)
            await pilot.press(key)
            await pilot.pause()
            assert regions(app) == before


async def test_a_long_prompt_has_all_lines_of_its_zoomed_pane():
    async with running(size=(80, 24), prompt="word " * 400) as (app, pilot):
        tokens = app.main.tokens
        app.main.enter_pane(app.main.prompt_pane)
        await pilot.pause()
        low = tokens.size.height
        await pilot.press("z")
        await pilot.pause()
        assert low <= 4 < 10 < tokens.size.height
        await pilot.press("z")
        await pilot.pause()
        assert tokens.size.height == low


async def test_another_pane_takes_the_whole_screen_over():
    async with running() as (app, pilot):
        await pilot.press("escape", "2", "z", "4")
        await pilot.pause()
        assert app.main.zoomed is app.main.layers_pane
        assert app.main.layers_pane.region.width == 120
        assert not app.main.prompt_pane.display

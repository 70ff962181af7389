"""The command palette takes keys as fast as they come."""

from __future__ import annotations

import asyncio

from textual.command import CommandList
from textual.widgets import Input

from selfie_tui.tui.palette import Palette
from tests.tui.driving import running, until


async def test_a_second_enter_before_the_palette_is_gone_does_nothing():
    async with running() as (app, pilot):
        await pilot.press("escape")
        theme = app.theme
        await pilot.press("ctrl+p", *"next theme")
        palette = app.screen
        assert isinstance(palette, Palette)
        await until(pilot, lambda: palette.query_one(CommandList).option_count == 1)
        text = palette.query_one(Input)
        for _ in range(3):
            palette.post_message(Input.Submitted(text, text.value))
        await until(pilot, lambda: app.screen is app.main)
        assert app.theme != theme
        await pilot.press("ctrl+t")
        assert app.is_running


async def test_a_page_down_before_the_palette_has_its_lines_is_let_go():
    async with running() as (app, pilot):
        await pilot.press("escape")
        app.action_command_palette()
        while not (isinstance(app.screen, Palette) and app.screen.query(CommandList)):
            await asyncio.sleep(0)
        app.screen.query_one(CommandList).add_options(["one", "two"]).highlighted = 0
        for action in ("page_down", "page_up", "first", "last", "cursor_down", "select"):
            app.screen._action_command_list(action)
        await pilot.press("escape", "escape")
        assert app.is_running

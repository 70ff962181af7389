"""The command palette takes keys as fast as they come."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfie_tui.tui.pages.palette import Command, Palette, found
from tests.tui.driving import running, text_of, until
from tests.tui.test_signals import Selfie


def offered(*names: str) -> list[Command]:
    return [Command(name, "", lambda: None, words="other words" if name == "Copy" else "") for name in names]


def test_the_best_match_comes_first_and_other_words_count_less():
    commands = offered("Copy", "Theme: dusk", "Next theme", "To the rows")
    assert [each.command.name for each in found(commands, "next theme")] == ["Next theme"]
    assert [each.command.name for each in found(commands, "")] == [command.name for command in commands]
    assert [each.command.name for each in found(commands, "other")][-1] == "Copy"
    assert found(commands, "xyz") == []
    (match,) = found(commands, "dusk")
    assert {"Theme: dusk"[offset] for offset in match.offsets} == set("dusk")


async def test_a_command_runs_once_however_often_enter_is_pressed():
    async with running() as (app, pilot):
        await pilot.press("escape", "1")
        theme = app.theme
        await pilot.press("ctrl+p", *"next theme")
        palette = app.screen
        assert isinstance(palette, Palette)
        for _ in range(3):
            palette.action_submit()
        await until(pilot, lambda: app.theme != theme)
        assert app.screen is app.main
        chosen = app.theme
        await pilot.pause()
        assert app.theme == chosen


async def test_every_key_may_come_before_the_palette_is_drawn():
    async with running() as (app, pilot):
        await pilot.press("escape")
        for key in ("pagedown", "pageup", "down", "up", "home", "end", "ctrl+u", "q", "y", "?", "1", "enter", "escape"):
            for event in ("ctrl+p", key):
                app.simulate_key(event)
            await pilot.pause()
            assert app.is_running, key
            while app.screen is not app.main:
                await pilot.press("escape")


async def test_letters_are_typed_whatever_they_do_on_other_pages():
    async with running() as (app, pilot):
        await pilot.press("escape", "ctrl+p", *"qjky?")
        assert isinstance(app.screen, Palette)
        assert app.screen.field.value == "qjky?"
        assert app.screen.rows.count() == 0
        await pilot.press("enter")
        assert isinstance(app.screen, Palette), "there is nothing to run"


async def test_the_cursor_moves_in_the_list_while_one_types():
    async with running() as (app, pilot):
        await pilot.press("escape", "ctrl+p", *"theme", "down", "down")
        assert isinstance(app.screen, Palette)
        assert app.screen.rows.cursor == 2
        await pilot.press("pagedown", "up")
        assert app.screen.rows.cursor > 2
        await pilot.press("s")
        assert app.screen.rows.cursor == 0


async def test_a_click_runs_what_is_clicked():
    async with running() as (app, pilot):
        await pilot.press("escape", "ctrl+p", *"theme: paper")
        assert "Theme: paper" in text_of(app)
        await pilot.click("CommandRows", offset=(3, 0))
        await until(pilot, lambda: app.theme == "paper")
        assert app.screen is app.main


@pytest.mark.parametrize("keys", ["\x10theme: paper\r\r", "\x10\x1b[6~\x1b[5~\x1b[B\x1b[6~\x1b[6~\x15theme: paper\r"])
def test_a_burst_of_keys_in_one_write_is_carried_out_in_order(keys: str, tmp_path: Path):
    with Selfie(tmp_path) as selfie:
        assert selfie.shows("verified")
        selfie.send(keys)
        assert selfie.until(lambda: '"theme":"paper"' in (selfie.state / "memory.json").read_text())
        selfie.send("\x11")
        assert selfie.ends() == 0

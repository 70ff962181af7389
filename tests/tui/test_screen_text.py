"""Whatever tokens, models, errors and notices say, every line is as wide as the screen, and holds no control."""

from __future__ import annotations

from unicodedata import category

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from selfie_tui.errors import SelfieError
from selfie_tui.records import Notice
from selfie_tui.tui.pages.error import ErrorScreen
from tests.tui.driving import run_to_end, running, strips, text_of, until
from tests.tui.fake_engine import FakeEngine

NASTY = {
    "markup": "[/INST] [bold]x[/bold] [@click=app.quit]go[/] \\[ [[]] [ ]",
    "an unclosed tag": "[/",
    "escape sequences": "\x1b[31mred\x1b[0m \x1b]52;c;AAAA\x07 \x00\x01\x7f\x9b31m",
    "line breaks": "a\r\nb\tc\x0b\x0c\u2028\u2029",
    "right to left": "\u202eevil\u202c שלום עולם مرحبا ﷺ",
    "combining marks": "e\u0301\u0301\u0301\u0301\u0301 \u0301alone",
    "wide characters": "漢字かなｗｉｄｅ",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷 👍🏽",
    "the unseen": "\u200b\u200d\ufeff \ud800 \U000e0001",
    "spaces": "  ",
    "nothing": "",
}


def check(app) -> None:
    """Every line of the screen is as wide as the screen, and holds nothing that a terminal would act on."""
    width = app.size.width
    for strip in strips(app):
        assert strip.cell_length == width
        assert cell_len(strip.text) == width
        assert not [char for char in strip.text if category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn", "Co")], (
            strip.text
        )


async def everywhere(nasty: str, size: tuple[int, int], **options) -> None:
    """Take a text through every pane, toast and page."""
    notices = (Notice(text=nasty or "-", severity="warning"),)
    engine = FakeEngine(late=f"{nasty} and {nasty}", notices=notices)
    prompt = f"{nasty} x {nasty}".replace("\ud800", "")
    async with running(engine, size, prompt=prompt, ready=False, **options) as (app, pilot):
        main = app.main
        await until(pilot, lambda: main.tokens.tokens and main.layer_list.lens)
        check(app)
        main.load(nasty or "-")
        await until(pilot, lambda: main.state.loading is None and main.state.selection.prompt == prompt)
        await pilot.press("escape", "space", "enter")
        await run_to_end(app, pilot)
        check(app)
        main.view.settings.choose_text(f"{nasty} _ {nasty}")
        await until(
            pilot,
            lambda: main.view.preset_view.shown and main.view.preset_view.shown.preset == main.view.preset_view.preset,
        )
        await pilot.press("5", "b", "g")
        check(app)
        main.view.log_view.search(nasty)
        await pilot.pause()
        check(app)
        main.view.log_view.search("")
        await pilot.press("G", "enter")
        check(app)
        await pilot.press("y", "escape", "e")
        check(app)
        await pilot.press("escape", "1", "k")
        check(app)
        engine.fail = SelfieError(f"{nasty} failed", f"try {nasty}")
        await pilot.press("2", "left", "enter")
        await until(pilot, lambda: isinstance(app.screen, ErrorScreen))
        check(app)
        await pilot.press("escape", "ctrl+p")
        await pilot.pause(0.1)
        check(app)


@pytest.mark.parametrize("kind", NASTY)
async def test_nasty_text_leaves_the_screen_whole(kind):
    await everywhere(NASTY[kind], (120, 40))


async def test_all_nasty_text_at_once_leaves_a_small_screen_whole():
    await everywhere(" ".join(NASTY.values()), (80, 24))


async def test_in_ascii_nothing_else_is_on_the_screen():
    await everywhere("漢字 \x1b[31m ▁ é", (120, 40), ascii=True)
    engine = FakeEngine(late="é 漢字 ▁")
    async with running(engine, ascii=True, theme="ansi") as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert text_of(app).isascii(), text_of(app)
        for digit in "12345":
            await pilot.press("escape", digit, "right", "question_mark")
            assert text_of(app).isascii(), text_of(app)
            await pilot.press("escape")
        await pilot.press("5", "enter")
        assert text_of(app).isascii(), text_of(app)


TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(list(NASTY.values()))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXT, st.sampled_from([(120, 40), (80, 24), (61, 20)]))
def test_any_text_leaves_the_screen_whole(nasty, size):
    import asyncio

    asyncio.run(everywhere(nasty, size))

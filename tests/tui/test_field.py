"""A text field costs the same for a text of any length, and says what it cannot hold."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual.events import Key, Paste
from textual.geometry import Size

from selfie_tui import text
from selfie_tui.records import Tokenize
from selfie_tui.tui import keyboard
from selfie_tui.tui.lenses import MOST
from selfie_tui.tui.state import AppState
from selfie_tui.tui.widgets.field import MOST_CHARACTERS, Field
from selfie_tui.tui.widgets.pause import Pause
from tests.tui.driving import running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine
from tests.tui.ptys import PtyProgram


class Alone(Field):
    """A field of so many columns, without an app."""

    has_focus = True

    def __init__(self, value: str, width: int, cursor: int) -> None:
        super().__init__()
        self.columns, self.text_of_it, self.at = width, value, cursor
        self.looked_at = 0

    size = property(lambda self: Size(self.columns, 1))
    value = property(lambda self: self.text_of_it, lambda self, value: None)
    cursor_position = property(lambda self: self.at, lambda self, position: None)
    selection = property(lambda self: (self.at, self.at), lambda self, selection: None)

    def _glyph(self, index: int) -> str:
        self.looked_at += 1
        return super()._glyph(index)


@example("0" * 23 + "\U00018cd6", 20, [23])
@given(st.text(max_size=60), st.integers(4, 30), st.lists(st.integers(0, 60), max_size=8))
def test_the_cursor_is_in_sight_wherever_it_goes_and_the_line_fits(value, width, cursors):
    field = Alone(value, width, 0)
    for cursor in cursors:
        field.at = min(cursor, len(value))
        pieces = field._pieces()
        if value and max(map(text.width, map(text.prose, value))) <= width // 2:
            assert [piece.role for piece in pieces].count("cursor") == 1
            assert sum(text.width(piece.text) for piece in pieces) <= width
            assert 0 <= field._cursor_offset < width


@pytest.mark.parametrize("letter", ["a", "漢"])
def test_a_key_looks_at_what_is_in_sight_alone(letter):
    field = Alone(letter * MOST_CHARACTERS, 80, MOST_CHARACTERS)
    field._pieces()
    field.looked_at = 0
    for cursor in (MOST_CHARACTERS, MOST_CHARACTERS - 1, 0, MOST_CHARACTERS // 2):
        field.at = cursor
        field._pieces()
        assert field._cursor_offset < 80
    assert field.looked_at < 4 * 80 * 6


async def test_what_is_pasted_beyond_what_a_field_holds_is_left_out_aloud():
    async with running(prompt="x") as (app, pilot):
        app.post_message(Paste("y" * (MOST_CHARACTERS + 5)))
        await until(pilot, lambda: len(app.main.prompt_text.value) == MOST_CHARACTERS)
        assert toasts(app)[-1] == "6 of 100,005 characters were left out: a text holds 100,000 at most."
        app.post_message(Paste("z"))
        await until(pilot, lambda: "1 of 1 characters" in toasts(app)[-1])
        assert app.main.prompt_text.has_focus


async def test_a_draft_longer_than_a_field_holds_is_cut_at_the_start():
    async with running(prompt="y " * MOST_CHARACTERS, ready=False) as (app, pilot):
        assert len(app.main.prompt_text.value) == MOST_CHARACTERS
        await until(pilot, lambda: any("100,000 of 200,000 characters were left out" in toast for toast in toasts(app)))


async def test_letters_that_arrive_faster_than_they_are_drawn_are_tokenised_once():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("i")
        before = sum(isinstance(task, Tokenize) for task in engine.done)
        await pilot.press(*"abcdefghij" * 10)
        await until(pilot, lambda: app.main.state.selection.prompt.endswith("j"))
        asked = sum(isinstance(task, Tokenize) for task in engine.done) - before
        assert asked < 50
        assert "abcdefghij" in text_of(app)


def test_lenses_and_tasks_of_earlier_prompts_are_not_kept():
    from selfie_tui.records import LensRead, ModelReady, PromptTokens
    from tests.tui.fake_engine import info, words
    from tests.tui.test_state import Submitted

    state = AppState(Submitted())
    state.take(ModelReady(model=info("demo", 4)))
    for number in range(100):
        state.prompt = f"prompt {number}"
        state.tokenize()
        state.take(PromptTokens(prompt=state.prompt, tokens=words(state.prompt)))
        for position in range(2):
            state.take(LensRead(prompt=state.prompt, positions=(position,), rows=()))
    assert len(state.lenses) == 2
    assert len(state.sent._tasks) <= 16
    for position in range(2 * MOST):
        state.take(LensRead(prompt=state.prompt, positions=(position,), rows=()))
    assert len(state.lenses) == MOST


def test_a_value_that_was_set_before_there_was_space_is_painted_though_the_keys_are_elsewhere(tmp_path):
    folders = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    prompt = "The text that was there from the start"
    with PtyProgram("-m", "selfie_tui.cli", "--prompt", prompt, env=folders, size=(120, 40)) as program:
        assert program.shows("verified")
        assert prompt in program.text()


async def test_between_the_keys_of_a_long_burst_there_is_time_to_draw(monkeypatch):
    monkeypatch.setattr(keyboard, "DRAWN_EVERY", 0.0)
    monkeypatch.setattr(keyboard, "BURST", 60.0)
    seen = set()

    async def look(app):
        while True:
            seen.add(len(app.main.prompt_text.value))
            await asyncio.sleep(0.001)

    async with running(prompt="x") as (app, pilot):
        await pilot.press("i")
        looking = asyncio.create_task(look(app))
        for _ in range(40):
            app.post_message(Key("a", "a"))
        await until(pilot, lambda: len(app.main.prompt_text.value) == 41)
        looking.cancel()
        assert len(seen) > 20


async def test_a_pause_comes_once_after_the_last_of_many_and_again_after_the_next():
    async with running() as (app, pilot):
        calls = []
        pause = Pause(app, 0.03, lambda: calls.append(1))
        for _ in range(20):
            pause.again()
            await asyncio.sleep(0.002)
        assert len(calls) <= 1
        await until(pilot, lambda: calls)
        calls.clear()
        pause.again()
        await until(pilot, lambda: calls)
        assert len(calls) == 1

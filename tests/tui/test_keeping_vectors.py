"""Keeping states as vectors from every view that has them: which states, under which name, to which file."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfie_tui.errors import SelfieError
from selfie_tui.records import EMBED, Cell, KeepVector, Token
from selfie_tui.tui.keepable import Keepable, proposed, word_of
from tests.tui.driving import confirmed, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

SIZES = [(120, 40), (80, 24), (60, 20), (200, 60)]
TOKENS = (Token(0, 1, "The"), Token(1, 2, " Eiffel"), Token(2, 3, ",\n"))


def kept(engine: FakeEngine) -> list[KeepVector]:
    return [task for task in engine.done if isinstance(task, KeepVector)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", ["R", "#", "L"])
async def test_the_state_of_the_cell_is_kept_from_every_view_under_the_name_that_is_proposed(
    view, size, tmp_path: Path
):
    engine = FakeEngine()
    async with running(engine, size=size, state_dir=tmp_path) as (app, pilot):
        await pilot.press("escape", view)
        app.main.state.selection.move(position=3, layer=5)
        await pilot.press("v")
        assert app.main.ask_line.question == "keep this state as the vector"
        assert app.main.ask_line.field.value == "is@L5"
        focus = app.main._focus_before_ask
        await pilot.press("enter")
        await until(pilot, lambda: app.main.hints.confirmed)
        assert app.main.focused is focus
        (task,) = kept(engine)
        assert (task.cells, task.name, task.module) == ((Cell(5, 3),), "is@L5", None)
        assert confirmed(app) == "Kept is@L5: V shows it"
        assert not toasts(app)
        assert Path(task.file) == tmp_path / "vectors" / "is@L5.safetensors"
        assert Path(task.file).is_file()


async def test_the_mean_of_the_marks_is_kept_and_a_name_that_is_taken_is_asked_for_twice(tmp_path: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        await pilot.press("escape", "L", "g", "home", "space", "j", "l", "space", "v")
        assert app.main.ask_line.question == "keep the mean of 2 states as the vector"
        assert app.main.ask_line.field.value == "mean2@embed-0"
        await pilot.press("enter")
        await until(pilot, lambda: kept(engine))
        assert kept(engine)[0].cells == (Cell(EMBED, 0), Cell(0, 1))
        await pilot.press("v", "enter")
        assert "There is such a vector. Once more: enter replaces it" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: len(kept(engine)) == 2)
        assert [task.overwrite for task in kept(engine)] == [False, True]
        await pilot.press("v", "ctrl+u", *"a/b", "enter")
        assert "without spaces or slashes" in text_of(app)
        await pilot.press("escape")
        assert len(kept(engine)) == 2


async def test_vectors_that_are_kept_while_the_engine_is_busy_are_all_written(tmp_path: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        engine.loaded.clear()
        keepables = [app.main.view.keepable() for _ in range(2)]
        app.main.load("other")
        await until(pilot, lambda: app.main.state.running)
        for name, keepable in zip(("one", "two"), keepables, strict=True):
            app.main.state.submit(keepable.task(name, tmp_path, overwrite=False))
        engine.loaded.set()
        await until(pilot, lambda: len(kept(engine)) == 2)
        assert {task.name for task in kept(engine)} == {"one", "two"}


async def test_where_there_is_no_state_that_is_said():
    engine = FakeEngine()
    engine.loaded.clear()
    async with running(engine, ready=False) as (app, pilot):
        await pilot.press("tab", "v")
        assert "There is no state to keep here" in toasts(app)[-1]
        engine.loaded.set()
        await until(pilot, lambda: app.main.tokens.tokens)
        await pilot.press("H", "v")
        assert len([toast for toast in toasts(app) if "There is no state to keep here" in toast]) == 2
        assert not kept(engine)


def test_names_are_of_the_token_and_its_layers():
    assert proposed((Cell(5, 1),), TOKENS) == "Eiffel@L5"
    assert proposed((Cell(EMBED, 1),), TOKENS) == "Eiffel@embed"
    assert proposed((Cell(3, 1), Cell(5, 1)), TOKENS) == "Eiffel@L3-5"
    assert proposed((Cell(3, 1), Cell(3, 0)), TOKENS) == "mean2@L3"
    assert proposed((Cell(3, 2),), TOKENS) == "vector@L3", "a token without letters"
    assert word_of(None) == "vector"


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", "x" * 81, "a:b"])
def test_a_name_that_no_file_or_edit_can_have_is_refused(name: str, tmp_path: Path):
    with pytest.raises(SelfieError, match="short word"):
        Keepable("p", (Cell(0, 0),)).task(name, tmp_path, overwrite=False)

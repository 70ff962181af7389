"""The list of models follows what is loaded, and the keys go where enter reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfie_tui import text
from selfie_tui.errors import RequestError
from selfie_tui.paths import under_home
from selfie_tui.records import Interpret, LoadModel
from tests.tui.driving import run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine, words


def loads(engine: FakeEngine) -> list[str]:
    return [task.name for task in engine.done if isinstance(task, LoadModel)]


async def test_after_a_model_is_opened_by_name_enter_reads_with_it():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        main = app.main
        await pilot.press("o", *"other", "enter")
        assert main.focused is main.tokens
        await until(pilot, lambda: main.state.model.name == "other" and main.state.ready)
        assert main.models._rows[main.models.cursor].name == "other"
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert loads(engine) == ["demo", "other"]
        assert any(isinstance(task, Interpret) for task in engine.done)


async def test_the_cursor_of_the_list_goes_to_the_model_that_is_loaded_though_its_note_changes():
    async with running(state_dir=None) as (app, pilot):
        for name in ("one", "two", "demo"):
            app.main.load(name)
            await until(pilot, lambda name=name: app.main.state.model.name == name)
            assert app.main.models.copyable() == name


async def test_a_model_that_failed_to_load_leaves_the_list_and_the_cursor_goes_back_to_the_loaded_one():
    async with running() as (app, pilot):
        main = app.main
        await pilot.press("o", *"missing", "enter")
        await until(pilot, lambda: "was not loaded" in text_of(app))
        assert "missing" not in [offer.name for offer in main.models.offers]
        assert main.models.copyable() == "demo"
        await pilot.press("enter")
        assert main.focused is main.tokens


async def test_enter_on_a_prompt_that_was_refused_says_why():
    engine = FakeEngine()

    def refuse(prompt: str, stack: str):
        if prompt.endswith("!"):
            raise RequestError("The prompt has 9,000 tokens, and demo takes 256.", "Shorten it by 8,744 tokens.")
        return words(prompt)

    engine._source = refuse
    async with running(engine) as (app, pilot):
        await pilot.press("i", "exclamation_mark")
        await until(pilot, lambda: "takes 256" in text_of(app))
        await pilot.resize_terminal(80, 24)
        assert "Shorten it" in text_of(app), "the reason is seen as a whole"
        await pilot.press("escape", "enter")
        assert any("takes 256" in toast for toast in toasts(app))
        assert not app.main.state.pending_view
        assert "reading the prompt" not in text_of(app)
        await pilot.press("i", "backspace", "enter")
        await run_to_end(app, pilot)
        assert any(isinstance(task, Interpret) for task in engine.done)


@pytest.mark.parametrize(
    ("path", "cells", "clipped"),
    [
        ("~/models/llama-3/", 30, "~/models/llama-3/"),
        ("~/models/meta/llama-3/", 15, "~/mod…/llama-3/"),
        ("org/a-very-long-name-of-a-model-7b", 20, "a-very-lo…a-model-7b"),
        ("/models/SmolLM2-135M-Instruct.Q4_1.gguf", 32, "SmolLM2-135M-Instruct.Q4_1.gguf"),
        ("/models/SmolLM2-135M-Instruct.Q4_1.gguf", 20, "SmolLM2-1….Q4_1.gguf"),
        ("model.layers.0.self_attn.q_proj", 20, "mod…self_attn.q_proj"),
        ("/data/x", 3, "x"),
        ("/data/xyz", 3, "xyz"),
    ],
)
def test_a_path_is_cut_in_the_middle(path, cells, clipped):
    assert text.clip_path(path, cells) == clipped


@given(st.text(), st.integers(1, 40))
def test_a_path_that_is_cut_fits(path, cells):
    assert text.width(text.clip_path(text.prose(path), cells)) <= cells


def test_the_users_own_folder_is_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert under_home("/home/ada/models/x") == "~/models/x"
    assert under_home("/home/adam/x") == "/home/adam/x"
    assert under_home("org/name") == "org/name"


async def test_while_a_model_of_a_long_path_is_loaded_the_header_says_how_far_and_how_to_stop():
    engine = FakeEngine()
    engine.loaded.clear()
    path = "/data/" + "models/" * 12 + "llama-3/"
    async with running(engine, (80, 24), ready=False, model=path) as (app, pilot):
        await until(pilot, lambda: "reading weights 50%" in text_of(app))
        header = text_of(app).splitlines()[0]
        assert "…/llama-3/: reading weights 50%" in header
        assert header.endswith("esc cancels")
        await pilot.press("1")
        assert "another: hub i" in text_of(app)

"""What was left at the last start is there at the next one; presets of one's own are made in the app."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from selfie_tui.config import Memory, read_memory
from selfie_tui.interpret_settings import CUSTOM, InterpretSettings
from selfie_tui.presets import PRESETS
from selfie_tui.records import Preset, StackInfo
from selfie_tui.tui.restoring import current, placement, restore
from selfie_tui.tui.state import AppState
from tests.tui.driving import running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine
from tests.tui.ptys import PtyProgram
from tests.tui.test_state import Submitted

OWN = Preset("my-own", "Say _ in a word:", "_")


def test_settings_and_stack_are_as_they_were(tmp_path: Path):
    state = AppState(Submitted())
    settings = InterpretSettings(preset=PRESETS[2], mode="add", strength=2.0, seed=7)
    assert restore(state, Memory(settings=settings, stack="decoder"), None) == []
    assert state.settings == settings
    assert state.stack == "decoder"


def test_a_remembered_preset_is_the_one_of_that_name_now():
    old = Preset("summarize", "as it was in another version _")
    assert current(old, PRESETS) == PRESETS[0]
    assert current(OWN, PRESETS) == Preset(CUSTOM, OWN.text, "_"), "its file is gone, its text is not"
    assert current(Preset(CUSTOM, "a _"), PRESETS) == Preset(CUSTOM, "a _")


def test_the_command_line_goes_before_what_was_chosen_last():
    memory = Memory(device="cpu", dtype="float32")
    assert placement(memory, "auto", "auto") == ("cpu", "float32")
    assert placement(memory, "cuda", "auto") == ("cuda", "float32")
    assert placement(Memory(), "auto", "auto") == ("auto", "auto")


async def test_the_next_start_has_the_settings_device_and_own_prompt_of_the_last(tmp_path: Path):
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("alt+3", "right", "right", "down")
        await pilot.press("e", "ctrl+u", *"Tell _", "escape", "alt+1", "down", "down", "right")
        await pilot.press("o", "ctrl+u", *"a/b", "enter")
        await until(pilot, lambda: app.main.state.model is not None and app.main.state.model.name == "a/b")
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    memory, problem = read_memory(tmp_path / "memory.json")
    assert problem == ""
    assert memory.settings is not None
    async with running(state_dir=tmp_path) as (app, _):
        assert app.main.state.settings.preset == Preset(CUSTOM, "Tell _", "_")
        assert app.main.state.settings.mode == memory.settings.mode != InterpretSettings().mode
        assert app.main.models.device == "cpu"
        assert "‹custom›" in text_of(app)


async def test_what_was_chosen_is_kept_after_a_pause_so_that_a_kill_loses_nothing(tmp_path: Path):
    async with running(state_dir=tmp_path) as (_, pilot):
        await pilot.press("alt+3", "down")
        await until(pilot, lambda: (tmp_path / "memory.json").exists())
        await until(pilot, lambda: read_memory(tmp_path / "memory.json")[0].settings is not None)
        assert read_memory(tmp_path / "memory.json")[0].settings.preset == PRESETS[1]


async def test_a_smaller_model_does_not_change_what_is_remembered(tmp_path: Path):
    settings = InterpretSettings(injection_layer=20)
    (tmp_path / "memory.json").write_bytes(msgspec.json.encode(Memory(settings=settings)))
    async with running(state_dir=tmp_path) as (app, pilot):
        assert app.main.state.settings.injection_layer == 7
        await pilot.press("alt+2", "q")
    assert json.loads((tmp_path / "memory.json").read_text())["settings"]["injection_layer"] == 20


async def test_the_stack_is_the_one_that_was_read(tmp_path: Path):
    stacks = (StackInfo("encoder", 4), StackInfo("decoder", 4))
    engine = FakeEngine(kind="encoder-decoder", stacks=stacks)
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        await pilot.press("alt+s")
        await until(pilot, lambda: app.main.state.stack == "decoder")
        await pilot.press("alt+2", "q")
    engine = FakeEngine(kind="encoder-decoder", stacks=stacks)
    async with running(engine, state_dir=tmp_path) as (app, _):
        assert app.main.state.stack == "decoder"


async def test_an_interpretation_prompt_is_saved_under_a_name_and_stands_beside_the_built_in_ones(tmp_path: Path):
    folder = tmp_path / "presets"
    async with running(user_presets=folder) as (app, pilot):
        await pilot.press("alt+3", "e", "ctrl+u", *"Say _ now", "enter", "w")
        await until(pilot, lambda: "save this interpretation prompt as" in text_of(app))
        await pilot.press("ctrl+u", *"mentions", "enter")
        await until(pilot, lambda: "There is a built-in preset" in text_of(app))
        await pilot.press("ctrl+u", *"mine", "enter")
        await until(pilot, lambda: "‹mine›" in text_of(app))
        assert CUSTOM not in {preset.name for preset in app.main.state.bounds.presets}
        await pilot.press("w", "enter")
        await until(pilot, lambda: "enter replaces it" in text_of(app))
        await pilot.press("escape")
    (folder / "broken.toml").write_text("text = 3")
    async with running(user_presets=folder) as (app, pilot):
        assert app.main.state.bounds.presets[-1] == Preset("mine", "Say _ now", "_")
        await until(pilot, lambda: any("broken.toml" in toast for toast in toasts(app)))
        await pilot.press("alt+3", "G")
        await until(pilot, lambda: "‹mine›" in text_of(app))


PROGRAM = """
import sys
from pathlib import Path
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.fake_engine import FakeEngine
SelfieApp(FakeEngine, AppOptions(theme="dusk", ascii=False, state_dir=Path(sys.argv[1]))).run()
"""


def test_a_program_that_was_killed_begins_with_the_draft_and_the_settings_it_had(tmp_path: Path):
    with PtyProgram("-c", PROGRAM, str(tmp_path), size=(100, 30)) as program:
        assert program.until(lambda: program.shows("The Eiffel Tower is located in the city of"))
        assert program.until(lambda: program.shows("0 The"))
        program.send("i much")
        assert program.until(lambda: program.shows("the city of much"))
        program.send_bytes(b"\x1b")
        assert program.until(lambda: program.shows("i edit"))
        program.send("3j")
        assert program.until(lambda: program.shows("‹summarize-paragraph›"))
        assert program.until(lambda: "summarize-paragraph" in (tmp_path / "memory.json").read_text())
        program.process.kill()
    with PtyProgram("-c", PROGRAM, str(tmp_path), size=(100, 30)) as program:
        assert program.until(lambda: program.shows("the city of much"))
        assert program.until(lambda: program.shows("‹summarize-paragraph›"))


async def test_a_placement_is_that_of_the_next_start_once_a_model_was_loaded_with_it(tmp_path: Path):
    async with running(state_dir=tmp_path) as (_, pilot):
        await pilot.press("alt+1", "down", "down", "right", "alt+2", "q")
    assert read_memory(tmp_path / "memory.json")[0].device == ""
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("alt+1", "down", "down", "right", "o", "ctrl+u", *"a/b", "enter")
        await until(pilot, lambda: read_memory(tmp_path / "memory.json")[0].device == "cpu")
        await pilot.press("o", "ctrl+u", *"missing", "enter")
        await until(pilot, lambda: "was not loaded" in text_of(app))
        assert read_memory(tmp_path / "memory.json")[0].device == ""

"""The view of vectors driven by keys on the scripted engine: list, line, results, steering, files, at every size."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfie_tui import paths
from selfie_tui.records import BrowseDirections, CompareVectors, Head, InterpretLines, KeepLine, KeepMeans, Steer
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.views.vectors.view import VectorsView
from tests.tui import fake_vectors
from tests.tui.driving import confirmed, run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

LONG = "0.25 * paris - 0.125 * rome + 0.5 * italy - unit(mean(paris rome))"
SIZES = [(120, 40), (80, 24), (60, 20), (200, 60)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of kept vectors, with three in it that fit the model."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for name in ("italy", "rome", "paris"):
        fake_vectors.keep(paths.vectors_dir(), name)
    return paths.vectors_dir()


def view_of(app: SelfieApp) -> VectorsView:
    view = app.main.opened["vectors"]
    assert isinstance(view, VectorsView)
    return view


async def looked_at(app: SelfieApp, pilot) -> VectorsView:
    """Wait until what is shown is known of the line that is looked at."""
    view = view_of(app)
    await until(pilot, lambda: view.comparison.compared or view.comparison.problem)
    return view


async def vectors(app: SelfieApp, pilot) -> VectorsView:
    await pilot.press("tab", "V")
    return await looked_at(app, pilot)


async def answer(app: SelfieApp, pilot, typed: str) -> None:
    """Type something into the line in which it is asked for, and accept it."""
    app.main.ask_line.field.value = typed
    await pilot.press("enter")


def done(engine: FakeEngine, kind: type) -> list:
    return [task for task in engine.done if isinstance(task, kind)]


# The list and the line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_results_follow_the_cursor_and_words_come_with_enter(size, folder: Path):
    engine = FakeEngine()
    async with running(engine, size=size, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        assert app.main.focused is view.list
        names = [item.name for item in view.list.items]
        assert sorted(names) == ["italy", "paris", "rome"]
        assert view.line == names[0]
        await pilot.press("j")
        await looked_at(app, pilot)
        assert view.line == names[1]
        assert view.comparison.compared.here.line == names[1]
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert f"says {names[1]} here" in text_of(app).replace("▅", "")
        assert "nothing at all" in text_of(app)
        (task,) = done(engine, InterpretLines)
        assert task.lines == (names[1],)
        assert task.request.preset == app.main.state.settings.preset
        await pilot.press("k")
        assert f"says {names[1]} here" not in text_of(app)


async def test_a_line_is_written_with_completion_and_the_result_follows_each_valid_state(folder: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("e", "ctrl+u", *"par", "tab", *" - ro")
        assert view.line_field.value == "paris - ro"
        await pilot.press("tab")
        await looked_at(app, pilot)
        assert view.comparison.others() == ("paris", "rome")
        assert "cosine   paris" in text_of(app)
        await pilot.press(*" +")
        await until(pilot, lambda: "A name or a number is missing at the end" in text_of(app))
        await pilot.press(*" .5 * italy")
        await looked_at(app, pilot)
        assert view.comparison.others() == ("paris", "rome", "italy")
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert done(engine, InterpretLines)[-1].lines == ("paris - rome + .5 * italy",)
        assert view.list.here.name == "paris - rome + .5 * italy"
        assert app.main.focused is view.list
        await pilot.press("e", *" * 2", "escape")
        assert view.line == "paris - rome + .5 * italy", "what is typed is forgotten"
        await pilot.press("v")
        assert app.main.ask_line.question == "keep this vector as the vector"
        await pilot.press("ctrl+u", *"mine", "enter")
        await until(pilot, lambda: (folder / "mine.safetensors").is_file())
        (task,) = done(engine, KeepLine)
        assert (task.line, task.name) == ("paris - rome + .5 * italy", str(folder / "mine.safetensors"))
        await until(pilot, lambda: view.list.here.name == "mine")


async def test_a_line_typed_in_one_burst_with_its_enter_is_taken(folder: Path):
    async with running() as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("e", "ctrl+u", *"paris -")
        view.line_field.value = LONG  # as keys do that come with the enter behind them: nothing has followed it yet
        view.accept_line()
        await until(pilot, lambda: view.list.here is not None and view.list.here.line == LONG)
        assert not view.writing
        assert not toasts(app)


async def test_a_line_that_cannot_be_read_stays_open_and_what_the_engine_refuses_stands_in_the_result(folder: Path):
    async with running(state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("e", "ctrl+u", *"paris +", "enter")
        assert view.writing
        assert "missing at the end" in toasts(app)[-1]
        await pilot.press("backspace", *"/ 0 * nan")
        await until(pilot, lambda: "“nan” is not finite." in text_of(app))
        assert len(toasts(app)) == 1, "what is shown is not said a second time"
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert view.list.here.name == "paris / 0 * nan"
        assert "“nan” is not finite." in text_of(app), "and stays when the line is in the list"


async def test_marked_vectors_have_a_table_of_cosines_that_can_be_centred(folder: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("space", "j", "space")
        await looked_at(app, pilot)
        one, other = view.comparison.marked
        value = fake_vectors.cosine(one, other)
        shown = f"{'−' if value < 0 else ''}{abs(value):.2f}".replace("0.", ".")
        rows = [line for line in text_of(app).splitlines() if f" 1 {one}" in line]
        assert rows
        assert shown in rows[0]
        assert "2 marked" in text_of(app)
        await pilot.press("c")
        await looked_at(app, pilot)
        assert done(engine, CompareVectors)[-1].centred
        assert "centred" in text_of(app)
        await pilot.press("a", "a")
        assert view.comparison.marked == ()


async def test_a_vector_that_was_just_kept_is_under_the_cursor(folder: Path):
    async with running(state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("G", "L", "v")
        await answer(app, pilot, "aaa")
        await until(pilot, lambda: (folder / "aaa.safetensors").is_file())
        fake_vectors.keep(folder, "aaa")  # the scripted engine makes an empty file
        await until(pilot, lambda: view.newest)
        await pilot.press("V")
        assert view.list.here.name == "aaa"


@pytest.mark.parametrize("size", [(40, 14), (50, 30), (100, 16)])
async def test_where_there_is_space_for_one_pane_they_take_turns(size, folder: Path):
    async with running(size=size, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        widths = set()
        for key, pane, shown in (
            ("4", view.list_pane, "italy"),
            ("5", view.result_pane, "nearest"),
            ("5", view.steer_pane, "strength"),
            ("3", view.line_pane, "3 Line"),
            ("4", view.list_pane, "italy"),
        ):
            await pilot.press(key)
            await until(pilot, lambda shown=shown: shown in text_of(app))
            assert pane.has_class("-active")
            widths.add(pane.size.width)
            assert [other for other in view.panes if other.size.width and other is not pane] == []
        assert len(widths) == 1, "each has all the width"


# Dropping and renaming ------------------------------------------------------------------------------------------------


async def test_vectors_are_dropped_at_the_second_key_brought_back_and_renamed(folder: Path):
    async with running(state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        name = view.list.here.name
        file = folder / f"{name}.safetensors"
        content = file.read_bytes()
        await pilot.press("d")
        assert "d again deletes the vector" in text_of(app)
        await pilot.press("j", "k", "d", "e", "escape", "d")
        assert file.is_file(), "another key lets it be"
        await pilot.press("d")
        assert not file.exists()
        assert name not in [item.name for item in view.list.items]
        await pilot.press("u")
        assert file.read_bytes() == content
        assert view.list.here.name == name
        await pilot.press("r", "ctrl+u", *"other", "enter")
        assert not file.exists()
        assert (folder / "other.safetensors").read_bytes() == content
        assert view.list.here.name == "other"
        await pilot.press("r", "ctrl+u", *"rome" if name != "rome" else "paris", "enter")
        assert "There is a vector" in text_of(app)
        await pilot.press("escape", "u")
        assert "Nothing was dropped." in toasts(app)[-1]


async def test_vectors_of_another_width_say_why_they_are_of_no_use(folder: Path):
    engine = FakeEngine()
    fake_vectors.keep(folder, "wide", width=576)
    async with running(engine, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("G")
        assert view.list.here.name == "wide"
        await until(pilot, lambda: "wide is 576 wide; demo is 256." in text_of(app))  # once the steps pause
        await pilot.press("enter")
        assert "wide is 576 wide; demo is 256." in toasts(app)[-1]
        assert not done(engine, InterpretLines)


async def test_a_vector_of_an_edited_model_is_marked(folder: Path):
    from msgspec.structs import replace

    from selfie_tui.ascii_json import encode_ascii
    from selfie_tui.records import Cell, Edit, Origin
    from tests.tui.fake_engine import info

    model = replace(info("demo", 8), edits=(Edit("model.layers.5.mlp", "zero"),))
    origin = Origin(model, "a prompt", (Cell(5, 1),))
    fake_vectors.keep(folder, "altered", source=encode_ascii(origin).decode())
    async with running(state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        assert view.list.go_to_name("altered")
        assert "✎ altered" in text_of(app)


# Steering -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_strength_is_changed_by_halves_and_answers_follow_when_the_keys_pause(size, folder: Path):
    engine = FakeEngine()
    async with running(engine, size=size, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("+", "+", "+")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)
        assert [task.strengths for task in done(engine, Steer)] == [(2.5,)], "one run for three keys"
        await pilot.press("5", "5") if size[0] < 100 else None
        assert "‹2.5›" in text_of(app)
        assert "Rome. It is old." in text_of(app)
        assert "Rome. Paris is new." in text_of(app)
        assert ("states moved by .25 of their norm" if size[0] > 80 else "moved .25") in text_of(app)
        assert "differs from token 2" in text_of(app)
        await pilot.press("colon", *"4.2", "enter")
        await until(pilot, lambda: done(engine, Steer)[-1].strengths == (4.2,))
        await pilot.press("colon", *"0", "enter")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)
        assert "no difference" in text_of(app)
        count = len(done(engine, Steer))
        await pilot.press("colon", *"2.5", "enter")
        await until(pilot, lambda: "Rome. Paris is new." in text_of(app))
        await pilot.pause(0.4)
        assert len(done(engine, Steer)) == count, "what is known is not asked again"


async def test_a_long_answer_is_whole_as_it_comes_and_to_the_pane_with_the_keys_and_begun_for_a_step(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fake_vectors, "PLAIN", tuple(f" word{number}" for number in range(24)))
    monkeypatch.setattr(fake_vectors, "STEERED", (" word0", " word1", *(f" other{number}" for number in range(22))))
    engine = FakeEngine()
    async with running(engine, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("+")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)
        await until(pilot, lambda: "other21" in text_of(app))
        await pilot.press("j")
        await until(pilot, lambda: "+ and - steer with this vector" in text_of(app))
        assert "word23" in text_of(app), "the plain answer is this vector's too"
        await pilot.press("k")
        await until(pilot, lambda: "other5" in text_of(app))
        assert "…" in text_of(app)
        assert "other21" not in text_of(app)
        await pilot.press("5", "5")
        await until(pilot, lambda: "other21" in text_of(app))
        await pilot.press("4")
        await until(pilot, lambda: "other21" not in text_of(app))


async def test_a_rerun_ends_the_one_before_and_leaves_other_jobs_alone(folder: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        engine.step.clear()
        await pilot.press("+")
        await until(pilot, lambda: view.steering.running)
        assert "steering 0 of 24 tokens" in text_of(app)
        await pilot.press("+")
        await until(pilot, lambda: len(done(engine, Steer)) == 2)
        engine.step.set()
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)
        assert view.steering.answers.steered[0].strength == 2.0
        await run_to_end(app, pilot)
        engine.step.clear()
        await pilot.press("R", "a", "5", "ctrl+r")
        await until(pilot, lambda: app.main.state.runs_now)
        await pilot.press("V", "+")
        await until(pilot, lambda: view.steering.waiting)
        await pilot.press("+")
        await pilot.pause(0.5)
        assert app.main.state.runs_now, "the run of another view goes on"
        engine.step.set()
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)
        assert [task.strengths for task in done(engine, Steer)][2:] == [(3.0,)]


async def test_a_waiting_answer_is_forgotten_with_the_run_that_is_cancelled(folder: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        engine.step.clear()
        await pilot.press("R", "a", "5", "ctrl+r")
        await until(pilot, lambda: app.main.state.runs_now)
        await pilot.press("V", "+")
        await until(pilot, lambda: view.steering.waiting)
        await pilot.press("escape")
        await until(pilot, lambda: not app.main.state.busy)
        engine.step.set()
        assert not view.steering.waiting
        assert not done(engine, Steer)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)


async def test_the_settings_of_steering_are_chosen_and_typed(folder: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("5", "5")
        assert app.main.focused is view.steer
        await pilot.press("right", "down")
        assert view.steering.settings.where == "prompt"
        await pilot.press("right", *":4-6", "enter")
        assert view.steering.settings.layers == (4, 5, 6)
        assert "L4–6" in text_of(app)
        await pilot.press(*":L9", "enter")
        assert "L9" in toasts(app)[-1] or "9" in toasts(app)[-1]
        await pilot.press("escape", "right", "down", "right", "up")
        assert view.steering.settings.mode != "add"
        assert view.steering.settings.max_new_tokens == 28
        await pilot.press("left", "left", "left", "left", "0")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)
        task = done(engine, Steer)[-1]
        assert (task.strengths, task.where, task.layers) == ((0.0,), "prompt", (4, 5, 6))
        assert (task.prompt, task.max_new_tokens) == (app.main.state.prompt, 28)


async def test_another_text_is_steered_once_it_is_written(folder: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("+")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)
        await pilot.press("i")
        assert app.main.focused is app.main.prompt_text
        await pilot.press("ctrl+u", *"My city is", "enter")
        await until(pilot, lambda: done(engine, Steer)[-1].prompt == "My city is")


async def test_a_refusal_of_steering_stands_in_its_pane(folder: Path):
    fake_vectors.keep(folder, "nowhere", layers=())
    async with running(state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        assert view.list.go_to_name("nowhere")
        await pilot.press("+")
        await until(pilot, lambda: "“nowhere” is of no layer. Choose the layers" in text_of(app))
        assert not toasts(app)
        before = view.line
        await pilot.press("k" if view.list.cursor else "j")
        await until(pilot, lambda: view.line != before and "is of no layer" not in text_of(app))
        assert view.list.go_to_name("nowhere")
        await until(pilot, lambda: "“nowhere” is of no layer." in text_of(app))
        await pilot.press(*":L3", "enter")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)


async def test_answers_are_kept_opened_from_the_history_made_again_and_exported(folder: Path, tmp_path: Path):
    async with running(state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("i", "ctrl+u", *"My city is", "enter", "e", *" * 2", "enter")
        await run_to_end(app, pilot)
        line = view.line
        await pilot.press(*":L3", "enter", *":4.5", "enter")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)
        await pilot.press("5", "5", "x")
        await answer(app, pilot, str(tmp_path / "answers.csv"))
        await until(pilot, lambda: (tmp_path / "answers.csv").is_file())
        assert "Paris" in (tmp_path / "answers.csv").read_text()
    engine = FakeEngine()
    async with running(engine, state_dir=paths.state_dir(), prompt="Another") as (app, pilot):
        await pilot.press("tab", "H")
        await until(pilot, lambda: app.main.state.kept.listed)
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view.NAME == "vectors")
        view = view_of(app)
        await until(pilot, lambda: "Rome. Paris is new." in text_of(app))
        assert app.main.state.prompt == "My city is"
        assert view.line == line
        assert (view.steering.settings.strength, view.steering.settings.layers) == (4.5, (3,))
        assert "from today" in text_of(app)
        assert not done(engine, Steer)
        await pilot.press("ctrl+r")
        await run_to_end(app, pilot)
        (task,) = done(engine, Steer)
        assert (task.line, task.prompt, task.strengths) == (line, "My city is", (4.5,))
        assert "from today" not in text_of(app)


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_directions_of_a_file_are_looked_through_searched_and_used(size, folder: Path, tmp_path: Path):
    engine = FakeEngine()
    sae = tmp_path / "sae.safetensors"
    sae.touch()
    async with running(engine, size=size, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("o")
        await answer(app, pilot, str(sae))
        await until(pilot, lambda: view.list.here.kind == "directions")
        if size[0] >= 100:
            assert "sae.safetensors holds 1,000 directions, 256 wide, of L5" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: "·d00" in text_of(app))
        assert app.main.focused is view.directions
        await pilot.press("j", "j")
        await looked_at(app, pilot)
        assert view.line == f'"{sae}"[2]'
        await pilot.press("G")
        await until(pilot, lambda: "·d9990" in text_of(app))
        await pilot.press(*":500", "enter")
        await until(pilot, lambda: "·d5000" in text_of(app))
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert done(engine, InterpretLines)[-1].lines == (f'"{sae}"[500]',)
        await pilot.press("slash", *"Paris", "enter")
        await until(pilot, lambda: done(engine, BrowseDirections)[-1].word == "Paris")
        await until(pilot, lambda: "·d70" in text_of(app))
        await pilot.press("j")
        await looked_at(app, pilot)
        assert view.line == f'"{sae}"[7]'
        await pilot.press("+")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)
        assert done(engine, Steer)[-1].line == f'"{sae}"[7]'
        await pilot.press("slash", "ctrl+u", *"~ rome", "enter")
        await until(pilot, lambda: done(engine, BrowseDirections)[-1].like == "rome")
        await pilot.press("escape")
        assert view.browsing.search == ""
        await pilot.press("escape")
        assert app.main.focused is view.list
        assert view.list.here.kind == "directions"


async def test_files_folders_and_adapters_are_opened_and_what_is_wrong_is_said(folder: Path, tmp_path: Path):
    engine = FakeEngine()
    others = tmp_path / "others"
    fake_vectors.keep(others, "milan")
    fake_vectors.keep(others, "rome")
    for name in ("happy.gguf", "adapter.safetensors", "broken.safetensors"):
        (tmp_path / name).touch()
    async with running(engine, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("o")
        await answer(app, pilot, str(others))
        assert view.shelf.named("milan").file == str(others / "milan.safetensors")
        assert view.shelf.named("others/rome"), "a name that is kept too goes with its folder"
        await pilot.press("e", "ctrl+u", *"mil", "tab", *" + rome", "enter")
        await run_to_end(app, pilot)
        assert done(engine, InterpretLines)[-1].lines == (f'"{others}/milan.safetensors" + rome',)
        await pilot.press("o")
        await answer(app, pilot, str(tmp_path / "happy.gguf"))
        await until(pilot, lambda: view.list.here.name == "happy.gguf")
        assert "L4–6" in text_of(app)
        await pilot.press("o")
        await answer(app, pilot, str(tmp_path / "adapter.safetensors"))
        await until(pilot, lambda: view.list.here.kind == "adapter")
        await pilot.press("enter")
        assert "vectors go through it" in confirmed(app)
        assert view.list.go_to_name("rome")
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert done(engine, InterpretLines)[-1].adapter == str(tmp_path / "adapter.safetensors")
        await pilot.press("o")
        await answer(app, pilot, str(tmp_path / "broken.safetensors"))
        await until(pilot, lambda: "does not hold one vector" in toasts(app)[-1])
        await pilot.press("o")
        await answer(app, pilot, str(tmp_path / "nothing"))
        assert "There is no" in text_of(app)
        await pilot.press("escape")
        assert view.list.go_to_name("happy.gguf")
        await pilot.press("d", "d")
        assert view.shelf.named("happy.gguf") is None
        assert (tmp_path / "happy.gguf").is_file(), "what was opened is not deleted"
        await pilot.press("u")
        assert view.list.here.name == "happy.gguf"


async def test_a_vector_is_written_to_a_file_and_one_that_is_there_is_asked_for_twice(folder: Path, tmp_path: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("x")
        assert app.main.ask_line.field.value == f"{view.title}.safetensors"
        await answer(app, pilot, str(tmp_path / "out.csv"))
        assert "Vectors are written as safetensors" in text_of(app)
        await answer(app, pilot, str(tmp_path / "out.safetensors"))
        await until(pilot, lambda: (tmp_path / "out.safetensors").is_file())
        await pilot.press("x")
        await answer(app, pilot, str(tmp_path / "out.safetensors"))
        assert "There is such a file" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: len(done(engine, KeepLine)) == 2)
        assert [task.overwrite for task in done(engine, KeepLine)] == [False, True]
        assert done(engine, KeepLine)[0].line == view.line


async def test_means_of_prompts_are_kept_from_files_and_from_the_pair(folder: Path, tmp_path: Path):
    engine = FakeEngine()
    for name in ("warm", "cold"):
        (tmp_path / f"{name}.txt").write_text(f"{name} one\n{name} two\n")
    async with running(engine, state_dir=paths.state_dir(), prompt="The capital of France is") as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("m")
        await answer(app, pilot, f"{tmp_path}/warm.txt - {tmp_path}/cold.txt at 2-3 mean as warmth")
        await until(pilot, lambda: view.list.here.name == "warmth")
        (task,) = done(engine, KeepMeans)
        assert (task.prompts, task.against) == (("warm one", "warm two"), ("cold one", "cold two"))
        assert (task.layers, task.average, task.heads) == ((2, 3), "mean", ())
        await pilot.press("m")
        await answer(app, pilot, f"{tmp_path}/warm.txt heads 5.3,6.1 as task")
        await until(pilot, lambda: view.list.here.name == "task")
        assert done(engine, KeepMeans)[-1].heads == (Head(5, 3), Head(6, 1))
        await pilot.press("m", *"nothing.txt at 2", "enter")
        assert "There is no file nothing.txt" in text_of(app)
        await pilot.press("escape", "p", "i", "ctrl+u", *"The capital of Japan is", "enter")
        await pilot.press("m")
        assert app.main.ask_line.field.value == "this - A"
        await pilot.press(*" at 4 as japan", "enter")
        await until(pilot, lambda: view.list.here.name == "japan")
        task = done(engine, KeepMeans)[-1]
        assert (task.prompts, task.against) == (("The capital of Japan is",), ("The capital of France is",))


async def test_what_the_cursor_is_on_is_copied(folder: Path):
    async with running(state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("y")
        assert app.copied == view.line
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await pilot.press("Y")
        assert f"says\tsays {view.line} here" in app.copied
        await pilot.press("+")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)
        await pilot.press("5", "5", "y")
        assert app.copied == "plain\tRome. It is old.\nsteered\tRome. Paris is new."


async def test_another_model_greys_what_does_not_fit_and_forgets_what_was_known(folder: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=paths.state_dir()) as (app, pilot):
        view = await vectors(app, pilot)
        await pilot.press("enter", "+")
        await until(pilot, lambda: view.steering.answers and view.steering.answers.finished)
        app.main.load("other")
        await until(pilot, lambda: app.main.state.model and app.main.state.model.name == "other")
        await looked_at(app, pilot)
        assert view.steering.answers is None
        assert view.readings.of(view.line) is None


async def test_without_vectors_the_view_says_how_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with running(state_dir=paths.state_dir()) as (app, pilot):
        await pilot.press("tab", "V")
        assert "v keeps a state under a name" in text_of(app)
        for key in ("enter", "space", "d", "u", "r", "x", "c", "+", "y", "a"):
            await pilot.press(key)
        await pilot.press("ctrl+r")
        assert "There is no vector to steer with" in toasts(app)[-1]
        await pilot.press("e", *"2", "enter", "escape")
        await pilot.press("R", "v", "enter")
        await until(pilot, lambda: list((paths.vectors_dir()).glob("*")))
        await pilot.press("V")
        await until(pilot, lambda: view_of(app).list.items)

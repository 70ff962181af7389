"""The view of modules driven by keys: tree, values, attention, edits, answers and vectors, at every size."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from selfie_tui.records import Answer, Edit, Interpret, ModuleTensor, Peek, Peeked, ReadModules, SetEdits
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.views.inspect.view import InspectView
from tests.tui.driving import run_to_end, running, strips, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

SIZES = [(120, 40), (80, 24), (60, 20), (200, 60)]


def view_of(app: SelfieApp) -> InspectView:
    view = app.main.opened["inspect"]
    assert isinstance(view, InspectView)
    return view


async def inspect(app: SelfieApp, pilot) -> InspectView:
    """Go to the view, and wait for the values of the first block."""
    await pilot.press("I")
    await looked_at(app, pilot)
    return view_of(app)


async def looked_at(app: SelfieApp, pilot) -> None:
    """Wait until the values that are shown are those under both cursors."""
    view = view_of(app)
    await until(pilot, lambda: view.inspection.look() or view.inspection.problem)


def done(engine: FakeEngine, kind: type) -> list:
    return [task for task in engine.done if isinstance(task, kind)]


# The tree -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_tree_folds_and_unfolds_and_the_values_follow_the_cursor(size):
    async with running(size=size) as (app, pilot):
        view = await inspect(app, pilot)
        assert view.inspection.path == "model.layers.0"
        assert app.main.focused is view.modules
        await pilot.press("l")
        assert view.modules.here == "model.layers.0.self_attn"
        await pilot.press("l")
        assert "q_proj" in text_of(app)
        await pilot.press("j", "j")
        await looked_at(app, pilot)
        assert view.inspection.path == "model.layers.0.self_attn.o_proj"
        await pilot.press("h")
        assert view.modules.here == "model.layers.0.self_attn"
        await pilot.press("enter")
        assert "q_proj" not in text_of(app)
        await pilot.press("G")
        assert view.modules.here == "lm_head"
        await pilot.press("g", "enter")
        assert "LlamaModel" not in text_of(app)


class Held(FakeEngine):
    """Values are read only while `reads` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = threading.Event()
        self.reads.set()

    def run(self, task, cancelled, post):
        for event in super().run(task, cancelled, post):
            if isinstance(event, Peeked):
                while not self.reads.wait(0.01) and not cancelled():
                    pass
            yield event


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
async def test_values_that_are_late_leave_those_before_with_the_name_of_what_they_are_of(size):
    engine = Held()
    async with running(engine, size=size) as (app, pilot):
        view = await inspect(app, pilot)
        before = [view.values.pieces(line) for line in range(view.values.count())]
        engine.reads.clear()
        try:
            await pilot.press("j")
            await until(pilot, lambda: "… still of model.layers.0" in text_of(app))
            assert "norm" in text_of(app)
            assert [view.values.pieces(line) for line in range(view.values.count())][1:] == before[1:]
            view.values.forget()
            view.values.show_values()
            await until(pilot, lambda: "still of" not in text_of(app))
            said = "".join(piece.text for line in range(view.values.count()) for piece in view.values.pieces(line))
            assert "norm" in said
            assert not any(each.isdigit() for each in said), "names alone"
        finally:
            engine.reads.set()
        await looked_at(app, pilot)
        await until(pilot, lambda: "still of" not in text_of(app))
        assert "norm" in text_of(app)


@pytest.mark.parametrize("size", SIZES)
async def test_the_modules_of_a_model_whose_load_failed_stay_and_tell_why(size):
    async with running(size=size) as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("o", *"broken", "enter")
        await until(pilot, lambda: "broken was not loaded" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "broken was not loaded" in text_of(app))
        assert [row.path for row in view.modules.outline.rows if "layers" in row.path][-1] == "model.layers.3"
        assert not view.inspection.can_look
        await pilot.press("4", "j", "e")
        assert toasts(app)[-1] == "The modules of a model that was not loaded cannot be edited."
        await pilot.press("5")
        told = " ".join(piece.text for line in view.values._drawn for piece in line)
        assert told.startswith("The weights of broken end in the middle.")
        assert told.endswith("esc: those of demo.")
        await pilot.press("4", "escape")
        await looked_at(app, pilot)
        assert "broken was not loaded" not in text_of(app)
        assert view.inspection.outline.of_layer(7, "") == "model.layers.7"


async def test_a_load_that_failed_elsewhere_leaves_the_modules_of_the_current_model():
    async with running() as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("R", "o", *"broken", "enter")
        await until(pilot, lambda: "broken was not loaded" in text_of(app))
        await pilot.press("escape", "I")
        await looked_at(app, pilot)
        assert view.inspection.can_look
        assert view.inspection.outline.of_layer(7, "") == "model.layers.7"


@pytest.mark.parametrize("name", ["broken", "missing"])
async def test_without_another_model_the_modules_of_the_one_that_failed_are_shown_as_far_as_there_are_any(name):
    engine = FakeEngine()
    async with running(engine, ready=False, model=name) as (app, pilot):
        await until(pilot, lambda: f"{name} was not loaded" in text_of(app))
        await pilot.press("escape", "I")
        view = view_of(app)
        await until(pilot, lambda: view.inspection.tree_problem or view.inspection.failed is not None)
        shown = "layers.3" if name == "broken" else "There is no model called missing."
        await until(pilot, lambda: shown in text_of(app))
        await pilot.pause(0.2)
        assert len(done(engine, ReadModules)) == 1, "it is not asked for over and over"
        await pilot.press("j", "k", "5", "v", "escape", "4", "e")
        assert not done(engine, Peek)


@pytest.mark.parametrize("size", SIZES)
async def test_arrows_move_the_shared_token_and_the_values_are_of_it(size):
    async with running(size=size) as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("left", "left")
        assert app.main.state.selection.position == 6
        await looked_at(app, pilot)
        peeked = view.inspection.peeked
        assert peeked is not None
        assert peeked.position == 6
        await pilot.press("5")
        assert "norm     46" in text_of(app)
        assert "·060 .40" in text_of(app), "the nearest tokens are those of the token under the cursor"
        await pilot.press("right")
        await looked_at(app, pilot)
        assert "norm     47" in text_of(app)


async def test_the_shared_layer_and_the_module_follow_each_other():
    async with running() as (app, pilot):
        view = await inspect(app, pilot)
        assert app.main.state.selection.layer == 0
        await pilot.press("slash", *"5.mlp", "enter")
        assert view.modules.here == "model.layers.5.mlp"
        assert app.main.state.selection.layer == 5
        assert "L5 · 8 of" in text_of(app).splitlines()[1]
        await pilot.press("colon", *"L3", "enter")
        assert view.modules.here == "model.layers.3.mlp", "the same part of the other layer"
        await pilot.press("R", "4", "j", "j", "I")
        assert view.modules.here == "model.layers.5.mlp"
        await pilot.press("colon", *"layers.2.self_attn", "enter")
        assert view.modules.here == "model.layers.2.self_attn"
        await pilot.press("colon", *"mlp", "enter")
        assert "may be model.layers.0.mlp" in toasts(app)[-1]


async def test_a_search_goes_through_all_modules_and_wraps():
    async with running() as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("slash", *"down_proj", "enter")
        assert view.modules.here == "model.layers.0.mlp.down_proj"
        assert "/ down_proj: 1/8" in text_of(app)
        await pilot.press("n", "n")
        assert view.modules.here == "model.layers.2.mlp.down_proj"
        await pilot.press("N", "N", "N")
        assert view.modules.here == "model.layers.7.mlp.down_proj"
        await pilot.press("escape")
        assert "down_proj: " not in text_of(app)


async def test_the_tree_stands_before_the_weights_are_loaded_and_its_layers_come_with_them():
    engine = FakeEngine()
    engine.loaded.clear()
    async with running(engine, ready=False) as (app, pilot):
        await pilot.press("f6")
        view = view_of(app)
        await until(pilot, lambda: view.modules.outline.rows)
        assert [task.model for task in done(engine, ReadModules)] == ["demo"]
        assert "layers.3" in text_of(app)
        assert "values come with the model" in text_of(app)
        await pilot.press("j", "j", "j")
        here = view.modules.here
        assert not done(engine, Peek)
        engine.loaded.set()
        await until(pilot, lambda: view.inspection.peeked)
        assert [task.model for task in done(engine, ReadModules)] == ["demo", ""]
        assert view.modules.here == here, "the cursor stays"
        assert view.inspection.node is not None
        assert view.inspection.node.layer == 1


async def test_a_refusal_stands_where_the_values_would():
    async with running() as (app, pilot):
        await inspect(app, pilot)
        await pilot.press("l", "l", "j")
        await until(pilot, lambda: "No forward called this module. Choose another." in text_of(app))
        assert not toasts(app)
        await pilot.press("j")
        await until(pilot, lambda: "norm" in text_of(app))


# Values and attention -------------------------------------------------------------------------------------------------


async def test_the_other_side_is_looked_at_and_told_in_the_title():
    async with running() as (app, pilot):
        view = await inspect(app, pilot)
        assert "model.layers.0 · output 0" in text_of(app)
        await pilot.press("s")
        await looked_at(app, pilot)
        assert "model.layers.0 · input 0" in text_of(app)
        assert view.inspection.peeked is not None
        assert view.inspection.peeked.module == ModuleTensor("model.layers.0", "input")
        await pilot.press("s")
        assert "model.layers.0 · output 0" in text_of(app)


async def test_attention_has_a_row_a_head_and_a_head_a_pattern():
    async with running() as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: "attention from 8 ·of: 9 heads, 3 of keys and values" in text_of(app))
        assert "h8    ▃" in text_of(app)
        await pilot.press("5", "G", "k", "enter")
        await until(pilot, lambda: "8 ·of → 8 ·of  .06" in text_of(app))
        assert "5 h7 of 9 · model.layers.0" in text_of(app)
        await pilot.press("up", "left", "left")
        assert "7 ·city → 6 ·the" in text_of(app)
        await pilot.press("right", "right", "right")
        assert "7 ·city → 8 ·of  .00" in text_of(app), "a token that cannot be looked at has none"
        await pilot.press("[")
        await until(pilot, lambda: "5 h6 of 9" in text_of(app))
        await pilot.press("escape")
        assert app.main.focused is view.values
        assert "h8    ▃" in text_of(app)


async def test_what_has_no_attention_says_so():
    async with running() as (app, pilot):
        await inspect(app, pilot)
        await pilot.press("l", "j", "a")
        await until(pilot, lambda: "There is no attention in model.layers.0.mlp." in text_of(app))


async def test_values_at_generated_tokens_stand_below_the_prompts():
    async with running() as (app, pilot):
        await inspect(app, pilot)
        await pilot.press("w")
        await run_to_end(app, pilot)
        assert "1 ·Paris       norm     50  ·of .20" in text_of(app)
        assert "4 .            norm     53" in text_of(app)


async def test_what_is_inspected_is_interpreted_where_it_is_as_wide_as_the_stream():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await inspect(app, pilot)
        await pilot.press("l", "j")
        await looked_at(app, pilot)
        await pilot.press("5", "enter")
        await run_to_end(app, pilot)
        (task,) = done(engine, Interpret)
        assert task.request.module == ModuleTensor("model.layers.0.mlp")
        assert [(cell.layer, cell.position) for cell in task.request.cells] == [(0, 8)]
        assert "reads        the word of" in text_of(app)
        await pilot.press("R")
        assert "model.layers.0.mlp output · summarize at embed" in text_of(app), "it is in the log of readings too"
        assert "L0 · 8 of  the" in text_of(app)
        await pilot.press("I", "4", "l", "l", "s")
        await looked_at(app, pilot)
        await pilot.press("5", "enter")
        assert toasts(app)[-1] == "Only what is as wide as the stream (256) can be read; this is 1024 wide."
        assert len(done(engine, Interpret)) == 1


async def test_a_vector_is_kept_under_the_name_that_is_proposed(tmp_path: Path):
    async with running(state_dir=tmp_path) as (app, pilot):
        await inspect(app, pilot)
        await pilot.press("v")
        assert app.main.ask_line.field.value == "of@L0.0"
        await pilot.press("enter")
        await until(pilot, lambda: app.main.hints.confirmed)
        assert (tmp_path / "vectors" / "of@L0.0.safetensors").is_file()
        await pilot.press("v", "enter")
        assert "There is such a vector. Once more: enter replaces it" in text_of(app)
        await pilot.press("escape", "v", "ctrl+u", *"a b", "enter")
        assert "A name is a short word without spaces or slashes." in text_of(app)


# Edits ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_an_edit_is_typed_made_told_in_every_view_taken_off_and_brought_back(size):
    engine = FakeEngine()
    async with running(engine, size=size) as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("l", "j", "e", *"* 0.5 at 3", "enter")
        await until(pilot, lambda: engine.edits and view.inspection.answers and view.inspection.answers.finished)
        await run_to_end(app, pilot)
        assert engine.edits == (Edit("model.layers.0.mlp", "scale", 0.5, (3,)),)
        assert app.main.focused is view.modules
        assert "✎ * 0.5 at 3" in text_of(app)
        assert " EDITED 1" in text_of(app).splitlines()[0]
        await pilot.press("3")
        assert "·London" in text_of(app)
        await pilot.press("R")
        assert " EDITED 1" in text_of(app).splitlines()[0]
        await pilot.press("I", "d")
        assert engine.edits
        await pilot.press("d")
        await until(pilot, lambda: not engine.edits)
        await run_to_end(app, pilot)
        assert "EDITED" not in text_of(app)
        await pilot.press("u")
        await until(pilot, lambda: engine.edits)
        await run_to_end(app, pilot)
        assert " EDITED 1" in text_of(app)


async def test_answers_stand_side_by_side_with_the_first_difference():
    async with running() as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: view.inspection.answers and view.inspection.answers.finished)
        assert "plain   ·Paris , ·France ." in text_of(app)
        await pilot.press("e", *"zero", "enter")
        await until(pilot, lambda: "edited  ·London , ·the    ·capital" in text_of(app))
        assert "plain   ·Paris  , ·France ." in text_of(app)
        assert "differs from token 0" in text_of(app)


async def test_a_line_that_cannot_be_read_is_refused_and_stays_open(tmp_path: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("e", *"half")
        await until(pilot, lambda: "Invalid edit “half”. Write one of:" in text_of(app))
        await pilot.press("enter")
        assert "Invalid edit “half”." in toasts(app)[-1]
        assert view.edit_line.has_focus
        await pilot.press("ctrl+u", *"* 2 at 99", "enter")
        assert "Token 99 is out of range: there are 9." in toasts(app)[-1]
        await pilot.press("ctrl+u", *"= vec:nowhere", "enter")
        assert "Unknown vector “nowhere”. There are: none is kept yet: v keeps one." in toasts(app)[-1]
        await pilot.press("escape")
        assert app.main.focused is view.modules
        assert not done(engine, SetEdits)


async def test_the_line_is_completed_by_tab_and_knows_kept_vectors(tmp_path: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("v", "ctrl+u", *"paris", "enter")
        await until(pilot, lambda: app.main.hints.confirmed)
        await pilot.press("e", "+", "space", "n", "tab")
        assert view.edit_line.value == "+ noise 0.1 seed 3"
        await pilot.press("ctrl+u", "tab")
        assert view.edit_line.value == "zero"
        await pilot.press("tab")
        assert view.edit_line.value == "* 0.5", "the next of what may be meant"
        await pilot.press("ctrl+u", *"= v", "tab")
        assert view.edit_line.value == "= vec:paris"
        await pilot.press("enter")
        await until(pilot, lambda: engine.edits)
        await run_to_end(app, pilot)
        assert engine.edits[0].vector == str(tmp_path / "vectors" / "paris.safetensors")
        assert "✎ = vec:paris" in text_of(app)


async def test_an_edit_is_changed_and_removed_in_its_own_pane():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("e", *"zero at 1", "enter", "j", "e", *"* 2", "enter")
        await run_to_end(app, pilot)
        assert len(engine.edits) == 2
        await pilot.press("3", "enter")
        assert view.edit_line.value == "zero at 1"
        await pilot.press("ctrl+u", *"* 3", "enter")
        await run_to_end(app, pilot)
        assert [edit.value for edit in engine.edits] == [2.0, 3.0]
        assert app.main.focused is view.edits
        await pilot.press("g", "d", "d")
        await run_to_end(app, pilot)
        assert [edit.value for edit in engine.edits] == [3.0]


async def test_keys_of_one_burst_make_an_edit():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await inspect(app, pilot)
        for key in ("l", "j", "e", *"zero", "enter", "k"):
            app.post_message(events_key(key))
        await until(pilot, lambda: engine.edits)
        assert engine.edits[0].path == "model.layers.0.mlp"
        await until(pilot, lambda: view_of(app).modules.here == "model.layers.0.self_attn")


def events_key(key: str):
    from textual.events import Key

    return Key(key, key if len(key) == 1 else None)


async def test_the_header_says_how_far_the_answers_are_and_escape_cancels_them():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await inspect(app, pilot)
        engine.step.clear()
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "answers 0 of 12 tokens  esc cancels" in text_of(app))
        await pilot.press("escape")
        await run_to_end(app, pilot)
        assert "answers" not in text_of(app).splitlines()[0]
        engine.step.set()
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "·France" in text_of(app))
        assert len(done(engine, Answer)) == 2


# Prompt, views, sizes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_text_of_the_prompt_is_there_while_it_is_typed(size):
    async with running(size=size) as (app, pilot):
        view = await inspect(app, pilot)
        assert app.main.prompt_text.has_class("-hidden")
        await pilot.press("i", *" x")
        assert app.main.prompt_text.has_focus
        assert "city of x" in text_of(app)
        await pilot.press("escape")
        assert app.main.prompt_text.has_class("-hidden")
        await until(pilot, lambda: len(app.main.state.selection.tokens) == 10)
        await pilot.press("4", "R")
        assert not app.main.prompt_text.has_class("-hidden")
        await pilot.press("backspace")
        assert app.main.focused is view.modules


@pytest.mark.parametrize("size", SIZES)
async def test_every_pane_is_reached_by_its_digit_and_resizing_draws_it_whole(size):
    async with running() as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: view.inspection.attention)
        await pilot.resize_terminal(*size)
        for digit, widget in (("3", view.edits), ("4", view.modules), ("5", view.values), ("2", app.main.tokens)):
            await pilot.press(digit)
            await pilot.pause()
            assert app.main.focused is widget
            assert widget.size.height > 0, (digit, text_of(app))
            assert {strip.cell_length for strip in strips(app)} == {size[0]}
            assert "help" in text_of(app).splitlines()[-1]


async def test_no_token_or_path_reaches_a_markup_parser():
    engine = FakeEngine()
    async with running(engine, prompt="[/INST] [red]x") as (app, pilot):
        view = await inspect(app, pilot)
        await pilot.press("a", "5", "G", "enter")
        await until(pilot, lambda: view.pattern_open)
        assert "·[red]x" in text_of(app)
        await pilot.press("escape", "4", "e", *"[/b]")
        await until(pilot, lambda: "Invalid edit “[/b]”" in text_of(app))
        await pilot.press("escape", "slash", *"[/b]")
        assert app.is_running


async def test_what_is_copied_is_what_the_cursor_is_on():
    async with running() as (app, pilot):
        await inspect(app, pilot)
        await pilot.press("y")
        assert app.copied == "model.layers.0"
        await pilot.press("5", "y")
        assert "norm\t48" in app.copied
        assert app.copied.startswith("model.layers.0 output at token 8")
        await pilot.press("4", "e", *"zero", "enter")
        await run_to_end(app, pilot)
        await pilot.press("3", "y")
        assert app.copied == "model.layers.0\tzero"

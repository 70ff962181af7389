"""What each pane does with its keys."""

from __future__ import annotations

import pytest

from selfie_tui.errors import RequestError
from selfie_tui.presets import PRESETS
from selfie_tui.records import EMBED, Interpret, PreviewPreset, ReadLens
from tests.tui.driving import run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine


def asked(engine: FakeEngine):
    return [task.request for task in engine.done if isinstance(task, Interpret)]


async def test_the_lens_follows_the_token_cursor():
    async with running() as (app, pilot):
        assert "·of7" in text_of(app)
        await pilot.press("escape", "left")
        await until(pilot, lambda: "·city7" in text_of(app))
        assert "▌7 ·city▐" in text_of(app)


async def test_a_lens_that_was_read_is_not_read_again():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "left")
        await until(pilot, lambda: "·city7" in text_of(app))
        # The engine does one task after the other: what was asked before this one is done.
        assert {at for task in engine.done if isinstance(task, ReadLens) for at in task.positions} == {7, 8}
        engine.done.clear()
        for key, lens in (("right", "·of7"), ("left", "·city7"), ("right", "·of7")):
            await pilot.press(key)
            await until(pilot, lambda lens=lens: lens in text_of(app))
        assert not [task for task in engine.done if isinstance(task, ReadLens)]


async def test_a_lens_of_another_token_is_marked_until_the_cursors_own_comes():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        answer, engine.run = engine.run, lambda task, cancelled, post: iter(())  # an engine that answers nothing
        app.main.tokens.go(3)
        await until(pilot, lambda: "4 Layers…" in text_of(app))
        assert "·of7" in text_of(app)
        engine.run = answer
        app.main.tokens.go(4)
        await until(pilot, lambda: "·located7" in text_of(app))
        assert "4 Layers…" not in text_of(app)


async def test_a_lens_that_cannot_be_read_leaves_no_other_ones_behind():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):

        def fail(*arguments):
            raise RequestError("The lens cannot be read.", "Try another token.")

        engine._lens = fail
        await pilot.press("left")
        await until(pilot, lambda: toasts(app))
        assert not app.main.layer_list.lens


async def test_while_steps_come_fast_the_lens_waits_and_then_is_read_once():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        engine.done.clear()
        for _ in range(6):
            app.main.tokens.go(app.main.tokens.cursor - 1)
            app.main.selection_changed()
        assert sum(isinstance(task, ReadLens) for task in engine.done) <= 1
        await until(pilot, lambda: "·Tower7" in text_of(app))
        assert sum(isinstance(task, ReadLens) for task in engine.done) <= 2
        assert "▌2 ·Tower▐" in text_of(app)


async def test_the_probability_of_the_lens_stands_in_the_line_under_the_cursor_alone():
    async with running() as (app, pilot):
        layers = app.main.layer_list
        drawn = ["".join(piece.text for piece in layers.pieces(line)) for line in range(9)]
        assert [line for line, text in enumerate(drawn) if " ." in text] == [0]
        await pilot.press("4", "G")
        assert " .89 " in "".join(piece.text for piece in layers.pieces(8))


async def test_without_marks_the_token_under_the_cursor_is_read():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "g", "l", "enter")
        await run_to_end(app, pilot)
        assert {cell.position for cell in asked(engine)[0].cells} == {1}


async def test_marked_tokens_and_layers_are_read_wherever_the_cursors_are():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "h", "space", "h", "h", "space", "G")
        await pilot.press("4", "a", "j", "space", "G", "space", "g")
        assert "reads 2 tokens × 2 layers" in text_of(app)
        await pilot.press("enter")
        await run_to_end(app, pilot)
        cells = [(cell.position, cell.layer) for cell in asked(engine)[0].cells]
        assert cells == [(5, 0), (5, 7), (7, 0), (7, 7)]


async def test_a_marks_all_and_then_none():
    async with running() as (app, pilot):
        tokens, layers = app.main.tokens, app.main.layer_list
        await pilot.press("escape", "a")
        assert tokens.marks == frozenset(range(9))
        await pilot.press("a", "4", "a")
        assert tokens.marks == layers.marks == frozenset()
        assert app.main.state.selection.selected_layers == (EMBED,)
        assert "reads this token × 1 layer" in text_of(app)
        assert "embed · 8 of" in text_of(app)
        await pilot.press("2", "space")
        assert "reads token 8 “of” × 1 layer" in text_of(app)


async def test_marks_of_tokens_that_are_still_there_survive_an_edit():
    async with running() as (app, pilot):
        await pilot.press("escape", "g", "l", "space", "G", "space", "i", "space", "x")
        await until(pilot, lambda: len(app.main.tokens.tokens) == 10)
        assert app.main.tokens.marks == {1, 8}
        await pilot.press("backspace", "backspace", "backspace")
        await until(pilot, lambda: app.main.tokens.tokens[-1].text == " o")
        assert app.main.tokens.marks == {1}


async def test_up_and_down_go_between_text_and_tokens_and_through_lines_of_tokens():
    async with running(prompt=" ".join(f"word{number}" for number in range(30))) as (app, pilot):
        strip = app.main.tokens
        await pilot.press("i", "down")
        assert strip.has_focus
        last = strip.cursor
        await pilot.press("up")
        assert strip.cursor < last
        await pilot.press("k", "k", "k", "k", "k")
        assert strip.has_focus, "k at the first line goes no further: the next letter would be typed"
        await pilot.press("up")
        assert app.main.prompt_text.has_focus


async def test_pasted_line_breaks_are_kept_and_shown():
    async with running() as (app, pilot):
        from textual.events import Paste

        app.main.prompt_text.post_message(Paste("\r\none\ttwo\n"))
        await until(pilot, lambda: app.main.prompt_text.value.endswith("of\none\ttwo\n"))
        app.main.edit(app.main.prompt_text)
        await pilot.press("ctrl+j")
        assert app.main.prompt_text.value.endswith("two\n\n")
        assert "of↵ " in text_of(app)
        assert "one⇥two↵ " in text_of(app), "a line break begins a line"


async def test_settings_change_what_is_asked():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "3", "down", "right", "down", "down", "right", "j", "right", "k", "right", "pageup")
        await pilot.press("right", "down", "right", "up", "enter")
        await run_to_end(app, pilot)
        request = asked(engine)[0]
        assert request.preset == PRESETS[1]
        assert request.injection_layer == 1
        assert request.mode == "blend"
        assert request.strength == pytest.approx(1.1)
        assert request.max_new_tokens == 22
        assert request.stop == ("\n",)
        assert request.random_control


async def test_settings_stop_at_their_ends():
    async with running() as (app, pilot):
        await pilot.press("escape", "3", "right", "G")
        assert app.main.view.settings.values.injection_layer == 7
        await pilot.press("g", "up")
        assert app.main.view.settings.values.injection_layer == EMBED
        await pilot.press("right", "right", "G", "down")
        assert app.main.view.settings.values.strength == 0.0
        await pilot.press("right", "G", "down")
        assert app.main.view.settings.values.max_new_tokens == 1


async def test_a_setting_says_what_it_does():
    async with running() as (app, pilot):
        await pilot.press("escape", "3", "right", "right", "down")
        assert "s·v + (1−s)·h" in text_of(app)


async def test_the_tokens_that_will_be_overwritten_stand_in_brackets():
    async with running() as (app, pilot):
        assert "[_] [_] [_] [_]" in text_of(app)
        await pilot.press("escape", "3", "G")
        await until(pilot, lambda: "This refers to the entity [_]" in text_of(app))


async def test_an_interpretation_prompt_of_ones_own_is_used_and_its_problem_shown_in_place():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "e", "ctrl+u", *"say")
        await until(pilot, lambda: "cannot be used: There is no _ in it." in text_of(app))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: any("cannot be used" in toast for toast in toasts(app)))
        assert not asked(engine)
        await pilot.press("e", "space", "underscore")
        await until(pilot, lambda: "say [_]" in text_of(app))
        await pilot.press("enter", "enter")
        await run_to_end(app, pilot)
        assert asked(engine)[0].preset.text == "say _"
        assert PRESETS[0] in app.main.view.settings.bounds.presets, "the shipped ones are still there"
        assert PreviewPreset(asked(engine)[0].preset) in engine.done


async def test_a_model_with_fewer_layers_brings_settings_and_marks_inside():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "3", "right", "G", "4", "G")
        engine.blocks = 2
        await pilot.press("o", *"small", "enter")
        await until(pilot, lambda: app.main.state.selection.selected_layers == (EMBED, 0, 1))
        assert app.main.view.settings.values.injection_layer == 1
        assert app.main.layer_list.cursor == 0
        await until(pilot, lambda: len(app.main.layer_list.lens) == 3)
        await pilot.press("2", "enter")
        await run_to_end(app, pilot)
        assert {cell.layer for cell in asked(engine)[0].cells} == {EMBED, 0, 1}


async def test_settings_of_the_list_of_models_change_with_left_and_right():
    async with running() as (app, pilot):
        await pilot.press("escape", "1", "G", "right")
        assert app.main.models.dtype == "bfloat16"
        await pilot.press("up", "left", "enter")
        assert app.main.models.device == "auto"


async def test_zoom_gives_a_pane_the_screen_and_takes_it_back():
    async with running() as (app, pilot):
        await pilot.press("escape", "5", "z")
        assert app.main.view.log_view.size.width > 110
        assert "3 Settings" not in text_of(app)
        await pilot.press("3")
        assert "3 Settings" in text_of(app)
        await pilot.press("z")
        assert "5 Interpretations" in text_of(app)


async def test_clicks_go_where_they_point():
    async with running() as (app, pilot):
        await pilot.click("#layer-list", offset=(5, 3))
        assert app.main.layer_list.cursor == 3
        assert app.main.layer_list.has_focus
        await pilot.click("#tokens", offset=(2, 0))
        assert app.main.tokens.cursor == 0
        await pilot.click("#settings", offset=(15, 0))
        assert app.main.view.settings.cursor == 1

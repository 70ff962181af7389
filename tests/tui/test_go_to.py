"""What is typed after `:` is where one goes."""

from __future__ import annotations

import pytest

from selfie_tui.errors import RequestError
from selfie_tui.modes import MODES
from selfie_tui.presets import PRESETS
from selfie_tui.records import EMBED, Interpret
from selfie_tui.tui.go_to import Destination, marked, matching, parse_destination
from tests.tui.driving import run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

LAYERS = (EMBED, *range(8))


@pytest.mark.parametrize(
    ("typed", "destination"),
    [
        ("12", Destination(position=12)),
        ("L5", Destination(layer=5)),
        ("l5", Destination(layer=5)),
        ("embed", Destination(layer=EMBED)),
        ("L5,12", Destination(12, 5)),
        ("embed, 3", Destination(3, EMBED)),
        ("0-7", Destination(marks="0-7")),
        ("1,3,9-", Destination(marks="1,3,9-")),
        ("embed,0-3", Destination(marks="embed,0-3")),
        ("L0-L3", Destination(marks="L0-L3")),
        ("all", Destination(marks="all")),
        ("mentions", Destination(name="mentions")),
        ("gpt2", Destination(name="gpt2")),
        ("org/model-7b", Destination(name="org/model-7b")),
        ("", Destination(name="")),
    ],
)
def test_numbers_are_cells_lists_are_marks_and_all_else_is_a_name(typed, destination):
    assert parse_destination(typed) == destination


def test_marks_stand_for_the_numbers_there_are_and_an_open_end_goes_to_the_last():
    assert marked("1,3,6-", tuple(range(9)), "token") == (1, 3, 6, 7, 8)
    assert marked("embed,L2-L3", LAYERS, "layer") == (EMBED, 2, 3)
    assert marked("all", LAYERS, "layer") == LAYERS
    for wrong in ("9", "3-12", "7-3"):
        with pytest.raises(RequestError):
            marked(wrong, tuple(range(9)), "token")
    with pytest.raises(RequestError, match="known yet"):
        marked("0-3", (), "token")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("read", ("Read",)),
        ("mess", ("message",)),
        ("mentions", ("mentions",)),
        ("me", ("mentions", "message", "Mentions of")),
        ("sag", ("message",)),
        ("rd", ("Read",)),
        ("mof", ("Mentions of",)),
        ("x", ()),
    ],
)
def test_a_name_is_meant_by_its_beginning_else_by_a_part_of_it_else_by_its_letters_in_their_order(name, found):
    assert matching(name, ("Read", "mentions", "message", "Mentions of")) == found


async def typed(pilot, text: str) -> None:
    await pilot.press("colon", *text, "enter")


async def test_a_cell_is_gone_to_from_any_pane_which_keeps_the_focus():
    async with running() as (app, pilot):
        selection = app.main.state.selection
        await pilot.press("escape", "5")
        await typed(pilot, "L5,2")
        assert (selection.layer, selection.position) == (5, 2)
        assert app.main.view.log_view.has_focus
        assert "▌2 ·Tower▐" in text_of(app)
        assert app.main.layer_list.cursor == 6
        await typed(pilot, "7")
        await typed(pilot, "embed")
        assert (selection.layer, selection.position) == (EMBED, 7)


async def test_marks_are_those_of_the_axis_in_focus():
    async with running() as (app, pilot):
        selection = app.main.state.selection
        await pilot.press("escape")
        await typed(pilot, "1,7-")
        assert selection.positions == (1, 7, 8)
        await pilot.press("4")
        await typed(pilot, "0-2")
        assert selection.selected_layers == (0, 1, 2)
        assert selection.positions == (1, 7, 8)
        assert "reads 3 tokens × 3 layers" in text_of(app)
        assert text_of(app).splitlines()[1].endswith("9 marked   pair: –")
        await pilot.press("2")
        await typed(pilot, "L4-")
        assert selection.selected_layers == (4, 5, 6, 7)


async def test_views_presets_models_and_actions_are_done_by_name():
    async with running() as (app, pilot):
        await pilot.press("escape")
        await typed(pilot, "mentions")
        assert app.main.view.settings.values.preset.name == "mentions"
        await typed(pilot, "whole texts")
        assert app.main.view.log_view.outline.unfolded
        await typed(pilot, "read")
        assert app.main.view.NAME == "interpret"
        await typed(pilot, "demo")
        await until(pilot, lambda: app.main.state.loading is None and app.main.state.selection.prompt)


async def test_what_cannot_be_gone_to_is_refused_and_the_line_stays_open():
    async with running() as (app, pilot):
        await pilot.press("escape")
        await typed(pilot, "L12")
        assert app.main.go_text.has_focus
        assert "Invalid layer “L12”" in toasts(app)[-1]
        await pilot.press("ctrl+u", *"nonesuch", "enter")
        assert "“nonesuch”" in toasts(app)[-1]
        await pilot.press("escape")
        assert app.main.tokens.has_focus
        assert app.main.state.selection.position == 8
        assert "? help" in text_of(app).splitlines()[-1]


async def test_the_line_opens_in_place_of_the_hints_and_nothing_else_moves():
    async with running(size=(80, 24)) as (app, pilot):
        await pilot.press("escape")
        before = text_of(app).splitlines()
        await pilot.press("colon")
        assert text_of(app).splitlines()[1:4] == before[1:4]
        assert len(text_of(app).splitlines()) == 24
        assert "a view, model" in text_of(app).splitlines()[-1]
        await pilot.press("enter")
        assert text_of(app).splitlines()[-1] == before[-1]


async def test_a_name_that_may_be_several_is_refused_with_these_and_parts_of_names_do():
    async with running() as (app, pilot):
        await typed(pilot, "me")
        assert "“me” may be " in toasts(app)[-1]
        assert "mentions" in toasts(app)[-1]
        assert app.main.go_text.has_focus
        await pilot.press("ctrl+u", *"ntions", "enter")
        assert app.main.view.settings.values.preset.name == "mentions"


async def test_a_bare_number_is_of_what_has_the_focus():
    async with running() as (app, pilot):
        selection, models = app.main.state.selection, app.main.models
        await pilot.press("4")
        await typed(pilot, "5")
        assert (selection.layer, selection.position) == (5, 8)
        await typed(pilot, "2,4")
        assert selection.selected_layers == (2, 4)
        await pilot.press("1")
        await typed(pilot, "3")
        assert models._rows[models.cursor].kind == "device"
        await typed(pilot, "9")
        assert "Invalid line “9”: the list has 1 to 4." in toasts(app)[-1]
        await pilot.press("escape", "5")
        await typed(pilot, "2")
        assert selection.position == 2


async def test_a_setting_takes_a_typed_value():
    async with running() as (app, pilot):
        values = lambda: app.main.state.settings  # noqa: E731
        await pilot.press("3")
        await typed(pilot, "2")
        assert values().preset == PRESETS[1]
        for number, check in (
            ("L5", lambda: values().injection_layer == 5),
            ("2", lambda: values().mode == tuple(MODES)[1]),
            ("1.25", lambda: values().strength == 1.25),
            ("40", lambda: values().max_new_tokens == 40),
            ("line", lambda: values().stop == ("\n",)),
            ("on", lambda: values().random_control),
        ):
            await pilot.press("right")
            await typed(pilot, number)
            assert check(), number
        await pilot.press("left", "left", "left", "left", "left")
        await typed(pilot, "8")
        assert "there are 8" in toasts(app)[-1]
        assert values().injection_layer == 5


async def test_token_three_at_all_layers_and_all_tokens_at_one_layer_take_six_keys_at_most():
    engine = FakeEngine()
    for keys, cells in (
        ((":", "3", "enter", "enter"), {(3, layer) for layer in LAYERS}),
        (("a", "4", "a", "space", "enter"), {(position, EMBED) for position in range(9)}),
    ):
        async with running(engine) as (app, pilot):
            assert len(keys) <= 6
            await pilot.press(*keys)
            await run_to_end(app, pilot)
            request = [task.request for task in engine.done if isinstance(task, Interpret)][-1]
            assert {(cell.position, cell.layer) for cell in request.cells} == cells

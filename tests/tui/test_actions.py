"""One registry of actions: bindings, palette, help, hints, key table and keymaps all say the same."""

from __future__ import annotations

import inspect
import re
from itertools import chain

import pytest
from textual.app import App
from textual.binding import Binding
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.widgets import ContentSwitcher, Static

from selfie_tui.config import Config
from selfie_tui.tui import actions
from selfie_tui.tui.action import Action, Section, view_action
from selfie_tui.tui.actions import all_actions, by_scope, register, sections
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.frame_actions import EVERYWHERE
from selfie_tui.tui.key_words import hints, is_typed, key_table, keys_of
from selfie_tui.tui.keymap import resolve
from selfie_tui.tui.pages.calibration import CalibrationScreen
from selfie_tui.tui.pages.comparison import ComparisonScreen
from selfie_tui.tui.pages.control import ControlScreen
from selfie_tui.tui.pages.error import ErrorScreen
from selfie_tui.tui.pages.help import help_lines
from selfie_tui.tui.pages.page import Page
from selfie_tui.tui.palette import commands, target_of
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.screens.main import MainScreen
from selfie_tui.tui.views.grid.map import GridMap
from selfie_tui.tui.views.grid.walk import Walk
from selfie_tui.tui.views.history.preview import Preview
from selfie_tui.tui.views.history.run_list import RunList
from selfie_tui.tui.views.inspect.edit_line import EditLine
from selfie_tui.tui.views.inspect.edits_view import EditsView
from selfie_tui.tui.views.inspect.module_list import ModuleRows
from selfie_tui.tui.views.inspect.pattern import PatternMap
from selfie_tui.tui.views.inspect.values_view import ValuesView
from selfie_tui.tui.views.interpret.details import DetailsScreen
from selfie_tui.tui.views.interpret.log import Log
from selfie_tui.tui.views.lens.map import LensMap
from selfie_tui.tui.views.patch.map import PatchMap
from selfie_tui.tui.views.patch.pair_rows import PairRows
from selfie_tui.tui.views.patch.settings_row import PatchSettings
from selfie_tui.tui.views.vectors.direction_list import DirectionList
from selfie_tui.tui.views.vectors.line_view import LineField, LineView
from selfie_tui.tui.views.vectors.result_view import ResultView
from selfie_tui.tui.views.vectors.steer_view import SteerView
from selfie_tui.tui.views.vectors.vector_list import VectorList
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.layers import LayerList
from selfie_tui.tui.widgets.map.grid import CellMap
from selfie_tui.tui.widgets.map.layers import LayerMap
from selfie_tui.tui.widgets.models import ModelList
from selfie_tui.tui.widgets.prompt_field import PromptField
from selfie_tui.tui.widgets.settings_line import SettingsLine
from selfie_tui.tui.widgets.tokens import TokenStrip
from tests.tui.driving import running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

NODES: tuple[type[DOMNode], ...] = (
    SelfieApp, MainScreen, TokenStrip, LayerList, SettingsLine, ModelList, Log, Field, PromptField, Page,
    DetailsScreen, ErrorScreen, RunList, Preview, CellMap, LayerMap, GridMap, Walk, LensMap,
    ModuleRows, ValuesView, EditsView, EditLine, PatternMap, CalibrationScreen, ComparisonScreen, ControlScreen,
    PatchMap, PairRows, PatchSettings,
    VectorList, DirectionList, LineView, LineField, ResultView, SteerView,
)  # fmt: skip

UNSEEN = ("runs", "grid", "map", "cells", "inspected", "lens", "patch", "pair-rows", "vectors", "vector", "compared")
"""Scopes of views that are not shown yet."""


def bound(node: type[DOMNode]) -> list[Binding]:
    return list(chain.from_iterable(node._merge_bindings().key_to_bindings.values()))


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_every_binding_of_the_program_is_in_the_registry(node):
    known = {(action.id, action.handler) for action in all_actions()}
    assert bound(node)
    for binding in bound(node):
        assert (binding.id, binding.action) in known, binding


def test_every_action_is_bound_somewhere_and_has_a_handler_there():
    homes = {binding.id: node for node in NODES for binding in bound(node)}
    for action in all_actions():
        home = MainScreen if action.handler.startswith("screen.") else homes[action.id]
        name = re.sub(r"\(.*", "", action.handler.removeprefix("screen."))
        assert inspect.isfunction(getattr(home, f"action_{name}")), action


def test_ids_are_unique_and_every_scope_has_actions_and_a_heading():
    ids = [action.id for action in all_actions()]
    assert len(set(ids)) == len(ids)
    assert {action.scope for action in all_actions()} | {"views"} == set(
        sections()
    )  # views register the rows of theirs


def test_no_key_is_used_twice_in_one_scope():
    for scopes in (*((scope,) for scope in sections()), EVERYWHERE):
        keys = [key for action in by_scope(*scopes) for key in action.keys.split(",")]
        assert len(set(keys)) == len(keys), scopes


def test_the_key_table_has_every_action_with_its_keys_help_and_id():
    table = key_table()
    for action in all_actions():
        (line,) = [line for line in table.splitlines() if f"`{action.id}`" in line]
        assert action.help in line
        assert all(f"`{key}`" in line for key in keys_of(action))
    for scope, section in sections().items():
        assert (f"**{section.heading}**" in table) == bool(by_scope(scope))


@pytest.mark.parametrize(
    "node",
    [
        TokenStrip,
        LayerList,
        SettingsLine,
        ModelList,
        Log,
        PromptField,
        LayerMap,
        GridMap,
        Walk,
        ModuleRows,
        ValuesView,
        EditsView,
        EditLine,
        LensMap,
        VectorList,
        DirectionList,
        LineField,
        ResultView,
        SteerView,
    ],
)
def test_the_help_of_a_widget_has_every_key_that_works_there(node):
    page = "\n".join("".join(piece.text for piece in line) for line in help_lines(node.SCOPES, {}, 90, Look()))
    for action in by_scope(*node.SCOPES, *EVERYWHERE):
        assert action.help.split(";")[0][:40] in page
        assert " ".join(keys_of(action)) in page


async def test_the_palette_offers_what_the_registry_says_and_every_preset_mode_layer_theme_and_model():
    async with running() as (app, _):
        names = [command.name for command in commands(app, app.main)]
        offered = {
            f"{action.title}  [{' '.join(keys_of(action))}]"
            for action in all_actions()
            if action.palette and action.scope not in UNSEEN
        }
        assert {name for name in names if name.endswith("]")} == offered - {"Other stack  [s alt+s]"}
        assert "Preset: mentions" in names
        assert "Mode: add-norm" in names
        assert "Inject at: L7" in names
        assert "Theme: paper" in names
        assert "Model: demo" in names


async def test_the_palette_does_what_is_chosen():
    async with running() as (app, pilot):
        await pilot.press("ctrl+p", *"mentions")
        await until(pilot, lambda: "Preset: mentions" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view.settings.values.preset.name == "mentions")
        await pilot.press("ctrl+p", *"maximise")
        await until(pilot, lambda: "the whole screen" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.main.zoomed is not None)


async def test_help_opens_for_what_has_the_focus():
    async with running() as (app, pilot):
        for digit, words in {"5": "treatment effect", "4": "logit lens", "3": "inject at", "1": "hub id"}.items():
            await pilot.press("escape", digit, "question_mark")
            assert words in " ".join(app.screen.page.text().split()), digit
            await pilot.press("escape")


async def test_hints_are_those_of_what_has_the_focus_and_fit_the_line():
    async with running(size=(80, 24)) as (app, pilot):
        await pilot.press("escape")
        assert text_of(app).splitlines()[-1].startswith(" enter interpret  ←→ token  space mark")
        await pilot.press("5")
        assert text_of(app).splitlines()[-1].startswith(" enter details")
        await pilot.press("slash")
        assert text_of(app).splitlines()[-1].startswith(" enter done")
        await pilot.press("escape", "i")
        assert text_of(app).splitlines()[-1].startswith(" enter interpret  ↓ tokens  esc leave")


@pytest.mark.parametrize("width", [120, 80, 60])
async def test_help_and_quit_stay_at_the_right_edge_of_the_hints_at_every_width(width):
    async with running(size=(width, 24)) as (app, pilot):
        for keys, end in {
            ("i",): "f1 help  ctrl+q quit",
            ("escape", "2"): "? help  q quit",
            ("3",): "? help  q quit",
            ("4",): "? help  q quit",
            ("5",): "? help  q quit",
            ("slash",): "f1 help  ctrl+q quit",
            ("escape", "1"): "? help  q quit",
        }.items():
            await pilot.press(*keys)
            line = text_of(app).splitlines()[-1]
            assert line.endswith(f"  {end}"), line
            assert len(line) == width - 1
            assert len(line.removesuffix(end).split()) > 1, "hints of the focused widget come before them"


def test_no_hint_tells_a_key_that_would_be_typed():
    for keys, _ in hints((*PromptField.SCOPES, *EVERYWHERE), typing=True):
        assert len(keys) > 1 or keys in "↑↓←→"


async def test_a_keymap_changes_keys_hints_and_help():
    config = Config(keymap={"run.start": "ctrl+g", "pane.log": "L"})
    engine = FakeEngine()
    async with running(engine, config=config) as (app, pilot):
        await pilot.press("escape", "enter")
        assert not app.main.state.runs
        await pilot.press("ctrl+g")
        await until(pilot, lambda: app.main.state.runs)
        await pilot.press("L")
        assert app.main.view.log_view.has_focus
        assert "ctrl+g interpret" in text_of(app)


async def test_a_wrong_keymap_is_reported_and_the_rest_of_it_used():
    config = Config(keymap={"run.strat": "x", "pane.log": "L"})
    async with running(config=config) as (app, pilot):
        await until(pilot, lambda: any("“run.strat”" in toast for toast in toasts(app)))
        await pilot.press("escape", "L")
        assert app.main.view.log_view.has_focus


async def test_earlier_ids_in_a_keymap_go_on_working():
    config = Config(keymap={"pane.ask": "S", "ask.right": "x"})
    async with running(config=config) as (app, pilot):
        assert not toasts(app)
        await pilot.press("escape", "S")
        assert app.main.view.settings.has_focus
        await pilot.press("x")
        assert app.main.view.settings.cursor == 1


def _keys(keymap: dict[str, str]) -> dict[str, str]:
    return resolve(keymap).keys


def _problems(keymap: dict[str, str]) -> list[str]:
    return resolve(keymap).problems


def test_every_setting_key_can_be_rebound_by_its_earlier_id_and_the_current_id_wins():
    for action in by_scope("settings"):
        assert _keys({action.id.replace("settings.", "ask."): "x"}) == {action.id: "x"}
    for order in ({"pane.ask": "A", "pane.settings": "B"}, {"pane.settings": "B", "pane.ask": "A"}):
        assert _keys(order) == {"pane.settings": "B"}


def test_problems_of_a_keymap_name_the_action_and_the_nearest_known_name():
    assert _problems({"nothing.here": "x"}) == ["keymap: unknown action “nothing.here”"]
    assert _problems({"run.strat": "x"}) == ["keymap: unknown action “run.strat”; did you mean “run.start”?"]
    assert _problems({"run.start": " "}) == ["keymap: “run.start” has no key"]
    assert _problems({"ask.left": ""}) == ["keymap: “ask.left” has no key"]
    assert _problems({"run.start": "J", "ask.left": "h"}) == []
    assert _keys({"nothing.here": "x", "run.start": " ", "go.x": "y"}) == {}


def test_a_key_that_no_terminal_sends_is_named_and_the_others_of_its_entry_stay():
    assert _keys({"run.start": "ctrl+g, pagdown"}) == {"run.start": "ctrl+g"}
    assert _problems({"run.start": "ctrl+g,pagdown"}) == [
        "keymap: “run.start” has an unknown key “pagdown”; did you mean “pagedown”?"
    ]
    assert _keys({"run.start": "cmd+g"}) == {}
    assert _problems({"run.start": "cmd+g"}) == ["keymap: “run.start” has an unknown key “cmd+g”"]


def test_every_default_key_is_one_that_a_keymap_may_use():
    for key in {key for action in all_actions() for key in action.keys.split(",")}:
        assert not [problem for problem in _problems({"text.home": key}) if "unknown key" in problem], key


def test_a_key_of_two_actions_is_that_of_the_one_written_down_and_it_is_said():
    keys, problems = resolve({"run.start": "z"})
    assert keys == {"run.start": "z", "pane.zoom": ""}
    assert problems == ["keymap: “z” is the key of “run.start”, not of “pane.zoom”: which has no key left"]
    keys, problems = resolve({"run.start": "ctrl+g", "copy.here": "ctrl+g"})
    assert keys == {"run.start": "ctrl+g"}
    assert problems == ["keymap: “ctrl+g” is the key of “run.start”, not of “copy.here”: it keeps y"]
    assert resolve({"pane.zoom": "i", "edit.prompt": "z"}) == ({"pane.zoom": "i", "edit.prompt": "z"}, [])
    assert resolve({"tokens.left": "x"}) == ({"tokens.left": "x"}, [])  # h and the arrow do other things elsewhere


@pytest.mark.parametrize(
    "keymap",
    [
        {"app.quit": "nonsense", "app.quit-anywhere": "nonsense", "app.interrupt": "nonsense"},
        {"app.quit": "x", "app.quit-anywhere": "ctrl+g", "app.interrupt": "ctrl+o", "run.start": "ctrl+q"},
    ],
)
async def test_ctrl_q_quits_whatever_the_keymap_says(keymap: dict[str, str]):
    async with running(config=Config(keymap=keymap)) as (app, pilot):
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)


async def test_a_key_that_was_taken_from_an_action_does_only_what_it_was_taken_for():
    async with running(config=Config(keymap={"app.theme": "z"})) as (app, pilot):
        theme = app.theme
        await pilot.press("escape", "z")
        await until(pilot, lambda: app.theme != theme)
        assert app.main.zoomed is None


async def test_warnings_about_the_configuration_stay_among_the_interpretations():
    async with running(config=Config(keymap={"run.strat": "x"}), notes=("config.toml: wrong",)) as (app, pilot):
        app.clear_notifications()
        await until(pilot, lambda: "run.strat" in text_of(app))
        assert "config.toml: wrong" in text_of(app)


# Actions of views ----------------------------------------------------------------------------------------------------

POOLED = (
    Action("pooled.pool", "Pool", "pool the cells", "o", "pooled", "pool", hint="pool", palette="fit"),
    view_action("pooled", "Pooled", "%", "f11"),
)


@pytest.fixture
def registry(monkeypatch):
    """A copy of the registry, so that what a test registers ends with it."""
    monkeypatch.setattr(actions, "_actions", dict(actions._actions))
    monkeypatch.setattr(actions, "_sections", dict(actions._sections))


@pytest.mark.usefixtures("registry")
def test_what_a_view_registers_is_in_bindings_hints_key_table_help_and_keymaps():
    register(POOLED, {"pooled": Section("Pooled", ("Layers by tokens.",))})
    assert [binding.id for binding in actions.bindings("pooled")] == ["pooled.pool"]
    assert hints(("pooled",)) == [("o", "pool")]
    assert "**Pooled**" in key_table()
    assert "| `%` `f11` | show the view Pooled | `view.pooled` |" in key_table()
    assert _keys({"pooled.pool": "x"}) == {"pooled.pool": "x"}
    page = ["".join(piece.text for piece in line) for line in help_lines(("pooled",), {}, 90, Look())]
    assert "Layers by tokens." in page
    assert "Views" in page


@pytest.mark.usefixtures("registry")
def test_registering_twice_changes_nothing_and_contradictions_are_refused():
    section = Section("Pooled")
    register(POOLED, {"pooled": section})
    before = all_actions()
    register(POOLED, {"pooled": section})
    assert all_actions() == before
    with pytest.raises(ValueError, match="registered already"):
        register([POOLED[0]._replace(keys="p")])
    with pytest.raises(ValueError, match="registered already"):
        register([], {"pooled": Section("Lens")})
    with pytest.raises(ValueError, match="no section"):
        register([POOLED[0]._replace(id="nowhere.run", scope="nowhere")])
    assert all_actions() == before


def test_function_keys_of_views_work_in_text_fields_and_their_letters_do_not():
    action = view_action("lens", "Lens", "L", "f4")
    letter, function_key = keys_of(action)
    assert is_typed(action, letter, None)
    assert not is_typed(action, function_key, None)


class Part(Static):
    SCOPES = ("log",)


class TwoViews(App[None]):
    def compose(self):
        with ContentSwitcher(initial="first"):
            with Vertical(id="first"):
                yield Part(id="folded")
                yield Part(id="shown")
            with Vertical(id="second"):
                yield Part(id="other")

    def on_mount(self):
        self.query_one("#folded").display = False


async def test_the_palette_carries_out_an_action_in_the_view_that_is_shown():
    app = TwoViews()
    action = actions.action_of("log.whole")
    async with app.run_test() as pilot:
        switcher, screen = app.query_one(ContentSwitcher), app.screen
        assert target_of(action, app, screen) is app.query_one("#shown")
        app.query_one("#shown").display = False
        assert target_of(action, app, screen) is app.query_one("#folded")
        switcher.current = "second"
        await pilot.pause()
        assert target_of(action, app, screen) is app.query_one("#other")
        await app.query_one("#other").remove()
        assert target_of(action, app, screen) is None
        assert target_of(actions.action_of("run.start"), app, screen) is screen
        assert target_of(actions.action_of("app.quit"), app, screen) is app


async def test_the_palette_finds_an_action_by_its_other_words():
    async with running() as (app, pilot):
        await pilot.press("ctrl+p", *"clipboard")
        await until(pilot, lambda: "Copy all" in text_of(app))


async def test_the_palette_unfolds_all_texts_from_another_pane():
    async with running() as (app, pilot):
        await pilot.press("escape", "1", "ctrl+p", *"whole texts")
        await until(pilot, lambda: "Whole texts  [b]" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.main.view.log_view.outline.unfolded)

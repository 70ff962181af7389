"""One registry of actions: bindings, palette, help, hints, key table and keymaps all say the same."""

from __future__ import annotations

import inspect
import re
from itertools import chain

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

from selfie_tui.config import Config
from selfie_tui.tui.actions import ACTIONS, SCOPES, by_scope, hints, key_table, keys_of, problems_of_keymap
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.pages.error import ErrorScreen
from selfie_tui.tui.pages.help import help_lines
from selfie_tui.tui.pages.page import Page
from selfie_tui.tui.palette import commands
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.screens.main import MainScreen
from selfie_tui.tui.views.interpret.details import DetailsScreen
from selfie_tui.tui.views.interpret.log import Log
from selfie_tui.tui.views.interpret.settings_line import SettingsLine
from selfie_tui.tui.widgets.field import Field, PromptField
from selfie_tui.tui.widgets.layers import LayerList
from selfie_tui.tui.widgets.models import ModelList
from selfie_tui.tui.widgets.tokens import TokenStrip
from tests.tui.driving import running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

NODES: tuple[type[DOMNode], ...] = (
    SelfieApp, MainScreen, TokenStrip, LayerList, SettingsLine, ModelList, Log, Field, PromptField, Page,
    DetailsScreen, ErrorScreen,
)  # fmt: skip


def bound(node: type[DOMNode]) -> list[Binding]:
    return list(chain.from_iterable(node._merge_bindings().key_to_bindings.values()))


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_every_binding_of_the_program_is_in_the_registry(node):
    known = {(action.id, action.handler) for action in ACTIONS}
    assert bound(node)
    for binding in bound(node):
        assert (binding.id, binding.action) in known, binding


def test_every_action_is_bound_somewhere_and_has_a_handler_there():
    homes = {binding.id: node for node in NODES for binding in bound(node)}
    for action in ACTIONS:
        home = MainScreen if action.handler.startswith("screen.") else homes[action.id]
        name = re.sub(r"\(.*", "", action.handler.removeprefix("screen."))
        assert inspect.isfunction(getattr(home, f"action_{name}")), action


def test_ids_are_unique_and_every_scope_has_actions_and_a_heading():
    ids = [action.id for action in ACTIONS]
    assert len(set(ids)) == len(ids)
    assert {action.scope for action in ACTIONS} == set(SCOPES)


def test_no_key_is_used_twice_in_one_scope():
    for scope in SCOPES:
        keys = [key for action in by_scope(scope) for key in action.keys.split(",")]
        assert len(set(keys)) == len(keys), scope


def test_the_key_table_has_every_action_with_its_keys_help_and_id():
    table = key_table()
    for action in ACTIONS:
        (line,) = [line for line in table.splitlines() if f"`{action.id}`" in line]
        assert action.help in line
        assert all(f"`{key}`" in line for key in keys_of(action))
    for heading in SCOPES.values():
        assert f"**{heading}**" in table


@pytest.mark.parametrize("node", [TokenStrip, LayerList, SettingsLine, ModelList, Log, PromptField])
def test_the_help_of_a_widget_has_every_key_that_works_there(node):
    page = "\n".join("".join(piece.text for piece in line) for line in help_lines(node.SCOPES, {}, 90, Look()))
    for action in by_scope(*node.SCOPES, "main", "app"):
        assert action.help.split(";")[0][:40] in page
        assert " ".join(keys_of(action)) in page


async def test_the_palette_offers_what_the_registry_says_and_every_preset_mode_layer_theme_and_model():
    async with running() as (app, _):
        names = [command.name for command in commands(app, app.main)]
        offered = {f"{action.title}  [{' '.join(keys_of(action))}]" for action in ACTIONS if action.palette}
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
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.main.settings.values.preset.name == "mentions")
        await pilot.press("ctrl+p", *"maximise")
        await until(pilot, lambda: "the whole screen" in text_of(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.main.maximized is not None)


async def test_the_palette_does_not_blink():
    async with running() as (app, pilot):
        await pilot.press("ctrl+p")
        assert not app.screen.query_one("CommandInput").cursor_blink


async def test_help_opens_for_what_has_the_focus():
    async with running() as (app, pilot):
        for digit, words in {"5": "treatment effect", "4": "logit lens", "3": "inject at", "1": "hub id"}.items():
            await pilot.press("escape", digit, "question_mark")
            assert words in text_of(app), digit
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


def test_no_hint_tells_a_key_that_would_be_typed():
    for keys, _ in hints((*PromptField.SCOPES, "main", "app"), typing=True):
        assert len(keys) > 1 or keys in "↑↓←→"


async def test_a_keymap_changes_keys_hints_and_help():
    settings = Config(keymap={"run.start": "ctrl+g", "pane.log": "L"})
    engine = FakeEngine()
    async with running(engine, settings=settings) as (app, pilot):
        await pilot.press("escape", "enter")
        assert not app.main.work.runs
        await pilot.press("ctrl+g")
        await until(pilot, lambda: app.main.work.runs)
        await pilot.press("L")
        assert app.main.log_view.has_focus
        assert "ctrl+g interpret" in text_of(app)


async def test_a_wrong_keymap_is_told_and_the_rest_of_it_used():
    settings = Config(keymap={"run.strat": "x", "pane.log": "L"})
    async with running(settings=settings) as (app, pilot):
        assert any("'run.strat'" in toast for toast in toasts(app))
        await pilot.press("escape", "L")
        assert app.main.log_view.has_focus


def test_problems_of_a_keymap_name_the_action():
    assert problems_of_keymap({"nothing.here": "x"})[0].startswith("keymap: there is no action 'nothing.here'")
    assert problems_of_keymap({"run.start": " "}) == ["keymap: 'run.start' has no key"]
    assert problems_of_keymap({"run.start": "x"}) == []

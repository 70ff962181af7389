"""A view is a package and an entry: what the frame does for a second one, and what it keeps where it is."""

from __future__ import annotations

from itertools import chain
from typing import ClassVar

import pytest
from textual.binding import Binding

from selfie_tui.records import Cell, Event, Interpret, JobFinished, Token
from selfie_tui.tui import actions, views
from selfie_tui.tui.action import Action, Section
from selfie_tui.tui.actions import register
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.key_words import key_table
from selfie_tui.tui.palette import commands
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.interpret.view import InterpretView
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.lines import Rows
from selfie_tui.tui.widgets.messages import SelectionChanged
from selfie_tui.tui.widgets.pane import Pane
from tests.tui.driving import log_text, run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

COUNT = Action("dummy.count", "Count", "count the cells", "w", "dummy", "count", hint="count", palette="sum")
KEYS = [Binding(COUNT.keys, COUNT.handler, COUNT.title, id=COUNT.id, show=False)]
SECTION = Section("Dummy", ("How a dummy is read.",))


class Cells(Rows):
    SCOPES: ClassVar[tuple[str, ...]] = ("dummy", "list")
    BINDINGS = KEYS
    counted = 0

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state

    def count(self) -> int:
        return 3

    def pieces(self, index: int) -> Pieces:
        return (Piece(f"cell {index}"),)

    def action_count(self) -> None:
        self.counted += 1

    def action_move(self, step: int) -> None:
        self.state.selection.move(layer=self.state.selection.layer + step)
        self.post_message(SelectionChanged())


class Dummy(View):
    NAME, TITLE, LETTER, FUNCTION_KEY = "dummy", "Dummy", "D", "f9"
    ACTIONS, SECTIONS = (COUNT,), {"dummy": SECTION}
    FRAME_PANES = frozenset({"prompt"})

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.cells = Cells(state)
        self.panes = (Pane(4, "Cells", self.cells, id="cells"),)
        self.events: list[Event] = []
        self.changes: list[Changed] = []
        self.searching = True
        self.jobs = 0

    def take(self, event: Event) -> None:
        self.events.append(event)

    def show(self, changed: Changed) -> None:
        self.changes.append(changed)

    def copyable(self, *, all: bool) -> tuple[str, str]:
        return ("all the cells" if all else "a cell"), "the cells"

    def step_out(self) -> bool:
        was, self.searching = self.searching, False
        return was

    def run_job(self) -> None:
        self.jobs += 1


@pytest.fixture(autouse=True)
def dummy(monkeypatch) -> None:
    """A second view in the tuple; its actions leave the registry with the test."""
    monkeypatch.setattr(actions, "_actions", dict(actions._actions))
    monkeypatch.setattr(actions, "_sections", dict(actions._sections))
    register([COUNT], {"dummy": SECTION})

    monkeypatch.setattr(views, "VIEWS", (InterpretView, Dummy))
    views.register_views(views.VIEWS)


def cell(app) -> tuple[str, str, str, int, int]:
    selection = app.main.state.selection
    return selection.prompt, selection.stack, selection.site, selection.layer, selection.position


async def test_a_view_is_shown_by_its_letter_and_back_by_backspace_at_the_same_cell():
    async with running() as (app, pilot):
        await pilot.press("escape", "left", "4", "j", "j", "D")
        assert "4 Cells" in text_of(app)
        assert "4 Layers" not in text_of(app)
        assert app.main.focused is app.main.view.cells
        before = cell(app)
        assert before[3:] == (1, 7)
        await pilot.press("j")
        assert cell(app)[3:] == (2, 7)
        await pilot.press("backspace")
        assert isinstance(app.main.view, InterpretView)
        assert app.main.focused is app.main.layer_list
        assert app.main.layer_list.cursor == 3, "the list of layers stands where the other view has gone"
        await pilot.press("backspace")
        assert app.main.view.NAME == "dummy"


async def test_letters_are_typed_in_a_text_field_where_function_keys_show_views():
    async with running() as (app, pilot):
        await pilot.press("i", "D")
        assert app.main.prompt_text.value.endswith("D")
        assert isinstance(app.main.view, InterpretView)
        await pilot.press("f9")
        assert app.main.view.NAME == "dummy"
        await pilot.press("f2")
        assert isinstance(app.main.view, InterpretView)
        assert app.main.prompt_text.has_focus
        await pilot.press("escape", "D", "R")
        assert isinstance(app.main.view, InterpretView)


async def test_the_view_bar_shows_the_tabs_and_the_hand_and_folds_into_the_header_on_a_low_screen():
    async with running() as (app, pilot):
        await pilot.press("escape")
        bar = text_of(app).splitlines()[1]
        assert bar.startswith(" ▌R Read▐ D Dummy ")
        assert bar.endswith("embed · 8 of           pair: –")
        await pilot.press("space", "D")
        bar = text_of(app).splitlines()[1]
        assert bar.startswith("  R Read ▌D Dummy▐")
        assert bar.endswith("embed · 8 of           9 marked   pair: –")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        header, below, *_ = text_of(app).splitlines()
        assert "verified  R ▌D Dummy▐" in header
        assert below.startswith("╭")


async def test_palette_help_key_table_and_hints_list_what_a_view_brings():
    async with running() as (app, pilot):
        names = {command.name: command for command in commands(app, app.main)}
        assert "Dummy  [D f9]" in names
        assert "Count  [w]" not in names, "nothing on the screen can count before the view is shown"
        await names["Dummy  [D f9]"].run()
        names = {command.name: command for command in commands(app, app.main)}
        await names["Count  [w]"].run()
        assert app.main.view.cells.counted == 1
        await pilot.pause()
        assert "w count" in text_of(app).splitlines()[-1]
        await pilot.press("question_mark")
        assert "Help · Dummy" in text_of(app)
        assert "How a dummy is read." in text_of(app)
        assert "show the view Dummy" in app.screen.page.text()
    assert "| `D` `f9` | show the view Dummy | `view.dummy` |" in key_table()


async def test_what_the_view_gives_is_copied():
    async with running() as (app, pilot):
        await pilot.press("escape", "D", "y")
        assert app.copied == "a cell"
        await pilot.press("Y")
        assert app.copied == "all the cells"
        await pilot.press("2", "y")
        assert app.copied == app.main.prompt_text.value


async def test_events_and_changes_reach_every_view_that_was_opened():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "D", "R", "enter")
        await run_to_end(app, pilot)
        other = app.main.opened["dummy"]
        assert isinstance(other.events[-1], JobFinished)
        assert [changed.indices for changed in other.changes if changed.run][-3:-1] == [(7,), (8,)][-2:]
        await pilot.press("2", "left")
        assert other.changes[-1].selection or other.changes[-1].lens


async def test_a_run_that_another_view_makes_is_in_the_log_once():
    async with running() as (app, pilot):
        await pilot.press("escape", "D")
        app.main.state.interpret((Cell(2, 1), Cell(5, 3)))
        await run_to_end(app, pilot)
        await pilot.press("R")
        assert [line for line in log_text(app) if "── demo" in line] == [log_text(app)[0]]
        assert ["Paris" in line for line in log_text(app)[1:]] == [False, False, True]


async def test_enter_runs_the_job_of_the_view_it_was_pressed_in():
    engine = FakeEngine()
    engine.loaded.clear()
    async with running(engine, ready=False) as (app, pilot):
        await pilot.press("f9")
        await pilot.press("ctrl+r", "f2")
        assert app.main.state.pending_view == "dummy"
        engine.loaded.set()
        await until(pilot, lambda: app.main.opened["dummy"].jobs == 1)
        assert not any(isinstance(task, Interpret) for task in engine.done)


async def test_escape_goes_out_of_a_view_level_by_level_and_cancels_the_job_last():
    engine = FakeEngine()
    engine.step.clear()
    async with running(engine) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: app.main.state.running is not None)
        await pilot.press("D", "z")
        assert app.main.zoomed is not None
        await pilot.press("escape")
        assert app.main.zoomed is None
        assert app.main.view.searching
        await pilot.press("escape")
        assert not app.main.view.searching
        assert app.main.state.running is not None
        await pilot.press("escape")
        await run_to_end(app, pilot)
        assert app.main.state.last_run.state == "cancelled"


@pytest.mark.parametrize("size", [(120, 40), (200, 60), (80, 24), (60, 20)])
async def test_the_models_open_over_a_view_that_keeps_them_out_of_sight(size: tuple[int, int]):
    async with running(size=size) as (app, pilot):
        await pilot.press("escape", "D")
        assert "1 Model" not in text_of(app)
        await pilot.press("1")
        assert "1 Model" in text_of(app)
        assert "another: hub id or path" in text_of(app)
        assert "precision" in text_of(app)
        assert app.main.models.has_focus
        app.main.view.searching = False
        await pilot.press("escape")
        assert "1 Model" not in text_of(app)
        assert app.main.view.panes[0].home.has_focus or app.main.tokens.has_focus


async def test_what_a_view_does_not_have_is_refused_in_a_toast():
    async with running() as (app, pilot):
        await pilot.press("escape", "D", "slash", "e")
        assert toasts(app) == [
            "The view Dummy does not have a search.",
            "The view Dummy does not have an interpretation prompt.",
        ]


def test_an_event_that_concerns_nobody_changes_nothing():
    class Unheard(Event, frozen=True, kw_only=True):
        token: Token

    class Nowhere:
        def submit(self, task):
            raise AssertionError

        cancel = submit

    state = AppState(Nowhere())
    assert state.take(Unheard(token=Token(0, 0, "a"))) == Changed()


def test_every_view_has_a_key_of_its_own():
    keys = list(chain.from_iterable((view.LETTER, view.FUNCTION_KEY) for view in views.VIEWS))
    assert len(set(keys)) == len(keys)
    assert all(view.LETTER.isupper() or view.LETTER == "#" for view in views.VIEWS)

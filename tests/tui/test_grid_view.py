"""The grid: its keys at every size, what it reads, how it follows a run, other settings, a search, what is kept."""

from __future__ import annotations

import pytest
from textual.events import Key

from selfie_tui.records import EMBED, Cell, Interpret
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.views.grid.map import GridMap
from selfie_tui.tui.views.grid.view import GridView
from selfie_tui.tui.widgets.map.cells import MapCell
from tests.tui.driving import log_text, run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import BLOCKS, CONTROL_TEXT, FakeEngine, encoder_decoder
from tests.tui.maps import Cells

SIZES = [(120, 40), (80, 24), (60, 20), (200, 60)]
TOKENS = 9
"""Tokens of the first prompt, as the scripted engine splits it."""

CELLS = (BLOCKS + 1) * TOKENS
LONG = " ".join(f"w{number}" for number in range(70))


def grid(app) -> GridView:
    view = app.main.view
    assert isinstance(view, GridView)
    return view


def asked(engine: FakeEngine) -> list[Interpret]:
    return [task for task in engine.done if isinstance(task, Interpret)]


def row(app, name: str) -> str:
    """The line of a layer in the map."""
    (line,) = [
        line for line in text_of(app).splitlines() if line.startswith(("│ ", "| ")) and line[2:].startswith(name)
    ]
    return line


def states(app) -> dict[str, int]:
    """How many cells of the map are in each state."""
    view = grid(app)
    found: dict[str, int] = {}
    for layer in app.main.state.selection.layers:
        for position in range(len(app.main.state.selection.tokens)):
            state = view.source.cell(layer, position).state
            found[state] = found.get(state, 0) + 1
    return found


async def drawn(app, pilot) -> None:
    """Wait until nothing is under way, and all of it has been let through."""
    await run_to_end(app, pilot)
    await until(pilot, lambda: grid(app).map_pane.settled)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Paris, a city", "Paris, a"),
        ("the word Paris.", "word Par"),
        ('"The new employees', "new empl"),
        ("\n\n“A help desk”", "help des"),
        ("- of the city", "- of the"),
        ("\n\nThe", "The"),
        ("\n\n", "↵↵"),
        ("the", "the"),
        ('"""', '"""'),
        ('"A b', '"A b'),
        ("the the the the", "the"),
        ("An ape and a cat", "ape and "),
        ("Another one here", "Another "),
    ],
)
def test_a_cell_leaves_out_quotes_and_articles_where_it_is_narrow(said, shown):
    assert GridMap(Selection(), Cells())._shown(MapCell("read", 0.5, said), 8).rstrip() == shown.rstrip()


@pytest.mark.parametrize("size", SIZES)
async def test_two_keys_read_a_whole_prompt_and_show_it_at_every_size(size):
    engine = FakeEngine()
    async with running(engine, size=size) as (app, pilot):
        await pilot.press("escape", "number_sign")
        assert "4 Grid" in text_of(app)
        assert states(app) == {"unasked": CELLS}
        await pilot.press("enter")
        await drawn(app, pilot)
        assert [set(task.request.cells) for task in asked(engine)] == [
            {Cell(layer, position) for layer in range(EMBED, BLOCKS) for position in range(TOKENS)}
        ]
        assert states(app) == {"same": TOKENS, "read": CELLS - TOKENS}
        assert "Paris" in row(app, "L7")
        assert "word of" in row(app, "L0"), "what does not fit goes without its article"
        assert "=" in row(app, "embed")
        await pilot.press("G", "k")
        await pilot.pause(0.1)
        assert app.main.state.selection.layer == BLOCKS - 2
        assert "Paris" in text_of(app).splitlines()[-2 if size[1] < 24 else -3] or "Paris ," in text_of(app)


@pytest.mark.parametrize("size", SIZES)
async def test_every_key_of_the_grid_leaves_a_whole_screen_at_every_size(size):
    async with running(size=size) as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        keys = [*"lhjkgGca|_", "space", "+", "+", "-", "-", "-", "f", "home", "end", "ctrl+u", "ctrl+d", "w", "l", "j",
                "space", "w", "h", "w", "[", "]", "slash", *"paris", "enter", "n", "N", "escape", "z", "z", "5", "z",
                "z", "3", "l", "up", "4", "t", "escape", "escape"]  # fmt: skip
        for key in keys:
            await pilot.press(key)
            lines = text_of(app).splitlines()
            assert len(lines) == size[1], key
            assert any(word in lines[-1] for word in ("help", "done", "track the word:")), (key, lines[-1])
        assert grid(app).map.display


async def test_a_run_is_drawn_while_it_goes_on_and_from_its_first_words():
    engine = FakeEngine()
    engine.step.clear()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await until(pilot, lambda: states(app).get("growing") == CELLS)
        assert row(app, "L3").count("○the") == TOKENS
        await pilot.press("R", "number_sign")
        assert row(app, "L3").count("○the") == TOKENS
        engine.step.set()
        await drawn(app, pilot)
        assert states(app)["read"] == CELLS - TOKENS


async def test_a_view_that_is_opened_in_the_middle_of_a_run_of_read_shows_what_there_is():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "a", "enter")
        await until(pilot, lambda: app.main.state.last_run is not None)
        await pilot.press("number_sign")
        await drawn(app, pilot)
        assert states(app) == {"same": TOKENS, "read": CELLS - TOKENS}
        assert len(asked(engine)) == 1


async def test_what_a_cancelled_run_has_left_is_read_by_the_next_enter_and_nothing_twice():
    engine = FakeEngine(pause=0.1)
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await until(pilot, lambda: len(app.main.state.last_run.interpretations if app.main.state.last_run else ()) > 9)
        engine.step.clear()
        await pilot.press("escape")
        await drawn(app, pilot)
        await until(pilot, lambda: "left: enter goes on" in text_of(app))
        await until(pilot, lambda: "unasked" in states(app))
        stopped = app.main.state.last_run
        there = dict(stopped.interpretations)
        assert 9 < len(there) < CELLS
        assert f"{CELLS - len(there)} left: enter goes on" in text_of(app)
        assert states(app)["unasked"] == CELLS - len(there)
        engine.pause = 0.0
        engine.step.set()
        await pilot.press("enter")
        await drawn(app, pilot)
        _, resumed = asked(engine)
        assert resumed.request == stopped.request
        assert dict(resumed.earlier.interpretations) == there
        assert states(app) == {"same": TOKENS, "read": CELLS - TOKENS}
        assert "left: enter" not in text_of(app)
        exportable = grid(app).exportable()
        assert isinstance(exportable, Exportable)
        assert exportable.what == f"{CELLS} readings", (
            "the run that stopped is not exported beside the one that went on"
        )


async def test_marked_cells_are_read_again_with_another_preset_which_is_a_map_of_its_own():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        await pilot.press("g", "j", "space", "j", "space", "3", "down", "4", "enter")
        await drawn(app, pilot)
        first, second = asked(engine)
        assert second.request.preset != first.request.preset
        assert set(second.request.cells) == {Cell(0, 8), Cell(1, 8)}
        assert f"map 2 of 2 · {second.request.preset.name} at embed" in text_of(app)
        assert states(app) == {"unasked": CELLS - 2, "read": 2}
        await pilot.press("g")
        lines = text_of(app).splitlines()
        unread = next(number for number, line in enumerate(lines) if "not read yet" in line)
        assert "control" in lines[unread + 1], "what it would be compared with stands below it"
        await pilot.press("j", "j")
        await pilot.press("[")
        assert f"map 1 of 2 · {first.request.preset.name} at embed" in text_of(app)
        assert states(app)["read"] == CELLS - TOKENS
        await pilot.press("a", "a")  # no marks any more
        before = len(asked(engine))
        await pilot.press("enter")
        assert f"map 2 of 2 · {second.request.preset.name}" in text_of(app), "these settings have read this cell before"
        assert len(asked(engine)) == before


async def test_without_marks_the_cell_is_read_again_with_other_settings_and_then_all_that_is_missing():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        await pilot.press("enter")
        assert toasts(app) == ["All cells in sight are read. ctrl+r reads everything again."]
        await pilot.press("G", "3", "down", "4", "enter")
        await drawn(app, pilot)
        assert asked(engine)[-1].request.cells == (Cell(BLOCKS - 1, TOKENS - 1),)
        await pilot.press("enter")
        await drawn(app, pilot)
        assert len(asked(engine)[-1].request.cells) == CELLS - 1
        await pilot.press("ctrl+r")
        await drawn(app, pilot)
        assert len(asked(engine)[-1].request.cells) == CELLS


async def test_a_large_map_is_sampled_first_and_becomes_finer_in_sight():
    engine = FakeEngine()
    async with running(engine, prompt=LONG) as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        sample = asked(engine)[-1].request.cells
        assert len(sample) <= 500 < 9 * 70
        assert {cell.position for cell in sample} == {*range(0, 70, 2), 69}
        await pilot.press("enter")
        await drawn(app, pilot)
        view, finer = grid(app), asked(engine)[-1].request.cells
        assert {cell.position for cell in finer} <= set(view.map.columns.shown)
        assert not set(finer) & set(sample)
        assert all(view.source.cell(*place).state != "unasked" for place in view.map.cells_in_sight())


async def test_everything_of_a_large_map_is_asked_about_and_an_escape_forgets_it():
    engine = FakeEngine()
    async with running(engine, prompt=LONG) as (app, pilot):
        await pilot.press("escape", "number_sign", "ctrl+r")
        assert "630 cells · about" in text_of(app).splitlines()[-1]
        await pilot.press("escape", "enter")
        await drawn(app, pilot)
        assert len(asked(engine)[-1].request.cells) <= 500, "the sample, not everything"
        await pilot.press("ctrl+r", "enter")
        await drawn(app, pilot)
        assert len(asked(engine)[-1].request.cells) == 630


async def test_enter_in_a_map_of_blocks_goes_into_the_block_once_something_is_read():
    engine = FakeEngine(blocks=60)
    async with running(engine, prompt=" ".join(f"w{number}" for number in range(300))) as (app, pilot):
        await pilot.press("escape", "number_sign", "-", "-", "enter")
        await drawn(app, pilot)
        view = grid(app)
        assert view.map.is_pooled
        assert len(asked(engine)) == 1
        await pilot.press("enter")
        assert not view.map.is_pooled
        assert len(asked(engine)) == 1


async def test_w_walks_from_the_map_to_the_column_to_the_row_and_back():
    async with running() as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        view = grid(app)
        await pilot.press("w")
        assert "column 8 of" in text_of(app)
        assert view.map_pane.walk.has_focus
        assert row(app, "  L7").count("Paris") == 1
        await pilot.press("j", "j", "h")
        assert (app.main.state.selection.layer, app.main.state.selection.position) == (1, 7)
        assert "column 7 city" in text_of(app)
        await pilot.press("w")
        assert "row L1" in text_of(app)
        assert view.map_pane.walk.count() == TOKENS
        await pilot.press("k", "l", "space")
        assert (app.main.state.selection.layer, app.main.state.selection.position) == (2, 6)
        assert app.main.state.selection.is_marked(Cell(2, 6))
        await pilot.press("w")
        assert view.map.has_focus
        assert "· effect" in text_of(app)
        await pilot.press("w", "escape")
        assert view.map.has_focus


async def test_a_search_goes_through_the_cells_in_reading_order_and_says_how_many_there_are():
    async with running() as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        await pilot.press("g", "home", "slash", *"paris")
        selection = app.main.state.selection
        assert (selection.layer, selection.position) == (4, 0), "the first match while it is typed"
        assert "/ paris 1/36" in text_of(app)
        assert "36 of 81 say paris" in text_of(app)
        await pilot.press("enter", "n")
        assert (selection.layer, selection.position) == (4, 1)
        await pilot.press("N", "N")
        assert (selection.layer, selection.position) == (7, 8), "around the end"
        await pilot.press("escape")
        assert "/ paris" not in text_of(app)
        assert "36 of 81 say Paris" in text_of(app), "the word of this reading"


async def test_a_word_typed_in_one_burst_with_the_key_that_asks_for_it_is_searched_for():
    async with running() as (app, pilot):
        await pilot.press("number_sign")
        for key in ["slash", *"said"]:
            app.post_message(Key(key, "/" if key == "slash" else key))
        await until(pilot, lambda: app.main.view.search_field().value == "said")
        for key in ["escape", "t", *"said"]:
            app.post_message(Key(key, None if key == "escape" else key))
        await until(pilot, lambda: app.main.ask_line.field.value == "said")
        assert not app.main.state.selection.marked_cells


async def test_the_map_is_coloured_by_a_tracked_word_until_escape():
    async with running() as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        await pilot.press("c", "t", *"paris", "enter")
        view = grid(app)
        await until(pilot, lambda: "replace · track paris" in text_of(app))
        heats = {layer: view.source.cell(layer, 3).heat for layer in (0, 3, 4, 7)}
        assert heats == {0: None, 3: None, 4: 0.95, 7: 0.95}, "the scripted words have a probability of .95"
        assert view.source.cell(EMBED, 3).state == "same"
        await pilot.press("G")
        await until(pilot, lambda: "paris .95" in text_of(app))
        assert f"36 of {CELLS} say paris" in text_of(app)
        await pilot.press("t", "ctrl+u", *"the", "enter")
        await until(pilot, lambda: "track the" in text_of(app))
        assert view.source.cell(0, 3).heat == 0.95
        await pilot.press("w")
        assert "column 8 of" in text_of(app)
        await pilot.press("escape")
        assert "track the" in text_of(app), "the list is left first"
        await pilot.press("c")
        assert "track the" not in text_of(app)
        await pilot.press("c", "c", "c", "c", "c", "c")
        assert "track the" in text_of(app), "it is one of the measures"
        await pilot.press("escape")
        assert "replace · strongest" in text_of(app)
        assert view.map_pane.tracked == ""


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_typed_as_a_word_to_track_is_text(size):
    async with running(size=size) as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        grid(app).map_pane.track("[/red] a(b")
        await pilot.pause()
        assert size[0] < 80 or "track [/red] a(b" in text_of(app)
        assert "36" not in text_of(app).splitlines()[-2]
        await pilot.press("G")
        await until(pilot, lambda: "Paris█ ,▄ the▃" in text_of(app))


async def test_c_goes_through_the_measures_that_there_are_numbers_for():
    async with running() as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        names = []
        for _ in range(6):
            names.append(text_of(app).split("replace · ", 1)[1].split()[0])
            await pilot.press("c")
        assert names == ["effect", "strongest", "first", "entropy", "control", "bare"], "no samples"
        assert "replace · effect" in text_of(app)


async def test_with_a_pair_the_map_shows_where_its_prompts_differ_and_enter_reads_what_the_source_lacks():
    engine = FakeEngine()
    async with running(engine, prompt="Rome is in") as (app, pilot):
        await pilot.press("escape", "number_sign", "p")
        engine.late = "Madrid , the capital of Spain"
        app.main.prompt_text.value = "Madrid is in"
        await until(pilot, lambda: app.main.state.ready and app.main.state.selection.tokens[0].text == "Madrid")
        await pilot.press("enter")
        await drawn(app, pilot)
        await pilot.press("c", "c", "c", "c", "c", "c")
        assert "· difference" in text_of(app)
        assert states(app)["unasked"] == 27, "nothing has been read of A"
        engine.late = "Rome , the capital of Italy"
        await pilot.press("enter")
        await drawn(app, pilot)
        assert [task.request.prompt for task in asked(engine)] == ["Madrid is in", "Rome is in"]
        assert states(app) == {"same": 5 * 3, "read": 4 * 3}
        assert grid(app).source.cell(7, 0).text == "Madrid , the capital of Spain|Rome , the capital of Italy"
        assert grid(app).source.cell(7, 0).heat == pytest.approx(4 / 5), "capital is in both"
        await pilot.press("G", "home")
        await until(pilot, lambda: "A        Rome , the capital of Italy" in text_of(app))
        await pilot.press("p")  # this prompt is the source now
        assert "· difference" not in text_of(app)
        assert states(app)["read"] == 24


async def test_a_key_turns_the_difference_on_and_off_over_tokens_that_are_aligned():
    engine = FakeEngine(late="Rome , the capital of Italy")
    async with running(engine, prompt="Rome is in", size=(160, 40)) as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        await pilot.press("D")
        assert toasts(app)[-1].startswith("There is no pair yet: p keeps this prompt as A")
        await pilot.press("p", "D")
        assert toasts(app)[-1] == "This prompt is A itself: i edits it."
        engine.late = "Rome , a city"
        app.main.prompt_text.value = "The old Rome is in"
        await until(pilot, lambda: app.main.state.ready and len(app.main.state.selection.tokens) == 5)
        await pilot.press("D")
        assert toasts(app)[-1] == "There are no readings to compare yet: enter makes them."
        await pilot.press("enter")
        await drawn(app, pilot)
        await pilot.press("c", "D")
        assert "difference · 2 of 5 tokens aligned" in text_of(app)
        assert states(app) == {"absent": 3 * 9, "same": 5 * 2, "read": 4 * 2}, "A's Rome is not the token ·Rome"
        cell = grid(app).source.cell(7, 3)
        assert cell.text == "Rome , a city|Rome , the capital of Italy"
        assert cell.heat == pytest.approx(3 / 4), "of rome, city, capital, italy one is in both"
        await pilot.press("G", "end")
        await until(pilot, lambda: "A        Rome , the capital of Italy" in text_of(app))
        assert "apart .75" in grid(app).words_pane.words.copyable()
        await pilot.press("home")
        await until(pilot, lambda: "A        has no token for this one" in text_of(app))
        await pilot.press("D")
        assert "· strongest" in text_of(app).splitlines()[5], "as before"


async def test_what_the_source_lacks_is_read_at_the_tokens_that_are_compared_and_drawn_as_it_comes():
    engine = FakeEngine()
    async with running(engine, prompt="Rome is in") as (app, pilot):
        await pilot.press("escape", "number_sign", "p")
        app.main.prompt_text.value = "Rome surely is in"
        await until(pilot, lambda: app.main.state.ready and len(app.main.state.selection.tokens) == 4)
        await pilot.press("enter")
        await drawn(app, pilot)
        engine.late = "Rome , a city"
        await pilot.press("D", "enter")
        await drawn(app, pilot)
        (_, task) = asked(engine)
        assert task.request.prompt == "Rome is in"
        assert {cell.position for cell in task.request.cells} == {0, 1, 2}
        assert states(app) == {"absent": 9, "same": 5 * 3, "read": 4 * 3}


async def test_runs_of_the_grid_are_in_the_log_of_read_and_its_cell_is_shared():
    async with running() as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        await pilot.press("G", "h", "R")
        assert sum("Paris" in line for line in log_text(app)) == 36
        assert app.main.layer_list.cursor == BLOCKS
        assert app.main.tokens.selection.position == TOKENS - 2


async def test_another_prompt_has_a_map_of_its_own_and_the_first_one_is_kept():
    async with running() as (app, pilot):
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        prompt = app.main.prompt_text.value
        app.main.prompt_text.value = "Tokyo is in"
        await until(pilot, lambda: len(app.main.state.selection.tokens) == 3)
        assert states(app) == {"unasked": 3 * (BLOCKS + 1)}
        app.main.prompt_text.value = prompt
        await until(pilot, lambda: len(app.main.state.selection.tokens) == TOKENS)
        assert states(app)["read"] == CELLS - TOKENS


async def test_the_stacks_of_a_model_have_maps_of_their_own():
    engine = encoder_decoder(encoder=3, decoder=5)
    async with running(engine, prompt="[INST]the Eiffel Tower[/INST] is in", ready=False) as (app, pilot):
        await until(pilot, lambda: len(app.main.state.selection.tokens) == 3 and app.main.state.ready)
        await pilot.press("escape", "number_sign", "enter")
        await drawn(app, pilot)
        assert asked(engine)[-1].request.stack == app.main.state.stack
        here = states(app)
        await pilot.press("s")
        await until(pilot, lambda: app.main.state.ready and app.main.state.stack == "decoder")
        assert set(states(app)) == {"unasked"}
        await pilot.press("s")
        await until(pilot, lambda: app.main.state.ready and app.main.state.stack == "encoder")
        assert states(app) == here


async def test_what_the_cursor_is_on_and_all_readings_are_copied():
    async with running() as (app, pilot):
        await pilot.press("escape", "number_sign", "y")
        assert "Eiffel" in app.copied, "without readings the prompt"
        await pilot.press("enter")
        await drawn(app, pilot)
        await pilot.press("g", "y")
        assert app.copied.startswith(f"embed · 8 of\t{CONTROL_TEXT}")
        await pilot.press("Y")
        header, *lines = app.copied.splitlines()
        assert header.startswith("# demo")
        assert len(lines) == CELLS
        await pilot.press("5", "y")
        assert app.copied.splitlines()[1].startswith("control")


async def test_a_preset_that_cannot_be_used_is_said_and_nothing_is_read():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "number_sign", "e", "ctrl+u", *"hello", "escape")
        await until(pilot, lambda: bool(grid(app).ask.problem))
        assert "cannot be used" in text_of(app)
        await pilot.press("4", "enter")
        assert any("cannot be used" in toast for toast in toasts(app))
        assert not asked(engine)


async def test_on_a_low_screen_the_settings_are_in_sight_while_the_keys_go_there():
    async with running(size=(80, 24)) as (app, pilot):
        await pilot.press("escape", "number_sign")
        assert "3 Settings" not in text_of(app)
        await pilot.press("3")
        assert "3 Settings" in text_of(app)
        assert grid(app).ask.settings.has_focus
        await pilot.press("4")
        assert "3 Settings" not in text_of(app)
        assert grid(app).map.has_focus

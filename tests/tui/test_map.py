"""The map of layers and tokens: what it draws, what it asks for, and where its keys go, at every size."""

from __future__ import annotations

import pytest

from selfie_tui.glyphs import ASCII_BARS, BARS
from selfie_tui.glyphs import NOT_A_NUMBER as NOT_A_NUMBER_GLYPH
from selfie_tui.records import Cell
from selfie_tui.themes import load_named, shipped_dir
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.widgets.lines import OVERLAP
from selfie_tui.tui.widgets.map.axis import Axis
from selfie_tui.tui.widgets.map.cells import GLYPHS, cell_pieces, role_of
from selfie_tui.tui.widgets.map.grid import CellMap
from tests.tui.driving import running, until
from tests.tui.maps import NOT_A_NUMBER, UNASKED, Cells, MapApp, MapCell, varied

SIZES = [(120, 40), (80, 24), (60, 20), (200, 60)]


def roles(app: MapApp, line: int) -> list[tuple[str, str]]:
    return [(piece.role, piece.text) for piece in app.map.pieces(line)]


def cursors(app: MapApp) -> list[str]:
    """The texts drawn as the cursor, of all lines."""
    return [text for line in range(app.map.count()) for role, text in roles(app, line) if role in ("cursor", "rest")]


# What is drawn --------------------------------------------------------------------------------------------------------


async def test_a_cell_is_a_glyph_for_its_heat_and_the_text_that_fits():
    heats = {0: 0.0, 1: 0.5, 2: 1.0}
    source = Cells(lambda layer, position: MapCell("read", heats[position], " location"), foot="says")
    app = MapApp(2, 3, source)
    async with app.run_test(size=(60, 10)):
        assert app.lines()[:5] == [
            "        0 ·the   1 ·of    2 ·Paris",
            " embed  ▁·locati ▅·locati █·locati",
            " L0     ▁·locati ▅·locati █·locati",
            " L1     ▁·locati ▅·locati █·locati",
            " says   ·next0   ·next1   ·next2",
        ]
        assert app.map.extent() == "3 tokens · 3 layers"
        assert app.map.spark() == ""


async def test_what_is_not_a_reading_has_a_glyph_of_its_own():
    cells = (UNASKED, MapCell("waiting"), MapCell("growing", None, "Par"), MapCell("same", 0.9, "empty"),
             MapCell("failed"), NOT_A_NUMBER, MapCell("read", None, "a"))  # fmt: skip
    app = MapApp(1, len(cells), Cells(lambda layer, position: cells[position]))
    async with app.run_test(size=(80, 8)):
        assert app.lines()[1] == " embed  ·        ○        ○Par     =        !        ×·x       a"
        app.look = Look(ascii=True)
        assert app.lines()[1] == " embed  .        o        oPar     =        !        x~x       a"


def test_heat_is_told_again_by_weight_and_only_where_wanted_by_a_background():
    theme = load_named("dusk", shipped_dir())
    plain, coloured = Look(theme), Look(theme, coloured=True)
    heats = [MapCell("read", step / 8) for step in range(8)]
    assert [role_of(cell, plain) for cell in heats] == ["faint"] * 2 + ["text"] * 5 + ["strong"]
    assert [role_of(cell, coloured) for cell in heats][5:] == ["warm1", "warm2", "warm3"]
    assert all(coloured.styles[role].bgcolor for role in ("warm1", "warm2", "warm3"))
    ansi = Look(load_named("ansi", shipped_dir()), coloured=True)
    assert "warm3" not in {role_of(cell, ansi) for cell in heats}, "the terminal's own colours may hide the text"
    assert role_of(NOT_A_NUMBER, coloured) == role_of(MapCell("failed"), plain) == "bad"
    assert cell_pieces(heats[7], "Paris", plain, marked=True)[0] == ("●", "accent")
    assert cell_pieces(heats[7], "Paris", plain, marked=True, cursor="cursor") == (("●█Paris", "cursor"),)


async def test_no_text_of_a_model_reaches_the_terminal_as_it_is():
    evil = "[/INST]\x1b[31m\n漢字"
    app = MapApp(1, 4, Cells(lambda layer, position: MapCell("read", 0.5, evil), foot="says"))
    async with app.run_test(size=(60, 8)):
        for line in app.lines():
            assert "\x1b" not in line
        assert {app.map.render_line(y).cell_length for y in range(5)} == {app.map.size.width}


# The window -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_only_what_is_in_sight_is_asked_for_and_the_window_moves_by_its_size_less_two(size):
    app = MapApp(80, 2000)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        shown = {(row, column) for row in app.map.rows.shown for column in app.map.columns.shown}
        app.source.asked.clear()
        app.lines()
        assert set(app.source.asked) == shown
        width, windows = len(app.map.columns.shown), app.windows
        assert width == (size[0] - 7) // 9
        for _ in range(width - 1):
            await pilot.press("right")
        assert (app.map.columns.first, app.windows) == (0, windows)
        await pilot.press("right")
        assert (app.map.columns.first, app.windows) == (width - 2, windows + 1)
        await pilot.press("G")
        assert app.map.rows.shown[-1] == 79 == app.selection.layer
        await pilot.press("end")
        assert app.map.columns.shown[-1] == 1999 == app.selection.position
        tokens, layers = app.map.columns.shown, app.map.rows.shown
        assert app.map.extent() == f"{tokens[0]:,}–1,999 of 2,000 tokens · L{layers[0]}–79 of 81"
        assert len(app.map.spark()) == 20
        tokens = app.selection.tokens
        app.selection.tokens = ()
        assert app.map.spark() == "", "what is drawn next has no columns"
        app.selection.tokens = tokens
        await pilot.press("g", "home")
        assert (app.selection.layer, app.selection.position) == (-1, 0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tokens", [1, 5, 10, 40])
async def test_running_text_has_the_room_that_is_left_over_and_single_tokens_do_not_need_it(size, tokens):
    text = MapCell("read", 0.5, "abcdefghijklmnopqrstuvwxyz" * 2)
    for text_runs in True, False:
        app = MapApp(8, tokens, Cells(lambda layer, position: text), tokens_only=not text_runs, widest="phrase")
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            shown, width = len(app.map.columns.shown), app.map.cell_width
            assert shown * width <= size[0] - 7
            if not text_runs:
                assert width in (9, 18)
            else:
                assert width == min((size[0] - 7) // shown, 18 if app.map.scale == "word" else 36)
            assert {app.map.render_line(y).cell_length for y in range(9)} == {size[0]}
            assert app.lines()[1].count(text.text[: width - 2]) == shown


@pytest.mark.parametrize("size", SIZES)
async def test_every_key_of_a_map_goes_where_it_says(size):
    app = MapApp(30, 40)
    async with app.run_test(size=size) as pilot:
        selection = app.selection
        await pilot.pause()
        for key, cell in (
            ("right", (-1, 1)), ("l", (-1, 2)), ("down", (0, 2)), ("j", (1, 2)), ("left", (1, 1)), ("h", (1, 0)),
            ("up", (0, 0)), ("k", (-1, 0)), ("k", (-1, 0)), ("h", (-1, 0)), ("G", (29, 0)), ("end", (29, 39)),
            ("j", (29, 39)), ("l", (29, 39)), ("g", (-1, 39)), ("home", (-1, 0)),
        ):  # fmt: skip
            await pilot.press(key)
            assert (selection.layer, selection.position) == cell, key
            assert len(cursors(app)) == 1
        half, whole = app.map.rows.cells // 2, app.map.rows.cells - OVERLAP
        for key, layer in ("ctrl+d", half - 1), ("ctrl+u", -1), ("pagedown", whole - 1), ("pageup", -1):
            await pilot.press(key)
            assert selection.layer == min(layer, 29), key
        await pilot.press("c", "t")
        assert app.wanted == ["measure", "track"]


async def test_the_names_of_the_cursors_row_and_column_are_bold_and_no_others():
    app = MapApp(8, 10)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("right", "down", "down")
        strong = [text.strip() for line in range(app.map.count()) for role, text in roles(app, line)[:1]
                  if role == "strong"]  # fmt: skip
        assert strong == ["L1"]
        assert [text.strip() for role, text in roles(app, 0) if role == "strong"] == ["1 ·of"]


def test_a_window_is_never_beside_what_there_is():
    for count in range(1, 30):
        for cells in range(1, 12):
            for pooled in (False, True):
                axis = Axis()
                for cursor in (*range(count), *reversed(range(count)), 0, count - 1):
                    axis.lay_out(range(-1, count - 1), cells, pooled=pooled, cursor=cursor - 1)
                    assert cursor - 1 in axis.shown
                    assert len(axis.in_sight) == min(cells, axis.blocks)
                    assert not pooled or axis.is_whole
                assert [number for block in range(axis.blocks) for number in axis.members(block)] == list(axis.numbers)


# Sizes ----------------------------------------------------------------------------------------------------------------


async def test_cells_grow_and_shrink_and_the_cursor_stays_in_sight():
    app = MapApp(30, 200)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("end")
        widths = []
        for key in ("", "plus", "plus", "minus", "minus", "minus", "minus"):
            if key:
                await pilot.press(key)
            widths.append((app.map.scale, len(app.map.columns.in_sight)))
            assert 199 in app.map.columns.shown
            assert len(cursors(app)) == 1
        word, heat = 113 // 9, 113 // 2
        assert widths == [("word", word), ("phrase", 113 // 18), ("phrase", 113 // 18), ("word", word),
                          ("heat", heat), ("fit", 50), ("fit", 50)]  # fmt: skip


async def test_the_size_of_cells_is_chosen_from_the_screen_at_first():
    for columns, tokens, widest, scale in (
        (120, 6, "phrase", "phrase"), (120, 7, "phrase", "word"), (120, 6, "word", "word"), (30, 6, "word", "heat"),
    ):  # fmt: skip
        app = MapApp(4, tokens, widest=widest)
        async with app.run_test(size=(columns, 20)) as pilot:
            await pilot.pause()
            assert app.map.scale == scale


async def test_a_pooled_map_of_80_layers_and_2000_tokens_shows_of_each_block_its_strongest_cell():
    peak = (57, 1234)

    def cell(layer: int, position: int) -> MapCell:
        return MapCell("read", 1.0 if (layer, position) == peak else 0.1, " Paris" if position == 1234 else "x")

    app = MapApp(80, 2000, Cells(cell))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("minus", "minus")
        rows, columns = app.map.rows, app.map.columns
        assert rows.is_whole
        assert columns.is_whole
        assert (rows.pool, columns.pool) == (3, 36)
        assert app.map.extent() == "2,000 tokens · 81 layers · 3 × 36 a cell"
        assert app.map.spark() == ""
        lines = app.lines()
        assert sum(line.count("█") for line in lines) == 1
        row = next(index for index, line in enumerate(lines) if "█" in line)
        assert lines[row].startswith(" L56–58 "), "the block of L57, named by its layers"
        for _ in range(row - 1):
            await pilot.press("down")
        for _ in range(1234 // 36):
            await pilot.press("right")
        assert (app.selection.layer, app.selection.position) == peak, "the cursor goes to what is drawn"
        assert app.map.zoom_in()
        await pilot.pause()
        assert (app.map.scale, app.map.columns.first) == ("heat", 1224)
        assert {56, 57, 58} <= set(app.map.rows.shown)
        assert (app.selection.layer, app.selection.position) == peak
        assert len(cursors(app)) == 1
        assert not app.map.zoom_in()


async def test_what_is_not_a_number_stands_out_of_its_block():
    app = MapApp(80, 2000, Cells(lambda layer, position: NOT_A_NUMBER if position == 700 else varied(layer, position)))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("minus", "minus")
        lines = app.lines()
        assert all("×" in line for line in lines[1:] if line)
        app.source.of = varied
        app.map.update([(layer, 700) for layer in range(-1, 80)])
        assert not any("×" in line for line in app.lines())


async def test_the_ruler_over_narrow_columns_has_the_number_of_the_cursors():
    app = MapApp(8, 200)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("minus", *["right"] * 12)
        header = app.lines()[0]
        assert header.split() == ["0", "5", "10", "12", "15", "20", "25", "30"]
        at = header.index("12")
        assert app.lines()[1][at] in "▁▂▃▄▅▆▇█"
        assert [text for role, text in roles(app, 0) if role == "strong"] == ["12"]


# Marks ----------------------------------------------------------------------------------------------------------------


async def test_marks_are_those_of_the_selection_and_need_not_be_a_product():
    app = MapApp(4, 5)
    async with app.run_test(size=(80, 24)) as pilot:
        selection = app.selection
        assert not any("●" in line for line in app.lines()), "all layers are marked at first, and no token"
        await pilot.press("space", "right", "down", "space")
        assert selection.marked_cells == {Cell(-1, 0), Cell(0, 1)}
        assert app.lines()[1].startswith(" embed ●")
        assert app.lines()[2][16] == "●"
        assert sum(line.count("●") for line in app.lines()) == selection.marks() == 2
        await pilot.press("space")
        assert selection.cells() == (Cell(-1, 0),)
        await pilot.press("_")
        assert {cell.position for cell in selection.cells() if cell.layer == 0} == set(range(5))
        await pilot.press("_")
        assert selection.cells() == (Cell(-1, 0),)
        await pilot.press("|")
        assert sum(line.count("●") for line in app.lines()) == selection.marks() == 6
        await pilot.press("|", "space", "space", "a")
        assert selection.marks() == 25
        await pilot.press("a")
        assert selection.marks() == 0
        assert not any("●" in line for line in app.lines())


# Search ---------------------------------------------------------------------------------------------------------------


async def test_a_search_goes_through_the_cells_in_reading_order_and_wraps():
    texts = {(0, 3): " Paris", (2, 1): "Paris, the", (2, 4): "in paris"}
    source = Cells(lambda layer, position: MapCell("read", 0.5, texts.get((layer, position), "x")))
    source.places = [(2, 4), (0, 3), (1, 1), (2, 1)]
    app = MapApp(4, 5, source)
    async with app.run_test(size=(80, 24)) as pilot:
        selection = app.selection
        assert not app.map.find(1)
        app.map.search("paris")
        assert app.map.found.count(app.map.cursor) == "–/3"
        visited = []
        for direction in (1, 1, 1, 1, -1, -1):
            assert app.map.find(direction)
            visited.append((selection.layer, selection.position))
        assert visited == [(0, 3), (2, 1), (2, 4), (0, 3), (2, 4), (2, 1)]
        assert app.map.found.count(app.map.cursor) == "2/3"
        await pilot.press("f")
        shown = {text.strip() for line in range(1, 6) for role, text in roles(app, line) if role in ("text", "cursor")}
        assert {text for text in shown if "x" in text} == set(), "what does not match is dim"
        assert any("Paris" in text for text in shown)
        await pilot.press("f")
        assert ("text", "▅x      ") in roles(app, 1)


@pytest.mark.parametrize(("view", "key"), [("grid", "number_sign"), ("lens", "L")])
async def test_a_chosen_size_of_cells_is_kept_for_the_next_start(tmp_path, view, key):
    async with running(prompt="Rome is in", state_dir=tmp_path) as (app, pilot):
        await pilot.press("escape", key)
        shown = app.main.view.query_one(CellMap)
        await until(pilot, lambda: bool(shown.size))
        before = shown.scale
        await pilot.press("minus", "minus")
        chosen = shown.scale
        assert chosen != before
    async with running(prompt="Rome is in", state_dir=tmp_path) as (app, pilot):
        await pilot.press("escape", key)
        shown = app.main.view.query_one(CellMap)
        await until(pilot, lambda: bool(shown.size))
        assert shown.scale == chosen
        assert app.memory.cell_sizes == {view: chosen}


def test_in_ascii_no_heat_looks_like_a_state():
    look = Look(ascii=True)
    states = {look.glyphs(state) for state in (*GLYPHS.values(), NOT_A_NUMBER_GLYPH)}
    assert len({*states, *ASCII_BARS}) == len(states) + len(BARS)

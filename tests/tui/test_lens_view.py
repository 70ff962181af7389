"""The view of the lens: what it asks for, what it draws by which measure, the tracked token, the pair, interpreting."""

from __future__ import annotations

import json
import math

import pytest

from selfie_tui.config import Config
from selfie_tui.errors import RequestError
from selfie_tui.records import (
    Cell,
    CompareLenses,
    Interpret,
    LensRead,
    LensRow,
    LensToken,
    ReadLens,
    Tokenize,
    TrackedToken,
)
from selfie_tui.tui.app import FIRST_PROMPT
from selfie_tui.tui.lenses import TOKENS
from selfie_tui.tui.render.styles import Look, Piece
from selfie_tui.tui.views.lens.asking import AT_ONCE, ORIGIN, next_task
from selfie_tui.tui.views.lens.measures import DIFFERENCE, MEASURES, settled_from
from selfie_tui.tui.views.lens.table import MOST, LensTable
from selfie_tui.tui.views.lens.words import over_layers, settled, top_pieces
from selfie_tui.tui.widgets.map.cells import MapCell
from tests.tui.driving import log_text, run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

SIZES = [(120, 40), (80, 24), (60, 20), (200, 60)]
LOOK = Look()


def asked(engine: FakeEngine) -> list[ReadLens]:
    """What the view has asked for so far."""
    return [task for task in engine.done if isinstance(task, ReadLens) and task.origin == ORIGIN]


def row(layer: int, position: int = 0, *, rank: int = 0, tracked: int | None = None, top: float = 0.5) -> LensRow:
    tokens = (LensToken(" Paris", top, 7), LensToken(" the", 0.1, 8))
    return LensRow(Cell(layer, position), tokens, 1.5, rank, 2.5, None if tracked is None else 0.25, tracked)


def plain(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in pieces)


# Asking ---------------------------------------------------------------------------------------------------------------


async def test_only_the_positions_in_sight_that_are_missing_are_asked_for_and_nothing_for_a_hidden_view():
    engine = FakeEngine()
    prompt = " ".join(f"w{number}" for number in range(200))
    async with running(engine, prompt=prompt) as (app, pilot):
        assert not asked(engine)
        await pilot.press("escape", "L")
        view = app.main.view
        shown = set(view.map.columns.shown)
        await until(pilot, lambda: all((7, at) in view.source.table.rows for at in shown))
        read = [position for task in asked(engine) for position in task.positions]
        assert len(read) == len(set(read)), "no position twice"
        assert set(read) | {199} == shown | {199}
        assert all(task.prompt == prompt and task.k == TOKENS and task.layers is None for task in asked(engine))
        assert max(len(task.positions) for task in asked(engine)) <= AT_ONCE
        before = len(asked(engine))
        await pilot.press("R", "left", "left", "home")
        await until(pilot, lambda: view.map.columns.first == 0)
        await pilot.pause()
        assert len(asked(engine)) == before, "the view is hidden"
        await pilot.press("backspace")
        await until(pilot, lambda: all((0, at) in view.source.table.rows for at in view.map.columns.shown))
        assert 100 not in {at for _, at in view.source.table.rows}


def test_what_is_near_the_cursor_comes_first_and_a_tracked_word_has_positions_read_again():
    table = LensTable()
    task = next_task(table, "p", "", range(100), 50, "", "")
    assert task == ReadLens("p", tuple(range(42, 58)), k=TOKENS, origin=ORIGIN)
    table.take(LensRead(prompt="p", positions=task.positions, rows=(row(0, 50),)))
    again = next_task(table, "p", "", range(100), 50, "", "")
    assert again is not None
    assert not set(again.positions) & set(task.positions)
    assert next_task(table, "p", "", task.positions, 50, "", "") is None
    tracked = next_task(table, "p", "", task.positions, 50, "Paris", "")
    assert tracked is not None
    assert (tracked.positions, tracked.track) == (task.positions, "Paris")
    token = TrackedToken(" Paris", 7)
    table.take(LensRead(prompt="p", positions=task.positions, rows=(), track="Paris", tracked=token))
    assert next_task(table, "p", "", task.positions, 50, "Paris", "") is None
    assert next_task(table, "p", "", task.positions, 50, "", "") is None, "what was tracked is there without it too"
    table.failed.add(99)
    assert next_task(table, "p", "", [99], 50, "", "") is None, "what failed is not asked for over and over"


def test_a_table_keeps_so_many_positions_and_those_in_sight():
    table = LensTable()
    for position in range(MOST + 40):
        rows = (row(-1, position), row(0, position))
        table.take(LensRead(prompt="p", positions=(position,), rows=rows, answers=(rows[1].top[0],)), keep=range(10))
    kept = {position for _, position in table.rows}
    assert len(kept) == MOST == len(table.answers)
    assert set(range(10)) <= kept
    assert MOST + 39 in kept
    assert [found.cell.layer for found in table.column(MOST + 39)] == [-1, 0]
    assert table.column(11) == []


async def test_a_lens_that_fails_is_marked_and_said_once_and_asked_again_for_another_prompt():
    class Failing(FakeEngine):
        def run(self, task, cancelled, post):
            if isinstance(task, ReadLens) and task.origin == ORIGIN and len(task.prompt) > 20:
                self.done.append(task)
                raise RequestError("This cannot be read.", "Write less.")
            yield from super().run(task, cancelled, post)

    engine = Failing()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "L")
        await until(pilot, lambda: "!" in text_of(app).splitlines()[4])
        assert toasts(app) == ["This cannot be read. Write less."]
        assert len(asked(engine)) == 1
        await pilot.press("left", "right", "j")
        await pilot.pause()
        assert len(asked(engine)) == 1
        await pilot.press("i", "ctrl+u", *"a b", "enter")
        await until(pilot, lambda: "b7" in text_of(app))


# Drawing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_map_has_the_top_token_of_every_layer_and_what_the_model_says(size):
    async with running(size=size) as (app, pilot):
        await pilot.press("escape", "L")
        await until(pilot, lambda: "·of7" in text_of(app))
        await until(pilot, lambda: not app.main.view.readings.waiting)
        shown = text_of(app)
        (says,) = [line for line in shown.splitlines() if line.startswith("│ says   ")]
        assert "·of7" in says
        assert "of-1" in shown
        assert "9 layers" in shown
        assert "entropy 1.0" in shown
        line = shown.splitlines()[-2]
        assert ("embed · 8 of  ·of-1" in line) == (size[1] < 30), "a low screen has one line on the cell"
        await pilot.press("G", "home")
        await until(pilot, lambda: "L7 · 0 The" in text_of(app))


@pytest.mark.parametrize("size", SIZES)
async def test_every_key_works_at_every_size(size):
    async with running(size=size) as (app, pilot):
        await pilot.press("escape", "L")
        view = app.main.view
        await until(pilot, lambda: view.source.table.rows and not view.readings.waiting)
        selection = app.main.state.selection
        await pilot.press("g", "home", "j", "l", "ctrl+d", "ctrl+u", "space")
        assert (selection.position, selection.marks()) == (1, 1)
        await pilot.press("|", "_", "a", "a", "c", "c", "minus", "plus", "y", "Y", "z", "z", "f", "n")
        assert "No match." not in toasts(app)
        assert app.copied.count("\n") == len(view.source.table.rows) - 1, "Y copies a line for each cell"
        await pilot.press("slash", *"of7", "enter", "n")
        assert (selection.layer, selection.position) == (7, 8)
        assert "/ of7: 1/1" in text_of(app)
        await pilot.press("escape", "question_mark")
        await until(pilot, lambda: "Help · Lens" in text_of(app))


async def test_c_goes_through_the_measures_and_their_names_are_gone_to():
    async with running() as (app, pilot):
        await pilot.press("escape", "L")
        await until(pilot, lambda: "·of7" in text_of(app))
        names = []
        for _ in range(5):
            names.append(text_of(app).splitlines()[2].split(" · ")[2].split(" ─")[0])
            await pilot.press("c")
        assert names == ["probability", "entropy", "rank of the answer", "distance", "probability"]
        await pilot.press(":", *"distance", "enter")
        assert "10 nats or more from the last layer (KL)" in text_of(app)
        bars = [line[72] for line in text_of(app).splitlines()[4:13]]
        assert bars == list("▇▆▅▅▄▃▂▁▁"), "the engine's KL is 8 at embed and 0 at the last layer"


def test_every_measure_is_a_share_and_what_is_not_a_number_stays_so():
    for measure in MEASURES:
        if measure is DIFFERENCE:
            continue  # measured of two rows, by the engine
        share = measure.share(row(0, rank=3, tracked=9), 4096)
        assert share is not None
        assert 0 <= share <= 1
        if measure.needs == "track":
            assert measure.share(row(0), 4096) is None
    nothing = LensRow(Cell(0, 0), (LensToken("", math.nan),), math.nan, 0, math.nan)
    named = {measure.name: measure.share(nothing, 4096) for measure in MEASURES}
    assert [name for name, value in named.items() if value is not None and math.isnan(value)] == [
        "probability", "entropy", "distance",
    ]  # fmt: skip
    ranks = next(measure for measure in MEASURES if measure.name == "rank of the answer").share
    assert ranks(row(0, rank=0), 4096) == 1
    assert ranks(row(0, rank=4095), 4096) == pytest.approx(0)


async def test_a_lens_that_is_not_a_number_is_drawn_as_such():
    class Broken(FakeEngine):
        def _lens(self, text, position, blocks):
            return tuple(
                LensRow(found.cell, (LensToken("", math.nan),), math.nan, 0, math.nan)
                for found in super()._lens(text, position, blocks)
            )

    async with running(Broken()) as (app, pilot):
        await pilot.press("escape", "L")
        await until(pilot, lambda: text_of(app).count("×") >= 81)
        assert "entropy ×" in text_of(app)


def test_the_words_of_a_cell_fit_and_tell_from_which_layer_a_token_is_first():
    ranks = [40, 12, 9, 4, 0, 3, 0, 0]
    column = [row(layer - 1, rank=rank, tracked=rank) for layer, rank in enumerate(ranks)]
    assert settled_from([(found.cell.layer, found.answer_rank) for found in column], 1) == 5
    told = plain(over_layers(column, " Paris", None, 4096, LOOK, 100))
    assert told.startswith("says ·Paris over layers  ")
    assert told.endswith("rank 1 from L5, ≤ 10 from L1")
    tracked = plain(over_layers(column, " Paris", TrackedToken(" Eif", 3, pieces=2), 4096, LOOK, 100))
    assert tracked.startswith("·Eif over layers  ▃▃▃▃▃▃▃▃  rank 1 from L5")
    assert "first of its 2 tokens" in tracked
    assert settled([(0, 50), (1, 20), (2, 30)]) == "best rank 21 at L1"
    assert settled([(0, 50), (1, 0), (2, 0)]) == "rank 1 from L1"
    assert settled([(0, 50), (1, 5), (2, 2)]) == "rank ≤ 10 from L1"
    for width in range(8, 120):
        assert sum(len(piece.text) for piece in over_layers(column, " Paris", None, 4096, LOOK, width)) <= width
        assert sum(len(piece.text) for piece in top_pieces(column[0], LOOK, width)) <= width
    assert plain(top_pieces(column[0], LOOK, 60)).split() == ["·Paris", ".50", "·the", ".10", "entropy", "1.5"]


# Tracking -------------------------------------------------------------------------------------------------------------


async def test_a_token_is_tracked_until_escape():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "L")
        view = app.main.view
        await until(pilot, lambda: len(view.source.table.rows) == 81)
        await pilot.press("G", "t")
        await pilot.press(*"Paris", "enter")
        await until(pilot, lambda: "track ·Paris" in text_of(app))
        assert "tracked" in text_of(app).splitlines()[2]
        await until(pilot, lambda: "·Paris over layers" in text_of(app))
        await until(pilot, lambda: not view.readings.waiting)
        assert {task.track for task in asked(engine)} == {"", "Paris"}
        bars = [line[72] for line in text_of(app).splitlines()[4:13]]
        assert bars[-1] == "▄", "half the probability of the top token, .89"
        await pilot.press("c")
        assert "rank of the tracked" in text_of(app)
        before = len(asked(engine))
        await pilot.press("escape")
        assert "track" not in text_of(app).splitlines()[2]
        assert "says ·of7 over layers" in text_of(app)
        await pilot.pause()
        assert len(asked(engine)) == before


async def test_a_word_that_the_model_refuses_is_tracked_no_more():
    class Refusing(FakeEngine):
        def run(self, task, cancelled, post):
            if isinstance(task, ReadLens) and task.track:
                raise RequestError("There is no such token.", "Track another.")
            yield from super().run(task, cancelled, post)

    async with running(Refusing()) as (app, pilot):
        await pilot.press("escape", "L")
        await until(pilot, lambda: "·of7" in text_of(app))
        await pilot.press("t", "x", "enter")
        await until(pilot, lambda: toasts(app) == ["There is no such token. Track another."])
        await until(pilot, lambda: app.main.view.readings.track == "")
        assert "!" not in "".join(text_of(app).splitlines()[3:14]), "the lens without it stands"
        assert "probability" in text_of(app).splitlines()[2]


# Tuned lens, exporting ------------------------------------------------------------------------------------------------


async def test_a_tuned_lens_is_asked_for_or_taken_from_the_settings_and_turned_off_by_the_same_key():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "L", "3")
        assert app.main.ask_line.question == "folder of a tuned lens"
        await pilot.press(*"/my/lens", "enter")
        await until(pilot, lambda: "tuned lens" in text_of(app).splitlines()[2])
        await until(pilot, lambda: not app.main.view.readings.waiting)
        assert {task.tuned for task in asked(engine)} == {"", "/my/lens"}
        await pilot.press("3")
        assert "tuned lens" not in text_of(app)
    engine = FakeEngine()
    async with running(engine, config=Config(tuned_lenses={"demo": "/its/lens"})) as (app, pilot):
        await pilot.press("escape", "L", "3")
        await until(pilot, lambda: any(task.tuned == "/its/lens" for task in asked(engine)))
        await pilot.press("R")
        assert app.main.layer_list.lens[7].top[0].text == " of7", "the list of layers reads with the model's own head"


async def test_a_folder_that_is_no_tuned_lens_is_said_and_the_models_own_head_reads_on():
    class Refusing(FakeEngine):
        def run(self, task, cancelled, post):
            if isinstance(task, ReadLens) and task.tuned:
                raise RequestError("No tuned lens is in there.", "Choose another folder.")
            yield from super().run(task, cancelled, post)

    async with running(Refusing()) as (app, pilot):
        await pilot.press("escape", "L", "3", *"/x", "enter")
        await until(pilot, lambda: toasts(app) == ["No tuned lens is in there. Choose another folder."])
        await until(pilot, lambda: "·of7" in text_of(app) and "tuned" not in text_of(app).splitlines()[2])


async def test_the_lens_that_was_read_is_exported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with running() as (app, pilot):
        await pilot.press("escape", "L")
        await until(pilot, lambda: len(app.main.view.source.table.rows) == 81)
        await pilot.press("x")
        assert app.main.ask_line.question == "export the lens of 9 tokens to"
        await pilot.press("ctrl+u", *"lens.jsonl", "enter")
        await until(pilot, lambda: "Exported 81 cells" in app.main.hints.confirmed)
        lines = [json.loads(line) for line in (tmp_path / "lens.jsonl").read_text().splitlines()]
        assert [(line["layer"], line["position"]) for line in lines[:2]] == [(-1, 0), (0, 0)]
        assert lines[-1]["top"] == [" of7"]
        await pilot.press("x", "ctrl+u", *"lens.jsonl", "enter")
        await until(pilot, lambda: "There is such a file" in text_of(app))


# Interpreting ---------------------------------------------------------------------------------------------------------


async def test_enter_interprets_the_cell_and_what_it_says_stands_below_it_and_in_the_log():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "L", "G")
        await until(pilot, lambda: "·of7" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "read: Paris , the capital of France" in text_of(app))
        await run_to_end(app, pilot)
        (task,) = [task for task in engine.done if isinstance(task, Interpret)]
        assert task.request.cells == (Cell(7, 8),)
        await pilot.press("k")
        assert "read:" not in text_of(app)
        await pilot.press("space", "k", "h", "space", "enter")
        await run_to_end(app, pilot)
        (_, task) = [task for task in engine.done if isinstance(task, Interpret)]
        assert task.request.cells == (Cell(5, 7), Cell(6, 8)), "the marked cells, which are no product"
        await pilot.press("R")
        assert sum("L7 · 8 of" in line for line in log_text(app)) == 1


# The pair, the prompt over the view -----------------------------------------------------------------------------------


async def test_with_a_pair_the_map_shows_both_top_tokens_where_they_differ():
    engine = FakeEngine()
    async with running(engine, prompt="The capital of France is") as (app, pilot):
        await pilot.press("escape", "L")
        assert text_of(app).splitlines()[1].endswith("pair: –")
        await pilot.press("p")
        assert text_of(app).splitlines()[1].endswith("pair: at A")
        await pilot.press("i")
        assert "2 Prompt" in text_of(app)
        assert "4 Lens" not in text_of(app), "the text stands over the map"
        await pilot.press("ctrl+u", *"The capital of Italy is not", "enter")
        await until(pilot, lambda: "3 ·Italy" in text_of(app) and "2 Prompt" not in text_of(app))
        assert app.main.focused is app.main.view.map
        assert text_of(app).splitlines()[1].endswith("pair: A")
        await pilot.press(":", *"difference", "enter")
        await until(pilot, lambda: "·Italy0|·France0" in text_of(app))
        view = app.main.view
        cell = view.source.cell
        assert cell(3, 0).state == "same"
        assert cell(3, 3).text == "·Italy3|·France3"
        assert cell(3, 5).state == "absent", "A has no such token"
        await until(pilot, lambda: cell(3, 3).heat is not None)
        assert [cell(layer, 3).heat for layer in (-1, 3, 7)] == [0.0, 0.5, 1.0], "bits"
        assert "5 of 6 tokens aligned" in text_of(app).splitlines()[2]
        assert all(5 not in task.positions for task in asked(engine) if task.prompt == "The capital of France is")
        assert "A: The capital of France" in text_of(app)
        app.main.state.selection.move(position=3, layer=2)
        await pilot.press("j")
        assert "A  ·France3" in text_of(app)
        assert ".50 bit apart" in text_of(app)
        await pilot.press("end")
        assert "A has no token for this one" in text_of(app)
        await pilot.press("p")
        assert text_of(app).splitlines()[1].endswith("pair: at A")
        assert "difference" not in text_of(app).splitlines()[2], "this prompt is A itself now"
        await pilot.press("p")
        assert text_of(app).splitlines()[1].endswith("pair: –")


async def test_a_key_turns_the_difference_on_and_off_and_says_what_is_missing():
    engine = FakeEngine()
    async with running(engine, prompt="The capital of France is") as (app, pilot):
        await pilot.press("escape", "L", "D")
        assert toasts(app)[-1] == "There is no pair yet: p keeps this prompt as A, then i edits it."
        await pilot.press("p", "D")
        assert toasts(app)[-1] == "This prompt is A itself: i edits it."
        await pilot.press("i", "ctrl+u", *"In short the capital of Italy is", "enter")
        await until(pilot, lambda: "6 ·is" in text_of(app) and "2 Prompt" not in text_of(app))
        await pilot.press("c", "D")
        view = app.main.view
        await until(pilot, lambda: view.source.cell(7, 6).state == "same")
        assert "5 ·Italy" in text_of(app)
        assert view.source.cell(7, 5).text == "·Italy7|·France7"
        assert view.source.cell(7, 2).text == "", "tokens that are the same say the same"
        assert view.source.cell(7, 0).state == "absent"
        (task,) = [task for task in engine.done if isinstance(task, CompareLenses)]
        assert dict(zip(task.positions, task.other_positions, strict=True)) == {3: 1, 4: 2, 5: 3, 6: 4}
        await pilot.press("left")
        assert "A, token 3  ·France" in text_of(app)
        await pilot.press("D")
        assert "entropy" in text_of(app).splitlines()[2], "as before"
        await pilot.press("D", "home", "end")
        await pilot.pause()
        assert len([task for task in engine.done if isinstance(task, CompareLenses)]) == 1


async def test_what_cannot_be_compared_is_said_once_and_both_words_stand():
    class Refusing(FakeEngine):
        def run(self, task, cancelled, post):
            if isinstance(task, CompareLenses):
                self.done.append(task)
                raise RequestError("These cannot be compared.", "Take others.")
            yield from super().run(task, cancelled, post)

    engine = Refusing()
    async with running(engine, prompt="The capital of France is") as (app, pilot):
        await pilot.press("escape", "L", "p", "i", "ctrl+u", *"The capital of Italy is", "enter")
        await until(pilot, lambda: "3 ·Italy" in text_of(app) and "2 Prompt" not in text_of(app))
        await pilot.press("D")
        await until(pilot, lambda: "These cannot be compared. Take others." in toasts(app))
        await pilot.press("home", "end", "home")
        await pilot.pause()
        assert len([task for task in engine.done if isinstance(task, CompareLenses)]) == 1
        assert app.main.view.source.cell(3, 3) == MapCell("read", None, "·Italy3|·France3")


async def test_another_model_is_asked_for_its_tokens_of_the_pairs_source():
    engine = FakeEngine()
    async with running(engine) as (app, pilot):
        await pilot.press("escape", "p")
        app.main.load("other")
        tokens = Tokenize(FIRST_PROMPT, origin="pair")
        await until(pilot, lambda: tokens in engine.done and app.main.state.pair.tokens)
        assert len(app.main.state.pair.tokens) == 9


@pytest.mark.parametrize("size", SIZES)
async def test_the_prompt_is_edited_over_the_view_and_goes_away_again(size):
    async with running(size=size) as (app, pilot):
        await pilot.press("escape", "L")
        for leave in ("escape", "enter", "f4"):
            await pilot.press("i")
            assert app.main.prompt_text.has_focus
            assert "The Eiffel Tower is" in text_of(app)
            await pilot.press("x", leave)
            await until(pilot, lambda: app.main.focused is app.main.view.map or app.main.prompt_text.has_focus)
            if leave == "f4":  # the view that is shown already
                await pilot.press("escape")
            assert app.main.focused is app.main.view.map
            await until(pilot, lambda: "2 Prompt" not in text_of(app))
        assert app.main.state.prompt.endswith("xxx")
        await pilot.press("i", "R")
        await pilot.press("f2")
        await until(pilot, lambda: app.main.view.NAME == "interpret")
        assert "2 Prompt" in text_of(app)


async def test_in_blocks_enter_goes_into_the_block_and_one_token_of_each_is_read():
    engine = FakeEngine(blocks=30)
    prompt = " ".join(f"w{number}" for number in range(300))
    async with running(engine, size=(80, 24), prompt=prompt) as (app, pilot):
        await pilot.press("escape", "L", "minus", "minus")
        view = app.main.view
        await until(pilot, lambda: not view.readings.waiting)
        read = {position for _, position in view.source.table.rows}
        before = (80 - 9) // 2 + (80 - 9) // 9
        assert len(read) <= len(view.map.columns.in_sight) + before, "one of each block, and what was in sight before"
        assert view.map.is_pooled
        await pilot.press("enter")
        await until(pilot, lambda: not view.map.is_pooled)
        assert not [task for task in engine.done if isinstance(task, Interpret)]

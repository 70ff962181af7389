"""What the grid reads next, how it lets a run through, and which readings stand in one map."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfie_tui.measures import MEASURES
from selfie_tui.presets import PRESETS
from selfie_tui.records import EMBED, Cell, Control, GeneratedToken, Interpretation, LensToken, Request, Token
from selfie_tui.tui.render.styles import Look, cells
from selfie_tui.tui.runs import Run, State
from selfie_tui.tui.views.grid.cell_words import Here, one, several
from selfie_tui.tui.views.grid.live import MOST_BYTES, Pending, Place
from selfie_tui.tui.views.grid.plan import MANY, every, first_step, next_cells, product
from selfie_tui.tui.views.grid.readings import Asked, Readings
from selfie_tui.tui.views.grid.said import how_many_say, warmest_word
from selfie_tui.tui.views.grid.source import (
    DIFFERENCE,
    GridSource,
    compared_cell,
    heat_of,
    map_cell,
    next_measure,
    scale_of,
)
from selfie_tui.tui.views.grid.titles import border, settings_words, title
from selfie_tui.tui.widgets.map.cells import UNASKED, MapCell

EFFECT, STRONGEST, FIRST, ENTROPY, SHARED, BARE, AGREEMENT = MEASURES
CONTROL = Control("none", "the message is empty")


def interpretation(cell: Cell, text: str = "Paris, France", effect: float = 0.9, **fields) -> Interpretation:
    tokens = tuple(GeneratedToken(f" {word}", 0, 0.5, effect / 2**at) for at, word in enumerate(text.split(" ")))
    return Interpretation(
        **{
            "cell": cell,
            "token": Token(cell.position, 7, f" t{cell.position}"),
            "text": text,
            "tokens": tokens,
            "norm": 1.0,
            "treatment_effect": effect,
            **fields,
        }
    )


def run_of(number: int, cells: tuple[Cell, ...], state: State = "finished", done: int | None = None, **fields) -> Run:
    """A run whose first `done` cells are read, all of them by default."""
    request = Request(prompt="p", cells=cells, preset=PRESETS[0], **{"baselines": False, **fields})
    run = Run(number, "demo", request, {}, state, control=CONTROL)
    for index, cell in enumerate(cells[: len(cells) if done is None else done]):
        run.finish(index, interpretation(cell, f"run {number}"))
    return run


def readings_of(*runs: Run) -> Readings:
    readings = Readings(Asked.of(runs[0]))
    for run in runs:
        readings.add(run)
    return readings


# What is read next ----------------------------------------------------------------------------------------------------


@given(st.integers(1, 90), st.integers(1, 12))
def test_every_so_many_th_keeps_both_ends(count, step):
    chosen = every(range(count), step)
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    assert all(after - before <= step for before, after in pairwise(chosen))


@given(st.integers(1, 40), st.integers(1, 60), st.integers(20, 300))
def test_enter_by_enter_all_of_a_map_is_read_once_a_sample_of_it_first(layers, positions, most):
    numbers, places = range(EMBED, layers - 1), range(positions)
    asked: set[Cell] = set()
    turns = []
    while cells := next_cells(numbers, places, asked, (numbers, places), most):
        assert not asked & set(cells)
        assert len(set(cells)) == len(cells)
        asked |= set(cells)
        turns.append(cells)
    assert asked == set(product(numbers, places))
    assert len(turns[0]) <= max(most, 4), "both ends of both axes are kept whatever they may be"
    assert {Cell(EMBED, 0), Cell(layers - 2, positions - 1)} <= set(turns[0])
    assert len(turns) <= 1 + math.ceil(math.log2(first_step(numbers, places, most) + 1))


def test_after_the_sample_only_what_is_in_sight_becomes_finer():
    layers, positions = range(EMBED, 80), range(2000)
    window = (range(10, 40), range(100, 160))
    first = next_cells(layers, positions, (), window)
    assert len(first) <= MANY
    assert {cell.position for cell in first} > {0, 1999}
    second = next_cells(layers, positions, set(first), window)
    assert second
    assert all(cell.layer in window[0] and cell.position in window[1] for cell in second)


def test_of_a_map_that_is_not_large_all_that_is_missing_is_read_wherever_it_is():
    asked = set(product((0, 1), (0,)))
    assert next_cells((EMBED, 0, 1), (0, 1), asked, ((0,), (0,))) == (
        Cell(EMBED, 0), Cell(EMBED, 1), Cell(0, 1), Cell(1, 1),
    )  # fmt: skip


# Which readings stand in one map --------------------------------------------------------------------------------------

CELLS = (Cell(0, 1), Cell(1, 1), Cell(2, 1))


def test_the_newest_finished_reading_of_a_cell_stands_for_it():
    old, new = run_of(1, CELLS), run_of(2, CELLS[1:], "running", done=1)
    readings = readings_of(old, new)
    assert [readings.at(cell).run.number for cell in CELLS] == [1, 2, 1]
    new.finish(1, interpretation(CELLS[2], "run 2"))
    assert readings.update(new, 1) == CELLS[2]
    assert readings.at(CELLS[2]).run is new


def test_runs_of_other_settings_or_another_model_ask_something_else():
    run = run_of(1, CELLS)
    assert Asked.of(run) == Asked.of(run_of(2, CELLS[:1]))
    for fields in ({"injection_layer": 2}, {"mode": "blend"}, {"seed": 1}, {"samples": 3}, {"strength": 2.0}):
        assert Asked.of(run_of(2, CELLS, **fields)) != Asked.of(run)
    other = run_of(3, CELLS)
    other.model = "gpt2"
    assert Asked.of(other) != Asked.of(run)


def test_what_a_stopped_run_has_left_is_known_until_it_is_gone_on_with_or_read_otherwise():
    stopped = run_of(1, CELLS, "cancelled", done=1)
    readings = readings_of(stopped)
    assert readings.stopped() is stopped
    assert readings.left_of(stopped) == CELLS[1:]
    assert readings.asked_for() == {CELLS[0]}
    readings.add(run_of(2, CELLS[1:2]))
    assert readings.left_of(stopped) == CELLS[2:]
    stopped.gone_on = True
    assert readings.stopped() is None
    assert [run.number for run in readings.kept_runs()] == [2]


def test_a_reading_that_a_cancel_cut_short_before_it_was_measured_is_left_too():
    stopped = run_of(1, CELLS, "cancelled")
    bare = tuple(msgspec.structs.replace(token, effect=None) for token in stopped.interpretations[1].tokens)
    stopped.interpretations[1] = msgspec.structs.replace(stopped.interpretations[1], tokens=bare)
    assert readings_of(stopped).left_of(stopped) == CELLS[1:2]


@pytest.mark.parametrize("state", ["running", "waiting", "finished"])
def test_a_run_that_goes_on_or_is_whole_has_nothing_left(state):
    assert readings_of(run_of(1, CELLS, state, done=1)).stopped() is None


# What the map shows of them -------------------------------------------------------------------------------------------


def test_a_cell_is_unasked_waiting_growing_read_or_stopped_as_its_run_is():
    run = run_of(1, CELLS, "running", done=0)
    readings = readings_of(run)
    run.growing[1] = "Par"
    assert [map_cell(readings.at(cell), EFFECT) for cell in (*CELLS[:2], Cell(5, 5))] == [
        MapCell("waiting"), MapCell("growing", text="Par"), UNASKED,
    ]  # fmt: skip
    run.finish(0, interpretation(CELLS[0], effect=0.25))
    assert map_cell(readings.at(CELLS[0]), EFFECT) == MapCell("read", 0.25, "Paris, France")
    run.state = "cancelled"
    assert map_cell(readings.at(CELLS[1]), EFFECT) == UNASKED, "what grew will not grow any more"


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"equals_control": True}, MapCell("same", text="Paris, France")),
        ({"problem": "not finite"}, MapCell("failed", text="not finite")),
        ({"text": "  "}, MapCell("read", None, "∅")),
        ({"treatment_effect": None}, MapCell("read", None, "Paris, France")),
    ],
)
def test_what_says_nothing_has_no_heat(fields, shown):
    run = run_of(1, CELLS[:1], done=0)
    run.finish(0, msgspec.structs.replace(interpretation(CELLS[0]), **fields))
    assert map_cell(readings_of(run).at(CELLS[0]), EFFECT) == shown


def test_of_two_heats_the_larger_is_that_of_the_text_that_is_worth_more():
    assert heat_of(EFFECT, 0.25) == 0.25
    assert heat_of(SHARED, 0.25) == 0.75
    assert [heat_of(ENTROPY, value) for value in (0.0, 2.5, 9.0)] == [1.0, 0.5, 0.0]
    assert heat_of(EFFECT, None) is None
    assert math.isnan(heat_of(EFFECT, math.nan))
    assert [scale_of(each) for each in (EFFECT, SHARED, ENTROPY)] == ["▁ 0 … █ 1", "▁ 1 … █ 0", "▁ 5+ … █ 0"]


def test_a_measure_that_nothing_was_measured_by_is_passed_over():
    run = run_of(1, CELLS)
    readings = readings_of(run)
    names = []
    measure = EFFECT
    while measure.name not in names:
        names.append(measure.name)
        measure = next_measure(readings, measure)
    assert names == ["effect", "strongest", "first", "control"], "no entropy, no baselines, no samples"
    run.finish(0, interpretation(CELLS[0], entropy=1.0, bare="Paris", samples=("Paris, France", "a dog")))
    names = [EFFECT.name]
    while (measure := next_measure(readings, measure, pair=True)).name not in names:
        names.append(measure.name)
    assert names == [*(each.name for each in MEASURES), DIFFERENCE.name]


def test_two_readings_are_compared_once_both_are_there():
    here, there = run_of(1, CELLS, done=0), run_of(2, CELLS, "running", done=0)
    one, other = readings_of(here).at(CELLS[0]), readings_of(there).at(CELLS[0])
    assert compared_cell(None, other) == compared_cell(one, None) == UNASKED
    here.finish(0, interpretation(CELLS[0], "Paris, France"))
    assert compared_cell(one, other) == MapCell("waiting")
    there.finish(0, interpretation(CELLS[0], " Paris, France"))
    assert compared_cell(one, other) == MapCell("same", text="Paris, France")
    there.finish(0, interpretation(CELLS[0], "Rome, France"))
    assert compared_cell(one, other) == MapCell("read", pytest.approx(2 / 3), "Paris, France|Rome, France")


def test_a_cell_stays_as_it_was_until_it_is_let_through():
    run = run_of(1, CELLS, "running", done=0)
    source = GridSource()
    source.show(readings_of(run))
    assert source.cell(0, 1) == MapCell("waiting")
    run.finish(0, interpretation(CELLS[0]))
    assert source.cell(0, 1) == MapCell("waiting")
    assert source.renew((0, 1)) == (MapCell("waiting"), source.cell(0, 1))
    assert source.cell(0, 1).text == "Paris, France"
    assert set(source.known()) == {(0, 1)}


# A run is let through bit by bit --------------------------------------------------------------------------------------


def let_through(pending: Pending, cells: dict[Place, tuple[MapCell, MapCell]], width: int = 9) -> list[Place]:
    return pending.take(lambda place: True, lambda place: cells[place], width)


def test_no_more_is_drawn_at_once_than_a_slow_line_takes_and_nothing_is_forgotten():
    cells = {Place(0, at): (MapCell("waiting"), MapCell("read", 0.5, f"word {at}")) for at in range(400)}
    pending = Pending()
    for place in cells:
        pending.add(place, finished=True)
    turns = []
    while len(pending):
        turns.append(let_through(pending, cells))
        assert len(turns[-1]) * 9 <= MOST_BYTES
    assert [place for turn in turns for place in turn] == list(cells), "those that changed first come first"
    assert len(turns) > 2


def test_finished_cells_come_before_growing_ones_and_what_does_not_show_costs_nothing():
    long = "a very long text that goes on"
    cells = {Place(0, at): (MapCell("growing", text=long), MapCell("growing", text=f"{long} on")) for at in range(900)}
    cells[Place(1, 0)] = (MapCell("growing", text="Par"), MapCell("read", 1.0, "Paris"))
    pending = Pending()
    for place in cells:
        pending.add(place, finished=place.row == 1)
    assert let_through(pending, cells)[0] == Place(1, 0)
    assert not len(pending), "the ends of texts are outside their cells"


# Words and numbers ----------------------------------------------------------------------------------------------------


def test_the_word_that_is_counted_is_the_one_that_owes_most_to_the_state():
    found = interpretation(CELLS[0], "in Paris of France", tokens=(
        GeneratedToken(" in", 0, 0.5, 0.9), GeneratedToken(" Par", 0, 0.5, 0.3), GeneratedToken("is", 0, 0.5, -0.7),
        GeneratedToken(" of", 0, 0.5, 0.8), GeneratedToken(" France", 0, 0.5, 0.6),
    ))  # fmt: skip
    assert warmest_word(found) == "Paris", "binding words are left out, and a token's sign"
    assert warmest_word(msgspec.structs.replace(found, relevancy_floor=0.75)) == "", "less than noise is nothing"
    readings = readings_of(run_of(1, CELLS))
    assert how_many_say(readings, "RUN 1") == (3, 3)
    assert how_many_say(readings, "run 2") == (0, 3)


FULL = interpretation(
    CELLS[0], "Paris, the capital", entropy=0.64, lens=LensToken(" Paris", 0.41), bare="a tower in Paris",
    samples=("Paris, the capital", "the capital of Spain", "a dog"),
)  # fmt: skip


def shown(height: int, width: int = 100, found: Interpretation = FULL, *, read: bool = True) -> list[str]:
    """The lines of a cell that has an interpretation, or, beside it, of one that is not `read` yet."""
    run = run_of(1, CELLS[:1], done=0)
    run.finish(0, found)
    readings = readings_of(run)
    token = Token(1, 7, " of")
    here = Here(CELLS[0], token, readings.at(CELLS[0])) if read else Here(CELLS[1], token, like=readings.like)
    lines = several(here, Look(), width, height) if height > 1 else [one(here, Look(), width)]
    assert all(cells(line) <= width for line in lines), lines
    return ["".join(piece.text for piece in line).rstrip() for line in lines]


def test_beside_the_words_stand_the_control_the_lens_and_what_the_bare_embedding_reads_as():
    words, control, baselines = shown(3)
    assert words.startswith(" Paris,█ the▄ capital")
    assert words.endswith("effect .90  first token .50  entropy  0.6  samples agree .33 +")
    assert control.startswith(" control  the message is empty")
    assert control.endswith("shared .00")
    assert baselines.startswith(" lens     ·Paris .41")
    assert "embed alone a tower in Paris" in baselines
    assert baselines.endswith("shared .50")


@pytest.mark.parametrize("height", [3, 12])
def test_the_names_of_the_numbers_stand_where_they_are_for_a_cell_that_is_not_read_yet(height):
    read = shown(height, width=120)
    unread = shown(height, width=120, read=False)
    assert unread[0].startswith(" not read yet")
    assert unread[1].startswith(" control  the message is empty")
    for one_, other in zip(read, unread, strict=False):
        for name in ("control", "lens", "embed alone", "shared", "state", "norm of the state", "effect", "entropy"):
            assert one_.find(f"{name} ") in (other.find(name), -1), (name, one_, other)
    assert not re.search(r"\d", "".join(unread)), "no number of another cell stands there"
    assert "Paris" not in "".join(unread)
    assert "tower" not in "".join(unread)


def test_where_there_are_more_lines_all_texts_are_whole_and_the_samples_are_there():
    lines = shown(12, width=64)
    assert [line.split()[0] for line in lines if line.strip()][-4:] == ["sample", "sample", "sample", "state"]
    assert "the capital of Spain" in "\n".join(lines)


def test_where_there_is_one_line_it_is_the_cell_its_words_and_what_they_are_worth():
    (line,) = shown(1, width=60)
    assert line.startswith(" L0 · 1 of")
    assert "Paris,█ the▄ capital" in line
    assert line.endswith(".90 +")
    assert (
        "".join(piece.text for piece in one(Here(CELLS[0], Token(1, 7, " of")), Look(), 60)) == " L0 · 1 of  not read"
    )


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.integers(5, 130), st.integers(1, 9))
def test_whatever_a_model_writes_no_line_is_wider_than_the_pane(written, width, height):
    text = written or "a"
    found = msgspec.structs.replace(
        FULL, text=text, tokens=(GeneratedToken(text, 1, 0.5, 0.5),), bare=text, samples=(text, text)
    )
    shown(height, width, found)


# Titles ---------------------------------------------------------------------------------------------------------------


def test_the_title_says_which_readings_these_are():
    first = readings_of(run_of(1, CELLS, baselines=True))
    second = readings_of(run_of(2, CELLS, mode="blend", strength=0.5, seed=3))
    assert title(first, [first], EFFECT, Look()) == " · summarize at embed, replace · effect"
    assert title(second, [first, second], EFFECT, Look(), "row L2") == (
        f" · map 2 of 2 · {settings_words(second, Look())} · row L2"
    )
    assert settings_words(second, Look()).startswith("summarize at embed, blend ×0.5, ")
    assert "seed 3" in settings_words(second, Look())
    assert title(None, [], EFFECT, Look()) == " · effect"


def test_a_border_keeps_what_is_in_sight_longest_and_gives_up_the_bars_first():
    parts = ("▁ 0 … █ 1", "/ paris 3/17", "98 left: enter goes on", "▁▂▃▄▅▆▇█", "10 tokens · 9 layers")
    assert border(*parts, 120) == " · ".join(parts)
    assert border(*parts, 80) == " · ".join((*parts[:3], parts[4]))
    assert border(*parts, 72) == " · ".join((*parts[1:3], parts[4]))
    assert border(*parts, 30) == parts[4]

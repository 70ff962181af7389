"""Rows, lines and matches of the log, without a screen; held against lists that are made anew, and at its largest."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfie_tui.presets import PRESETS
from selfie_tui.records import Cell, Control, Interpretation, Request, Token
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.runs import CONTROL, Run
from selfie_tui.tui.views.interpret.blocks import HEADER, Block, Item
from selfie_tui.tui.views.interpret.outline import Outline

PLAIN = Look()
TALL = 3
"""Lines of whatever is unfolded here."""


def run_of(number: int, cells: int, *, done: int | None = None) -> Run:
    request = Request("a prompt", tuple(Cell(index % 7, index // 7) for index in range(cells)), PRESETS[0])
    run = Run(number, "demo", request, {})
    for index in range(cells if done is None else done):
        take(run, index)
    return run


def take(run: Run, index: int) -> None:
    effect = None if index % 11 == 5 else (index * 37 % 101) / 100
    text = f"reading {index} {'Paris' if index % 5 == 0 else 'Rome'}"
    run.interpretations[index] = Interpretation(
        run.request.cells[index], Token(0, 1, "a"), text, (), 1.0, treatment_effect=effect
    )


def outline_of(*runs: Run) -> Outline:
    outline = Outline(lambda item: TALL)
    for run in runs:
        outline.add(Block(run))
    return outline


def expected(outline: Outline) -> list[tuple[int, int]]:
    """Block and index of every row, made from the blocks' runs alone."""
    rows: list[tuple[int, int]] = []
    for number, block in enumerate(outline.blocks):
        run = block.run
        assert run is not None
        begun = sorted([*run.interpretations, *([CONTROL] if run.control else [])])
        if outline.order != "asked":
            begun.sort(key=lambda index: sort_key(run, index, outline.order))
        matching = [index for index in begun if outline.query and outline.query in run.text(index).lower()]
        if outline.only_matches and not matching and run.state not in ("waiting", "running"):
            continue
        rows += [(number, HEADER)]
        rows += [(number, index) for index in (matching if outline.only_matches else begun) if not block.folded]
    return rows


def sort_key(run: Run, index: int, order: str) -> tuple[float, ...]:
    if index == CONTROL:
        return (-1,)
    cell, effect = run.cell(index), run.interpretations[index].treatment_effect
    if order == "layer":
        return (0, cell.layer, cell.position, index)
    return (1, index) if effect is None else (0, -effect, index)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(0, 2), st.integers(0, 19)),
        st.tuples(st.just("control"), st.integers(0, 2)),
        st.tuples(st.just("sort"), st.sampled_from(["asked", "layer", "effect"])),
        st.tuples(st.just("search"), st.sampled_from(["", "p", "paris", "reading 1", "zebra"])),
        st.tuples(st.just("filter"), st.booleans()),
        st.tuples(st.just("fold"), st.integers(0, 60), st.booleans()),
        st.tuples(st.just("fold runs"), st.booleans()),
        st.tuples(st.just("unfold all"), st.booleans()),
        st.tuples(st.just("end"), st.integers(0, 2)),
    ),
    max_size=25,
)


def carry_out(outline: Outline, step: tuple) -> None:
    match step:
        case ("take", number, index):
            update(outline, number, index)
        case ("control" | "end", number):
            end_or_control(outline, number, step[0])
        case ("sort", order):
            outline.sort(order)
        case ("search", query):
            outline.search(query, PLAIN)
        case ("filter", only):
            outline.filter(only and bool(outline.query))
        case ("fold", row, folded):
            if row < outline.rows:
                outline.fold(outline.item(row), folded)
        case ("fold runs", folded):
            outline.fold_runs(folded)
        case ("unfold all", unfolded):
            outline.unfold_all(unfolded)


def end_or_control(outline: Outline, number: int, what: str) -> None:
    block = outline.blocks[number]
    if what == "control":
        block.run.control = Control("none", "the paris control")
        update(outline, number, CONTROL)
    else:
        block.run.state = "finished"
        block.changed()
        outline.changed()


def update(outline: Outline, number: int, index: int) -> None:
    block = outline.blocks[number]
    if index != CONTROL:
        take(block.run, index)
    block.match(index, outline.query, PLAIN)
    block.update(index)
    outline.changed()


@settings(deadline=None)
@given(STEPS)
def test_rows_lines_and_matches_are_those_of_a_plain_list_whatever_was_done(steps):
    outline = outline_of(*(run_of(number, 20, done=0) for number in range(3)))
    for step in steps:
        carry_out(outline, step)
        rows = expected(outline)
        items = [Item(outline.blocks[number], index) for number, index in rows]
        assert [outline.item(row) for row in range(outline.rows)] == items == [*outline.items()]
        assert [outline.row_of(item) for item in items] == [*range(len(items))]
        lines = [row for row, item in enumerate(items) for _ in range(TALL if is_tall(item) else 1)]
        assert [outline.row_at(line)[0] for line in range(outline.lines)] == lines
        for row in range(outline.rows):
            first, last = outline.lines_of(row)
            assert lines[first : last + 1] == [row] * (last - first + 1)
        assert_matches(outline, items)


def is_tall(item: Item) -> bool:
    return item.block.is_unfolded(item.index)


def assert_matches(outline: Outline, items: list[Item]) -> None:
    matches = [row for row, item in enumerate(items) if item.index in item.block.matching]
    assert outline.matches == len(matches)
    for row in range(outline.rows):
        assert outline.matches_before(row) == sum(match < row for match in matches)
        after = [match for match in matches if match >= row] or matches
        before = [match for match in matches if match <= row] or matches
        assert outline.match_from(row, 1) == (after[0] if after else None)
        assert outline.match_from(row, -1) == (before[-1] if before else None)


@pytest.mark.parametrize("order", ["asked", "layer", "effect"])
def test_a_hundred_thousand_readings_are_looked_up_without_walking_them(order):
    """Counted in calls of `Run.text` and `Block.key` rather than in seconds, which a busy machine would decide."""
    outline = outline_of(*(run_of(number, 1000) for number in range(100)))
    outline.sort(order)
    assert outline.rows == outline.lines == 100 * 1001
    calls = 0
    key = Block.key

    def counted(self: Block, index: int) -> tuple[float, ...]:
        nonlocal calls
        calls += 1
        return key(self, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Block, "key", counted)
        for row in (0, 50_000, outline.rows - 1):
            item = outline.item(row)
            assert outline.row_of(item) == row
            assert outline.row_at(row) == (row, 0)
    assert calls < 100


def test_a_search_reads_each_text_once_and_a_longer_one_only_what_matched(monkeypatch):
    outline = outline_of(*(run_of(number, 1000) for number in range(10)))
    read = 0
    text = Run.text

    def counted(self: Run, index: int) -> str:
        nonlocal read
        read += 1
        return text(self, index)

    monkeypatch.setattr(Run, "text", counted)
    outline.search("p", PLAIN)
    assert (read, outline.found) == (10_000, 2000)
    for query in ("pa", "par", "pari", "paris"):
        outline.search(query, PLAIN)
    outline.search("rome", PLAIN)
    assert (read, outline.found) == (10_000, 8000)


def test_a_hundred_thousand_readings_are_taken_searched_and_sorted_in_a_time_that_is_not_felt():
    """Bounds are ten times what is needed, for a machine that does other things."""
    runs = [run_of(number, 1000) for number in range(100)]
    start = time.process_time()
    outline = outline_of(*runs)
    assert outline.rows == 100 * 1001
    opened = time.process_time() - start
    outline.search("p", PLAIN)
    start = time.process_time()
    outline.search("paris", PLAIN)
    assert outline.match_from(0, 1) == 1
    searched = time.process_time() - start
    assert opened < 2.0
    assert searched < 1.0

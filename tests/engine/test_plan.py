"""The plan of a run: batches in order, halved without memory, and rows that no other cell of a batch decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from msgspec.structs import replace

from selfie_tui.engine.devices import OutOfMemory
from selfie_tui.engine.generation.batches import Halved, Pause, Work, in_batches, taking_turns
from selfie_tui.engine.generation.plan import Batch, Plan, plan_run
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.target import build_target
from selfie_tui.errors import Cancelled, SelfieError
from selfie_tui.records import EMBED, Cell, Preset, Request
from tests.engine.zoo import build

CPU = torch.device("cpu")
REQUEST = Request(
    "the Eiffel Tower is",
    tuple(Cell(EMBED, position) for position in range(5)),
    Preset("test", "the man in _ _ is"),
    max_new_tokens=6,
    random_control=True,
    temperature=1.5,
    seed=3,
)


@pytest.fixture(scope="module")
def model() -> Model:
    return build("llama", layers=2)


def plan_of(model: Model, request: Request = REQUEST) -> Plan:
    vectors = model.read(list(range(10, 10 + len(request.cells))), [EMBED], range(len(request.cells)))[EMBED]
    return plan_run(model, request, vectors, build_target(model, request.preset, request.max_new_tokens))


def decoded(plan: Plan, cells: Sequence[int], with_control: bool = False) -> Batch:
    batch = plan.batch(cells, with_control)
    for _ in plan.decode(batch):
        pass
    return batch


def work_within(limit: int) -> tuple[list[list[int]], Callable[[Sequence[int]], Iterator[int]]]:
    """Work that is out of memory for more than `limit` cells, and the batches that it was given."""
    batches: list[list[int]] = []

    def work(cells: Sequence[int]) -> Iterator[int]:
        batches.append(list(cells))
        if len(cells) > limit:
            raise OutOfMemory("no memory")
        yield from cells

    return batches, work


def test_batches_take_the_cells_in_order_and_the_last_takes_the_rest() -> None:
    batches, work = work_within(9)
    assert list(in_batches([4, 1, 7, 0, 2], 2, work, CPU)) == [4, 1, 7, 0, 2]
    assert batches == [[4, 1], [7, 0], [2]]


def test_a_batch_without_memory_begins_again_in_halves_and_later_ones_stay_small() -> None:
    batches, work = work_within(2)
    found = list(in_batches(range(7), 5, work, CPU))
    assert found == [Halved(5, 2), *range(7)]
    assert batches == [[0, 1, 2, 3, 4], [0, 1], [2, 3], [4, 5], [6]]


def test_without_memory_for_one_cell_there_is_an_error_after_every_half() -> None:
    batches, work = work_within(0)
    with pytest.raises(SelfieError, match="cpu has no memory for even one cell"):
        list(in_batches(range(4), 4, work, CPU))
    assert [len(batch) for batch in batches] == [4, 2, 1]


def turns(log: list[str], limit: int = 99) -> Callable[[Sequence[int]], Work[str]]:
    """Work that does a first and a last step of a batch, and notes them; out of memory for over `limit` batches."""

    def work(cells: Sequence[int]) -> Work[str]:
        name = "".join(map(str, cells))
        log.append(f"+{name}")
        if sum(step[0] == "+" for step in log) - sum(step[0] == "-" for step in log) > limit:
            raise OutOfMemory("no memory")
        try:
            yield f"first {name}"
            yield Pause.PAUSE
            yield f"last {name}"
        except Cancelled:
            yield f"kept {name}"
            raise
        finally:
            log.append(f"-{name}")

    return work


def test_batches_that_fit_together_do_their_first_steps_before_one_goes_on() -> None:
    log: list[str] = []
    found = list(in_batches(range(5), 2, turns(log), CPU, together=5))
    assert found == ["first 01", "first 23", "last 01", "last 23", "first 4", "last 4"]
    assert log == ["+01", "+23", "-01", "-23", "+4", "-4"]
    assert list(in_batches(range(3), 2, turns([]), CPU)) == ["first 01", "last 01", "first 2", "last 2"]


def test_batches_without_memory_for_their_turns_go_one_by_one_before_any_is_halved() -> None:
    log: list[str] = []
    found = list(in_batches(range(6), 2, turns(log, limit=2), CPU, together=6))
    assert found[:3] == ["first 01", "first 23", Halved(6, 2)]
    assert found[3:] == ["first 01", "last 01", "first 23", "last 23", "first 45", "last 45"]
    assert log[:5] == ["+01", "+23", "+45", "-01", "-23"], "what waits is let go of"


def test_a_cancel_of_one_batch_keeps_what_the_waiting_ones_have() -> None:
    def cancelling(cells: Sequence[int]) -> Work[str]:
        yield f"first {cells[0]}"
        raise Cancelled

    works = [([0], turns([])([0])), ([1], turns([])([1])), ([2], cancelling([2])), ([3], turns([])([3]))]
    found: list[str] = []
    with pytest.raises(Cancelled):
        found += taking_turns(works, set())
    assert found == ["first 0", "first 1", "first 2", "kept 0", "kept 1"]


def test_a_row_is_decided_by_its_cell_and_the_request_alone(model: Model) -> None:
    plan = plan_of(model)
    together = decoded(plan, range(5), with_control=True)
    apart = decoded(plan, [3, 1])
    assert [row.ids for row in apart.cell_rows] == [together.cell_rows[index].ids for index in (3, 1)]
    assert {item: row.ids for item, row in apart.random_rows.items()} == {
        item: together.random_rows[item].ids for item in (3, 1)
    }
    assert len({tuple(row.ids) for row in together.rows}) == 11  # no two cells, directions or the control are alike


def test_every_sample_of_every_item_has_a_seed_and_a_row_of_its_own(model: Model) -> None:
    plan = plan_of(model, replace(REQUEST, samples=3))
    together = decoded(plan, range(5), with_control=True)
    rows = [together.samples_of(index) for index in range(5)]
    assert [len(samples) for samples in rows] == [3] * 5
    assert [samples[0].ids for samples in rows] == [row.ids for row in decoded(plan_of(model), range(5)).cell_rows]
    assert len({tuple(row.ids) for row in together.rows}) == len(together.rows) == 3 * 5 + 5 + 1
    apart = decoded(plan, [3, 1])
    assert [[row.ids for row in apart.samples_of(index)] for index in (0, 1)] == [
        [row.ids for row in rows[item]] for item in (3, 1)
    ]
    assert together.random_rows[4] is together.rows[3 * 5 + 4]


def test_a_bare_embeddings_seed_is_that_of_its_first_cell_and_no_other_rows(model: Model) -> None:
    vectors = model.read(list(range(10, 15)), [EMBED], range(5))[EMBED]
    target = build_target(model, REQUEST.preset, REQUEST.max_new_tokens)
    plan = plan_run(model, REQUEST, torch.cat([vectors, vectors[:2]]), target, firsts=(4, 0))
    seeds = {plan.seed(item, sample) % 2**32 for item in range(7) for sample in range(100)}
    assert len(seeds | {plan.seed_at(5) % 2**32}) == 7 * 100 + 1
    other = plan_run(model, REQUEST, torch.cat([vectors, vectors[:1]]), target, firsts=(0,))
    assert other.seed(5) == plan.seed(6)
    assert plan.batch([5, 6, 0], with_control=False).randoms == [0]


def test_the_control_is_the_last_row_and_is_decoded_with_nothing_injected(model: Model) -> None:
    plan = plan_of(model, replace(REQUEST, random_control=False))
    batch = decoded(plan, [0, 2], with_control=True)
    assert batch.control_row is batch.rows[2]
    assert batch.random_rows == {}
    silent = replace(REQUEST, random_control=False, mode="add", strength=0.0)
    assert decoded(plan_of(model, silent), [0], with_control=True).rows[1].ids == batch.control_row.ids
    assert decoded(plan, [0, 2]).control_row is None


def test_a_batch_that_has_not_begun_has_no_rows(model: Model) -> None:
    batch = plan_of(model).batch([0, 1], with_control=True)
    assert (batch.cell_rows, batch.control_row, batch.steps) == ([], None, 0)


def test_without_relevancy_there_is_no_baseline(model: Model) -> None:
    plan = plan_of(model, replace(REQUEST, relevancy=False))
    rows = decoded(plan, [0]).cell_rows
    assert plan.baseline(rows) is None
    (probabilities,) = plan_of(model).baseline(rows) or []
    assert len(probabilities) == len(rows[0].ids)

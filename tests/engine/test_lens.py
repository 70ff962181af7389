"""The lens of many cells at once, in slices, against whole logits in double precision; and what it takes of memory."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from selfie_tui.engine import head_slices
from selfie_tui.engine.anatomy.places import BoundUnembedding, Unembedding
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.lens_numbers import lens_numbers
from selfie_tui.engine.methods import lens
from selfie_tui.engine.methods.lens import logit_lens
from selfie_tui.engine.model import Model
from selfie_tui.engine.unembed import lens_logits, rows_at_once
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.records import EMBED, Cell, LensRow, ReadLens
from tests.engine.test_identities import ROUNDING, plain_logits
from tests.engine.test_identities_of_kinds import STREAMS, stream
from tests.engine.zoo import FAMILIES, VOCABULARY, build, prompt_ids

CLOSE = {"rel": 1e-4, "abs": 2e-6}
"""Probabilities and nats; float32 sums in another order."""

TRACKED = 9
PROMPT = "the city of Paris is"


def never() -> bool:
    return False


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vocabularies here are small: slices are so too, the last one of another size."""
    monkeypatch.setattr(head_slices, "SLICE", 37)


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Model:
    return build(request.param)


def assert_row(row: LensRow, logits: torch.Tensor, last: torch.Tensor, k: int) -> None:
    """A row says what its logits `(vocabulary,)` and the last layer's say, in double precision."""
    own, model = logits.double().log_softmax(-1), last.double().log_softmax(-1)
    values, indices = own.exp().topk(k)
    assert [token.probability for token in row.top] == pytest.approx(values.tolist(), **CLOSE)
    near = [float(own[token.id].exp()) for token in row.top]
    assert near == pytest.approx(values.tolist(), **CLOSE), f"{row.top} are not the best: {indices}"
    assert row.entropy == pytest.approx(float(-(own.exp() * own).sum()), rel=1e-4, abs=1e-5)
    assert row.kl == pytest.approx(float((model.exp() * (model - own)).sum()), rel=1e-4, abs=1e-5)
    assert row.tracked == pytest.approx(float(own[TRACKED].exp()), **CLOSE)
    for rank, token in ((row.answer_rank, int(model.argmax())), (row.tracked_rank, TRACKED)):
        least = int((own > own[token] + 1e-5).sum())
        most = int((own > own[token] - 1e-5).sum())
        assert least <= rank <= most


def assert_same(rows: Sequence[LensRow], others: Sequence[LensRow]) -> None:
    """Rows that were read in batches of other sizes are the same but for rounding."""
    assert [row.cell for row in rows] == [row.cell for row in others]
    for row, other in zip(rows, others, strict=True):
        assert [token.id for token in row.top] == [token.id for token in other.top]
        assert [token.probability for token in row.top] == pytest.approx([each.probability for each in other.top])
        assert (row.entropy, row.kl) == pytest.approx((other.entropy, other.kl), rel=1e-4, abs=1e-5)
        assert (row.answer_rank, row.tracked_rank) == (other.answer_rank, other.tracked_rank)


def test_every_number_of_every_layer_and_position_is_that_of_whole_logits(model: Model) -> None:
    ids, positions, layers = prompt_ids(4), [1, 4, 8], [EMBED, *range(model.layers)]
    (block,) = logit_lens(model, ids, positions, k=3, track=TRACKED)
    assert [row.cell for row in block.rows] == [Cell(layer, at) for at in positions for layer in layers]
    states = model.read(ids, layers, positions)
    for row in block.rows:
        of_layer, of_last = (
            lens_logits(model, states[layer])[positions.index(row.cell.position)]
            for layer in (row.cell.layer, model.layers - 1)
        )
        assert_row(row, of_layer, of_last, 3)


def test_4_the_last_row_is_the_models_own_distribution_and_answer(model: Model) -> None:
    ids = prompt_ids(5)
    (block,) = logit_lens(model, ids, range(len(ids)), layers=[model.layers - 1], k=4)
    own = plain_logits(model, ids)[0].softmax(-1)
    for position, (row, answer) in enumerate(zip(block.rows, block.answers, strict=True)):
        assert [token.probability for token in row.top] == pytest.approx(own[position].topk(4).values.tolist(), **CLOSE)
        assert answer.id == int(own[position].argmax())
        assert answer.probability == pytest.approx(float(own[position].max()), **CLOSE)
        assert (row.answer_rank, row.kl) == (0, pytest.approx(0.0, abs=1e-6))


@pytest.mark.parametrize("param", STREAMS, ids=lambda param: "-".join(param[1:]))
def test_every_stack_is_read_whatever_its_head(param: Any) -> None:
    text = stream(*param)
    model, prefix = text.model, text.prefix if text.stack == "decoder" else None
    layers = [EMBED, *range(len(model.anatomy.stack(text.stack).blocks))]
    (block,) = logit_lens(model, text.ids, [0, 3], k=2, prefix=prefix, track=TRACKED)
    last = lens_logits(model, text.read(layers[-1], [0, 3]), text.stack)
    for row in block.rows:
        index = [0, 3].index(row.cell.position)
        assert_row(row, lens_logits(model, text.read(row.cell.layer, [0, 3]), text.stack)[index], last[index], 2)
    if text.stack == model.anatomy.last.name:
        torch.testing.assert_close(last, text.logits()[[0, 3]], atol=ROUNDING, rtol=0)


def test_a_model_whose_unembedding_is_not_known_is_read_through_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    model, ids = build("gpt2"), prompt_ids(2)
    (expected,) = logit_lens(model, ids, [2, 5], track=TRACKED)
    monkeypatch.setattr(Model, "unembedding", lambda self, stack="": None)
    assert rows_at_once(model) * VOCABULARY * 4 <= 64 * 2**20
    (found,) = logit_lens(model, ids, [2, 5], track=TRACKED)
    assert_same(found.rows, expected.rows)


def test_one_forward_reads_what_is_asked_for_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    model, ids = build("llama"), prompt_ids(3)
    read: list[tuple[list[int], list[int]]] = []
    original = Model.read

    def counted(self: Model, ids: Any, layers: Any, positions: Any, *others: Any, **more: Any) -> Any:
        found = original(self, ids, layers, positions, *others, **more)
        assert {layer: state.shape[0] for layer, state in found.items()} == dict.fromkeys(layers, len(positions))
        read.append((list(layers), list(positions)))
        return found

    monkeypatch.setattr(Model, "read", counted)
    monkeypatch.setattr(lens, "rows_at_once", lambda *_: 6)  # three rows a position: two positions at a time
    blocks = list(logit_lens(model, ids, [7, 1, 3], layers=[0, 2]))
    assert read == [([0, 2, 3], [7, 1, 3])]
    assert [block.positions for block in blocks] == [(7, 1), (3,)]
    assert [row.cell for block in blocks for row in block.rows] == [Cell(at, of) for of in (7, 1, 3) for at in (0, 2)]
    (whole,) = logit_lens(model, ids, [3])
    assert_same(blocks[1].rows, [row for row in whole.rows if row.cell.layer in (0, 2)])


def test_a_task_is_answered_block_by_block_with_the_token_that_its_word_stands_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = build("neox")
    monkeypatch.setattr(lens, "rows_at_once", lambda *_: 12)
    task = ReadLens(PROMPT, (1, 2, 3), track="Paris", k=1)
    events = list(lens.run(model, task, never))
    assert [event.positions for event in events] == [(1, 2), (3,)]
    assert {(event.track, event.tracked.text, event.tracked.pieces) for event in events} == {("Paris", " Paris", 1)}
    tracked = events[0].tracked.id
    (block,) = logit_lens(model, model.tokenizer(PROMPT)["input_ids"], [3], k=1, track=tracked)
    assert_same(events[1].rows, block.rows)
    assert [answer.text for answer in events[1].answers] == [answer.text for answer in block.answers]


def test_a_layer_that_is_not_there_is_refused_also_after_the_prompt_was_read_and_no_position_reads_nothing() -> None:
    model = build("neox")
    assert list(lens.run(model, ReadLens(PROMPT, (2,)), never))
    with pytest.raises(RequestError, match="Layer 4 is out of range"):
        list(lens.run(model, ReadLens(PROMPT, (2,), (1, 4)), never))
    with pytest.raises(RequestError, match="Token 60 is out of range"):
        list(lens.run(model, ReadLens(PROMPT, (2, 60)), never))
    assert list(lens.run(model, ReadLens(PROMPT, ()), never)) == []


def test_a_lens_that_is_cancelled_stops_between_two_slices() -> None:
    model, asked = build("opt"), []

    def cancelled() -> bool:
        asked.append(len(asked))
        return len(asked) > 3 + model.layers

    with pytest.raises(Cancelled):
        list(logit_lens(model, prompt_ids(), [1], cancelled=cancelled))
    assert len(asked) == 4 + model.layers


def test_ranks_and_answers_of_half_precision_agree_with_the_top_tokens() -> None:
    torch.manual_seed(1)
    head = torch.nn.Linear(16, 3000, bias=False, dtype=torch.bfloat16)
    torch.nn.init.normal_(head.weight, std=0.02)  # many logits are equal in bf16
    logits = SlicedLogits(
        torch.randn(40, 16).bfloat16(),
        BoundUnembedding(Unembedding((), "head"), (), head),  # type: ignore[arg-type]
    )
    with torch.no_grad():
        numbers = lens_numbers(logits, 4, 5, None, never)
        whole = logits.whole()
    assert numbers.answer.ranks[3::4].tolist() == [0] * 10
    assert numbers.answers.tolist() == whole[3::4].argmax(-1).tolist()
    for row, (top, rank) in enumerate(zip(numbers.top.tolist(), numbers.answer.ranks.tolist(), strict=True)):
        answer = int(numbers.answers[row // 4])
        if answer in top:
            assert rank == int((whole[row] > whole[row, answer]).sum())


def test_logits_that_are_not_finite_give_nan_and_tokens_without_text() -> None:
    model = build("mpt")
    logits = torch.randn(4, VOCABULARY)
    logits[1, 100] = math.nan
    numbers = lens_numbers(SlicedLogits(logits), 2, 3, TRACKED, never)
    block = lens.as_block(model.tokenizer, numbers, [0, 1], [EMBED, 3])
    first, second = block.rows
    assert math.isfinite(first.entropy)
    assert math.isnan(first.kl), "the last layer's distribution is what is not finite"
    assert math.isfinite(second.entropy)
    assert math.isfinite(second.kl)
    assert (block.answers[0].text, math.isnan(block.answers[0].probability)) == ("", True)
    assert math.isfinite(block.answers[1].probability)


class PeakBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that are made while it is open, and the most that were there at once."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[int, int] = {}
        self.now = self.peak = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.add(tensor.untyped_storage())
        return result

    def add(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self.live:
            self.live[key] = storage.nbytes()
            self.now += storage.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.remove, key)

    def remove(self, key: int) -> None:
        self.now -= self.live.pop(key, 0)


def peak_megabytes(vocabulary: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """The most that a lens of 30 layers at 64 positions has of tensors at once, but for the head's own weights."""
    monkeypatch.setattr(head_slices, "SLICE", 2048)
    head = torch.nn.Linear(8, vocabulary, bias=False)
    unembedding = BoundUnembedding(Unembedding((), "head"), (), head)  # type: ignore[arg-type]
    states = torch.randn(64, 31, 8)
    size = rows_at_once(build("llama")) // 31
    with torch.no_grad(), PeakBytes() as bytes_of:
        bytes_of.live[head.weight.untyped_storage()._cdata] = 0
        kept = [
            lens_numbers(SlicedLogits(block.flatten(0, 1), unembedding), 31, 5, 7, never)
            for block in states.split(size)
        ]
    assert sum(len(numbers.kl) for numbers in kept) == 64 * 31
    return bytes_of.peak / 1e6


def test_memory_does_not_grow_with_the_vocabulary_and_stays_under_a_hundred_megabytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peaks = [peak_megabytes(vocabulary, monkeypatch) for vocabulary in (4096, 10240)]
    assert 6 < peaks[0] <= 100, "one slice of 744 rows is 6 MB, and there is more than one at a time"
    assert peaks[1] <= peaks[0] + 0.5

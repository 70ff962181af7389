"""The distance of the lenses of two prompts, against whole distributions in double precision, and its identities."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from selfie_tui.engine import head_slices
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.jensen_shannon import JensenShannon
from selfie_tui.engine.logit_reductions import LogSumExp, sweep
from selfie_tui.engine.methods import lens, lens_distance
from selfie_tui.engine.methods.lens_distance import Read, lens_distances
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.records import EMBED, CompareLenses, ReadLens
from tests.engine.test_identities_of_kinds import STREAMS, stream
from tests.engine.test_kept_states import counted
from tests.engine.zoo import FAMILIES, build, prompt_ids

HERE, THERE = "the city of Paris is", "the city of Rome is not"


def never() -> bool:
    return False


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vocabularies here are small: slices are so too, the last one of another size."""
    monkeypatch.setattr(head_slices, "SLICE", 37)


def in_slices(logits: torch.Tensor) -> torch.Tensor:
    """The divergences of rows `(rows, vocabulary)` two by two."""
    sliced = SlicedLogits(logits)
    (total,) = sweep(sliced, LogSumExp())
    (apart,) = sweep(sliced, JensenShannon(total.values))
    return apart.values


def as_a_whole(here: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """`(KL(p || m) + KL(q || m)) / 2` in bits, of logits `(..., vocabulary)`, in double precision."""
    p, q = here.double().softmax(-1), there.double().softmax(-1)
    midway = (p + q) / 2
    kl = [torch.special.xlogy(each, each / midway).sum(-1) for each in (p, q)]
    return (kl[0] + kl[1]) / 2 / math.log(2)


def test_it_is_that_of_whole_distributions_symmetric_zero_for_equal_ones_and_one_where_nothing_is_shared():
    torch.manual_seed(0)
    here, there = torch.randn(20, 500) * 4, torch.randn(20, 500) * 4
    found = in_slices(torch.stack([here, there], 1).flatten(0, 1))
    assert found.tolist() == pytest.approx(as_a_whole(here, there).tolist(), rel=1e-4, abs=1e-6)
    assert torch.allclose(found, in_slices(torch.stack([there, here], 1).flatten(0, 1)), rtol=1e-5, atol=1e-6)
    assert in_slices(torch.stack([here, here], 1).flatten(0, 1)).tolist() == [0.0] * 20
    assert in_slices(here.repeat_interleave(2, 0) + 100).tolist() == [0.0] * 20, "a constant changes nothing"
    apart = torch.full((2, 500), -math.inf)
    apart[0, :250], apart[1, 250:] = 0.0, 3.0
    assert in_slices(apart).tolist() == [1.0]
    assert in_slices(torch.stack([here[0], torch.full((500,), math.nan)])).isnan().all()
    assert bool((in_slices(torch.randn(400, 500) * 30) <= 1.0).all())


def test_shares_so_small_that_half_of_one_is_no_number_do_not_make_two_sure_models_differ():
    """One token has nearly all of both; of thousands whose shares are near 1e-45, some are 0 in the one alone."""
    generator = torch.Generator().manual_seed(0)
    here = torch.randn(8, 4000, generator=generator) * 25
    here[:, 7] = 120.0
    there = here + 0.05 * torch.randn(8, 4000, generator=generator)
    found = in_slices(torch.stack([here, there], 1).flatten(0, 1))
    assert found.tolist() == pytest.approx(as_a_whole(here, there).tolist(), rel=1e-3, abs=1e-9)
    assert max(found.tolist()) < 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_of_two_prompts_is_compared_as_the_lens_reads_it(family: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lens_distance, "rows_at_once", lambda *_: 2 * 2 * (model.layers + 1))
    model, ids = build(family), prompt_ids()
    other = [*ids[:2], *reversed(ids[2:]), 5]
    positions, others = [0, 1, 3, len(ids) - 1], [0, 1, 4, len(other) - 1]
    blocks = list(lens_distances(model, Read(ids, None, positions), Read(other, None, others)))
    assert [list(block) for block, _ in blocks] == [[0, 1], [2, 3]]
    found = torch.cat([apart for _, apart in blocks])
    assert found.shape == (4, model.layers + 1)
    layers = list(range(EMBED, model.layers))
    for column, layer in enumerate(layers):
        states = [model.read(each, [layer], at)[layer] for each, at in ((ids, positions), (other, others))]
        expected = as_a_whole(*(lens_logits(model, of_one) for of_one in states))
        assert found[:, column].tolist() == pytest.approx(expected.tolist(), rel=1e-3, abs=2e-6)


@pytest.mark.parametrize("param", STREAMS, ids=lambda param: "-".join(param[1:]))
def test_streams_of_other_kinds_are_compared_too(param: Any):
    text = stream(*param)
    written = list(text.prefix) if text.prefix is not None else None
    read = Read(list(text.ids), written, [0, 1])
    (block,) = list(lens_distances(text.model, read, read))
    assert block[1].abs().max() == 0.0


def test_a_task_is_answered_with_its_positions_and_after_the_lens_without_another_forward():
    model = build("llama")
    tokens = [len(source_of(model, prompt, "").tokens) for prompt in (HERE, THERE)]
    task = CompareLenses(HERE, (0, tokens[0] - 1), THERE, (0, tokens[1] - 1))
    for prompt, positions in ((HERE, task.positions), (THERE, task.other_positions)):
        list(lens.run(model, ReadLens(prompt, positions), never))
    with counted(model) as forwards:
        (event,) = lens_distance.run(model, task, never)
    assert forwards == [], "both are kept"
    assert (event.positions, event.other_positions, event.other) == (task.positions, task.other_positions, THERE)
    assert [len(row) for row in event.bits] == [model.layers + 1] * 2
    assert event.bits[0] == pytest.approx([0.0] * (model.layers + 1), abs=1e-6), "all is the same up to there"
    assert max(event.bits[1]) > 0.01


def test_what_cannot_be_compared_is_refused_and_a_cancelled_one_ends():
    model = build("llama")
    with pytest.raises(RequestError, match="other numbers of positions"):
        list(lens_distance.run(model, CompareLenses(HERE, (0, 1), THERE, (0,)), never))
    with pytest.raises(RequestError):
        list(lens_distance.run(model, CompareLenses(HERE, (0,), THERE, (99,)), never))
    with pytest.raises(Cancelled):
        list(lens_distance.run(model, CompareLenses(HERE, (0,), THERE, (0,)), lambda: True))

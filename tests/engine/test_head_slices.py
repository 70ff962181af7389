"""Logits by slices of the vocabulary against the same logits as a whole."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from selfie_tui.engine.anatomy.places import BoundUnembedding, Unembedding
from selfie_tui.engine.generation.forwards import run_rows
from selfie_tui.engine.head_slices import SLICE, SlicedLogits, plain_linear
from selfie_tui.engine.logit_reductions import Best, Distribution, Divergence, LogSumExp, Rank, Stop, Top, sweep
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.errors import Cancelled
from tests.engine.zoo import CONFIGS, FAMILIES, build, prompt_ids

WIDTH, ROWS = 24, 7
VOCABULARIES = [50, SLICE, SLICE + 1, 3 * SLICE - 5]


def head_of(vocabulary: int, bias: bool = True, **post: float) -> BoundUnembedding:
    """A head of random weights, and the model's own changes of its output."""
    torch.manual_seed(vocabulary)
    head = nn.Linear(WIDTH, vocabulary, bias)
    with torch.no_grad():
        head.weight.copy_(torch.randn(vocabulary, WIDTH))
    return BoundUnembedding(Unembedding((), "head", **post), (), head)  # type: ignore[arg-type]


def inputs(rows: int = ROWS) -> torch.Tensor:
    torch.manual_seed(rows)
    return torch.randn(rows, WIDTH) * 2


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.no_grad():
        yield


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
@pytest.mark.parametrize("post", [{}, {"softcap": 5.0}, {"logit_scale": 0.3, "softcap": 8.0}], ids=str)
def test_slices_put_together_are_the_heads_logits(vocabulary, post):
    unembedding = head_of(vocabulary, **post)
    whole = unembedding.head_logits(inputs())
    logits = SlicedLogits(inputs(), unembedding)
    torch.testing.assert_close(logits.whole(), whole)
    assert [start for start, _ in logits] == list(range(0, vocabulary, SLICE))
    assert max(part.shape[1] for _, part in logits) <= SLICE


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_reductions_over_slices_are_those_of_whole_logits(vocabulary):
    logits = SlicedLogits(inputs(), head_of(vocabulary))
    whole = logits.whole()
    top, best, total, distribution = sweep(logits, Top(5), Best(), LogSumExp(), Distribution())
    values, indices = whole.topk(5)
    assert torch.equal(top.values, values)
    assert torch.equal(top.indices, indices)
    assert torch.equal(best.values, whole.amax(-1))
    assert torch.equal(best.indices, whole.argmax(-1))
    torch.testing.assert_close(total.values, whole.logsumexp(-1))
    torch.testing.assert_close(distribution.values, whole.logsumexp(-1))
    probabilities = whole.softmax(-1)
    torch.testing.assert_close(distribution.probabilities(values), probabilities.gather(1, indices))
    torch.testing.assert_close(total.probabilities(best.values), probabilities.amax(-1))
    entropy = torch.distributions.Categorical(logits=whole.double()).entropy().float()
    torch.testing.assert_close(distribution.entropy, entropy, atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_ranks_are_counted_against_the_logit_of_the_tokens_own_slice(vocabulary):
    logits = SlicedLogits(inputs(), head_of(vocabulary))
    whole = logits.whole()
    best = whole.argmax(-1)
    assert sweep(logits, Rank(logits.at(best)))[0].values.tolist() == [0] * ROWS
    tokens = torch.tensor([(1103 * row) % vocabulary for row in range(ROWS)])
    order = whole.argsort(-1, descending=True)
    expected = (order == tokens.unsqueeze(1)).nonzero()[:, 1]
    assert torch.equal(sweep(logits, Rank(logits.at(tokens)))[0].values, expected)
    assert torch.equal(logits.at(tokens), whole.gather(1, tokens.unsqueeze(1)).squeeze(1))


@pytest.mark.parametrize("post", [{}, {"logit_scale": 0.3, "softcap": 8.0}], ids=str)
def test_the_logits_of_few_tokens_alone_are_those_of_their_slices_and_rank_them(post):
    logits = SlicedLogits(inputs(), head_of(3 * SLICE - 5, **post))
    tokens = torch.tensor([5, 6000, 5, 17, SLICE, SLICE - 1, 3 * SLICE - 6])
    alone = logits.alone(tokens)
    torch.testing.assert_close(alone, logits.at(tokens), atol=1e-5, rtol=1e-6)
    exact = sweep(logits, Rank(logits.at(tokens)))[0].values
    for rounding in (-1e-6, 0.0, 1e-6):
        assert torch.equal(sweep(logits, Rank(logits.at(tokens) + rounding, tokens))[0].values, exact)


def test_a_sweep_that_is_cancelled_ends_between_two_slices():
    seen = []

    class Seen:
        def take(self, start, logits):
            seen.append(start)

    with pytest.raises(Cancelled):
        sweep(SlicedLogits(inputs(), head_of(3 * SLICE)), Stop(lambda: len(seen) == 2), Seen())
    assert seen == [0, SLICE]


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_the_divergence_from_the_last_row_of_a_group_is_that_of_the_whole_distributions(vocabulary):
    logits = SlicedLogits(inputs(6), head_of(vocabulary))
    reference = torch.tensor([2, 2, 2, 5, 5, 5])
    found = sweep(logits, Divergence(3))[0].values
    log_probabilities = logits.whole().double().log_softmax(-1)
    apart = log_probabilities[reference] - log_probabilities
    expected = (log_probabilities[reference].exp() * apart).sum(-1).float()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert abs(float(found[2])) < 1e-6
    assert abs(float(found[5])) < 1e-6


def test_logits_of_minus_infinity_have_no_probability_and_no_part_in_sums():
    logits = inputs()[:, :12].clone()
    logits[:, 3:] = -math.inf
    distribution, divergence = sweep(SlicedLogits(logits), Distribution(), Divergence(ROWS))
    expected = torch.distributions.Categorical(logits=logits[:, :3]).entropy()
    torch.testing.assert_close(distribution.entropy, expected, atol=1e-6, rtol=1e-5)
    assert bool(divergence.values.isfinite().all())


@pytest.mark.parametrize("spot", [5, SLICE + 5])
def test_a_logit_that_is_not_a_number_is_the_best_and_makes_probabilities_nan(spot):
    unembedding = head_of(2 * SLICE)
    unembedding.head.weight[spot] = math.nan
    logits = SlicedLogits(inputs(), unembedding)
    best, total, distribution, rank = sweep(
        logits, Best(), LogSumExp(), Distribution(), Rank(logits.at(torch.zeros(ROWS, dtype=torch.long)))
    )
    assert best.indices.tolist() == [spot] * ROWS
    assert bool(total.probabilities(best.values).isnan().all())
    assert bool(distribution.entropy.isnan().all())
    assert bool((rank.values >= 1).all())


def test_of_equal_logits_the_first_token_is_the_best():
    unembedding = head_of(3 * SLICE, bias=False)
    unembedding.head.weight[:] = unembedding.head.weight[:SLICE].repeat(3, 1)
    best, whole = sweep(SlicedLogits(inputs(), unembedding), Best())[0], unembedding.head_logits(inputs())
    assert torch.equal(best.indices, whole[:, :SLICE].argmax(-1))


def test_a_head_that_is_more_than_a_linear_layer_is_applied_as_a_whole():
    unembedding = head_of(3 * SLICE)
    handle = unembedding.head.register_forward_hook(lambda module, args, output: output + 1)
    logits = SlicedLogits(inputs(), unembedding)
    assert [(start, part.shape) for start, part in logits] == [(SLICE * each, (ROWS, SLICE)) for each in range(3)]
    assert torch.equal(logits.whole(), unembedding.head_logits(inputs()))
    tokens = torch.arange(ROWS)
    assert torch.equal(logits.at(tokens), logits.whole()[tokens, tokens])
    handle.remove()
    assert plain_linear(unembedding.head) is unembedding.head
    assert plain_linear(nn.Sequential(unembedding.head)) is None


@pytest.mark.parametrize("name", CONFIGS)
def test_slices_of_a_familys_head_are_its_lens(name):
    model = build(name)
    unembedding = model.unembedding()
    if unembedding is None:
        pytest.fail(f"{name} has no unembedding of its own")
    states = torch.randn(5, model.hidden)
    logits = SlicedLogits(unembedding.head_inputs(states.unsqueeze(0))[0], unembedding)
    torch.testing.assert_close(logits.whole(), lens_logits(model, states))
    assert logits.head is not None


@pytest.mark.parametrize("family", FAMILIES)
def test_the_head_of_every_family_is_applied_in_slices(family: str) -> None:
    model = build(family)
    arguments = model.inputs([prompt_ids(4)])
    with model.inference():
        found = run_rows(model, arguments).logits
        expected = model.anatomy.logits_in(model.module(**arguments))[:, -1].float()
    assert found.head is not None
    torch.testing.assert_close(found.whole(), expected, atol=1e-5, rtol=1e-5)

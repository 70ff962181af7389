"""Scores of patched runs: those of plain hooks, one forward a site, and the identities of a right implementation."""

from __future__ import annotations

import math

import pytest
import torch

from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.patching.joined import JoinedRuns
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.plain import PlainRuns
from selfie_tui.engine.patching.replacement import ZERO, Replacement
from selfie_tui.engine.patching.runs import patching_runs
from selfie_tui.engine.patching.scores import patch_scores
from selfie_tui.engine.patching.sites import PatchSite, expand, position_groups
from selfie_tui.errors import RequestError
from tests.engine.patching.reference import FAMILIES, answers, last_logits, patched_logits
from tests.engine.zoo import build, byte_tokenizer, prompt_ids

LENGTH, CHANGED = 9, 4
NAMES = ("resid", "attn", "mlp", "q", "k", "v", "o")
SCORE = 1e-5
"""Largest difference of a score; float32 logits in another order of summing were seen to differ by up to 6e-6."""


def different() -> PromptPair:
    return PromptPair(tuple(prompt_ids(3)), tuple(prompt_ids(5)))


def one_token() -> PromptPair:
    ids = prompt_ids(3)
    return PromptPair(tuple(ids), (*ids[:CHANGED], (ids[CHANGED] + 11) % 100 + 3, *ids[CHANGED + 1 :]))


def ld(logits: torch.Tensor, tokens: tuple[int, int]) -> float:
    return float(logits[tokens[0]] - logits[tokens[1]])


def sites_of(model: Model) -> list[PatchSite]:
    """Each of resid, attn and mlp at every position, and each head at one in the middle and at the last."""
    found = expand(model, NAMES[:3], position_groups("each", LENGTH))
    return found + expand(model, NAMES[3:], position_groups("custom", LENGTH, [CHANGED, -1]))


def expected_scores(model: Model, family: str, pair: PromptPair, sites: list[PatchSite]) -> list[float]:
    tokens = answers(model, pair)
    zero, one = (ld(last_logits(model, ids), tokens) for ids in (pair.target, pair.source))
    logits = [patched_logits(model, FAMILIES[family], pair, site) for site in sites]
    return [(ld(each, tokens) - zero) / (one - zero) for each in logits]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pair", [different(), one_token()], ids=["all differ", "one differs"])
def test_scores_are_those_of_one_forward_a_site_with_plain_hooks(family: str, pair: PromptPair) -> None:
    model = build(family)
    sites = sites_of(model)
    expected = expected_scores(model, family, pair, sites)
    scores = patch_scores(model, pair, [(site,) for site in sites], *answers(model, pair))
    assert isinstance(scores.runs, JoinedRuns)
    assert scores.all()[1].tolist() == pytest.approx(expected, abs=SCORE)
    assert max(expected) > 0.5
    plain = PlainRuns(model, pair, [(site,) for site in sites[:: len(sites) // 40]])
    found = [float(value) for outcome in plain.outcomes() for value in scores.metric.of_sliced(outcome.logits)]
    zero, one = scores.target, scores.source
    assert [(value - zero) / (one - zero) for value in found] == pytest.approx(expected[:: len(sites) // 40], abs=SCORE)


@pytest.mark.parametrize("family", FAMILIES)
def test_9_a_score_is_0_before_the_first_difference_and_1_where_all_of_it_passes(family: str) -> None:
    model, pair = build(family), one_token()
    last = model.layers - 1

    def scored(*sites: PatchSite) -> list[float]:
        return patch_scores(model, pair, [(site,) for site in sites], *answers(model, pair)).all()[1].tolist()

    before = [PatchSite(name, layer, (2, 3)) for name in NAMES for layer in range(model.layers)]
    assert scored(*before) == [0.0] * len(before)
    whole = [PatchSite("resid", last, (LENGTH - 1,)), PatchSite("embed", 0, (CHANGED,))]
    assert scored(*whole) == pytest.approx([1.0, 1.0], abs=SCORE)


@pytest.mark.parametrize("family", FAMILIES)
def test_19_writing_all_heads_is_writing_what_attention_adds(family: str) -> None:
    model, pair = build(family), different()
    positions = (3, LENGTH - 1)
    heads = [(PatchSite("o", layer, positions),) for layer in range(model.layers)]
    added = [(PatchSite("attn", layer, positions),) for layer in range(model.layers)]
    scores = patch_scores(model, pair, [*heads, *added], *answers(model, pair)).all()[1].tolist()
    assert scores[: model.layers] == pytest.approx(scores[model.layers :], abs=SCORE)
    assert any(abs(score) > 1e-2 for score in scores)


@pytest.mark.parametrize("family", ["gpt2", "llama", "falcon-grouped"])
def test_several_sites_of_one_run_are_written_together(family: str) -> None:
    model, pair = build(family), different()
    sites = (PatchSite("q", 1, (5,), (2,)), PatchSite("resid", 2, (3,)), PatchSite("mlp", 1, (LENGTH - 1,)))
    together, joined = PlainRuns(model, pair, [sites]), JoinedRuns(model, pair, [sites, sites[:1]])
    (plain,) = together.outcomes()
    found = {index: outcome for outcome in joined.outcomes() for index in outcome.indices}
    assert plain.logits is not None
    assert found[0].logits is not None
    row = found[0].indices.index(0)
    torch.testing.assert_close(found[0].logits.whole()[row], plain.logits.whole()[0], atol=1e-4, rtol=0)
    assert not torch.allclose(plain.logits.whole()[0], last_logits(model, pair.target).float(), atol=1e-2)


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox", "gemma2", "qwen3"])
@pytest.mark.parametrize("name", NAMES)
def test_zero_and_mean_ablation_write_zero_and_the_mean(family: str, name: str) -> None:
    model, ids = build(family), tuple(prompt_ids(5))
    pair = PromptPair(ids, ids)
    head = (1,) if name in "qkvo" else None
    sites = [PatchSite(name, layer, (position,), head) for layer in (0, 2, 3) for position in (0, CHANGED, LENGTH - 1)]
    activation = sites[0].activation(model)
    generator = torch.Generator().manual_seed(1)
    shape = (64,) if activation.columns is None else tuple(activation.columns.shape)
    means = {(activation.name, layer): torch.randn(shape, generator=generator) for layer in range(model.layers)}
    for replacement in (ZERO, Replacement(means=means)):
        scores = patch_scores(model, pair, [(site,) for site in sites], 20, 30, replacement=replacement)
        assert isinstance(scores.runs, JoinedRuns)

        def value(source: torch.Tensor, site: PatchSite, by: Replacement = replacement) -> torch.Tensor:
            mean = torch.zeros(shape) if by.means is None else by.means[activation.name, site.layer]
            return (mean if head is None else mean[list(head)]).flatten().expand_as(source)

        expected = [
            ld(patched_logits(model, FAMILIES[family], pair, site, lambda source, at=site: value(source, at)), (20, 30))
            for site in sites
        ]
        assert scores.all()[0].tolist() == pytest.approx(expected, abs=1e-4)
        assert any(abs(each - ld(last_logits(model, ids), (20, 30))) > 1e-2 for each in expected)


def test_a_second_run_with_other_prompts_shares_nothing_with_the_first() -> None:
    model = build("llama")
    sites = [(site,) for site in sites_of(model)]
    first, other, again = (
        patch_scores(model, pair, sites, *answers(model, pair)).all()[1]
        for pair in (different(), one_token(), different())
    )
    assert not torch.equal(first, other)
    assert torch.equal(first, again)


def test_noise_takes_the_corrupt_values_into_the_clean_run_and_scores_from_clean_to_corrupt() -> None:
    model, pair = build("gpt2"), different()
    back = PromptPair(pair.target, pair.source)
    sites = [PatchSite("resid", layer, (LENGTH - 1,)) for layer in range(model.layers)]
    found = patch_scores(model, back, [(site,) for site in sites], *answers(model, back), noise=True).all()[1].tolist()
    assert found == pytest.approx(expected_scores(model, "gpt2", back, sites), abs=SCORE)
    assert found[-1] == pytest.approx(1, abs=SCORE)


@pytest.mark.parametrize("metric", ["logit_difference", "logit", "probability", "kl"])
@pytest.mark.parametrize("noise", [False, True])
def test_a_metric_is_that_of_the_whole_distribution(metric: str, noise: bool) -> None:
    model, pair = build("llama"), different()
    site, tokens = PatchSite("attn", 1, (6,)), answers(model, pair)
    scores = patch_scores(model, pair, [(site,)], *answers(model, pair), metric, noise)  # type: ignore[arg-type]
    clean = last_logits(model, pair.target if noise else pair.source).log_softmax(-1)

    def number(logits: torch.Tensor) -> float:
        own = logits.log_softmax(-1)
        return {
            "logit_difference": ld(logits, tokens),
            "logit": float(logits[tokens[0]]),
            "probability": float(own[tokens[0]].exp()),
            "kl": float((clean.exp() * (own - clean)).sum()),
        }[metric]

    values, found = scores.all()
    assert float(values[0]) == pytest.approx(number(patched_logits(model, FAMILIES["llama"], pair, site)), abs=1e-5)
    zero, one = number(last_logits(model, pair.target)), number(last_logits(model, pair.source))
    assert float(found[0]) == pytest.approx((float(values[0]) - zero) / (one - zero), abs=1e-4)


def test_two_prompts_with_one_answer_are_scored_with_nan_and_keep_their_numbers() -> None:
    model, ids = build("gpt2"), tuple(prompt_ids(5))
    values, scores = patch_scores(model, PromptPair(ids, ids), [(PatchSite("resid", 1, (8,)),)], 20, 30).all()
    assert math.isnan(float(scores[0]))
    assert float(values[0]) == pytest.approx(ld(last_logits(model, ids), (20, 30)), abs=1e-5)


def test_prompts_of_two_lengths_are_aligned_at_their_ends() -> None:
    model = build("llama")
    pair = PromptPair(tuple(prompt_ids(3, 11)), tuple(prompt_ids(5)))
    site = PatchSite("resid", 1, (7, 8))
    (outcome,) = patching_runs(model, pair, [(site,)]).outcomes()
    found: list[torch.Tensor] = []
    blocks = model.module.model.layers
    handle = blocks[1].register_forward_hook(lambda _, args, out: found.append(out.clone()))
    last_logits(model, pair.source)
    handle.remove()
    handle = blocks[1].register_forward_hook(lambda _, args, out: torch.cat([out[:, :7], found[0][:, 9:]], 1))
    expected = last_logits(model, pair.target)
    handle.remove()
    assert outcome.logits is not None
    torch.testing.assert_close(outcome.logits.whole()[0].double(), expected, atol=1e-4, rtol=0)


def test_a_position_that_the_shorter_source_lacks_is_refused() -> None:
    pair = PromptPair(tuple(prompt_ids(3, 5)), tuple(prompt_ids(5)))
    with pytest.raises(RequestError, match="none for token 3 of 9"):
        patching_runs(build("llama"), pair, [(PatchSite("resid", 1, (3,)),)])


@pytest.mark.parametrize("family", ["jamba"])
def test_a_model_with_a_recurrent_state_is_run_as_whole_forwards(family: str) -> None:
    model, pair = build(family), different()
    sites = [PatchSite("resid", layer, (LENGTH - 1,)) for layer in range(model.layers)]
    scores = patch_scores(model, pair, [(site,) for site in sites], *answers(model, pair))
    assert isinstance(scores.runs, PlainRuns)
    assert scores.all()[1].tolist()[-1] == pytest.approx(1, abs=SCORE)


def test_a_model_that_joined_rows_get_wrong_is_run_as_whole_forwards() -> None:
    module = build("llama", seed=7).module
    model, pair = adopt(module, byte_tokenizer()), different()
    layer = module.model.layers[2]
    own = layer.mlp.forward
    layer.mlp.forward = lambda x: own(x) * (1 + 0.1 * x.shape[0])  # what no row of a batch may see
    try:
        assert isinstance(patching_runs(model, pair, [(PatchSite("resid", 1, (4,)),)]), PlainRuns)
    finally:
        layer.mlp.forward = own


def test_a_hook_of_the_users_sees_no_rows_that_join() -> None:
    model = adopt(build("llama", seed=8).module, byte_tokenizer())
    handle = model.blocks[1].register_forward_hook(lambda *_: None)
    try:
        assert isinstance(patching_runs(model, different(), [(PatchSite("resid", 1, (4,)),)]), PlainRuns)
    finally:
        handle.remove()


def test_no_hook_is_left_and_no_weight_changes() -> None:
    model = build("gemma2")
    pair, before = different(), {name: weight.clone() for name, weight in model.module.state_dict().items()}
    hooks = [(*part._forward_hooks, *part._forward_pre_hooks) for part in model.module.modules()]
    patch_scores(model, pair, [(site,) for site in sites_of(model)], *answers(model, pair)).all()
    assert all(torch.equal(weight, before[name]) for name, weight in model.module.state_dict().items())
    assert [(*part._forward_hooks, *part._forward_pre_hooks) for part in model.module.modules()] == hooks

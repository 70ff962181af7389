"""Patching from a notebook: sites of every kind, batches with padding, ablation, attribution, and clear refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from nnsight import NNsight

import selfie_tui
from selfie_tui import MultiSite, Site, Sites
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.sites import PatchSite
from selfie_tui.errors import PromptError, RequestError
from tests.engine.patching.reference import FAMILIES, last_logits, patched_logits
from tests.engine.sublayer_models import build as build_kind
from tests.engine.zoo import build, prompt_ids

A, B = 20, 30
SOURCE, TARGET = prompt_ids(3), prompt_ids(5)
FAMILY = "llama"


@pytest.fixture(scope="module")
def llama() -> Model:
    return build(FAMILY)


def ids(*rows: list[int]) -> torch.Tensor:
    return torch.tensor(rows)


def ld(logits: torch.Tensor) -> float:
    return float(logits[A] - logits[B])


def value(model: Model, name: str, layer: int, position: int, head: int | None = None, by: Any = None) -> float:
    """The logit difference of the target with one site's values of the source, by plain hooks."""
    site = PatchSite(name, layer, (position,), None if head is None else (head,))
    pair = PromptPair(tuple(SOURCE), tuple(TARGET))
    return ld(patched_logits(model, FAMILIES[FAMILY], pair, site, *([] if by is None else [by])))


def score(model: Model, number: float) -> float:
    zero, one = ld(last_logits(model, tuple(TARGET))), ld(last_logits(model, tuple(SOURCE)))
    return (number - zero) / (one - zero)


def patch(model: Any, sites: Any, **options: Any) -> Any:
    return selfie_tui.act_patch(model, sites, ids(SOURCE), ids(TARGET), A, B, **options)


@pytest.mark.parametrize(
    ("kind", "seq_pos", "ran"),
    [
        ("each", None, range(9)),
        ("last", None, None),
        (None, None, None),
        ("lastk", 3, (6, 7, 8)),
        ("custom", [-3, 1], (1, 6)),
        ("custom_constant", [-3, 1], None),
    ],
)
def test_a_kind_of_positions_has_an_axis_where_they_are_written_in_turn(
    llama: Model, kind: str | None, seq_pos: Any, ran: Any
) -> None:
    out = patch(llama, Sites(["resid", "q"], [1, 2], kind, seq_pos))
    assert out["resid"].shape == ((4,) if ran is None else (4, 9))
    assert out["q"].shape == ((4, 4) if ran is None else (4, 9, 4))
    assert out["resid"][[0, 3]].isnan().all()
    if ran is not None:
        positions = torch.zeros(9, dtype=torch.bool)
        positions[list(ran)] = True
        assert torch.equal(~out["resid"][1].isnan(), positions)
        assert float(out["q"][2, ran[-1], 3]) == pytest.approx(score(llama, value(llama, "q", 2, ran[-1], 3)), abs=1e-4)
    else:
        assert not out["resid"][[1, 2]].isnan().any()


def test_the_class_of_a_family_may_stand_before_the_sites_or_not(llama: Model) -> None:
    sites = Sites("resid", seq_pos_type="last")
    one = selfie_tui.activation_patch(llama, object(), sites, ids(SOURCE), ids(TARGET), A, B)
    assert torch.equal(one["resid"], patch(llama, sites)["resid"])
    assert selfie_tui.activation_patch is selfie_tui.act_patch
    with pytest.raises(RequestError, match="One argument too many"):
        selfie_tui.act_patch(llama, sites, ids(SOURCE), ids(TARGET), A, B, 7)


def test_an_nnsight_model_a_module_and_a_loaded_model_give_the_same(llama: Model) -> None:
    sites = Sites(["attn", "v"], seq_pos_type="last")
    one, *others = (patch(each, sites) for each in (llama, llama.module, NNsight(llama.module)))
    for other in others:
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("family", [FAMILY, "gpt2"])
def test_rows_of_a_padded_batch_are_scored_as_they_are_alone(family: str) -> None:
    model = build(family)
    short, other = prompt_ids(8, 6), prompt_ids(9, 6)
    batch = ids(SOURCE, [2, 2, 2, *short]), ids(TARGET, [2, 2, 2, *other])
    mask = torch.tensor([[1] * 9, [0] * 3 + [1] * 6])
    sites = Sites(["resid", "k"], seq_pos_type="each")
    out = selfie_tui.act_patch(
        model, sites, *batch, torch.tensor([A, 50]), torch.tensor([B, 60]), attention_mask=mask, per_example=True
    )
    alone = selfie_tui.act_patch(model, sites, ids(short), ids(other), 50, 60)
    assert out["resid"].shape == (2, 4, 9)
    assert out["resid"][1, :, :3].isnan().all()
    assert out["k"][1, :, :3].isnan().all()
    assert not out["resid"][0].isnan().any()
    torch.testing.assert_close(out["resid"][1, :, 3:], alone["resid"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(out["k"][1, :, 3:], alone["k"], atol=1e-5, rtol=1e-4)


def test_the_mean_is_that_of_the_metric_over_the_examples_that_have_the_site(llama: Model) -> None:
    batch = ids(SOURCE, prompt_ids(8)), ids(TARGET, prompt_ids(9))
    out = selfie_tui.act_patch(llama, Sites("attn", [2], "each"), *batch, A, B)["attn"][2]
    ends = [[ld(last_logits(llama, tuple(row))) for row in rows.tolist()] for rows in batch]
    pairs = [
        PromptPair(tuple(one), tuple(other)) for one, other in zip(*(rows.tolist() for rows in batch), strict=True)
    ]
    values = [ld(patched_logits(llama, FAMILIES[FAMILY], pair, PatchSite("attn", 2, (6,)))) for pair in pairs]
    (one, zero), mean = (sum(each) / 2 for each in ends), sum(values) / 2
    assert float(out[6]) == pytest.approx((mean - zero) / (one - zero), abs=1e-4)


@pytest.mark.parametrize("call", [selfie_tui.act_patch, selfie_tui.attribution_patch])
def test_what_changes_nothing_has_exactly_0_in_the_mean_of_examples_too(llama: Model, call: Any) -> None:
    changed = [[*TARGET[:6], other, *TARGET[7:]] for other in (41, 42, 43)]
    out = call(llama, Sites(["resid", "attn"], None, "each"), ids(*changed), ids(*[TARGET] * 3), A, B)
    assert all(bool((table[:, :6] == 0).all()) for table in out.values())
    assert bool((out["resid"][:, 6] != 0).any())


def test_sites_made_by_hand_are_run_each_and_several_at_once_together(llama: Model) -> None:
    single = Site("q", layer=1, head=2, seq_pos=[-1])
    several = MultiSite([Site("resid", 1, seq_pos=[4, 5]), Site.get_site(None, "mlp", 2, seq_pos=-1)])
    out = patch(llama, Sites.from_list_of_sites([single, several]))
    assert float(out["q"][1, 8, 2]) == pytest.approx(score(llama, value(llama, "q", 1, 8, 2)), abs=1e-4)
    assert int((~out["q"].isnan()).sum()) == 1
    assert out[several.component_name].shape == (1,)
    assert several.result is not None
    pairs = [{"site_name": "q", "layer": 1, "head": 2, "seq_pos": [-1]}, {"site_name": "attn", "layer": 3}]
    again = patch(llama, Sites.from_list_of_dicts(pairs))
    assert float(again["q"][1, 8, 2]) == pytest.approx(float(out["q"][1, 8, 2]), abs=1e-5)
    assert again["attn"].shape == (4, 9)
    assert len(set(again["attn"][3].tolist())) == 1
    listed = patch(llama, [single], results_as_tensors=False)
    assert listed["q"] == [single]
    assert float(single.result) == pytest.approx(float(out["q"][1, 8, 2]), abs=1e-5)


def test_zero_in_attention_is_zero_and_its_score_the_share_by_which_the_logit_changes(llama: Model) -> None:
    out = selfie_tui.activation_zero_patch(llama, Sites(["attn", "o"], [1], "custom", [8]), ids(TARGET), A)
    plain = float(last_logits(llama, tuple(TARGET))[A])
    pair = PromptPair(tuple(TARGET), tuple(TARGET))
    site = PatchSite("attn", 1, (8,))
    zeroed = float(patched_logits(llama, FAMILIES[FAMILY], pair, site, torch.zeros_like)[A])
    assert float(out["attn"][1, 8]) == pytest.approx((zeroed - plain) / plain, abs=1e-4)
    assert abs(float(out["attn"][1, 8])) > 1e-3
    head = float(patched_logits(llama, FAMILIES[FAMILY], pair, PatchSite("o", 1, (8,), (2,)), torch.zeros_like)[A])
    assert float(out["o"][1, 8, 2]) == pytest.approx((head - plain) / plain, abs=1e-4)


def test_the_mean_of_an_ablation_is_that_over_all_tokens_without_padding(llama: Model) -> None:
    others, mask = ids(SOURCE, [2, 2, *prompt_ids(8, 7)]), torch.tensor([[1] * 9, [0] * 2 + [1] * 7])
    out = selfie_tui.activation_mean_patch(
        llama, Sites("resid", [2], "custom", [5]), others, ids(TARGET), A, mean_attention_mask=mask
    )
    states = torch.cat([llama.read(row, [2], list(range(len(row))))[2] for row in (SOURCE, prompt_ids(8, 7))])
    pair, site = PromptPair(tuple(TARGET), tuple(TARGET)), PatchSite("resid", 2, (5,))
    moved = patched_logits(llama, FAMILIES[FAMILY], pair, site, lambda source: states.mean(0).expand_as(source))
    plain = float(last_logits(llama, tuple(TARGET))[A])
    assert float(out["resid"][2, 5]) == pytest.approx((float(moved[A]) - plain) / plain, abs=1e-4)


def test_attribution_adds_up_over_the_line_and_zero_attribution_is_minus_value_times_gradient(llama: Model) -> None:
    batch = ids(SOURCE), ids(TARGET), A, B
    embed = selfie_tui.attribution_patch(llama, Sites("embed", [0], "each"), *batch, steps=512)["embed"]
    assert float(embed[0].sum()) == pytest.approx(1, abs=2e-2)
    resid = selfie_tui.attribution_patch(llama, Sites("resid", seq_pos_type="each"), *batch)["resid"]
    last = patch(llama, Sites("resid", seq_pos_type="each"))["resid"]
    assert resid.shape == last.shape
    zero = selfie_tui.attribution_zero_patch(llama, Sites("mlp", [3], "last"), ids(TARGET), A)["mlp"][3]
    step = 1e-2
    pair, site = PromptPair(tuple(TARGET), tuple(TARGET)), PatchSite("mlp", 3, (8,))
    ahead, behind = (
        float(patched_logits(llama, FAMILIES[FAMILY], pair, site, lambda own, by=by: own * (1 - by))[A])
        for by in (step, -step)
    )
    plain = float(last_logits(llama, tuple(TARGET))[A])
    assert float(zero) == pytest.approx((ahead - behind) / (2 * step) / plain, rel=1e-2)


def test_answers_without_a_difference_are_nan_and_no_division_by_zero(llama: Model) -> None:
    out = selfie_tui.act_patch(llama, Sites("resid", seq_pos_type="last"), ids(TARGET), ids(TARGET), A, B)
    assert out["resid"].isnan().all()


def test_texts_and_words_are_taken_as_well(demo: Model) -> None:
    pair = "The Eiffel Tower is in the city of", "The Colosseum Tower is in the city of"
    ends = [len(demo.tokenizer(text)["input_ids"]) for text in pair]
    kind = "each" if ends[0] == ends[1] else "last"
    out = selfie_tui.act_patch(demo, Sites("resid", seq_pos_type=kind), *pair, " Paris", " Rome")["resid"]
    assert float(out[-1].reshape(-1)[-1]) == pytest.approx(1, abs=1e-3)


def test_prompts_of_unequal_lengths_are_shown_side_by_side(llama: Model) -> None:
    longer = [*TARGET[:4], 40, 41, *TARGET[4:]]
    with pytest.raises(PromptError, match="9 and 11 tokens; from token 3 on"):
        selfie_tui.act_patch(llama, Sites("resid", seq_pos_type="each"), ids(TARGET), ids(longer), A, B)
    out = selfie_tui.act_patch(llama, Sites("resid", seq_pos_type="last"), ids(SOURCE), ids(longer), A, B)
    assert float(out["resid"][-1]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: patch(model, Sites("resid", [9], "last")), "Layer 9 is out of range"),
        (lambda model: patch(model, Sites("neuron", None, "last")), "No layer of random-llama has neuron"),
        (lambda model: patch(model, Sites("resid", None, "first")), "Unknown position kind “first”"),
        (lambda model: patch(model, Sites("resid", None, "lastk")), "lastk needs how many"),
        (lambda model: patch(model, Sites("resid", None, "custom", [40])), "Position 40 is out of range"),
        (lambda model: patch(model, [Site("q", 1, head=7)]), "the heads 0 to 3"),
        (lambda model: patch(model, [Site("resid", 1, head=0)]), "no heads"),
        (lambda model: patch(model, Sites("resid", None, "last"), metric="loss"), "Unknown metric “loss”"),
        (lambda model: patch(model, None), "Expected sites, got"),
        (lambda model: selfie_tui.act_patch(model, Sites("resid"), "a", 1.5, A, B), "Invalid prompts 1.5"),
        (lambda model: selfie_tui.act_patch(model, Sites("resid"), ids(SOURCE), ids(TARGET), 9999, B), "no logit"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(llama: Model, call: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        call(llama)


def test_a_site_of_a_model_not_yet_looked_at_says_so_inside_a_trace() -> None:
    module = build(FAMILY, seed=11).module
    nnmodel, site = NNsight(module), Site("resid", 1, seq_pos=-1)
    with pytest.raises(Exception, match="find"), nnmodel.trace(ids(SOURCE)):
        site.cache(nnmodel)
    site.find(nnmodel)
    with nnmodel.trace(ids(SOURCE)):
        site.cache(nnmodel)
    assert site.cached is not None
    assert site.cached.shape == (1, 1, 64)


@pytest.mark.parametrize("family", ["gpt2", "opt", "bloom", "gemma2"])
def test_sites_are_taken_and_written_in_a_users_own_trace(family: str) -> None:
    model = build(family)
    nnmodel = NNsight(model.module)
    for name, head in (("resid", None), ("attn", None), ("mlp", None), ("o", 1), ("v", 0)):
        site = Site(name, 1, head, seq_pos=[-2])
        site.find(nnmodel)
        with torch.no_grad(), nnmodel.trace(ids(SOURCE)):
            site.cache(nnmodel)
        with torch.no_grad(), nnmodel.trace(ids(TARGET)):
            site.patch(nnmodel)
            found = nnmodel.output.logits[0, -1].save()
        with torch.no_grad(), nnmodel.trace(ids(TARGET)):
            site.patch(nnmodel, zero=True)
            zeroed = nnmodel.output.logits[0, -1].save()
        pair = PromptPair(tuple(SOURCE), tuple(TARGET))
        place = PatchSite(name, 1, (7,), None if head is None else (head,))
        expected = patched_logits(model, FAMILIES[family], pair, place)
        torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=0)
        expected = patched_logits(model, FAMILIES[family], pair, place, torch.zeros_like)
        torch.testing.assert_close(zeroed.double(), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["t5", "bart", "bert"])
@pytest.mark.parametrize("call", ["act_patch", "attribution_patch", "activation_zero_patch", "patch"])
def test_only_a_model_that_goes_on_writing_a_text_is_patched(name: str, call: str) -> None:
    model, sites = build_kind(name), Sites(["resid"], seq_pos_type="each")
    prompts = "the man with hat is in Paris", "the city with hat is in Paris"
    calls = {
        "act_patch": lambda: selfie_tui.act_patch(model, sites, *prompts, "Paris", "hat"),
        "attribution_patch": lambda: selfie_tui.attribution_patch(model, sites, *prompts, "Paris", "hat"),
        "activation_zero_patch": lambda: selfie_tui.activation_zero_patch(model, sites, prompts[0], "Paris"),
        "patch": lambda: selfie_tui.patch(model, *prompts, "Paris", "hat"),
    }
    with pytest.raises(RequestError, match="goes on writing a text"):
        calls[call]()

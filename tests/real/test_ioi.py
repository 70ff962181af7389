"""Indirect objects on the published model: what the README says of patching, attribution and paths there."""

from __future__ import annotations

from functools import partial

import pytest
import torch

import selfie_tui
from selfie_tui import Site, Sites
from selfie_tui.engine.model import Model
from selfie_tui.ranks import rank_correlation

pytestmark = pytest.mark.real

NAMES = (("John", "Mary"), ("Tom", "James"), ("Dan", "Sid"), ("Martin", "Amy"))
PAIRS = (*NAMES, *((other, one) for one, other in NAMES))
TEXT = "When {} and {} went to the store, {} gave a drink to"
CLEAN = [TEXT.format(one, other, one) for one, other in PAIRS]
CORRUPT = [TEXT.format(one, other, other) for one, other in PAIRS]
CORRECT, WRONG = [other for _, other in PAIRS], [one for one, _ in PAIRS]
SUBJECT, LAST = 9, 13
"""The subject's second token, and the last one."""

Maps = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def patched(smollm2: Model) -> Maps:
    return selfie_tui.act_patch(smollm2, every(), CLEAN, CORRUPT, CORRECT, WRONG)


@pytest.fixture(scope="module")
def attributed(smollm2: Model) -> Maps:
    return selfie_tui.attribution_patch(smollm2, every(), CLEAN, CORRUPT, CORRECT, WRONG)


@pytest.fixture(scope="module")
def integrated(smollm2: Model) -> Maps:
    return selfie_tui.attribution_patch(smollm2, every(), CLEAN, CORRUPT, CORRECT, WRONG, steps=8)


def every() -> Sites:
    return Sites(["resid", "attn", "mlp"], None, "each")


def both(maps: tuple[Maps, Maps], names: tuple[str, ...] = ("resid", "attn", "mlp")) -> torch.Tensor:
    """The numbers of two maps, `(2, sites)`, of the sites where something differs."""
    found = torch.stack([torch.cat([each[name].flatten() for name in names]).double() for each in maps])
    return found[:, (found != 0).any(0)]


def ranks(*maps: Maps, names: tuple[str, ...] = ("resid", "attn", "mlp"), least: float = 0) -> float:
    found = both((maps[0], maps[1]), names)
    kept = found[:, found[0].abs() >= least]
    correlation = rank_correlation(*kept.tolist())
    assert correlation is not None
    return correlation


def correlation(*maps: Maps) -> float:
    return float(torch.corrcoef(both((maps[0], maps[1])))[0, 1])


def test_each_prompt_is_answered_with_the_name_that_is_not_the_subject(smollm2: Model) -> None:
    tokens = [smollm2.tokenizer(f" {name}", add_special_tokens=False)["input_ids"] for name in (*CORRECT, *WRONG)]
    assert all(len(each) == 1 for each in tokens)
    means = []
    for texts in (CLEAN, CORRUPT):
        ids = torch.tensor([smollm2.tokenizer(text)["input_ids"] for text in texts])
        assert ids.shape == (8, LAST + 1)
        with torch.no_grad():
            logits = smollm2.module(ids).logits[:, -1].float()
        differences = torch.stack([logits[row, tokens[row][0]] - logits[row, tokens[8 + row][0]] for row in range(8)])
        assert bool((differences > 0 if texts is CLEAN else differences < 0).all())
        means.append(float(differences.mean()))
    assert means == pytest.approx([6.28, -5.22], abs=0.1)


def test_the_answer_leaves_the_subject_for_the_last_token_between_layers_19_and_23(patched: Maps) -> None:
    resid = patched["resid"]
    assert bool((resid[:18, SUBJECT] > 0.99).all())
    assert bool((resid[:19, LAST].abs() < 0.02).all())
    assert bool((resid[23:, LAST] > 0.9).all())
    assert bool((resid[24:, SUBJECT] < 0.03).all())
    assert bool((resid[:, :SUBJECT] == 0).all())
    attn = patched["attn"]
    assert float(attn[23, LAST]) == pytest.approx(0.86, abs=0.02)
    assert float(attn[17, SUBJECT]) == pytest.approx(0.28, abs=0.02)
    assert int(attn.argmax()) == 23 * (LAST + 1) + LAST


def test_first_order_fails_at_the_subjects_mlp_and_the_integrated_one_does_not(
    patched: Maps, attributed: Maps, integrated: Maps
) -> None:
    first, estimate, along = (float(each["mlp"][0, SUBJECT]) for each in (patched, attributed, integrated))
    assert first == pytest.approx(1, abs=0.01)
    assert abs(estimate) < 0.1
    assert along == pytest.approx(0.87, abs=0.03)


def test_ranks_of_all_sites_hide_what_the_strong_ones_and_the_numbers_show(
    patched: Maps, attributed: Maps, integrated: Maps
) -> None:
    close = partial(pytest.approx, abs=0.03)
    assert [ranks(patched, attributed, names=(name,)) for name in patched] == close([0.34, 0.90, 0.80])
    assert [ranks(patched, each) for each in (attributed, integrated)] == close([0.67, 0.71])
    assert [correlation(patched, each) for each in (attributed, integrated)] == close([0.44, 0.98])
    assert [ranks(patched, each, least=0.01) for each in (attributed, integrated)] == close([-0.05, 0.89])


def test_a_head_reaches_the_answer_by_the_queries_of_a_later_layer(smollm2: Model) -> None:
    sent = partial(
        selfie_tui.path_patch, smollm2, source_tokens=CLEAN, target_tokens=CORRUPT, source_answer_index=CORRECT,
        target_answer_index=WRONG,
    )  # fmt: skip
    mover, inhibitor = Site("o", 23, 3, seq_pos=-1), Site("o", 20, 0, seq_pos=-1)
    assert float(sent([mover], "logits")["o"][23, LAST, 3]) == pytest.approx(0.48, abs=0.03)
    assert abs(float(sent([inhibitor], "logits")["o"][20, LAST, 0])) < 0.07
    assert float(sent([inhibitor], Sites("q", [23], "last"))["o"][20, LAST, 0]) == pytest.approx(0.39, abs=0.03)

"""Path patching from a notebook: senders as a table, receivers of every kind, batches with padding, refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import selfie_tui
from selfie_tui import Site, Sites
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.paths import Path
from selfie_tui.engine.patching.scores import path_scores
from selfie_tui.engine.patching.sites import PatchSite
from selfie_tui.errors import RequestError
from tests.engine.zoo import build, prompt_ids

A, B = 20, 30
SOURCE, TARGET = prompt_ids(3), prompt_ids(5)
PAIR = PromptPair(tuple(SOURCE), tuple(TARGET))


@pytest.fixture(scope="module")
def llama() -> Model:
    return build("llama")


def ids(*rows: list[int]) -> torch.Tensor:
    return torch.tensor(rows)


def sent(model: Any, senders: Any, receivers: Any, **options: Any) -> Any:
    return selfie_tui.path_patch(model, senders, receivers, ids(SOURCE), ids(TARGET), A, B, **options)


def test_senders_are_a_table_of_layers_positions_and_heads(llama: Model) -> None:
    heads = sent(llama, Sites("o", seq_pos_type="last"), "logits")["o"]
    assert heads.shape == (4, 4)
    paths = [Path((PatchSite("o", layer, (8,), (head,)),), to_logits=True) for layer in range(4) for head in range(4)]
    expected = path_scores(llama, PAIR, paths, A, B).all()[1].float()
    torch.testing.assert_close(heads.flatten(), expected, atol=1e-5, rtol=0)
    by_position = sent(llama, Sites(["mlp", "attn"], [0, 1], "each"), Sites("v", [2], None))
    assert by_position["mlp"].shape == (4, 9)
    assert by_position["mlp"][2:].isnan().all()
    path = Path((PatchSite("mlp", 1, (4,)),), tuple(PatchSite("v", 2, tuple(range(9)), (head,)) for head in (0, 1)))
    one = float(path_scores(llama, PAIR, [path], A, B).all()[1][0])
    assert float(by_position["mlp"][1, 4]) == pytest.approx(one, abs=1e-5)
    assert abs(one) > 1e-4


def test_receivers_are_one_site_several_or_the_logits_too(llama: Model) -> None:
    senders = [Site("o", 0, 2)]
    query, values = Site("q", 2, 1, seq_pos=-1), Site("v", 3)
    found = [
        float(sent(llama, senders, each)["o"][0, 8, 2])
        for each in (query, [query], [query, values], [query, "logits"], "logits", ["logits", values])
    ]
    assert found[0] == found[1]
    assert len({round(each, 5) for each in found[1:]}) == 5


def test_the_ways_through_mlps_and_onward_make_a_difference(llama: Model) -> None:
    senders, receivers = Sites("o", [0], None), Sites("mlp", [2, 3], None)
    plain, through, onward = (
        sent(llama, senders, receivers, **options)["o"][0] for options in ({}, {"through_mlps": True}, {"onward": True})
    )
    assert not torch.allclose(plain, through, atol=1e-4)
    assert not torch.allclose(plain, onward, atol=1e-4)


def test_rows_of_a_padded_batch_are_scored_as_they_are_alone(llama: Model) -> None:
    short, other = prompt_ids(8, 6), prompt_ids(9, 6)
    batch = ids(SOURCE, [2, 2, 2, *short]), ids(TARGET, [2, 2, 2, *other])
    mask = torch.tensor([[1] * 9, [0] * 3 + [1] * 6])
    senders, receivers = Sites("attn", [0, 1], "each"), Sites("k", [2], None)
    answers = torch.tensor([A, 50]), torch.tensor([B, 60])
    out = selfie_tui.path_patch(llama, senders, receivers, *batch, *answers, attention_mask=mask, per_example=True)[
        "attn"
    ]
    alone = selfie_tui.path_patch(llama, senders, receivers, ids(short), ids(other), 50, 60)["attn"]
    assert out[1, :2, :3].isnan().all()
    torch.testing.assert_close(out[1, :2, 3:], alone[:2], atol=1e-5, rtol=1e-4)


def test_noise_goes_from_the_clean_prompt_to_the_corrupt_one(llama: Model) -> None:
    senders = Sites("mlp", [3], "last")
    denoised = sent(llama, senders, "logits")["mlp"][3]
    noised = selfie_tui.path_patch(llama, senders, "logits", ids(TARGET), ids(SOURCE), B, A, noise=True)["mlp"][3]
    value = path_scores(
        llama, PromptPair(PAIR.target, PAIR.source), [Path((PatchSite("mlp", 3, (8,)),), (), True)], A, B
    )
    assert float(noised) == pytest.approx(float(value.all()[1][0]), abs=1e-5)
    assert float(denoised) != pytest.approx(float(noised), abs=1e-3)


def test_texts_and_words_are_taken_as_well(demo: Model) -> None:
    out = selfie_tui.path_patch(
        demo, Sites(["attn", "mlp"], None, "last"), "logits", "Paris is the capital of", "Rome is the capital of",
        "France", "Italy",
    )  # fmt: skip
    assert out["attn"].shape == (demo.layers,)
    assert float(torch.stack([out["attn"], out["mlp"]]).abs().max()) > 0.05


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: sent(model, Sites("q", [1], "last"), "logits"), "adds nothing to the stream"),
        (lambda model: sent(model, Sites("mlp", [1], "last"), Sites("resid", [2], "last")), "reads nothing"),
        (lambda model: sent(model, Sites("mlp", [1], "last"), "answer"), "Expected sites, got"),
        (lambda model: sent(model, Sites("mlp", [1], "last"), []), "Expected sites, got"),
        (lambda model: sent(model, Sites("mlp", [1], "last"), "logits", metric="loss"), "Unknown metric “loss”"),
    ],
)
def test_what_cannot_send_or_receive_is_refused(llama: Model, call: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        call(llama)

"""Many prompts read as one padded batch: the same states as one by one, in every kind of model and of positions."""

from __future__ import annotations

import pytest
import torch

from selfie_tui.engine.methods import activations
from selfie_tui.engine.methods.activations import read_prompts, takes_padding
from selfie_tui.engine.model import Model, adopt
from selfie_tui.errors import RequestError
from selfie_tui.records import EMBED
from tests.engine.zoo import build, prompt_ids
from tests.sweep.small import Kind, small
from tests.sweep.sweep import mask_tokenizer

ROUNDING = 5e-5
PROMPTS = [prompt_ids(1, 5), prompt_ids(2, 9), prompt_ids(3, 3), prompt_ids(4, 9)]
LAYERS = (EMBED, 0, 3)

ABSOLUTE, ROTARY, ALIBI = ("gpt2", "opt"), ("llama", "neox", "gptj", "gemma2"), ("bloom", "mpt")


def one_by_one(model: Model, positions: list[list[int]] | None = None) -> list[dict[int, torch.Tensor]]:
    chosen = positions or [list(range(len(prompt))) for prompt in PROMPTS]
    return [model.read(prompt, LAYERS, columns) for prompt, columns in zip(PROMPTS, chosen, strict=True)]


def assert_same(found: list[dict[int, torch.Tensor]], expected: list[dict[int, torch.Tensor]]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for layer in one:
            torch.testing.assert_close(one[layer], other[layer], atol=ROUNDING, rtol=ROUNDING)


@pytest.mark.parametrize("family", [*ABSOLUTE, *ROTARY, *ALIBI])
def test_a_left_padded_batch_gives_the_states_of_single_prompts(family: str) -> None:
    model = build(family)
    model.padding_invariant = None
    assert_same(read_prompts(model, PROMPTS, LAYERS), one_by_one(model))
    assert model.padding_invariant


@pytest.mark.parametrize(
    ("kind", "model_type"), [("masked", "bert"), ("masked", "roberta"), ("seq2seq", "t5"), ("seq2seq", "bart")]
)
def test_a_right_padded_batch_gives_the_states_of_single_prompts(kind: Kind, model_type: str) -> None:
    model = adopt(small(kind, model_type), mask_tokenizer())
    assert_same(read_prompts(model, PROMPTS, LAYERS), one_by_one(model))
    assert model.padding_invariant


@pytest.mark.parametrize("model_type", ["roberta", "bart", "rwkv", "mamba"])
def test_prompts_of_a_model_that_padding_may_change_are_right_all_the_same(model_type: str) -> None:
    model = adopt(small("causal", model_type), mask_tokenizer())
    assert_same(read_prompts(model, PROMPTS, LAYERS), one_by_one(model))


def test_a_model_that_padding_changes_is_found_out() -> None:
    assert not takes_padding(adopt(small("causal", "bart"), mask_tokenizer()))


def test_positions_are_counted_from_a_prompts_own_first_token() -> None:
    model, positions = build("gpt2"), [[4], [0, 8], [], [1]]
    assert_same(read_prompts(model, PROMPTS, LAYERS, positions), one_by_one(model, positions))


def test_only_the_cells_asked_for_are_held() -> None:
    for states in read_prompts(build("llama"), PROMPTS, [2], [[1]] * 4):
        assert states[2].untyped_storage().nbytes() == states[2].numel() * states[2].element_size()


def test_more_prompts_than_fit_go_in_several_forwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activations, "TOKENS_A_FORWARD", 10)
    assert activations.batches(PROMPTS) == [range(1), range(1, 2), range(2, 3), range(3, 4)]
    model = build("llama")
    assert_same(read_prompts(model, PROMPTS, LAYERS), one_by_one(model))
    assert read_prompts(model, [], LAYERS) == []


def test_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(RequestError, match="out of range"):
        read_prompts(build("llama"), PROMPTS, [4])

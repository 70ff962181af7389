"""Weights, states and lenses that are not finite: such a model opens, its verdict says so, and NaN is a value."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig

from selfie_tui.engine.anatomy.calls import same
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.methods.lens import logit_lens
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.verify import verify
from selfie_tui.records import EMBED
from tests.engine.zoo import CONFIGS, LLAMA_LIKE, byte_tokenizer, prompt_ids, randomise

NAN = float("nan")


def random_module(config: Any = None) -> Any:
    torch.manual_seed(0)
    module = AutoModelForCausalLM.from_config(config or CONFIGS["llama"](8)).eval()
    randomise(module)
    return module


def opened(module: Any) -> Model:
    return verify(adopt(module, byte_tokenizer()))


def overflowing_at_the_begin_token() -> Any:
    """Gemma 3 in fp16 whose begin token alone grows past what fp16 holds, as the trained ones' does."""
    module = random_module(Gemma3TextConfig(num_hidden_layers=4, head_dim=16, sliding_window=64, **LLAMA_LIKE)).half()
    with torch.no_grad():
        module.model.embed_tokens.weight[0] = 8180  # the model multiplies it by the root of its width, which is 8
        module.model.layers[1].post_feedforward_layernorm.weight.fill_(100)
    return module


def test_a_model_that_overflows_at_its_begin_token_is_not_verified_and_the_format_is_named() -> None:
    model = opened(overflowing_at_the_begin_token())
    assert model.verdict == "the state at L1 is not finite in fp16"
    assert any("Load it in bf16 or fp32." in notice for notice in model.notices)
    assert opened(overflowing_at_the_begin_token().float()).verdict == "verified"


@pytest.mark.parametrize("weight", ["model.layers.3.mlp.down_proj.weight", "model.embed_tokens.weight"])
@pytest.mark.parametrize("everywhere", [False, True])
def test_a_weight_that_is_not_a_number_is_named_and_no_layer_is_lost(weight: str, everywhere: bool) -> None:
    module = random_module()
    with torch.no_grad():
        numbers = module.get_parameter(weight)
        numbers[:] = NAN if everywhere else numbers
        numbers[0, 0] = NAN
    model = opened(module)
    assert model.verdict == f"the weight {weight} is not finite"
    assert model.layers == 8
    assert model.notices == [
        f"Not verified: the weight {weight} is not finite. Download or save the checkpoint again. "
        "Its readings may be wrong."
    ]


def test_a_checkpoint_with_weights_that_are_not_numbers_opens_from_its_folder(tmp_path: Path) -> None:
    module = random_module()
    with torch.no_grad():
        module.model.layers[0].self_attn.q_proj.weight[:] = NAN
    module.save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    model = load(tmp_path, device="cpu")
    assert model.verdict == "the weight model.layers.0.self_attn.q_proj.weight is not finite"
    assert model.layers == 8


def test_lens_rows_of_states_that_are_not_finite_hold_nan_and_the_others_numbers() -> None:
    module = random_module()
    with torch.no_grad():
        module.model.layers[3].mlp.down_proj.weight[0, 0] = NAN
    (block,) = logit_lens(opened(module), prompt_ids(), [4])
    rows = block.rows
    assert [row.cell.layer for row in rows] == [EMBED, *range(8)]
    assert [math.isnan(row.entropy) for row in rows] == [False] * 4 + [True] * 5
    assert [math.isnan(row.top[0].probability) for row in rows] == [False] * 4 + [True] * 5
    assert [bool(row.top[0].text) for row in rows] == [True] * 4 + [False] * 5
    assert rows[-1].answer_rank >= 159


def test_tensors_with_nan_at_the_same_indices_are_the_same() -> None:
    one = torch.tensor([1.0, NAN])
    assert same(one, one.clone())
    assert not same(one, torch.tensor([2.0, NAN]))
    assert not same(one, torch.tensor([1.0, 1.0]))

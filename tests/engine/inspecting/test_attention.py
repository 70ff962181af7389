"""Attention patterns are the model's own, and a model that was asked for them is as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from selfie_tui.engine.inspecting import attention as patterns
from selfie_tui.engine.inspecting.attention import attention
from selfie_tui.engine.inspecting.eager import CHOICE, configurations, eager_attention
from selfie_tui.engine.inspecting.standing import set_edits
from selfie_tui.engine.model import Model
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.records import AttentionRead, Edit, ReadAttention
from tests.engine.inspecting.models import (
    PROMPT,
    arguments,
    build,
    hooked,
    hooks_of,
    last_stack,
    logits,
    prompt_of,
    source,
)

FAMILIES = (
    "gpt2",
    "llama",
    "neox",
    "gemma2",
    "qwen3",
    "opt",
    "bloom",
    "falcon",
    "falcon-grouped",
    "mpt",
    "gptj",
    "phi3",
    "olmo2",
    "mixtral",
    "bert",
    "albert",
    "xlnet",
    "gpt_oss",
)


def never() -> bool:
    return False


def own(model: Model, name: str, stack: str = "") -> list[torch.Tensor]:
    """The patterns that the model gives for all its layers when it is asked for them, `(heads, queries, keys)`."""
    with eager_attention(model.module), torch.no_grad():
        output: Any = model.module(**arguments(model, source(model, stack)), output_attentions=True)
    return [each[0] for each in output[name] if each is not None]


def tensor_of(read: AttentionRead) -> torch.Tensor:
    return torch.tensor([pattern.rows for pattern in read.patterns])


def choices(model: Model) -> list[object]:
    return [vars(config).get(CHOICE) for config in configurations(model.module)]


@pytest.mark.parametrize("family", FAMILIES)
def test_patterns_of_every_layer_are_the_models_own_and_it_is_as_before(family: str) -> None:
    model = build(family)
    before, chosen = logits(model, source(model)), choices(model)
    expected, hooks = own(model, "attentions"), hooks_of(model)
    blocks = model.anatomy.main.blocks
    shared = len({block.path for block in blocks}) == 1
    for layer, pattern in enumerate(expected[:1] if shared else expected):
        read = attention(model, ReadAttention(prompt_of(model), blocks[layer].path), never)
        assert (read.layer, read.heads) == (layer, len(pattern))
        torch.testing.assert_close(tensor_of(read), pattern, rtol=1e-5, atol=1e-6)
    assert choices(model) == chosen
    assert logits(model, source(model)).equal(before)
    assert hooks_of(model) == hooks


@pytest.mark.parametrize("family", ["t5", "bart"])
@pytest.mark.parametrize(
    ("name", "stack", "cross"),
    [
        ("encoder_attentions", "encoder", False),
        ("decoder_attentions", "decoder", False),
        ("cross_attentions", "decoder", True),
    ],
)
def test_both_stacks_and_what_lies_between_them_have_patterns(family: str, name: str, stack: str, cross: bool) -> None:
    model = build(family)
    expected = own(model, name, "decoder")
    for layer, block in enumerate(model.anatomy.stack(stack).blocks):
        read = attention(model, ReadAttention(prompt_of(model), block.path, cross=cross, stack=stack), never)
        torch.testing.assert_close(tensor_of(read), expected[layer], rtol=1e-5, atol=1e-6)
        assert (read.stack, read.cross) == (stack, cross)


def test_a_window_of_heads_queries_and_keys_is_that_part_of_the_pattern() -> None:
    model = build("llama")
    whole = tensor_of(attention(model, ReadAttention(PROMPT, "layers.2"), never))
    asked = ReadAttention(PROMPT, "layers.2.self_attn", queries=(3, 5), keys=(1, 4), heads=(2, 0))
    read = attention(model, asked, never)
    assert [pattern.head for pattern in read.patterns] == [2, 0]
    assert (read.queries, read.keys, read.heads, read.key_heads) == ((3, 5), (1, 4), 4, 2)
    assert tensor_of(read).equal(whole[[2, 0], 3:5, 1:4])
    assert attention(model, ReadAttention(PROMPT, "layers.2.self_attn.q_proj"), never).path == read.path


def test_a_mixer_beside_attention_says_that_it_has_no_pattern() -> None:
    model = build("jamba")
    expected = own(model, "attentions")
    assert tensor_of(attention(model, ReadAttention(PROMPT, "layers.3"), never)).shape == expected[1].shape
    with pytest.raises(RequestError, match=r"L0 mixes its tokens by JambaMambaMixer.*layers\.1\.self_attn"):
        attention(model, ReadAttention(PROMPT, "layers.0"), never)


@pytest.mark.parametrize("family", ["mamba", "rwkv"])
def test_a_model_without_attention_says_so(family: str) -> None:
    model = build(family)
    with pytest.raises(RequestError, match=r"no attention.*Look at the values"):
        attention(model, ReadAttention(PROMPT, model.anatomy.main.blocks[1].path), never)


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (ReadAttention(PROMPT, "layers.1.mlp"), "has no attention"),
        (ReadAttention(PROMPT, "layers.1.mlp"), r"Choose one of model\.layers\.1\.self_attn, "),
        (ReadAttention(PROMPT, "model"), "several attentions"),
        (ReadAttention(PROMPT, "layers.1", cross=True), "no cross-attention"),
        (ReadAttention(PROMPT, "layers.1", heads=(4,)), "has 4 heads"),
        (ReadAttention(PROMPT, "layers.1", queries=(3, 99)), "no query tokens"),
        (ReadAttention(PROMPT, "layers.1", keys=(2, 2)), "no key tokens"),
    ],
)
def test_what_has_no_pattern_is_refused(task: ReadAttention, says: str) -> None:
    with pytest.raises(RequestError, match=says):
        attention(build("llama"), task, never)


def test_a_pattern_larger_than_the_memory_is_refused_before_it_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "free_memory", lambda device: 100)
    with pytest.raises(RequestError, match=r"GiB are free\. Shorten the prompt"):
        attention(build("llama"), ReadAttention(PROMPT, "layers.1"), never)


def test_an_edit_that_stands_changes_the_patterns_after_it() -> None:
    model = build("llama")
    with hooked(model, "model.layers.1.mlp", lambda tensor: tensor * 3.0):
        expected = own(model, "attentions")
    set_edits(model, [Edit("layers.1.mlp", "scale", 3.0)])
    found = [tensor_of(attention(model, ReadAttention(PROMPT, f"layers.{layer}"), never)) for layer in range(4)]
    set_edits(model, [])
    clean = own(model, "attentions")
    for layer in range(4):
        torch.testing.assert_close(found[layer], expected[layer], rtol=1e-5, atol=1e-6)
        assert torch.allclose(found[layer], clean[layer]) == (layer < 2)


def test_a_cancel_gives_the_attention_back() -> None:
    model = build("llama")
    before, chosen = logits(model, source(model)), choices(model)
    assert any(choice == "sdpa" for choice in chosen)
    with pytest.raises(Cancelled):
        attention(model, ReadAttention(PROMPT, "layers.3"), lambda: True)
    assert choices(model) == chosen
    assert logits(model, source(model)).equal(before)
    assert last_stack(model) == ""

"""What a processor does faster in another way, against PyTorch's own way: attention over a cache's room, the GELU."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers.activations import FastGELUActivation, NewGELUActivation

from selfie_tui.engine import tracing
from selfie_tui.engine.generation import packed as packing
from selfie_tui.engine.generation.cache import SPARE, GrowingLayer
from selfie_tui.engine.generation.decode import Limits, Row, decode, prefill_prompt
from selfie_tui.engine.generation.packed import PackedWeights
from selfie_tui.engine.generation.processor import ProcessorOperations, processor_operations, tanh_gelu
from selfie_tui.engine.generation.room_attention import attend, room_of
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model
from tests.engine.zoo import FAMILIES, build, prompt_ids

ROWS, HEADS, TOKENS, WIDTH = 5, 3, 7, 8
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 3e-2}


def layer(dtype: torch.dtype, value_width: int = WIDTH) -> GrowingLayer:
    torch.manual_seed(0)
    keys, values = torch.randn(ROWS, HEADS, TOKENS, WIDTH), torch.randn(ROWS, HEADS, TOKENS, value_width)
    return GrowingLayer.of([keys.to(dtype)], [values.to(dtype)], 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("heads", "scale", "value_width"), [(3, None, 8), (9, 0.3, 8), (3, 1.7, 5)])
def test_attention_over_the_room_is_that_of_pytorch(
    dtype: torch.dtype, heads: int, scale: float | None, value_width: int
) -> None:
    growing = layer(dtype, value_width)
    query = torch.randn(ROWS, heads, 1, WIDTH).to(dtype)
    for step in range(6):  # two more than there is room for at first
        new = torch.randn(ROWS, HEADS, 1, WIDTH), torch.randn(ROWS, HEADS, 1, value_width)
        keys, values = growing.update(new[0].to(dtype), new[1].to(dtype))
        if step == 4:
            growing.crop(-3)  # leaves what is no longer part of the cache in its room
            keys, values = growing.keys, growing.values
        found = attend(query, keys, values, scale=scale, enable_gqa=heads != HEADS)
        expected = scaled_dot_product_attention(query, keys, values, scale=scale, enable_gqa=heads != HEADS)
        assert found is not None
        assert found.dtype == dtype
        torch.testing.assert_close(found, expected, atol=TOLERANCE[dtype], rtol=0)


@pytest.mark.parametrize("size", [1, 3])
def test_attention_in_16_bits_is_as_exact_as_pytorchs(size: int) -> None:
    torch.manual_seed(0)
    states = torch.randn(3, 12, 4, 40, 64)
    query = (size * states[0, :, :, :1]).bfloat16()
    growing = GrowingLayer.of([(size * states[1]).bfloat16()], [states[2].bfloat16()], 4)
    wide = [tensor.double() for tensor in (query, growing.keys, growing.values)]
    exact = scaled_dot_product_attention(*wide)
    found = attend(query, growing.keys, growing.values)
    assert found is not None
    error = (found - exact).square().mean().sqrt()
    assert (
        error < 1.5 * (scaled_dot_product_attention(query, growing.keys, growing.values) - exact).square().mean().sqrt()
    )


def test_attention_that_is_not_of_one_query_over_a_room_is_left_to_pytorch() -> None:
    growing = layer(torch.float32)
    keys, values = growing.keys, growing.values
    query, mask = torch.randn(ROWS, HEADS, 1, WIDTH), torch.ones(ROWS, 1, 1, TOKENS, dtype=torch.bool)
    assert attend(query, keys, values) is not None
    assert attend(query, keys, values, attn_mask=mask) is None
    assert attend(query, keys, values, is_causal=True) is None
    assert attend(query, keys, values, dropout_p=0.5) is None
    assert attend(query.expand(-1, -1, 2, -1), keys, values) is None
    assert attend(query.double(), keys.double(), values.double()) is None
    assert attend(query, keys.clone(), values.clone()) is None
    assert attend(query, keys[:, :, 1:], values[:, :, 1:]) is None
    assert attend(query[:1], keys, values) is None
    assert attend(query.repeat(1, 2, 1, 1), keys, values) is None


def test_a_room_is_that_of_a_view_of_its_first_tokens_alone() -> None:
    room = torch.randn(ROWS, HEADS, TOKENS, WIDTH)
    assert room_of(room[:, :, :3]) is room
    assert room_of(room[:, :, 1:3]) is None
    assert room_of(room[:, :2, :3]) is None
    assert room_of(room[:, :, :3, :4]) is None
    assert room_of(room.transpose(0, 1)[:, :, :3]) is None
    assert room_of(room) is None


def run(model: Model, operations: ProcessorOperations | None, steps: int) -> list[Row]:
    torch.manual_seed(0)
    injection = Injection(2 * torch.randn(9, model.hidden), (3, 5), 1)
    limits = Limits(steps, ends=lambda row: len(row.ids) == 4 + row.ids[0] % 3 * steps)  # so that rows are dropped
    prefill = prefill_prompt(model, prompt_ids(3))
    *_, (rows, _) = decode(model, prefill, injection, 1, limits, operations=operations)
    return rows


@pytest.mark.parametrize("family", FAMILIES)
def test_long_texts_are_the_same_where_rows_end_and_the_room_grows(family: str) -> None:
    model = build(family)
    operations = ProcessorOperations(PackedWeights((), 0))
    found, expected = run(model, operations, SPARE + 4), run(model, None, SPARE + 4)
    assert [row.ids for row in found] == [row.ids for row in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_every_step_but_the_first_is_answered_over_the_room(family: str) -> None:
    model = build(family)
    operations = ProcessorOperations(PackedWeights((), 0))
    answered = []

    def counting(*args: torch.Tensor, **kwargs: bool) -> torch.Tensor | None:
        found = attend(*args, **kwargs)  # type: ignore[arg-type]
        answered.append(found is not None)
        return found

    operations.answers[scaled_dot_product_attention] = counting
    injection = Injection(torch.randn(9, model.hidden), (3, 5), 1)
    for _ in decode(model, prefill_prompt(model, prompt_ids(3)), injection, 0, Limits(5), operations=operations):
        pass
    assert sum(answered) == 4 * model.layers


@pytest.mark.parametrize("activation", [NewGELUActivation, FastGELUActivation])
@torch.no_grad()
def test_the_gelu_by_tanh_is_one_operation_within_rounding(activation: type[nn.Module]) -> None:
    module, states = activation(), 3 * torch.randn(4, 6, 50)
    torch.testing.assert_close(tanh_gelu(module, states), module(states), atol=1e-6, rtol=1e-6)
    rough = states.bfloat16()
    exact = module(rough.double())
    assert (tanh_gelu(module, rough) - exact).abs().max() <= (module(rough) - exact).abs().max()


def test_modules_compute_as_ever_once_the_operations_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("gpt2")
    monkeypatch.setattr(packing, "FEWEST_TOKENS", 1)
    operations = processor_operations(model, 1)
    assert operations is not None
    assert operations.gelus == tuple(block.mlp.act for block in model.blocks)
    bodies = [part.__dict__[tracing.STATE].body for part in operations.gelus]
    with operations:
        assert {part.__dict__[tracing.STATE].body for part in operations.gelus} == {tanh_gelu}
    assert [part.__dict__[tracing.STATE].body for part in operations.gelus] == bodies
    with pytest.raises(TypeError), operations:
        nn.functional.linear(None, None)
    assert [part.__dict__[tracing.STATE].body for part in operations.gelus] == bodies


def test_two_threads_in_one_model_take_turns_and_leave_its_modules_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = build("gpt2")
    monkeypatch.setattr(packing, "FEWEST_TOKENS", 1)
    first, second = processor_operations(model, 1), processor_operations(model, 1)
    assert first is not None
    assert second is not None
    bodies = [part.__dict__[tracing.STATE].body for part in first.gelus]
    entered, left = threading.Event(), threading.Event()

    def other() -> None:
        with second:
            entered.set()
            left.wait()

    thread = threading.Thread(target=other)
    with first:
        thread.start()
        assert not entered.wait(0.1)
    assert entered.wait(10)
    left.set()
    thread.join()
    assert [part.__dict__[tracing.STATE].body for part in first.gelus] == bodies

"""Products with weights in blocks against those with the weights themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from selfie_tui.engine.generation import packed as packing
from selfie_tui.engine.generation.decode import Limits, Row, decode, prefill_prompt
from selfie_tui.engine.generation.packed import PackedWeights, packed_weights
from selfie_tui.engine.generation.processor import ProcessorOperations
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model
from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.records import Cell, Progress
from tests.engine.zoo import FAMILIES, build, prompt_ids

ROWS, STEPS = 9, 6
ENOUGH = 2**20


def run(model: Model, packed: PackedWeights | None) -> list[Row]:
    torch.manual_seed(0)
    injection = Injection(2 * torch.randn(ROWS, model.hidden), (3, 5), 1)
    *_, (rows, _) = decode(
        model,
        prefill_prompt(model, prompt_ids(3)),
        injection,
        1,
        Limits(STEPS),
        operations=packed and ProcessorOperations(packed),
    )
    return rows


@pytest.mark.parametrize("family", FAMILIES)
def test_packed_weights_decode_the_same_tokens(family: str) -> None:
    model = build(family)
    packed = PackedWeights(model.module.parameters(), ENOUGH)
    found, expected = run(model, packed), run(model, None)
    assert [row.ids for row in found] == [row.ids for row in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    assert packed.works
    assert any(copy is not None for copy in packed.copies.values())
    assert packed.bytes_left < ENOUGH


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
@torch.no_grad()
def test_linear_and_addmm_are_answered_for_any_number_of_rows(dtype: torch.dtype, bias: bool) -> None:
    layer = nn.Linear(40, 72, bias).to(dtype)
    packed = PackedWeights(layer.parameters(), ENOUGH)
    for shape in ((8, 40), (97, 40), (3, 11, 40)):
        inputs = torch.randn(shape).to(dtype)
        with ProcessorOperations(packed):
            found = layer(inputs)
        torch.testing.assert_close(found, layer(inputs), atol=2e-2 if dtype == torch.bfloat16 else 1e-5, rtol=1e-2)
        assert found.dtype == dtype
    rows, transposed = torch.randn(16, 72).to(dtype), torch.randn(40).to(dtype)
    with ProcessorOperations(packed):
        found = torch.addmm(transposed, rows, layer.weight)
    expected = torch.addmm(transposed, rows, layer.weight)
    torch.testing.assert_close(found, expected, atol=5e-2 if dtype == torch.bfloat16 else 1e-5, rtol=1e-2)
    assert len(packed.copies) == 2


@torch.no_grad()
def test_only_the_given_weights_are_copied_and_no_more_than_there_is_room_for() -> None:
    known, other = nn.Linear(32, 32), nn.Linear(32, 32)
    inputs = torch.randn(16, 32)
    packed = PackedWeights(known.parameters(), known.weight.nbytes + 10)
    with ProcessorOperations(packed):
        other(inputs)
        known(inputs[:2])
        assert not packed.copies
        known(inputs)
        torch.testing.assert_close(nn.functional.linear(inputs, known.weight[:16]), inputs @ known.weight[:16].T)
    assert [copy is not None for copy in packed.copies.values()] == [True, False]
    assert packed.bytes_left == 10


@torch.no_grad()
def test_where_a_copy_gives_other_numbers_products_are_pytorchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, inputs = nn.Linear(32, 32), torch.randn(16, 32)
    monkeypatch.setattr(packing, "multiply", lambda inputs, packed, bias: inputs + 1)
    packed = PackedWeights(layer.parameters(), ENOUGH)
    with ProcessorOperations(packed):
        found = layer(inputs)
    assert torch.equal(found, layer(inputs))
    assert not packed.works


def test_weights_are_packed_for_a_run_of_many_tokens_where_there_is_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("gpt2")
    assert packed_weights(model, packing.FEWEST_TOKENS - 1) is None
    monkeypatch.setattr(packing, "free_memory", lambda device: 4000)
    found = packed_weights(model, packing.FEWEST_TOKENS)
    assert found is not None
    assert found.bytes_left == 1000
    monkeypatch.setattr(packing, "free_memory", lambda device: None)
    assert packed_weights(model, packing.FEWEST_TOKENS).bytes_left == packing.MOST_BYTES  # type: ignore[union-attr]


def test_between_two_steps_nothing_of_this_thread_is_answered() -> None:
    model = build("gpt2")
    packed = PackedWeights(model.module.parameters(), ENOUGH)
    injection = Injection(torch.randn(ROWS, model.hidden), (3, 5), 1)
    steps = decode(
        model, prefill_prompt(model, prompt_ids(3)), injection, 0, Limits(STEPS), operations=ProcessorOperations(packed)
    )
    next(steps)
    before = len(packed.copies)
    with torch.no_grad():
        nn.functional.linear(torch.randn(ROWS, model.hidden), model.modules[model.anatomy.head].weight[:7])
    assert len(packed.copies) == before
    steps.close()


@pytest.mark.parametrize("left", [False, True], ids=["whole", "left"])
def test_a_run_lets_go_of_its_copies(monkeypatch: pytest.MonkeyPatch, left: bool) -> None:
    made: list[PackedWeights] = []

    def pack(model: Model, tokens: int) -> PackedWeights:
        made.append(PackedWeights(model.module.parameters(), ENOUGH))
        return made[-1]

    monkeypatch.setattr("selfie_tui.engine.generation.processor.packed_weights", pack)
    request = InterpretSettings(max_new_tokens=4).request("The tower", tuple(Cell(layer, 1) for layer in range(8)))
    events = interpret(load("demo", device="cpu", dtype="fp32"), request)
    while not (made and made[0].copies):
        next(events)
    assert made[0].bytes_left < ENOUGH
    if left:
        events.close()
    else:
        *_, last = events
        assert isinstance(last, Progress)
    assert not made[0].copies
    assert made[0].bytes_left == ENOUGH


class Wrapped(torch.Tensor):
    """A weight without memory of its own, as quantized ones are: its numbers are those of another tensor."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> Wrapped:
        made: Wrapped = torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        plain = [each.inner if isinstance(each, Wrapped) else each for each in args]
        return func(*plain, **(kwargs or {}))


@torch.no_grad()
def test_weights_without_memory_of_their_own_and_odd_biases_are_left_to_pytorch() -> None:
    inputs, inner, weight = torch.randn(16, 32), torch.randn(24, 32), torch.randn(24, 32)
    wrapped = Wrapped(inner)
    packed = PackedWeights([wrapped, weight], ENOUGH)
    with ProcessorOperations(packed):
        torch.testing.assert_close(nn.functional.linear(inputs, wrapped), inputs @ inner.T)
        torch.testing.assert_close(torch.addmm(torch.ones(1), inputs, weight.T), inputs @ weight.T + 1)
        assert not packed.copies
        torch.testing.assert_close(nn.functional.linear(inputs, weight), inputs @ weight.T)
    assert len(packed.copies) == 1


@torch.no_grad()
def test_the_first_copy_that_there_is_room_for_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = nn.Linear(32, 64, bias=False), nn.Linear(32, 8, bias=False)
    monkeypatch.setattr(packing, "multiply", lambda inputs, packed, bias: inputs[:, :8] + 1)
    packed = PackedWeights([large.weight, small.weight], small.weight.nbytes)
    with ProcessorOperations(packed):
        for layer in (large, small):
            inputs = torch.randn(16, 32)
            torch.testing.assert_close(layer(inputs), inputs @ layer.weight.T)
    assert not packed.works

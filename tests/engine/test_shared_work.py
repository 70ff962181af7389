"""What rows of a batch share: layers below the injection, a cache that grows in place, pieces of a prefill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from transformers import GPT2LMHeadModel
from transformers.cache_utils import DynamicCache, DynamicLayer

from selfie_tui.engine.generation import forwards
from selfie_tui.engine.generation.cache import SPARE, GrowingLayer, join_caches, take_rows
from selfie_tui.engine.generation.cached import CachedStepper
from selfie_tui.engine.generation.decode import Limits, Row, decode, never, prefill_prompt
from selfie_tui.engine.generation.steppers import RecomputeStepper
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model, adopt
from selfie_tui.records import EMBED
from tests.engine.zoo import CONFIGS, FAMILIES, build, byte_tokenizer, prompt_ids, randomise

LAYERS, STEPS, ROWS = 4, 6, 5
ROUNDING = 2e-4


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Model:
    return build(request.param, LAYERS)


def vectors(model: Model, rows: int = ROWS) -> torch.Tensor:
    torch.manual_seed(rows)
    return 2 * torch.randn(rows, model.hidden)


def decoded(model: Model, injection: Injection, uninjected: int = 1) -> list[Row]:
    prefill = prefill_prompt(model, prompt_ids(3))
    *_, (rows, _) = decode(model, prefill, injection, uninjected, Limits(STEPS))
    return rows


@contextmanager
def counting_rows(module: torch.nn.Module) -> Iterator[list[int]]:
    """The number of rows of each call of the first linear-like part inside of a module."""
    part = next(each for each in module.modules() if not list(each.children()) and each._parameters)
    counts: list[int] = []
    handle = part.register_forward_hook(lambda module, args, output: counts.append(output.shape[0]))
    try:
        yield counts
    finally:
        handle.remove()


@pytest.mark.parametrize("layer", [0, 1, LAYERS - 1])
def test_layers_below_an_injection_run_for_one_row_and_the_logits_are_those_of_all(model: Model, layer: int) -> None:
    prefill = prefill_prompt(model, prompt_ids(3))
    injection = Injection(vectors(model), (3, 5), layer)
    stepper = CachedStepper(model, prefill, injection, ROWS + 1, never)
    whole = RecomputeStepper(model, prefill, injection, ROWS + 1, never)
    stepper.first()
    assert model.skips_blocks.get(layer, False) == prefill.expandable
    with counting_rows(model.blocks[layer]) as counts:
        found = stepper.first().whole()
    if prefill.expandable:
        assert set(counts) == {1}
    torch.testing.assert_close(found, whole.first().whole(), atol=ROUNDING, rtol=0)
    for step in range(3):
        tokens = [5 + step + row for row in range(ROWS + 1)]
        torch.testing.assert_close(stepper.next(tokens).whole(), whole.next(tokens).whole(), atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("layer", [EMBED, 1])
def test_a_prefill_in_pieces_decodes_what_one_piece_does(
    model: Model, layer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    injection = Injection(vectors(model), (3, 5), layer)
    together = decoded(model, injection)
    monkeypatch.setattr(forwards, "PIECE", 12)  # two rows of the six tokens from the first placeholder on
    in_pieces = decoded(model, injection)
    assert [row.ids for row in in_pieces] == [row.ids for row in together]
    for one, other in zip(in_pieces, together, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=ROUNDING)


@pytest.mark.parametrize("layer", [EMBED, 1])
def test_rows_with_the_same_vector_are_run_once_until_their_first_token(model: Model, layer: int) -> None:
    own = vectors(model)
    injection = Injection(torch.cat([own[:3], own[:2], own[:3]]), (3, 5), layer)
    prefill = prefill_prompt(model, prompt_ids(3))
    stepper, whole = (kind(model, prefill, injection, 10, never) for kind in (CachedStepper, RecomputeStepper))
    stepper.first()
    with counting_rows(model.blocks[-1]) as counts:
        found = stepper.first().whole()
    if prefill.expandable:
        assert sum(counts) == (1 if layer == model.layers - 1 else 4)  # three vectors, and the rows without one
    torch.testing.assert_close(found, whole.first().whole(), atol=ROUNDING, rtol=0)
    for step in range(3):
        tokens = [5 + step + row for row in range(10)]
        torch.testing.assert_close(stepper.next(tokens).whole(), whole.next(tokens).whole(), atol=ROUNDING, rtol=0)


def test_a_first_token_comes_with_the_entropy_of_its_distribution(model: Model) -> None:
    injection = Injection(vectors(model), (3, 5), 1)
    prefill = prefill_prompt(model, prompt_ids(3))
    logits = RecomputeStepper(model, prefill, injection, ROWS, never).first().whole()
    expected = torch.distributions.Categorical(logits=logits).entropy().tolist()
    assert [row.entropy for row in decoded(model, injection, 0)] == pytest.approx(expected, abs=1e-4)


def test_a_model_whose_later_blocks_use_what_earlier_ones_left_runs_all_of_them() -> None:
    module = GPT2LMHeadModel(CONFIGS["gpt2"](LAYERS)).eval()
    randomise(module)
    left: list[torch.Tensor] = []
    first, last = module.transformer.h[0].mlp, module.transformer.h[3].mlp
    plain_first, plain_last = first.forward, last.forward

    def leaving(states: torch.Tensor) -> torch.Tensor:
        left[:] = [plain_first(states)]
        return left[0]

    def using(states: torch.Tensor) -> torch.Tensor:
        return plain_last(states) + (left.pop() if left else 0)  # nothing is left by a block that did not run

    first.forward, last.forward = leaving, using
    module.transformer.register_forward_pre_hook(lambda module, args: left.clear())
    model = adopt(module, byte_tokenizer())
    injection = Injection(vectors(model), (3, 5), 1)
    prefill = prefill_prompt(model, prompt_ids(3))
    found = CachedStepper(model, prefill, injection, ROWS, never).first().whole()
    assert model.skips_blocks == {1: False}
    expected = RecomputeStepper(model, prefill, injection, ROWS, never).first().whole()
    torch.testing.assert_close(found, expected, atol=ROUNDING, rtol=0)


def states(rows: int, tokens: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 2, tokens, 4, generator=generator), torch.randn(rows, 2, tokens, 4, generator=generator)


def test_a_growing_layer_holds_what_a_dynamic_layer_does_in_the_same_memory() -> None:
    plain, keys_and_values = DynamicLayer(), states(3, 5)
    plain.update(*keys_and_values)
    growing = GrowingLayer.of([keys_and_values[0][:1], keys_and_values[0][1:]], [*keys_and_values[1].split([1, 2])])
    address = growing.keys.data_ptr()

    def both(call: Any) -> None:
        call(plain), call(growing)
        assert torch.equal(plain.keys, growing.keys)
        assert torch.equal(plain.values, growing.values)

    for step in range(SPARE):
        both(lambda layer, step=step: layer.update(*states(3, 1, step + 1)))
    assert growing.keys.data_ptr() == address
    both(lambda layer: layer.update(*states(3, 2, 90)))
    both(lambda layer: layer.batch_select_indices(torch.tensor([2, 0])))
    both(lambda layer: layer.update(*states(2, 40, 91)))
    both(lambda layer: layer.crop(-7))
    both(lambda layer: layer.update(*states(2, 3, 92)))
    both(lambda layer: layer.batch_repeat_interleave(2))
    both(lambda layer: layer.update(*states(4, 3, 93)))


def test_rows_taken_from_a_cache_leave_it_as_it_was_and_joined_ones_are_in_order() -> None:
    cache = DynamicCache()
    keys, values = states(3, 5)
    cache.update(keys, values, 0)
    taken = [take_rows(cache, rows, 4) for rows in ([0], [2, 2])]
    assert torch.equal(cache.layers[0].keys, keys)
    assert torch.equal(taken[1].layers[0].keys, keys[[2, 2], :, :4])
    joined = join_caches(taken, range(3))
    assert torch.equal(joined.layers[0].values, values[[0, 2, 2], :, :4])
    joined.update(*states(3, 1, 7), 0)
    assert torch.equal(joined.layers[0].keys[:, :, :4], keys[[0, 2, 2], :, :4])
    assert joined.get_seq_length() == 5
    assert cache.get_seq_length() == 5

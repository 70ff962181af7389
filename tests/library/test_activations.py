"""Activations are the states that raw hooks see, in the shapes promised, and nothing more is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from selfie_tui.engine.model import Model
from selfie_tui.errors import PromptError, RequestError
from selfie_tui.library.facade import ModelAgnosticSelfie

PROMPT = "The Eiffel Tower is in Paris"
TARGET = "This _ _ _ represents the concept of"


def hooked(model: Model, prompt: str) -> dict[int, torch.Tensor]:
    """Every block's output, and under -1 the first block's input, by plain PyTorch hooks: `(1, tokens, hidden)`."""
    seen: dict[int, torch.Tensor] = {}

    def keep(layer: int) -> Callable[[Any, Any, Any], None]:
        def hook(block: Any, args: Any, output: Any) -> None:
            if layer == 0:
                seen[-1] = args[0].clone()
            seen[layer] = (output[0] if isinstance(output, tuple) else output).clone()

        return hook

    blocks = model.module.model.layers
    handles = [block.register_forward_hook(keep(layer)) for layer, block in enumerate(blocks)]
    try:
        with torch.no_grad():
            model.module(**model.tokenizer(prompt, return_tensors="pt"))
    finally:
        for handle in handles:
            handle.remove()
    return seen


def continued(
    model: Model, prompt: str, vectors: torch.Tensor, layer: int, positions: list[int], new: int
) -> torch.Tensor:
    """Greedy ids with vectors `(positions, hidden)` written by a plain hook into the prefill, nothing of the engine."""
    inputs = model.tokenizer(prompt, return_tensors="pt")
    length = inputs["input_ids"].shape[1]

    def write(block: Any, args: Any, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) else output
        if state.shape[1] == length:
            state[:, positions] = vectors

    handle = model.module.model.layers[layer].register_forward_hook(write)
    try:
        with torch.no_grad():
            ids: torch.Tensor = model.module.generate(**inputs, max_new_tokens=new, do_sample=False, pad_token_id=0)
    finally:
        handle.remove()
    return ids


def test_all_layers_and_tokens_are_what_hooks_see(selfie: ModelAgnosticSelfie, model: Model) -> None:
    expected = hooked(model, PROMPT)
    found = selfie.get_activations(PROMPT)
    assert list(found) == list(range(8))
    assert all(found[layer].shape == (1, 7, 256) for layer in found)
    assert all(torch.equal(found[layer], expected[layer]) for layer in found)


def test_chosen_cells_are_what_hooks_see_in_the_order_asked(selfie: ModelAgnosticSelfie, model: Model) -> None:
    expected = hooked(model, PROMPT)
    found = selfie.get_activations(PROMPT, layer_indices=[5, "embed"], token_indices=[-1, 2])
    assert list(found) == [5, -1]
    assert all(torch.equal(found[layer], expected[layer][:, [6, 2]]) for layer in found)


def test_only_the_cells_asked_for_are_held(selfie: ModelAgnosticSelfie, model: Model) -> None:
    found = selfie.get_activations(PROMPT, layer_indices=[1, 4], token_indices=[2, 3, 5])
    storages = {states.untyped_storage().data_ptr(): states.untyped_storage().nbytes() for states in found.values()}
    assert sum(storages.values()) == 2 * 3 * 256 * model.dtype.itemsize  # layers, tokens, width


def test_several_prompts_give_a_dictionary_each(selfie: ModelAgnosticSelfie) -> None:
    prompts = [PROMPT, "Paris"]
    found = selfie.get_activations(prompts, layer_indices=[3])
    assert [states[3].shape[1] for states in found] == [7, 2]
    for prompt, states in zip(prompts, found, strict=True):
        alone = selfie.get_activations(prompt, layer_indices=[3])[3]
        # bf16 keeps 8 bits of a number: a padded batch is summed in another order
        torch.testing.assert_close(states[3], alone, atol=2**-7 * float(alone.abs().max()), rtol=0)


@pytest.mark.parametrize(
    ("layers", "tokens"),
    [([8], None), ([-2], None), (["L3"], None), ([3], [7]), ([3], [-8]), ([], None), ([3], [])],
)
def test_cells_that_are_not_there_are_refused(selfie: ModelAgnosticSelfie, layers: Any, tokens: Any) -> None:
    with pytest.raises(RequestError):
        selfie.get_activations(PROMPT, layer_indices=layers, token_indices=tokens)


def test_an_empty_prompt_is_refused(selfie: ModelAgnosticSelfie) -> None:
    with pytest.raises(PromptError):
        selfie.get_activations("")


@pytest.mark.parametrize("shape", [(256,), (1, 256), (1, 1, 256)])
def test_injection_continues_as_a_plain_hook_does(
    selfie: ModelAgnosticSelfie, model: Model, shape: tuple[int, ...]
) -> None:
    vector = selfie.get_activations(PROMPT, [4], [2])[4]
    ids = selfie.inject_activation(TARGET, vector.reshape(shape), 0, [2, 3, 4], max_new_tokens=6)
    expected = continued(model, TARGET, vector[0].expand(3, -1), 0, [2, 3, 4], 6)
    assert torch.equal(ids, expected)
    length = len(model.tokenizer(TARGET)["input_ids"])
    assert "Eiffel Tower, a tower" in model.tokenizer.decode(ids[0, length:])


def test_each_position_can_have_an_activation_of_its_own(selfie: ModelAgnosticSelfie, model: Model) -> None:
    vectors = selfie.get_activations(PROMPT, [4], [6, 2, 1])[4]
    expected = continued(model, TARGET, vectors[0], 1, [4, 3, 2], 6)
    for given in (vectors, vectors[0]):
        assert torch.equal(selfie.inject_activation(TARGET, given, 1, [4, 3, -7], max_new_tokens=6), expected)


def test_injection_at_strength_zero_is_the_model_s_own_continuation(selfie: ModelAgnosticSelfie, model: Model) -> None:
    vector = selfie.get_activations(PROMPT, [4], [2])[4]
    prompt = "The Eiffel Tower is located in the city of"
    with torch.no_grad():
        own = model.module.generate(**model.tokenizer(prompt, return_tensors="pt"), max_new_tokens=4, do_sample=False)
    for mode in ("normalized", "addition"):
        ids = selfie.inject_activation(prompt, vector, 3, -1, 0.0, mode, max_new_tokens=4)
        assert torch.equal(ids, own)


@pytest.mark.parametrize(
    ("width", "layer", "positions", "mode", "tokens"),
    [
        (255, 2, [2], "normalized", 5),
        (512, 2, [2, 3, 4], "normalized", 5),
        (256, 8, [2], "normalized", 5),
        (256, 2, [99], "normalized", 5),
        (256, 2, [], "normalized", 5),
        (256, 2, [2, 2], "normalized", 5),
        (256, 2, [2], "no such mode", 5),
        (256, 2, [2], "normalized", 0),
    ],
)
def test_injections_that_cannot_be_are_refused(
    selfie: ModelAgnosticSelfie, width: int, layer: int, positions: list[int], mode: str, tokens: int
) -> None:
    with pytest.raises(RequestError):
        selfie.inject_activation(
            TARGET, torch.zeros(width), layer, positions, replacing_mode=mode, max_new_tokens=tokens
        )

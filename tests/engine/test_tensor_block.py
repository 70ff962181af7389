"""A block of tensors: copies of what it is given, in one piece, and what is unlike the first as it came."""

from __future__ import annotations

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.tensor_block import TensorBlock
from tests.engine.zoo import build, prompt_ids


def test_what_is_kept_is_a_copy_in_one_piece():
    given = [torch.full((2, 3), float(index)) for index in range(3)]
    block = TensorBlock(3)
    kept = [block.keep(tensor) for tensor in given]
    for tensor in given:
        tensor.zero_()
    assert [tensor.tolist() for tensor in kept] == [[[float(index)] * 3] * 2 for index in range(3)]
    assert len({tensor.untyped_storage().data_ptr() for tensor in kept}) == 1


def test_what_is_unlike_the_first_or_too_much_is_given_back():
    block = TensorBlock(2)
    first = block.keep(torch.ones(2))
    others = [torch.ones(3), torch.ones(2, dtype=torch.float64)]
    assert [block.keep(each) is each for each in others] == [True, True]
    assert torch.equal(block.keep(torch.zeros(2)), torch.zeros(2))
    more = torch.ones(2)
    assert block.keep(more) is more
    assert torch.equal(first, torch.ones(2))


def test_states_of_all_layers_lie_in_one_piece():
    model: Model = build("llama")
    states = model.read(prompt_ids(), range(-1, 4), [0, 5, 8])
    assert len({state.untyped_storage().data_ptr() for state in states.values()}) == 1

"""In bf16 and fp16 too values, edits and attention patterns are to the bit those of plain hooks and of the model."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from selfie_tui.engine.inspecting.attention import attention
from selfie_tui.engine.inspecting.capture import catch_in_prompt
from selfie_tui.engine.inspecting.standing import set_edits
from selfie_tui.engine.model import Model, adopt
from selfie_tui.records import ReadAttention
from tests.engine.inspecting.models import all_tensors, edited_logits, hooked, logits, prompt_of, source
from tests.engine.inspecting.test_attention import own, tensor_of
from tests.engine.inspecting.test_edits import AT, CHANGES, by_rows, editable, never, with_path
from tests.sweep.small import small
from tests.sweep.sweep import mask_tokenizer

FAMILIES = ("llama", "gpt2", "gemma2")

of_each = pytest.mark.parametrize("name", FAMILIES)
in_each = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])


@cache
def narrow(name: str, dtype: torch.dtype) -> Model:
    """A random decoder in a number format of 16 bits."""
    return adopt(small("causal", name).to(dtype), mask_tokenizer(), name)


@of_each
@in_each
def test_every_tensor_is_what_a_hook_sees(name: str, dtype: torch.dtype) -> None:
    model = narrow(name, dtype)
    read = source(model)
    seen = all_tensors(model, read)
    wanted = {tensor for tensor in model.layouts if tensor in seen}
    found = catch_in_prompt(model, read, wanted, lambda _, tensor: tensor.clone(), never)
    assert found.keys() == wanted
    assert sum(each.dtype == dtype for each in found.values()) > len(found) / 2
    assert all(found[tensor].equal(seen[tensor]) for tensor in wanted)


@of_each
@in_each
def test_edits_of_every_kind_are_the_hooks_that_do_the_same(name: str, dtype: torch.dtype) -> None:
    model = narrow(name, dtype)
    read = source(model)
    plain, differing = logits(model, read), 0
    paths = editable(model)
    assert len(paths) >= 5
    for number, path in enumerate(paths):
        where = None if number % 2 else AT
        for edit, change in CHANGES.values():
            with hooked(model, path, by_rows(len(read.tokens), where, change)):
                expected = logits(model, read)
            set_edits(model, [with_path(edit, path, None if where is None else (where,))])
            found = edited_logits(model, read)
            set_edits(model, [])
            torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
            differing += not torch.equal(found, plain)
    assert differing >= len(paths) * len(CHANGES) / 2
    assert edited_logits(model, read).equal(plain)


@of_each
@in_each
def test_patterns_are_the_models_own(name: str, dtype: torch.dtype) -> None:
    model = narrow(name, dtype)
    for block, pattern in zip(model.anatomy.main.blocks, own(model, "attentions"), strict=True):
        read = attention(model, ReadAttention(prompt_of(model), block.path), never)
        assert pattern.dtype == dtype
        assert tensor_of(read).equal(pattern.float())

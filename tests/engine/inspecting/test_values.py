"""The values of any module equal those that raw hooks see, for every family, side, call and tensor."""

from __future__ import annotations

import math

import pytest
import torch

from selfie_tui.engine.anatomy.layouts import Layout, layout_of
from selfie_tui.engine.inspecting import values
from selfie_tui.engine.inspecting.capture import by_token, catch_in_prompt, find_tensor
from selfie_tui.engine.inspecting.peek import peek
from selfie_tui.engine.inspecting.steps import peek_steps
from selfie_tui.engine.inspecting.values import values_of, whole_values
from selfie_tui.engine.methods.lens import logit_lens
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.records import ModuleTensor, Peek, PeekSteps
from tests.engine.inspecting.models import (
    FAMILIES,
    OTHERS,
    PROMPT,
    all_tensors,
    build,
    hooks_of,
    last_stack,
    prompt_of,
    source,
)
from tests.engine.zoo import VOCABULARY


def never() -> bool:
    return False


@pytest.mark.parametrize("family", [*FAMILIES, *OTHERS])
def test_every_tensor_of_every_module_is_what_a_hook_sees(family: str) -> None:
    model = build(family)
    read = source(model, last_stack(model))
    seen = all_tensors(model, read)
    wanted = {tensor for tensor in model.layouts if tensor in seen}
    found = catch_in_prompt(model, read, wanted, lambda _, tensor: tensor.clone(), never)
    assert found.keys() == wanted
    assert len(wanted) >= 0.9 * len(seen)
    for tensor in wanted:
        assert found[tensor].equal(seen[tensor]) or found[tensor].isnan().any(), tensor


@pytest.mark.parametrize("family", [*FAMILIES, "mamba", "rwkv"])
def test_a_token_of_a_causal_model_changes_no_earlier_one_and_itself_wherever_tokens_are_told_apart(
    family: str,
) -> None:
    model = build(family)
    read = source(model)
    other = type(read)((*read.ids[:-1], (read.ids[-1] + 5) % VOCABULARY), read.tokens)
    one, two = all_tensors(model, read), all_tensors(model, other)
    changed = set()
    for tensor, layout in model.layouts.items():
        if tensor not in one or one[tensor].shape != two[tensor].shape or not layout.fits(one[tensor]):
            continue
        first, second = by_token(layout, one[tensor]), by_token(layout, two[tensor])
        assert len(first) == len(read.ids), tensor
        torch.testing.assert_close(first[:-1], second[:-1], rtol=1e-4, atol=1e-4)
        if not torch.equal(first[-1], second[-1]):
            changed.add(tensor.path)
    for block in model.anatomy.main.blocks:
        assert block.path in changed
    own = {path for path, part in model.modules.items() if path and any(True for _ in part.parameters(recurse=False))}
    with_tokens = {tensor.path for tensor, layout in model.layouts.items() if layout.tokens is not None}
    assert {path for path in own & with_tokens if "expert" not in path} - changed <= {
        path for path in own if "position" in path or "wpe" in path
    }


def test_axes_are_told_by_what_changes_with_rows_and_tokens() -> None:
    assert layout_of((2, 7, 64), (3, 30, 64)) == Layout(3, 0, 1, width=64)
    assert layout_of((2, 7, 7, 64), (3, 30, 7, 64)) == Layout(4, 0, 1, width=7 * 64)
    assert layout_of((2, 4, 7, 7), (3, 4, 30, 30)) == Layout(4, 0, 2)
    assert layout_of((14, 96), (90, 96)) == Layout(2, None, 0, flat=True, width=96)
    assert layout_of((7, 2, 64), (30, 3, 64)) == Layout(3, 1, 0, width=64)
    assert layout_of((1, 7, 16), (1, 30, 16)) == Layout(3, None, 1, width=16)
    assert layout_of((2, 9, 64), (3, 32, 64)) == Layout(3, 0, 1, offset=2, width=64)
    assert layout_of((8, 7, 16), (12, 30, 16)).tokens == 1  # rows times heads (BLOOM)
    assert layout_of((2, 5, 64), (3, 24, 64)) == Layout(3, 0, 1, written=True, width=64)
    assert layout_of((5, 96), (19, 96)).tokens is None  # tokens sent to an expert


@pytest.mark.parametrize("family", FAMILIES)
def test_a_peek_has_the_statistics_of_each_token_and_the_norms_of_every_layer(family: str) -> None:
    model = build(family)
    layer = 1
    block = model.anatomy.main.blocks[layer].path
    found = peek(model, Peek(PROMPT, ModuleTensor(block), 3), never)
    seen = all_tensors(model, source(model))
    states = seen[found.module][0]  # (tokens, width)
    assert found.shape == tuple(seen[found.module].shape)
    assert [each.norm for each in found.tokens] == pytest.approx(states.norm(dim=-1).tolist(), rel=1e-5)
    assert [each.mean for each in found.tokens] == pytest.approx(states.mean(-1).tolist(), rel=1e-4, abs=1e-6)
    assert [each.std for each in found.tokens] == pytest.approx(states.std(-1, correction=0).tolist(), rel=1e-4)
    assert [each.max for each in found.tokens] == pytest.approx(states.abs().amax(-1).tolist(), rel=1e-6)
    assert {each.finite for each in found.tokens} == {1.0}
    outputs = [seen[ModuleTensor(each.path)][0, 3] for each in model.anatomy.main.blocks]
    assert found.layers == tuple(
        (index, pytest.approx(float(each.norm()), rel=1e-5)) for index, each in enumerate(outputs)
    )


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "opt", "t5"])
def test_nearest_tokens_of_a_blocks_output_are_those_of_the_lens(family: str) -> None:
    model = build(family)
    stack = last_stack(model)
    read = source(model, stack)
    position = len(read.tokens) - 1
    block = model.anatomy.last.blocks[2].path
    found = peek(model, Peek(prompt_of(model), ModuleTensor(block), position, stack=stack), never)
    ((row,),) = (block.rows for block in logit_lens(model, read.ids, [position], [2], k=8, prefix=read.prefix))
    assert found.is_stream
    assert [(each.id, each.text) for each in found.nearest] == [(each.id, each.text) for each in row.top]
    assert [each.probability for each in found.nearest] == pytest.approx(
        [each.probability for each in row.top], rel=1e-4
    )


def test_a_module_that_is_not_as_wide_as_the_stream_has_no_nearest_tokens() -> None:
    found = peek(build("llama"), Peek(PROMPT, ModuleTensor("layers.0.mlp.up_proj"), 3), never)
    assert not found.is_stream
    assert found.nearest == ()
    assert found.shape[-1] == 96


def test_the_calls_of_a_shared_block_are_told_apart() -> None:
    model = build("albert")
    path = model.anatomy.main.blocks[0].path
    calls = [peek(model, Peek(PROMPT, ModuleTensor(path, call=call), 3), never) for call in range(2)]
    assert calls[0].calls == len(model.anatomy.main.blocks)
    assert calls[0].tokens != calls[1].tokens
    states = model.read(source(model).ids, [0, 1], [3])
    assert [each.tokens[3].norm for each in calls] == pytest.approx(
        [float(states[layer].norm()) for layer in (0, 1)], rel=1e-5
    )
    assert calls[0].layers == calls[1].layers
    assert len(calls[0].layers) == len(model.anatomy.main.blocks)


def test_the_decoders_modules_have_what_it_has_written_and_the_encoders_what_it_reads() -> None:
    model = build("bart")
    for stack, prefix in (("encoder", "model.encoder"), ("decoder", "model.decoder")):
        found = peek(model, Peek(prompt_of(model), ModuleTensor(f"{prefix}.layers.0"), 0), never)
        assert len(found.tokens) == len(source(model, stack).tokens)
        assert found.stack == stack


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (ModuleTensor("layers.9.mlp"), "No module"),
        (ModuleTensor("mlp"), "end of 4 modules"),
        (ModuleTensor(""), "No module"),
        (ModuleTensor("model.layers"), "not run as a module"),
        (ModuleTensor("embed_tokens", "input"), "no tensor of numbers"),
        (ModuleTensor("layers.0.mlp", index=3), "one tensor"),
        (ModuleTensor("layers.0.mlp", call=2), "called once"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(module: ModuleTensor, says: str) -> None:
    with pytest.raises(RequestError, match=says):
        find_tensor(build("llama"), module)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "opt", "bloom", "falcon", "mpt", "qwen3", "neox"])
@pytest.mark.parametrize("end", ["", "part"])
def test_values_of_generated_tokens_are_those_that_hooks_see_in_transformers_own_generation(
    family: str, end: str
) -> None:
    model = build(family)
    block = model.anatomy.main.blocks[2].path
    path = block if not end else next(part.path for part in model.sublayers[0].blocks[2].parts if part.kind == "mlp")
    seen: list[torch.Tensor] = []

    def after(module: object, args: object, output: object) -> None:
        tensor = output if isinstance(output, torch.Tensor) else output[0]  # type: ignore[index]
        seen.append(tensor.reshape(-1, tensor.shape[-1])[-1].clone())

    ids = torch.tensor([source(model).ids])
    handle = model.modules[path].register_forward_hook(after)
    with torch.no_grad():
        made = model.module.generate(ids, max_new_tokens=6, do_sample=False, pad_token_id=2, eos_token_id=None)
    handle.remove()
    generated = made[0, ids.shape[1] :].tolist()
    steps = list(peek_steps(model, PeekSteps(PROMPT, ModuleTensor(path), 5), never))
    expected = generated[: next((i for i, each in enumerate(generated) if each in model.end_tokens), 5)][:5]
    assert [step.token.id for step in steps] == expected
    for index, step in enumerate(steps):
        assert step.values.norm == pytest.approx(float(seen[index + 1].norm()), rel=1e-4)
        assert step.values.mean == pytest.approx(float(seen[index + 1].mean()), rel=1e-3, abs=1e-4)
        assert step.index == index


def test_generation_that_is_watched_can_be_cancelled_at_any_step() -> None:
    model, asked, hooks = build("llama"), [], hooks_of(build("llama"))

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 12

    steps = []
    with pytest.raises(Cancelled):
        steps.extend(peek_steps(model, PeekSteps(PROMPT, ModuleTensor("layers.0"), 50), cancelled))
    assert hooks_of(model) == hooks


def test_statistics_leave_out_what_is_not_finite_and_say_how_much_that_is() -> None:
    numbers = torch.tensor([[3.0, -4.0, math.nan, math.inf], [math.nan] * 4, [1.0, 1.0, 1.0, 1.0]])
    first, second, third = values_of(numbers)
    assert (first.norm, first.mean, first.std, first.max, first.finite) == (5.0, -0.5, 3.5, 4.0, 0.5)
    assert math.isnan(second.norm)
    assert math.isnan(second.mean)
    assert second.finite == 0
    assert (third.norm, third.std, third.finite) == (2.0, 0.0, 1.0)


def test_statistics_of_a_large_tensor_are_put_together_from_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = torch.randn(7, 11, 13, generator=torch.Generator().manual_seed(0))
    tensor[0, 0, 0], tensor[3, 3] = math.inf, math.nan
    whole, rows = whole_values(tensor), values_of(tensor.flatten(1))
    monkeypatch.setattr(values, "NUMBERS_AT_ONCE", 10)
    for one, other in zip((whole, *rows), (whole_values(tensor), *values_of(tensor.flatten(1))), strict=True):
        for name in ("norm", "mean", "std", "max", "finite"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-5, abs=1e-6), name

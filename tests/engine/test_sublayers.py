"""Sub-layers and heads: what is found adds up, and what is written there does what it should."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle

import pytest
import torch
from transformers import GPT2LMHeadModel

from selfie_tui.engine import tracing
from selfie_tui.engine.anatomy.locations import Activation, Patch
from selfie_tui.engine.anatomy.sums import find_sum
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.sublayers import BlockParts, Heads
from selfie_tui.errors import RequestError
from tests.engine.sublayer_models import (
    ENCODER_DECODERS,
    FIRST_BLOCK_NORMS,
    LAYOUTS,
    NORMS_THE_STREAM,
    PARALLEL,
    PARTS,
    build,
    scaled_granite,
    sublayers,
    texts,
)
from tests.engine.zoo import CONFIGS, byte_tokenizer, prompt_ids
from tests.sweep.small import small

SUM = 1e-6
"""Largest error of a sum relative to its largest number; float32 sums were seen to differ by up to 4e-7."""

LOGITS = 1e-4
"""Logits here are of size 1 to 30; float32 sums in another order were seen to differ by up to 1e-5."""

ADDING = (*PARTS, "t5")
WITH_HEADS = tuple(name for name in (*PARTS, *ENCODER_DECODERS) if name != "rwkv")
LAST = 3


def relative(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max())


def attentions(name: str) -> Iterator[tuple[BlockParts, Activation, Heads]]:
    """The attentions of a model, each with its `z`."""
    for stack in sublayers(name):
        for block in stack.blocks:
            for kind, z in (("attention", "z"), ("cross", "cross_z")):
                for which, part in enumerate(part for part in block.parts if part.kind == kind):
                    assert part.heads is not None, part.lacking
                    yield block, block.activation(z, which), part.heads


@pytest.mark.parametrize("name", PARTS)
def test_the_parts_of_every_block_are_told_apart(name: str) -> None:
    (stack,) = sublayers(name)
    found = [tuple(part.kind for part in block.parts) for block in stack.blocks]
    assert found == [kinds for kinds, _ in zip(cycle(PARTS[name]), stack.blocks, strict=False)]


@pytest.mark.parametrize("name", ENCODER_DECODERS)
def test_a_decoder_that_reads_an_encoder_has_cross_attention(name: str) -> None:
    encoder, decoder = sublayers(name)
    assert all([part.kind for part in block.parts] == ["attention", "mlp"] for block in encoder.blocks)
    assert all([part.kind for part in block.parts] == ["attention", "cross", "mlp"] for block in decoder.blocks)


@pytest.mark.parametrize("name", ADDING)
def test_17_what_the_parts_add_to_the_input_of_a_block_is_its_output(name: str) -> None:
    model = build(name)
    for stack in sublayers(name):
        ends = tracing.read_block_ends(model.traced, stack.stack, texts(model))
        for block, (pre, post) in zip(stack.blocks, ends, strict=True):
            if name in FIRST_BLOCK_NORMS and block.layer == 0:
                assert not block.adds
                continue
            outs = [n for n in ("attn_out", "cross_out", "mlp_out") if has(block, n)]
            values = tracing.read_activations(model.traced, texts(model), [block.activation(n) for n in outs])
            assert block.adds
            assert relative(pre + sum(values), post) <= SUM


def has(block: BlockParts, name: str) -> bool:
    """Whether a layer has an activation."""
    try:
        block.activation(name)
    except RequestError:
        return False
    return True


@pytest.mark.parametrize("name", ["bert", *NORMS_THE_STREAM])
def test_a_block_that_norms_the_stream_says_that_its_parts_do_not_add_up(name: str) -> None:
    assert not any(block.adds for stack in sublayers(name) for block in stack.blocks)


def test_a_state_of_the_stream_is_no_part_though_a_module_gives_it() -> None:
    blocks = sublayers("xmod")[0].blocks
    assert all([part.kind for part in block.parts] == ["attention", "mlp"] for block in blocks)
    assert all(location.scale == 1 for block in blocks for part in block.parts for location in part.out)


def test_a_block_that_norms_the_stream_has_the_normed_sums() -> None:
    model, (stack,) = build("bert"), sublayers("bert")
    for block, (pre, post) in zip(stack.blocks, tracing.read_block_ends(model.traced, "", texts(model)), strict=True):
        names = [block.activation(name) for name in ("attn_out", "resid_mid", "mlp_out")]
        attention, mid, mlp = tracing.read_activations(model.traced, texts(model), names)
        layer = model.module.bert.encoder.layer[block.layer]
        with torch.no_grad():
            assert relative(layer.attention.output.LayerNorm(pre + attention), mid) <= SUM
            assert relative(layer.output.LayerNorm(mid + mlp), post) <= SUM


@pytest.mark.parametrize(
    "name", ["llama", "gpt2", "bloom", "opt", "gemma2", "olmo2", "granite-scaled", "mixtral", "jamba"]
)
def test_the_state_between_the_parts_is_the_input_and_what_attention_adds(name: str) -> None:
    model, (stack,) = build(name), sublayers(name)
    for block, (pre, _) in zip(stack.blocks, tracing.read_block_ends(model.traced, "", texts(model)), strict=True):
        names = [block.activation("attn_out"), block.activation("resid_mid")]
        attention, mid = tracing.read_activations(model.traced, texts(model), names)
        assert relative(pre + attention, mid) <= SUM


@pytest.mark.parametrize("name", PARALLEL)
def test_a_parallel_block_has_no_state_between_its_parts(name: str) -> None:
    assert all(block.mid is None for block in sublayers(name)[0].blocks)


@pytest.mark.parametrize("name", WITH_HEADS)
def test_18_what_the_heads_write_and_the_bias_is_what_the_output_projection_gives(name: str) -> None:
    model = build(name)
    assert list(attentions(name))
    for block, each, heads in attentions(name):
        both = [each, Activation("projected", block.layer, (heads.out,))]
        z, out = tracing.read_activations(model.traced, texts(model), both)
        written = torch.einsum("rphd,hde->rphe", z, heads.weight(model.modules).detach()).sum(2)
        assert z.shape[2:] == (4, 16)
        assert relative(written if (bias := heads.bias(model.modules)) is None else written + bias.detach(), out) <= SUM


@pytest.mark.parametrize("name", ["llama", "gpt2", "gptj", "gpt_neox", "falcon-grouped", "mixtral", "t5", "jamba"])
def test_the_output_projection_gives_what_attention_adds_where_there_is_no_norm_after_it(name: str) -> None:
    model = build(name)
    for block, z, heads in attentions(name):
        added = block.activation("cross_out" if z.name == "cross_z" else "attn_out")
        projected = Activation("projected", block.layer, (heads.out,))
        one, other = tracing.read_activations(model.traced, texts(model), [added, projected])
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", WITH_HEADS)
def test_19_patching_every_heads_z_is_patching_what_attention_adds(name: str) -> None:
    model = build(name)
    inputs, other = texts(model), texts(model, seed=6)
    for block, z, heads in attentions(name):
        part = next(part for part in block.parts if part.heads is heads)
        added = Activation("added", block.layer, part.out)
        values = tracing.read_activations(model.traced, other, [z, added])
        by_head, at_once = (
            tracing.run_patched(model.traced, inputs, [Patch(each, (0, 1), every(value), value)]).logits
            for each, value in zip((z, added), values, strict=True)
        )
        assert relative(by_head, at_once) <= SUM
        assert relative(by_head, tracing.run_patched(model.traced, inputs, []).logits) > 1e-3


def every(value: torch.Tensor) -> tuple[int, ...]:
    """All positions of an activation."""
    return tuple(range(value.shape[1]))


@pytest.mark.parametrize("name", [*PARTS, *ENCODER_DECODERS, "bert"])
def test_an_activations_own_value_put_back_changes_no_logit(name: str) -> None:
    model = build(name)
    plain = tracing.run_patched(model.traced, texts(model), []).logits
    for stack in sublayers(name):
        for block in stack.blocks:
            for part in block.parts:
                each = Activation("out", block.layer, part.out[:1])
                (value,) = tracing.read_activations(model.traced, texts(model), [each])
                patch = Patch(each, (0, 1), every(value), value)
                put_back = tracing.run_patched(model.traced, texts(model), [patch]).logits
                assert relative(put_back, plain) <= SUM


def test_patching_the_state_between_the_parts_patches_what_comes_after() -> None:
    model, (stack,) = build("llama"), sublayers("llama")
    block, other = stack.blocks[1], texts(model, seed=6)
    mid, mlp = block.activation("resid_mid"), block.activation("mlp_out")
    (state,) = tracing.read_activations(model.traced, other, [mid])
    moved = tracing.run_patched(model.traced, texts(model), [Patch(mid, (0, 1), every(state), state)]).logits
    with torch.no_grad():
        assert relative(moved, model.module(**other).logits) <= SUM
    assert mlp.locations[0].order > mid.locations[0].order


@pytest.mark.parametrize("name", LAYOUTS)
def test_fused_projections_are_cut_where_the_family_puts_its_heads(name: str) -> None:
    _, _, heads = next(attentions(name))
    assert heads.q is not None
    assert heads.k is not None
    assert heads.v is not None
    assert tuple(each.columns.tolist() for each in (heads.q, heads.k, heads.v)) == LAYOUTS[name]
    assert heads.groups == len(LAYOUTS[name][2])


@pytest.mark.parametrize(
    "name", [*(name for name in LAYOUTS if name not in ("qwen3_next", "gpt_oss")), "gptj", "qwen3", "gemma2", "opt"]
)
def test_at_the_first_position_z_is_v_of_the_heads_group(name: str) -> None:
    model = build(name)
    for block, _, heads in attentions(name):
        names = [block.activation("z"), block.activation("v")]
        z, v = tracing.read_activations(model.traced, texts(model), names)
        repeated = v[:, 0].repeat_interleave(heads.count // heads.groups, 1)
        assert relative(z[:, 0], repeated) <= SUM


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "olmo2"])
@pytest.mark.parametrize("of", ["q", "k", "v"])
def test_changing_one_heads_projection_changes_the_z_of_the_heads_that_share_it_alone(name: str, of: str) -> None:
    model = build(name)
    block, _, heads = next(attentions(name))
    inputs, each = texts(model, rows=1), block.activation(of)
    (value,) = tracing.read_activations(model.traced, inputs, [each])
    with_z = block.activation("z").locations[0]
    shared = heads.count // value.shape[2]
    for head in range(value.shape[2]):
        patch = Patch(each, (0,), every(value), value[:, :, [head]].flip(1), heads=(head,))
        seen: list[torch.Tensor] = []
        handle = model.modules[with_z.path].register_forward_pre_hook(
            lambda _, args, seen=seen: seen.append(args[0].clone())
        )
        tracing.run_patched(model.traced, inputs, [])
        tracing.run_patched(model.traced, inputs, [patch])
        handle.remove()
        differs = (seen[0] - seen[1]).reshape(-1, heads.count, heads.size).abs().amax((0, 2)) > 1e-6
        assert differs.nonzero().flatten().tolist() == list(range(head * shared, (head + 1) * shared))


def difference(logits: torch.Tensor) -> torch.Tensor:
    """The logit difference of two tokens at the last position, by row."""
    return logits[:, -1, 20] - logits[:, -1, 30]


def changed(ids: list[int], position: int) -> list[int]:
    other = list(ids)
    other[position] = (ids[position] + 11) % 100 + 3
    return other


CHANGED = 4


def score(
    model: Model, inputs: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]], patched: torch.Tensor
) -> float:
    """How much of the way from the corrupt prompt's logit difference to the clean one's a patched run goes."""
    with torch.no_grad():
        clean, corrupt = (float(difference(model.module(**each).logits)) for each in inputs)
    assert abs(clean - corrupt) > 1e-2
    return (float(difference(patched)) - corrupt) / (clean - corrupt)


@pytest.mark.parametrize("name", PARTS)
def test_9_patching_states_scores_nothing_before_the_first_differing_token_and_all_at_both_ends(name: str) -> None:
    model, ids = build(name), prompt_ids(3)
    both = (model.inputs([ids], use_cache=False), model.inputs([changed(ids, CHANGED)], use_cache=False))

    def scored(layer: int, position: int) -> float:
        state = model.read(ids, [layer], [position])[layer]
        injection = Injection(state, (position,), layer)
        return score(model, both, tracing.run_injected(model.traced, both[1], injection).logits)

    last = model.layers - 1
    assert [scored(layer, 2) for layer in (-1, 1, last)] == pytest.approx([0, 0, 0], abs=1e-4)
    assert scored(last, len(ids) - 1) == pytest.approx(1, abs=1e-4)
    assert scored(-1, CHANGED) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", PARTS)
def test_9_patching_parts_scores_nothing_before_the_first_differing_token(name: str) -> None:
    model, ids, (stack,) = build(name), prompt_ids(3), sublayers(name)
    both = (model.inputs([ids], use_cache=False), model.inputs([changed(ids, CHANGED)], use_cache=False))
    for block in stack.blocks:
        for part in block.parts:
            each = Activation("out", block.layer, part.out[:1])
            (value,) = tracing.read_activations(model.traced, both[0], [each])
            patch = Patch(each, (0,), (2, 3), value[:, [2, 3]])
            logits = tracing.run_patched(model.traced, both[1], [patch]).logits
            assert score(model, both, logits) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", ENCODER_DECODERS)
def test_9_in_an_encoder_decoder_the_encoders_input_and_the_decoders_end_score_all(name: str) -> None:
    model, ids = build(name), prompt_ids(3)
    written = [*model.feed.start, 40, 41, 42]
    both = tuple(model.inputs([each], [written], use_cache=False) for each in (ids, changed(ids, CHANGED)))
    end = len(written) - 1
    at_input = Injection(model.read(ids, [-1], [CHANGED])[-1], (CHANGED,), -1)
    at_end = Injection(model.read(ids, [LAST], [end], prefix=written)[LAST], (), LAST, prefix_positions=(end,))
    before = Injection(model.read(ids, [-1], [2])[-1], (2,), -1)
    scores = [
        score(model, both, tracing.run_injected(model.traced, both[1], each).logits)
        for each in (at_input, at_end, before)
    ]
    assert scores == pytest.approx([1, 1, 0], abs=1e-4)


@pytest.mark.parametrize("name", ["llama", "gpt2", "bloom"])
def test_rows_of_one_forward_patched_each_in_its_own_head_are_those_patched_alone(name: str) -> None:
    model, (stack,) = build(name), sublayers(name)
    z, other = stack.blocks[1].activation("z"), texts(model, rows=1, seed=6)
    (value,) = tracing.read_activations(model.traced, other, [z])
    rows = {
        key: value.repeat(4, 1) if isinstance(value, torch.Tensor) else value for key, value in texts(model, 1).items()
    }
    patches = [Patch(z, (head,), (5, 7), value[:, [5, 7]][:, :, [head]], heads=(head,)) for head in range(4)]
    together = tracing.run_patched(model.traced, rows, patches).logits
    for head, patch in enumerate(patches):
        alone = Patch(z, (0,), patch.positions, patch.values, patch.heads)
        logits = tracing.run_patched(model.traced, texts(model, 1), [alone]).logits
        assert relative(together[[head]], logits) <= LOGITS
        assert (together[head] - together[head - 1]).abs().max() > 10 * LOGITS


def test_activations_are_what_plain_hooks_see() -> None:
    model, (stack,) = build("gptj"), sublayers("gptj")
    seen: list[torch.Tensor] = []
    handles = [
        layer.attn.register_forward_hook(lambda module, args, output: seen.append(output[0]))
        for layer in model.module.transformer.h
    ]
    with torch.no_grad():
        model.module(**texts(model))
    for handle in handles:
        handle.remove()
    names = [block.activation("attn_out") for block in reversed(stack.blocks)]
    values = tracing.read_activations(model.traced, texts(model), names)
    assert len(seen) == len(values) == 4
    assert all(torch.equal(one, other) for one, other in zip(seen, reversed(values), strict=True))


def test_what_is_added_is_scaled_by_the_residual_multiplier() -> None:
    scales = [location.scale for part in sublayers("granite-scaled")[0].blocks[0].parts for location in part.out]
    assert scales == pytest.approx([0.22, 0.22], abs=1e-6)


def test_a_patch_is_in_units_of_what_is_added() -> None:
    model, (stack,) = build("granite-scaled"), sublayers("granite-scaled")
    each = stack.blocks[LAST].activation("mlp_out")
    inputs, other = texts(model), texts(model, seed=6)
    (value,) = tracing.read_activations(model.traced, other, [each])
    pre, post = tracing.read_block_ends(model.traced, "", inputs)[LAST]
    (attention,) = tracing.read_activations(model.traced, inputs, [stack.blocks[LAST].activation("attn_out")])
    moved = Injection(pre + attention + value, every(value), LAST)
    by_state = tracing.run_injected(model.traced, inputs, moved).logits
    by_part = tracing.run_patched(model.traced, inputs, [Patch(each, (0, 1), every(value), value)]).logits
    assert relative(by_part, by_state) <= SUM
    assert relative(by_part, tracing.run_injected(model.traced, inputs, replace(moved, vectors=post)).logits) > 1e-3


def test_experts_beside_a_dense_network_are_one_part_of_several_locations() -> None:
    blocks = sublayers("longcat_flash")[0].blocks
    assert [len(block.activation("mlp_out").locations) for block in blocks] == [3, 3]


def test_a_block_without_heads_says_so() -> None:
    block = sublayers("jamba")[0].blocks[0]
    with pytest.raises(RequestError, match="Layer 0 has no z"):
        block.activation("z")


def test_a_type_whose_attention_mixes_heads_in_pairs_says_so() -> None:
    (stack,) = adopt(small("causal", "diffllama"), byte_tokenizer()).sublayers
    with pytest.raises(RequestError, match="cannot be separated"):
        stack.blocks[0].activation("z")


def test_a_type_with_several_streams_says_that_nothing_adds_up() -> None:
    (stack,) = adopt(small("causal", "deepseek_v4"), byte_tokenizer()).sublayers
    assert all("add up" in block.lacking and not block.parts for block in stack.blocks)
    with pytest.raises(RequestError, match="add up"):
        stack.blocks[0].activation("attn_out")


@pytest.mark.parametrize("name", ["llama", "gemma2", "granite", "gpt2", "mixtral"])
def test_the_same_parts_are_found_in_bfloat16(name: str) -> None:
    module = small("causal", name).to(torch.bfloat16)
    (stack,) = adopt(module, byte_tokenizer()).sublayers
    for half, wide in zip(stack.blocks, sublayers(name)[0].blocks, strict=True):
        assert [part.kind for part in half.parts] == [part.kind for part in wide.parts]
        assert [part.path for part in half.parts] == [part.path for part in wide.parts]
        assert half.adds


def test_finding_leaves_the_model_as_it_was() -> None:
    model = adopt(small("causal", "qwen3"), byte_tokenizer())
    with torch.no_grad():
        before = model.module(**texts(model)).logits
        assert model.sublayers
        after = model.module(**texts(model)).logits
    assert torch.equal(before, after)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.module.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.module.modules())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_massive_states_of_one_token_and_faint_attention_hide_no_part(dtype: torch.dtype) -> None:
    module = small("causal", "llama")
    with torch.no_grad():
        module.get_input_embeddings().weight[:, 3] = 3000.0 * (torch.arange(160) % 7 == 0)
        for layer in module.model.layers:
            layer.self_attn.o_proj.weight *= 0.05
    (stack,) = adopt(module.to(dtype), byte_tokenizer()).sublayers
    assert [[part.path.rpartition(".")[2] for part in block.parts] for block in stack.blocks] == [
        ["self_attn", "mlp"]
    ] * 4
    assert all(block.mid is not None for block in stack.blocks)


def gpt2(spread: float, shift: float) -> GPT2LMHeadModel:
    """GPT-2 with random norms, weights scaled, and attentions whose MLPs take back most of what they add."""
    torch.manual_seed(0)
    module = GPT2LMHeadModel(CONFIGS["gpt2"](4)).eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if ".ln_" in name:
                parameter.add_(0.4 * torch.randn_like(parameter))
            elif parameter.dim() > 1:
                parameter.mul_(spread)
        for block in module.transformer.h[1:3]:
            block.attn.c_proj.bias += shift
            block.mlp.c_proj.bias -= shift
    return module


HALVES = (torch.bfloat16, torch.float16)


@pytest.mark.parametrize(
    ("dtype", "spread", "shift"),
    [
        *(
            (dtype, spread, shift)
            for dtype in (torch.float32, torch.float64)
            for spread, shift in ((1, 0), (1, 300), (0.1, 300), (10, 3000))
        ),
        # more of a shift, and a narrow format leaves nothing of the states
        *((dtype, spread, shift) for dtype in HALVES for spread, shift in ((1, 0), (1, 10), (0.1, 3), (10, 300))),
    ],
)
def test_a_tolerance_is_that_of_the_numbers_added_so_that_all_layers_of_gpt2_are_found(
    dtype: torch.dtype, spread: float, shift: float
) -> None:
    (stack,) = adopt(gpt2(spread, shift).to(dtype), byte_tokenizer()).sublayers
    assert [[part.kind for part in block.parts] for block in stack.blocks] == [["attention", "mlp"]] * 4
    assert [part.path for part in stack.blocks[1].parts] == ["transformer.h.1.attn", "transformer.h.1.mlp"]
    assert all(block.adds and block.mid is not None for block in stack.blocks)
    assert {location.scale for block in stack.blocks for part in block.parts for location in part.out} == {1.0}


@pytest.mark.parametrize("name", ["llama", "gpt2", "bloom", "gpt_neox", "gemma2", "qwen3", "opt", "falcon", "granite"])
def test_the_same_parts_are_found_in_float64(name: str) -> None:
    module = scaled_granite() if name == "granite" else small("causal", name)
    (stack,) = adopt(module.to(torch.float64), byte_tokenizer()).sublayers
    assert [[part.kind for part in block.parts] for block in stack.blocks] == [["attention", "mlp"]] * 4
    assert all(block.adds and not block.lacking for block in stack.blocks)
    factors = [location.scale for block in stack.blocks for part in block.parts for location in part.out]
    assert factors == pytest.approx([0.22 if name == "granite" else 1.0] * 8, rel=1e-9)


def test_two_parallel_parts_that_cancel_out_are_found_within_the_rounding_of_each() -> None:
    generator = torch.Generator().manual_seed(0)
    before, attention, mlp, other, noise = (torch.randn(3, 7, 64, generator=generator) for _ in range(5))
    attention, mlp = attention + 300, mlp - 300
    after = (before + attention) + mlp
    found = find_sum(before, after, [other, attention, mlp])
    assert found is not None
    assert (found.terms, found.factors) == ((1, 2), (1.0, 1.0))
    assert find_sum(before, after, [other, attention, mlp + 0.01 * noise]) is None


def test_sub_layers_are_found_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    model = adopt(small("causal", "llama"), byte_tokenizer())
    found = model.sublayers
    monkeypatch.setattr(model.module, "forward", None)
    assert model.sublayers is found


@pytest.mark.parametrize("name", ["llama", "gptj", "bloom", "mixtral", "bert", "t5", "bart"])
def test_the_stream_at_the_ends_of_a_block_is_an_activation_like_any_other(name: str) -> None:
    model, inputs = build(name), texts(build(name))
    for stack in sublayers(name):
        ends = tracing.read_block_ends(model.traced, stack.stack, inputs)
        names = [block.activation(each) for block in stack.blocks for each in ("resid_pre", "resid_post")]
        found = tracing.read_activations(model.traced, inputs, [*names, stack.blocks[0].activation("embed")])
        for value, expected in zip(found, [end for pair in ends for end in pair], strict=False):
            assert torch.equal(value, expected)
        assert torch.equal(found[-1], ends[0][0])


@pytest.mark.parametrize("name", ["llama", "gptj", "t5"])
@pytest.mark.parametrize("of", ["embed", "resid_pre", "resid_post"])
def test_states_of_one_text_patched_over_another_at_an_end_of_a_block_give_its_logits(name: str, of: str) -> None:
    model = build(name)
    block = sublayers(name)[-1].blocks[0 if of == "embed" else LAST]
    activation, one, other = block.activation(of), texts(model, rows=1), texts(model, rows=1, seed=6)
    (states,) = tracing.read_activations(model.traced, one, [activation])
    patch = Patch(activation, (0,), tuple(range(states.shape[1])), states)
    with torch.no_grad():
        plain = model.module(**one).logits
    if name == "t5":  # the decoder also reads the encoder, so that its own text alone is another one
        other = {**one, "decoder_input_ids": other["decoder_input_ids"]}
    patched = tracing.run_patched(model.traced, other, [patch]).logits
    torch.testing.assert_close(patched, plain, atol=LOGITS, rtol=0)


def test_the_embeddings_are_an_activation_of_the_first_layer_alone() -> None:
    with pytest.raises(RequestError, match="Layer 1 has no embed"):
        sublayers("llama")[0].blocks[1].activation("embed")

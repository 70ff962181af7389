"""The identities that prove the engine right, on families of every build, small and random with randomised norms.

Bitwise where both sides run the same shapes; otherwise to the rounding of float32 sums in another order.
"""

from __future__ import annotations

import copy

import pytest
import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.generation.cached import CachedStepper
from selfie_tui.engine.generation.decode import Limits, Prefill, Row, decode, never, prefill_prompt
from selfie_tui.engine.generation.relevancy import baseline_probabilities
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model
from selfie_tui.engine.unembed import lens_logits, lens_slices
from selfie_tui.records import EMBED, Cell, CellFinished, Preset, Request
from tests.engine.zoo import FAMILIES, build, prompt_ids

ROUNDING = 5e-5
"""Logits here are of size 1 to 30; float32 sums in another order were seen to differ by up to 1e-5."""

MIXTURES = ("random-mixtral", "random-jamba")

LAYERS = (EMBED, 0, 2, 3)
PRESET = Preset("test", "the message _ _ is")


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Model:
    return build(request.param)


def plain_logits(model: Model, ids: list[int], rows: int = 1) -> torch.Tensor:
    """Logits `(rows, positions, vocabulary)` of a prompt without injection, straight from the module."""
    with torch.no_grad():
        return model.module(**model.inputs([ids] * rows)).logits


def injected(model: Model, ids: list[int], injection: Injection) -> torch.Tensor:
    return tracing.run_injected(model.traced, model.inputs([ids] * len(injection.vectors)), injection).logits


def decoded(model: Model, plain: Prefill, vectors: torch.Tensor, layer: int = EMBED) -> list[Row]:
    """Rows decoded for each vector at positions 3 and 4."""
    rows, _ = list(decode(model, plain, Injection(vectors, (3, 4), layer), 0, Limits(8)))[-1]
    return rows


def assert_untouched(model: Model, one: torch.Tensor, other: torch.Tensor) -> None:
    """Both are bitwise the same; in mixtures of experts, whose tokens are computed in groups, but for rounding."""
    tolerance = ROUNDING if model.name in MIXTURES else 0
    torch.testing.assert_close(one, other, atol=tolerance, rtol=0)


def some_vectors(model: Model) -> torch.Tensor:
    states = model.read(prompt_ids(7), LAYERS, [2, 5, 8])
    return torch.cat([states[layer] for layer in LAYERS])


@pytest.mark.parametrize("layer", LAYERS)
def test_1_a_cells_own_vector_put_back_changes_no_logit(model: Model, layer: int) -> None:
    ids = prompt_ids()
    own = model.read(ids, [layer], [4])[layer]
    assert torch.equal(injected(model, ids, Injection(own, (4,), layer)), plain_logits(model, ids))


@pytest.mark.parametrize("layer", LAYERS)
def test_2_all_positions_of_a_put_into_b_give_the_logits_of_a(model: Model, layer: int) -> None:
    a, b = prompt_ids(1), prompt_ids(2)
    states = model.read(a, [layer], range(len(a)))[layer].unsqueeze(0)
    moved = injected(model, b, Injection(states, tuple(range(len(b))), layer))
    assert not torch.equal(plain_logits(model, b), plain_logits(model, a))
    assert torch.equal(moved, plain_logits(model, a))


def test_3_the_embedding_of_a_token_at_a_placeholder_is_the_prompt_with_that_token(model: Model) -> None:
    ids, other = prompt_ids(3), prompt_ids(3)
    other[4] = (ids[4] + 11) % 100 + 3
    vector = model.read(other, [EMBED], [4])[EMBED]
    assert torch.equal(injected(model, ids, Injection(vector, (4,), EMBED)), plain_logits(model, other))


def test_4_the_lens_of_the_last_block_is_the_models_logits(model: Model) -> None:
    ids = prompt_ids(4)
    last = model.read(ids, [model.layers - 1], range(len(ids)))[model.layers - 1]
    torch.testing.assert_close(lens_logits(model, last), plain_logits(model, ids)[0], atol=ROUNDING, rtol=0)
    torch.testing.assert_close(lens_slices(model, last).whole(), plain_logits(model, ids)[0], atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("layer", LAYERS)
def test_5_a_patchscope_to_the_last_layer_at_the_same_position_is_the_logit_lens(model: Model, layer: int) -> None:
    ids = prompt_ids(5)
    vector = model.read(ids, [layer], [len(ids) - 1])[layer]
    patched = injected(model, ids, Injection(vector, (len(ids) - 1,), model.layers - 1))[0, -1]
    torch.testing.assert_close(patched, lens_logits(model, vector)[0], atol=ROUNDING, rtol=0)
    torch.testing.assert_close(patched, lens_slices(model, vector).whole()[0], atol=ROUNDING, rtol=0)


def test_6_the_last_hidden_state_of_hugging_face_is_already_normed(model: Model) -> None:
    ids = prompt_ids(6)
    with torch.no_grad():
        theirs = model.module(**model.inputs([ids]), output_hidden_states=True).hidden_states[-1]
        last = model.read(ids, [model.layers - 1], range(len(ids)))[model.layers - 1]
        ours = last.unsqueeze(0)
        for module in model.unembedding().modules:
            ours = module(ours)
    assert torch.equal(ours, theirs)
    scale = model.unembedding().record.input_scale
    assert torch.equal(lens_slices(model, last).inputs, theirs[0] * scale)


def test_7_the_input_of_a_block_is_the_output_of_the_one_before(model: Model) -> None:
    ids = prompt_ids(7)
    ends = tracing.read_block_ends(model.traced, "", model.inputs([ids]))
    after = model.read(ids, range(EMBED, model.layers), range(len(ids)))
    for layer, (resid_pre, resid_post) in enumerate(ends):
        assert torch.equal(resid_pre[0], after[layer - 1])
        assert torch.equal(resid_post[0], after[layer])


def test_what_is_read_is_what_plain_hooks_see(model: Model) -> None:
    ids, seen = prompt_ids(8), {}

    def note(layer: int) -> object:
        return lambda block, args, out: seen.__setitem__(layer, (out[0] if isinstance(out, tuple) else out)[0].clone())

    handles = [block.register_forward_hook(note(layer)) for layer, block in enumerate(model.blocks)]
    plain_logits(model, ids)
    for handle in handles:
        handle.remove()
    read = model.read(ids, range(model.layers), range(len(ids)))
    assert all(torch.equal(read[layer], seen[layer]) for layer in range(model.layers))


def test_8_a_cell_does_not_depend_on_later_tokens(model: Model) -> None:
    ids = prompt_ids(9)
    changed = ids[:5] + [(token + 31) % 150 + 3 for token in ids[5:]]
    one, other = (model.read(prompt, range(EMBED, model.layers), range(5)) for prompt in (ids, changed))
    for layer in one:
        assert_untouched(model, one[layer], other[layer])


@pytest.mark.parametrize("layer", [EMBED, 1])
def test_10_a_batch_decodes_what_single_rows_decode(model: Model, layer: int) -> None:
    plain = prefill_prompt(model, prompt_ids(10))
    vectors = some_vectors(model)
    together = decoded(model, plain, vectors, layer)
    alone = [decoded(model, plain, vector.unsqueeze(0), layer)[0] for vector in vectors]
    assert [row.ids for row in together] == [row.ids for row in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=ROUNDING)
    assert len({tuple(round(p, 4) for p in row.probabilities) for row in together}) > len(vectors) // 2


@pytest.mark.parametrize("layer", [EMBED, 1, 3])
def test_11_injecting_in_the_prefill_only_is_injecting_at_every_step(model: Model, layer: int) -> None:
    prompt = prompt_ids(11)
    plain = prefill_prompt(model, prompt)
    vectors = some_vectors(model)[:6]
    again = [list(prompt) for _ in vectors]
    for _ in range(8):
        inputs = model.inputs(again) | {"use_cache": False}
        output = tracing.run_injected(model.traced, inputs, Injection(vectors, (3, 4), layer))
        for row, token in zip(again, output.logits[:, -1].argmax(-1).tolist(), strict=True):
            row.append(token)
    generated = [row[len(prompt) :] for row in again]
    ended = [
        ids[: next((i for i, token in enumerate(ids) if token in model.end_tokens), len(ids))] for ids in generated
    ]
    assert [row.ids for row in decoded(model, plain, vectors, layer)] == ended


def test_12_relevancy_lies_between_0_and_1_and_the_states_own_vector_has_none(model: Model) -> None:
    plain = prefill_prompt(model, prompt_ids(12))
    own = model.read(plain.ids, [EMBED], [3])[EMBED]
    rows, _ = list(decode(model, plain, Injection(torch.cat([own, some_vectors(model)]), (3,), EMBED), 0, Limits(8)))[
        -1
    ]
    none = baseline_probabilities(model, plain, [row.ids for row in rows])
    effects = [
        [p - q for p, q in zip(row.probabilities, base, strict=True)] for row, base in zip(rows, none, strict=True)
    ]
    assert all(-1 <= effect <= 1 for row in effects for effect in row)
    assert max(map(abs, effects[0])) < 1e-5  # float32 sums in another order
    assert max(abs(effect) for row in effects[1:] for effect in row) > 1e-3


def test_p_none_is_what_the_model_gives_each_token_without_injection(model: Model) -> None:
    plain = prefill_prompt(model, prompt_ids(12))
    rows = [[5, 9, 30, 31], [5, 9, 30, 40], [5, 9], [77], [5, 10, 30, 31]]
    none = baseline_probabilities(model, plain, rows)
    for ids, probabilities in zip(rows, none, strict=True):
        logits = plain_logits(model, [*plain.ids, *ids])[0, len(plain.ids) - 1 : -1]
        expected = logits.softmax(-1)[range(len(ids)), ids].tolist()
        assert probabilities == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("layer", [EMBED, 1])
def test_13_reusing_the_cache_before_the_first_placeholder_is_a_full_prefill(model: Model, layer: int) -> None:
    plain = prefill_prompt(model, prompt_ids(13))
    injection = Injection(some_vectors(model), (3, 4), layer)
    steps = CachedStepper(model, plain, injection, len(injection.vectors), never)
    reused = steps.first().whole()
    full = injected(model, list(plain.ids), injection)[:, -1]
    assert steps.cache.get_seq_length() == len(plain.ids)
    torch.testing.assert_close(reused, full, atol=ROUNDING, rtol=0)


def test_14_left_padding_with_position_ids_is_no_padding(model: Model) -> None:
    short, long = prompt_ids(14, length=5), prompt_ids(15, length=9)
    with torch.no_grad():
        padded = model.module(**model.inputs([short, long])).logits
    torch.testing.assert_close(padded[0, 4:], plain_logits(model, short)[0], atol=ROUNDING, rtol=0)
    torch.testing.assert_close(padded[1], plain_logits(model, long)[0], atol=ROUNDING, rtol=0)


def test_15_strength_0_is_the_baseline_and_blend_at_1_is_replace(model: Model) -> None:
    ids = prompt_ids(16)
    vectors = some_vectors(model)[:3]
    for mode in ("blend", "add", "add-norm"):
        unchanged = injected(model, ids, Injection(vectors, (3, 4), 1, mode, 0.0))
        assert torch.equal(unchanged, plain_logits(model, ids, rows=3)), mode
    blended = injected(model, ids, Injection(vectors, (3, 4), 1, "blend", 1.0))
    assert torch.equal(blended, injected(model, ids, Injection(vectors, (3, 4), 1, "replace")))


def test_15_after_a_run_the_model_is_bitwise_as_before(model: Model) -> None:
    before = copy.deepcopy(model.module.state_dict())
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.module.modules()]
    cells = tuple(Cell(layer, position) for layer in LAYERS for position in (1, 3))
    request = Request("the Eiffel Tower is", cells, PRESET, random_control=True)
    assert sum(isinstance(event, CellFinished) for event in interpret(model, request)) == len(cells)
    after = model.module.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert hooks == [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.module.modules()]


@pytest.mark.parametrize("layer", LAYERS)
def test_16_an_injection_changes_no_logit_before_its_position(model: Model, layer: int) -> None:
    ids = prompt_ids(17)
    vectors = some_vectors(model)[:1]
    moved = injected(model, ids, Injection(vectors, (5,), layer))
    assert_untouched(model, moved[:, :5], plain_logits(model, ids)[:, :5])
    assert not torch.equal(moved[:, 5:], plain_logits(model, ids)[:, 5:])


def test_the_checks_at_load_find_nothing_wrong(model: Model) -> None:
    from selfie_tui.engine.verify import verdict

    assert verdict(model) == "verified"

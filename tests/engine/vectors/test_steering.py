"""Steered forwards are those of a plain hook, at the tokens and layers that are asked for; nothing of it is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from selfie_tui.engine.inspecting.continuation import Continuation, Written, opening_of
from selfie_tui.engine.inspecting.standing import let_stand, set_edits
from selfie_tui.engine.methods.steer import steer
from selfie_tui.engine.model import Model
from selfie_tui.engine.steering import Steering, Where, log_odds, steered
from selfie_tui.engine.vectors.vector import Vector
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.records import EMBED, Edit, Steer, SteeredSoFar
from tests.engine.inspecting.models import FAMILIES, PROMPT, build, hooked, hooks_of, logits, prompt_of, source

TOKENS = 5


def never() -> bool:
    return False


def vector_of(model: Model, seed: int = 0, scale: float = 4.0) -> torch.Tensor:
    return scale * torch.randn(model.anatomy.last.width, generator=torch.Generator().manual_seed(seed))


def answer(
    model: Model, steering: Steering | None, strength: float = 1.0, tokens: int = TOKENS
) -> list[tuple[int, float]]:
    """The ids and probabilities of an answer."""
    masks = " [MASK] [MASK]" if model.kind == "encoder" else ""
    opening = opening_of(model, prompt_of(model) + masks, tokens)
    if steering is None:
        plain = Continuation(model, opening, tokens, (), never)
        while plain.step():
            pass
        return tokens_of(plain.rows[0])
    found = steered(model, opening, steering, [strength], tokens, never)
    while found.step():
        pass
    return tokens_of(found.answers.rows[0])


def tokens_of(row: Written) -> list[tuple[int, float]]:
    return [(token.id, token.probability) for token in row.tokens]


def by_hooks(model: Model, layer: int, vector: torch.Tensor, where: Where, tokens: int) -> list[tuple[int, float]]:
    """The same by a hook on the block, the whole text run at every step."""
    ids, found = list(source(model).ids), []
    chosen = {"all": slice(None), "prompt": slice(0, len(ids)), "generated": slice(len(ids), None)}
    at = chosen.get(where, slice(len(ids) - 1, len(ids)))

    def change(state: torch.Tensor) -> torch.Tensor:
        state[:, at] += vector
        return state

    for _ in range(tokens):
        with hooked(model, model.anatomy.main.blocks[layer].path, change), torch.no_grad():
            scores = model.anatomy.logits_in(model.module(**model.inputs([ids], use_cache=False)))[0, -1]
        token = int(scores.argmax())
        if token in model.end_tokens:
            break
        ids.append(token)
        found.append((token, float(scores.softmax(-1)[token])))
    return found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("where", ["all", "prompt", "generated", "last"])
def test_a_steered_answer_is_that_of_a_hook(family: str, where: Where) -> None:
    model = build(family)
    vector = vector_of(model)
    found = answer(model, Steering({1: vector}, where=where))
    expected = by_hooks(model, 1, vector, where, TOKENS)
    assert [each for each, _ in found] == [each for each, _ in expected]
    assert [each for _, each in found] == pytest.approx([each for _, each in expected], rel=2e-3, abs=1e-5)
    ends_at_once = where == "generated" and len(found) == 1  # no token is read that was generated
    assert ends_at_once or found != answer(model, None)


@pytest.mark.parametrize("family", [*FAMILIES, "albert", "bert", "t5", "bart", "mamba", "rwkv", "xlnet"])
@pytest.mark.parametrize("mode", ["add", "add-norm", "blend"])
def test_strength_0_is_bitwise_the_plain_answer_and_nothing_is_left(family: str, mode: str) -> None:
    model = build(family)
    before = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    hooks, clean = hooks_of(model), logits(model, source(model, "decoder" if family in ("t5", "bart") else ""))
    plain = answer(model, None)
    layers = {EMBED: vector_of(model), 1: vector_of(model, 1)}
    assert answer(model, Steering(layers, mode=mode), 0.0) == plain
    moved = answer(model, Steering(layers, mode=mode), 3.0)
    assert moved != plain
    assert answer(model, None) == plain
    assert hooks_of(model) == hooks
    after = model.module.state_dict()
    assert all(weight.equal(after[name]) for name, weight in before.items())
    assert clean.equal(logits(model, source(model, "decoder" if family in ("t5", "bart") else "")))


def test_a_layer_of_a_shared_block_is_its_own_call() -> None:
    model = build("albert")
    layers = len(model.anatomy.main.blocks)
    assert len({block.path for block in model.anatomy.main.blocks}) == 1
    found = [answer(model, Steering({layer: vector_of(model)}), 2.0) for layer in range(layers)]
    assert len({tuple(each) for each in found}) == layers
    both = answer(model, Steering({layer: vector_of(model) for layer in range(layers)}), 2.0)
    assert both not in found


def test_positions_are_those_of_the_prompt_and_the_encoder_can_be_steered() -> None:
    model = build("llama")
    vector, length = vector_of(model), len(source(model).ids)
    assert answer(model, Steering({1: vector}, positions=(length - 1,))) == answer(
        model, Steering({1: vector}, where="last")
    )
    assert answer(model, Steering({1: vector}, positions=tuple(range(length)))) == answer(
        model, Steering({1: vector}, where="prompt")
    )
    two = build("bart")
    plain = answer(two, None)
    encoder = answer(two, Steering({1: vector_of(two)}, stack="encoder"))
    decoder = answer(two, Steering({1: vector_of(two)}, stack="decoder"))
    assert len({tuple(plain), tuple(encoder), tuple(decoder)}) == 3


def test_steering_is_done_after_the_edits_that_stand() -> None:
    model = build("llama")
    set_edits(model, [Edit("layers.1", "zero")])
    opening = opening_of(model, PROMPT, 1)
    found = steered(model, opening, Steering({1: vector_of(model)}, mode="add"), [1.0], 1, never)
    found.step()
    let_stand(model, [])
    replaced = steered(model, opening, Steering({1: vector_of(model)}, mode="replace"), [1.0], 1, never)
    replaced.step()
    first, other = (each.answers.rows[0].first_logits for each in (found, replaced))
    assert first is not None
    torch.testing.assert_close(first, other)


STRENGTHS = (-3.0, -1.0, 0.5, 2.0, 6.0)


@pytest.mark.parametrize("family", [*FAMILIES, "albert", "bert", "t5", "bart", "mamba", "rwkv", "xlnet"])
@pytest.mark.parametrize("where", ["all", "last"])
def test_strengths_in_one_batch_are_those_alone(family: str, where: Where) -> None:
    model, tokens = build(family), 12
    masks = " [MASK] [MASK]" if model.kind == "encoder" else ""
    opening = opening_of(model, prompt_of(model) + masks, tokens)
    steering = Steering({0: vector_of(model), 1: vector_of(model, 1)}, where=where)
    batch = steered(model, opening, steering, STRENGTHS, tokens, never)
    while batch.step():
        pass
    added = batch.steerer.added()
    for row, strength, moved in zip(batch.answers.rows, STRENGTHS, added, strict=True):
        alone = steered(model, opening, steering, [strength], tokens, never)
        while alone.step():
            pass
        (own,) = alone.answers.rows
        assert row.ids == own.ids
        assert [each.probability for each in row.tokens] == pytest.approx(
            [each.probability for each in own.tokens], rel=1e-3, abs=1e-5
        )
        assert row.ended == own.ended
        assert moved == pytest.approx(alone.steerer.added()[0], rel=1e-4)
    assert len({row.ids for row in batch.answers.rows}) > 1


def test_several_strengths_cost_one_forward_a_step_and_rows_that_end_leave_the_batch() -> None:
    model, rows = build("llama"), []
    config, strengths = model.module.generation_config, (-1.0, 0.0, 1.0, 3.0)
    end, vector = config.eos_token_id, Vector(vector_of(model, 1, 2.0)[None], (1,), "v")
    handle = model.blocks[0].register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    task = Steer("v", PROMPT, strengths, max_new_tokens=4)
    try:
        *_, found = steer(model, task, vector, never)
        assert rows == [1, 3] * 4
        assert [each.strength for each in found.steered] == list(strengths)
        others = {token.id for each in found.steered[:-1] for token in each.tokens}
        last = [token.id for token in found.steered[-1].tokens]
        at, ending = next((at, each) for at, each in enumerate(last) if at and each not in {*others, last[0]})
        config.eos_token_id = ending
        rows.clear()
        *_, shorter = steer(model, task, vector, never)
        assert shorter.steered[-1].tokens == found.steered[-1].tokens[:at]
        for one, other in zip(shorter.steered[:-1], found.steered[:-1], strict=True):
            assert [token.id for token in one.tokens] == [token.id for token in other.tokens]
        assert rows == [1, 3] * (at + 1) + [1, 2] * (3 - at)
    finally:
        config.eos_token_id = end
        handle.remove()


def last(model: Model, vector: Vector, **settings: Any) -> SteeredSoFar:
    *_, found = steer(model, Steer("v", PROMPT, max_new_tokens=TOKENS, **settings), vector, never)
    assert found.finished
    return found


def test_answers_of_several_strengths_grow_beside_the_plain_one() -> None:
    model = build("llama")
    vector = Vector(vector_of(model)[None], (1,), "v")
    task = Steer("v", PROMPT, (-1.0, 0.0, 2.0), max_new_tokens=TOKENS, words=("the",), against=("man", "hat"))
    events = list(steer(model, task, vector, never))
    assert [len(event.plain) for event in events] == [1, 2, 3, 4, 5, 5]
    done = events[-1]
    assert [event.finished for event in events] == [False] * 5 + [True]
    minus, zero, plus = done.steered
    assert zero.tokens == done.plain
    assert (zero.differs_from, zero.added, zero.log_odds) == (None, 0.0, done.log_odds)
    assert minus.tokens != plus.tokens
    assert plus.differs_from is not None
    assert plus.added == pytest.approx(2 * minus.added, rel=0.6)
    assert done.log_odds is not None
    assert None not in (minus.log_odds, plus.log_odds)
    assert done.layers == (1,)


def test_how_far_a_state_is_moved_is_measured() -> None:
    model = build("llama")
    states = model.read(source(model).ids, [1], range(len(source(model).ids)))[1]
    vector = vector_of(model)
    found = last(model, Vector(vector[None], (1,), "v"), where="prompt", strengths=(1.0,))
    shares = vector.norm() / states.norm(dim=-1)
    assert found.steered[0].added == pytest.approx(float(shares.median()), rel=1e-3)
    unit = last(model, Vector(vector[None], (1,), "v"), strengths=(0.25,), mode="add-norm")
    assert unit.steered[0].added == pytest.approx(0.25, rel=1e-3)


def test_vectors_of_several_layers_are_added_each_at_its_own() -> None:
    model = build("llama")
    rows = torch.stack([vector_of(model, seed) for seed in (1, 2)])
    found = last(model, Vector(rows, (0, 2), "v"))
    expected = answer(model, Steering({0: rows[0], 2: rows[1]}))
    assert [token.id for token in found.steered[0].tokens] == [each for each, _ in expected]
    one = last(model, Vector(rows, (0, 2), "v"), layers=(2,))
    assert [token.id for token in one.steered[0].tokens] == [each for each, _ in answer(model, Steering({2: rows[1]}))]
    spread = last(model, Vector(rows[:1], (), "v"), layers=(1, 3))
    assert [token.id for token in spread.steered[0].tokens] == [
        each for each, _ in answer(model, Steering({1: rows[0], 3: rows[0]}))
    ]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"strengths": ()}, "strength is missing"),
        ({"strengths": (float("nan"),)}, "not finite"),
        ({"layers": (9,)}, "Layer 9 is out of range"),
        ({"positions": (99,)}, "out of range"),
        ({"mode": "shout"}, "Unknown injection mode"),
        ({"words": ("the",)}, "need words on both sides"),
        ({"words": ("the",), "against": ("",)}, "cannot be tracked"),
    ],
)
def test_what_cannot_be_steered_is_refused(settings: dict[str, Any], says: str) -> None:
    model = build("llama")
    with pytest.raises(RequestError, match=says):
        last(model, Vector(vector_of(model)[None], (1,), "v"), **settings)


def test_a_vector_of_no_layer_or_another_width_is_refused() -> None:
    model = build("llama")
    with pytest.raises(RequestError, match="is of no layer"):
        last(model, Vector(vector_of(model)[None], (), "v"))
    with pytest.raises(RequestError, match="v is 6 wide"):
        last(model, Vector(torch.ones(1, 6), (1,), "v"))
    with pytest.raises(RequestError, match="v has no vector for L3"):
        last(model, Vector(torch.ones(2, 64), (1, 2), "v"), layers=(3,))


@contextmanager
def unchanged(model: Model) -> Iterator[None]:
    hooks, clean = hooks_of(model), logits(model, source(model))
    yield
    assert hooks_of(model) == hooks
    assert logits(model, source(model)).equal(clean)


@pytest.mark.parametrize("after", range(0, 24, 3))
def test_a_cancelled_answer_leaves_the_model_as_it_was(after: int) -> None:
    model, asked = build("llama"), iter(range(1000))
    task = Steer("v", PROMPT, (2.0,), max_new_tokens=TOKENS)
    with unchanged(model), pytest.raises(Cancelled):
        list(steer(model, task, Vector(vector_of(model)[None], (1,), "v"), lambda: next(asked) >= after))


def test_an_answer_that_is_left_half_way_leaves_the_model_as_it_was() -> None:
    model = build("llama")
    with unchanged(model):
        events = steer(model, Steer("v", PROMPT), Vector(vector_of(model)[None], (1,), "v"), never)
        next(events)
        next(events)


def test_log_odds_are_those_of_sums_of_probabilities() -> None:
    scores = torch.randn(9)
    shares = scores.softmax(-1)
    expected = float(((shares[2] + shares[3]) / shares[7]).log())
    assert log_odds(scores, (2, 3), (7,)) == pytest.approx(expected, abs=1e-5)

"""What an interpretation is worth: the norm of its state, the noise of its number format, its first token's lead."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import torch

from selfie_tui.engine import noise
from selfie_tui.engine.cell_states import MOST_COMPARED, compared_positions, median_norm
from selfie_tui.engine.generation import plan, relevancy
from selfie_tui.engine.generation.decode import Row
from selfie_tui.engine.generation.prefill import Prefill
from selfie_tui.engine.generation.relevancy import baseline_probabilities
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.prompts.target import build_target
from selfie_tui.library.results import collect_batch
from selfie_tui.marks import FAR_NORM, SAYS_MORE, SAYS_NO_MORE, mark_of, norm_words
from selfie_tui.presets import preset_called
from selfie_tui.records import EMBED, Cell, CellFinished, GeneratedToken, Interpretation, Notice, Preset, Request, Token
from tests.engine.reference import next_probabilities, state_at, writing
from tests.engine.zoo import build
from tests.sweep.small import Kind, small
from tests.sweep.sweep import mask_tokenizer

PROMPT = "the Eiffel Tower is located in Paris"
PRESET = Preset("test", "the man in _ _ is located in the city of")
CELLS = tuple(Cell(layer, position) for layer in (EMBED, 0, 1) for position in (1, 3, 5))
REQUEST = Request(PROMPT, CELLS, PRESET, max_new_tokens=6)


def read(model: Model, request: Request) -> list[Interpretation]:
    return [event.interpretation for event in interpret(model, request) if isinstance(event, CellFinished)]


def tokens(count: int, special: Sequence[int] = ()) -> tuple[Token, ...]:
    return tuple(Token(index, index, "x", special=index in special) for index in range(count))


def made(norm: float = 1.0, layer_norm: float | None = 1.0, **fields: object) -> Interpretation:
    return Interpretation(Cell(0, 0), Token(0, 0, "a"), "text", (), norm, layer_norm=layer_norm, **fields)


# Norms --------------------------------------------------------------------------------------------------------------


def test_the_norm_of_a_layer_is_the_median_over_the_prompts_ordinary_tokens() -> None:
    model = build("llama", layers=2)
    ids = model.tokenizer(PROMPT)["input_ids"]
    assert ids[0] == model.tokenizer.bos_token_id
    for interpretation in read(model, REQUEST):
        layer = interpretation.cell.layer
        norms = [float(state_at(model, PROMPT, Cell(layer, position)).norm()) for position in range(1, len(ids))]
        assert interpretation.layer_norm == pytest.approx(sorted(norms)[(len(norms) - 1) // 2], rel=1e-5)


def test_special_tokens_are_not_compared_and_a_single_token_has_nothing_beside_it() -> None:
    assert compared_positions(tokens(5, special=(0, 4))) == [1, 2, 3]
    assert compared_positions(tokens(2, special=(0,))) == []
    assert compared_positions(tokens(3, special=(0, 1, 2))) == []
    assert len(compared_positions(tokens(1000))) <= MOST_COMPARED < 1000
    assert len(compared_positions(tokens(65))) > MOST_COMPARED // 2


def test_of_two_norms_the_shorter_one_stands_for_the_layer_as_the_other_may_be_a_sink() -> None:
    assert median_norm(torch.tensor([[22304.0], [151.0]])) == 151.0
    assert median_norm(torch.tensor([[torch.inf], [151.0], [2.0], [160.0]])) == 151.0
    assert median_norm(torch.tensor([[torch.nan]])) is None
    assert median_norm(torch.zeros(0, 4)) is None


def test_reading_more_positions_to_compare_changes_no_interpretation() -> None:
    model = build("llama", layers=2)
    alone = [read(model, msgspec.structs.replace(REQUEST, cells=(cell,)))[0] for cell in CELLS]
    assert [each.norm for each in read(model, REQUEST)] == [each.norm for each in alone]
    assert [each.layer_norm for each in read(model, REQUEST)] == [each.layer_norm for each in alone]
    other = msgspec.structs.replace(REQUEST, prompt="of the city in Paris", cells=CELLS[:4])
    batches = collect_batch(model, [REQUEST, other])
    for request, batch in zip((REQUEST, other), batches, strict=True):
        assert [each.layer_norm for each in batch.interpretations] == pytest.approx(
            [each.layer_norm for each in read(model, request)], rel=1e-5
        )


def test_a_norm_far_from_its_layers_is_marked_and_said() -> None:
    sink = made(22304.0, 151.0)
    assert (sink.is_far, mark_of(sink)) == (True, FAR_NORM)
    assert norm_words(sink) == "norm of the state 22,304, the layer's median 151: likely an attention sink"
    short = made(2.0, 151.0)
    assert (short.is_far, mark_of(short)) == (True, FAR_NORM)
    assert norm_words(short).endswith("the layer's median 151: far shorter than the others")
    usual = made(180.0, 151.0)
    assert (usual.is_far, mark_of(usual), norm_words(usual)) == (False, SAYS_MORE, "norm of the state 180")
    assert not made(1e9, None).is_far
    assert not made(float("nan"), 151.0, problem="the state is not finite in fp16").is_far


# Noise --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo_bf16() -> Model:
    return load("demo", device="cpu", dtype="bf16")


def strength_0(preset: str) -> Request:
    cells = tuple(Cell(layer, position) for position in range(8) for layer in (EMBED, 2, 5, 7))
    prompt = "The Eiffel Tower is located in the city of"
    return Request(prompt, cells, preset_called(preset), mode="add", strength=0.0)


@pytest.mark.parametrize("preset", ["summarize", "identity", "refers-to"])
def test_at_strength_0_in_bf16_no_interpretation_is_above_the_floor(
    demo_bf16: Model, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scored(model: Model, prefill: Prefill, rows: list[list[int]], *more: Any) -> list[list[float]]:
        return baseline_probabilities(model, prefill, rows)  # rows that are the control's are scored like others

    monkeypatch.setattr(plan, "baseline_probabilities", scored)
    found = read(demo_bf16, strength_0(preset))
    relevancies = [token.relevancy for each in found for token in each.tokens]
    assert {each.relevancy_floor for each in found} == {demo_bf16.relevancy_floor}
    assert 0.001 < found[0].relevancy_floor < 0.1
    assert 0 < max(relevancies) <= found[0].relevancy_floor
    assert all(each.is_noise for each in found)
    assert {mark_of(each) for each in found} == {SAYS_NO_MORE}


def test_a_text_that_is_the_controls_has_no_relevancy_and_needs_no_forward(
    demo_bf16: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relevancy, "forward", None)
    found = read(demo_bf16, strength_0("summarize"))
    assert all(each.equals_control for each in found)
    assert {token.relevancy for each in found for token in each.tokens} == {0.0}


def test_the_floor_is_measured_once_for_a_model_and_only_where_relevancy_is(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load("demo", device="cpu", dtype="bf16")
    request = msgspec.structs.replace(strength_0("mentions"), strength=1.0)
    measured: list[object] = []
    monkeypatch.setattr(noise, "measured_floor", lambda model, *settings: measured.append(model) or 0.03)
    assert {each.relevancy_floor for each in read(model, msgspec.structs.replace(request, relevancy=False))} == {0.0}
    assert measured == []
    assert {each.relevancy_floor for each in read(model, request)} == {0.03}
    assert {each.relevancy_floor for each in read(model, strength_0("identity"))} == {0.03}
    assert len(measured) == 1


def test_in_32_bits_nothing_is_measured_and_strength_0_has_no_relevancy() -> None:
    model = build("llama", layers=2)
    found = read(model, msgspec.structs.replace(REQUEST, mode="add", strength=0.0))
    assert {each.relevancy_floor for each in found} == {0.0}
    assert model.relevancy_floor is None
    assert max(token.relevancy or 0.0 for each in found for token in each.tokens) < 1e-6


def test_the_floor_holds_for_any_probability() -> None:
    row = Row([1, 2, 3], [0.5, 0.999, 0.2])
    assert noise.noise_of([row], [[0.5, 0.9, 0.2]]) == 0.0  # near 1 rounding is not what the odds say
    assert noise.noise_of([row], [[0.55, 0.999, 0.2]]) == pytest.approx(math.log(0.55 / 0.45) / 4)
    assert noise.noise_of([row], [[math.nan, 0.999, 0.9]]) == 0.25
    assert noise.noise_of([Row()], [[]]) == 0.0


@pytest.mark.parametrize(("kind", "model_type"), [("masked", "bert"), ("seq2seq", "t5")])
def test_encoders_and_encoder_decoders_have_a_floor_too(kind: Kind, model_type: str) -> None:
    model = adopt(small(kind, model_type).bfloat16(), mask_tokenizer(), model_type)
    assert 0 <= noise.relevancy_floor(model) < 0.25
    assert model.relevancy_floor is not None


def test_a_text_of_which_no_shown_token_is_above_the_floor_says_no_more_than_the_control() -> None:
    def with_effects(floor: float, *effects: float | None) -> Interpretation:
        shown = tuple(GeneratedToken("a", 0, 0.5, effect) for effect in effects)
        return msgspec.structs.replace(
            made(), tokens=(*shown, GeneratedToken("\n", 0, 0.5, 0.9)), relevancy_floor=floor
        )

    assert mark_of(with_effects(0.05, 0.05, -0.02)) == SAYS_NO_MORE
    assert mark_of(with_effects(0.05, 0.01, -0.06)) == SAYS_MORE
    assert mark_of(with_effects(0.0, 0.0)) == SAYS_MORE  # nothing was measured
    assert mark_of(with_effects(0.05, None)) == SAYS_MORE


# The first token, and special ones ----------------------------------------------------------------------------------


def test_the_lead_is_how_far_the_first_token_is_above_the_second() -> None:
    model = build("llama", layers=2)
    (found,) = read(model, msgspec.structs.replace(REQUEST, cells=CELLS[:1]))
    target = build_target(model, PRESET, 6)
    with writing(model, REQUEST, target, state_at(model, PROMPT, CELLS[0])):
        best = next_probabilities(model, target, []).log().topk(2).values
    assert found.lead == pytest.approx(float(best[0] - best[1]), abs=1e-4)
    sampled = read(model, msgspec.structs.replace(REQUEST, cells=CELLS[:1], temperature=1.0))
    assert sampled[0].lead is None


def test_that_special_tokens_are_read_is_warned_of_once_for_a_run() -> None:
    model = build("llama", layers=2)
    cells = tuple(Cell(layer, position) for layer in (0, 1) for position in (0, 1))
    events = list(interpret(model, msgspec.structs.replace(REQUEST, cells=cells)))
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert notice.severity == "warning"
    assert f"0 {model.tokenizer.bos_token}." in notice.text
    assert not [event for event in interpret(model, REQUEST) if isinstance(event, Notice)]

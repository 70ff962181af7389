"""P_none without a shared cache, in every kind of model: of rows that end at once, and where memory runs out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from msgspec.structs import replace

from selfie_tui.engine.generation import teacher_forcing
from selfie_tui.engine.generation.prefill import prefill_prompt
from selfie_tui.engine.generation.relevancy import baseline_probabilities
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.verify import verify
from selfie_tui.records import EMBED, Cell, CellFinished, Event, Preset, Request
from tests.sweep.small import Kind, small
from tests.sweep.sweep import mask_tokenizer

KINDS: tuple[tuple[Kind, str], ...] = (
    ("causal", "llama"),
    ("causal", "mamba"),
    ("causal", "rwkv"),
    ("seq2seq", "t5"),
    ("seq2seq", "bart"),
    ("masked", "bert"),
)
REQUEST = Request(
    "the Eiffel Tower is", (Cell(EMBED, 2), Cell(1, 3), Cell(2, 4)), Preset("test", "the message _ _ is in"),
    max_new_tokens=5,
)  # fmt: skip


@pytest.fixture(params=KINDS, ids=lambda param: param[1], scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    return verify(adopt(small(*request.param), mask_tokenizer(), request.param[1]))


def finished(model: Model, request: Request) -> list[Event]:
    return [event for event in interpret(model, request) if isinstance(event, CellFinished)]


def test_answers_of_one_token_have_their_relevancy(model: Model) -> None:
    several = finished(model, REQUEST)
    for one, all_tokens in zip(finished(model, replace(REQUEST, max_new_tokens=1)), several, strict=True):
        [token] = one.interpretation.tokens
        if model.kind != "encoder":  # whose first mask sees the masks after it
            assert token.effect == pytest.approx(all_tokens.interpretation.tokens[0].effect, abs=1e-5)
        assert 0 <= token.relevancy <= 1


def test_rows_that_say_nothing_or_one_token_are_scored_beside_longer_ones(model: Model) -> None:
    masks = (3, 4, 5) if model.kind == "encoder" else ()
    prefix = (0, 9) if model.kind == "encoder-decoder" else ()
    prefill = prefill_prompt(model, [10, 20, 30, 40, 50, 60], prefix=prefix, masks=masks)
    long = baseline_probabilities(model, prefill, [[7, 8, 9]])[0]
    found = baseline_probabilities(model, prefill, [[], [7], [7, 8, 9], [7, 8]])
    assert [len(row) for row in found] == [0, 1, 3, 2]
    assert found[1] + found[2] + found[3] == pytest.approx([long[0], *long, *long[:2]], abs=1e-5)
    assert baseline_probabilities(model, prefill, [[], []]) == [[], []]
    assert baseline_probabilities(model, prefill, [[7]])[0] == pytest.approx(long[:1], abs=1e-5)


def test_texts_that_do_not_fit_are_scored_in_halves(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    request = replace(REQUEST, temperature=1.5)  # so that the cells say different things
    expected = finished(model, request)
    real, sizes = teacher_forcing.inputs_of, []

    def limited(model: Model, prefill: Any, written: Any) -> Any:
        sizes.append(len(written))
        if len(written) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return real(model, prefill, written)

    monkeypatch.setattr(teacher_forcing, "inputs_of", limited)
    found = finished(model, request)
    for one, other in zip(found, expected, strict=True):
        effects = [[token.effect for token in event.interpretation.tokens] for event in (one, other)]
        assert effects[0] == pytest.approx(effects[1], abs=1e-5)
    shares_a_cache = model.name == "llama"
    assert (sizes == []) if shares_a_cache else (1 in sizes and max(sizes) > 1)


def test_logits_take_no_more_memory_than_they_may(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = finished(model, REQUEST)
    monkeypatch.setattr(teacher_forcing, "LOGITS_BYTES", 4 * model.anatomy.vocabulary)
    found = finished(model, REQUEST)
    for one, other in zip(found, expected, strict=True):
        effects = [[token.effect for token in event.interpretation.tokens] for event in (one, other)]
        assert effects[0] == pytest.approx(effects[1], abs=1e-5)

"""What readings of a published model are worth: attention sinks, empty texts, the noise of bf16, a cut prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from selfie_tui.engine.generation import plan
from selfie_tui.engine.generation.prefill import Prefill
from selfie_tui.engine.generation.relevancy import baseline_probabilities
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model
from selfie_tui.marks import SAYS_MORE, SAYS_NO_MORE, SAYS_NOTHING, mark_of, norm_words
from selfie_tui.presets import preset_called
from selfie_tui.records import EMBED, Cell, CellFinished, Interpretation, Request
from tests.engine.reference import interpreted

pytestmark = pytest.mark.real

PROMPT = "The Eiffel Tower is located in the city of"
REQUEST = Request(PROMPT, (), preset_called("summarize"), max_new_tokens=8)


def read(model: Model, request: Request) -> list[Interpretation]:
    return [event.interpretation for event in interpret(model, request) if isinstance(event, CellFinished)]


def test_its_first_token_is_an_attention_sink_whose_norm_is_said_beside_the_layers(smollm2: Model) -> None:
    cells = tuple(Cell(layer, position) for layer in (EMBED, 12, 20) for position in (0, 4, 9))
    found = {each.cell: each for each in read(smollm2, msgspec.structs.replace(REQUEST, cells=cells, relevancy=False))}
    assert [cell for cell, each in found.items() if each.is_far] == [Cell(12, 0), Cell(20, 0)]
    for layer in (12, 20):
        sink = found[Cell(layer, 0)]
        assert sink.norm == pytest.approx(22_500, rel=0.02)
        assert 130 < (sink.layer_norm or 0) < 260
        assert norm_words(sink).endswith("likely an attention sink")
        assert {found[Cell(layer, position)].layer_norm for position in (4, 9)} == {sink.layer_norm}


def test_an_empty_text_is_marked_so_and_has_no_effect(smollm2: Model) -> None:
    cells = tuple(Cell(layer, 0) for layer in range(8, 24, 5))
    found = read(smollm2, msgspec.structs.replace(REQUEST, cells=cells))
    empty = [each for each in found if each.is_empty]
    assert empty
    assert {mark_of(each) for each in empty} == {SAYS_NOTHING}
    assert {each.treatment_effect for each in empty} == {None}


def test_in_bf16_what_is_read_at_strength_0_is_about_the_measured_noise(
    smollm2_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scored(model: Model, prefill: Prefill, rows: list[list[int]], *more: Any) -> list[list[float]]:
        return baseline_probabilities(model, prefill, rows)  # rows that are the control's are scored like others

    monkeypatch.setattr(plan, "baseline_probabilities", scored)
    model = load(smollm2_file, device="cpu", dtype="bf16")
    cells = tuple(Cell(layer, position) for layer in (EMBED, 14, 29) for position in (3, 9))
    found = read(model, msgspec.structs.replace(REQUEST, cells=cells, mode="add", strength=0.0))
    relevancies = [token.relevancy or 0.0 for each in found for token in each.tokens]
    floor = found[0].relevancy_floor
    assert 0.01 < floor < 0.15
    assert 0.001 < max(relevancies) < 1.5 * floor
    assert {mark_of(each) for each in found} == {SAYS_NO_MORE}
    injected = read(model, msgspec.structs.replace(REQUEST, cells=cells))
    assert SAYS_MORE in {mark_of(each) for each in injected}


def test_a_prompt_that_was_cut_reads_as_plain_hooks_do(smollm2: Model) -> None:
    request = msgspec.structs.replace(REQUEST, cells=(Cell(2, 9),), preset=preset_called("meaning"), max_new_tokens=4)
    for cell, each in zip(request.cells, read(smollm2, request), strict=True):
        expected = interpreted(smollm2, request, cell)
        assert [token.id for token in each.tokens] == expected.ids
        assert [token.effect for token in each.tokens] == pytest.approx(expected.effects, abs=5e-5)

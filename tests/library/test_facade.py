"""The facade's readings are the engine's, and its tables hold them all."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch

import selfie_tui
from selfie_tui.engine.cell_states import CellStates
from selfie_tui.engine.methods.activations import takes_padding
from selfie_tui.engine.methods.interpret import interpret_vectors
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import build_prompt
from selfie_tui.engine.prompts.source import source_tokens
from selfie_tui.errors import PlaceholderError, RequestError, SelfieError
from selfie_tui.library.api import NO_TOKEN, interpret
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.library.interpretation_prompt import InterpretationPrompt
from selfie_tui.library.results import gather
from selfie_tui.library.tables import COLUMNS
from selfie_tui.presets import preset_called
from selfie_tui.records import Cell, Request
from selfie_tui.utils import batch_process_interpretations
from selfie_tui.utils import interpret_vectors as interpret_by_function

PROMPT = "The Eiffel Tower is in Paris"
CELLS = [("embed", 2), (6, 2), (3, -1)]


def test_readings_and_relevancies_are_the_engines(selfie: ModelAgnosticSelfie, model: Model) -> None:
    table = selfie.interpret(PROMPT, "concept", CELLS, max_new_tokens=10)
    result = interpret(model, PROMPT, layers=["embed", 3, 6], tokens=[2, 6], preset="concept", max_new_tokens=10)
    by_cell = {interpretation.cell: interpretation for interpretation in result.interpretations}
    expected = [by_cell[cell] for cell in (Cell(-1, 2), Cell(6, 2), Cell(3, 6))]
    assert table["interpretation"] == [interpretation.text for interpretation in expected]
    assert table.control == result.control
    for scores, interpretation in zip(table["relevancy_score"], expected, strict=True):
        assert scores == pytest.approx([token.relevancy for token in interpretation.tokens], abs=1e-5)


def test_a_table_has_one_row_a_cell_in_the_order_asked(selfie: ModelAgnosticSelfie) -> None:
    table = selfie.interpret(PROMPT, "concept", CELLS, max_new_tokens=4)
    assert tuple(table) == COLUMNS
    assert table["prompt"] == [PROMPT] * 3
    assert table["layer"] == ["embed", 6, 3]
    assert table["token"] == [2, 2, 6]
    assert table["token_decoded"] == [" Eiffel", " Eiffel", " Paris"]
    assert [record.cell for record in table.records] == [Cell(-1, 2), Cell(6, 2), Cell(3, 6)]
    assert table.verdict == "verified"


def test_relevancy_is_measured_token_by_token(selfie: ModelAgnosticSelfie) -> None:
    table = selfie.interpret(PROMPT, "concept", [(6, 2)])
    (scores,) = table["relevancy_score"]
    assert len(scores) == len(table.records[0].tokens) > 3
    assert all(0 <= score <= 1 for score in scores)
    assert max(scores) > 0.5 > 0.01 > min(scores)  # what the state brings, and what would have come anyway


def test_a_placeholders_own_state_has_no_relevancy(selfie: ModelAgnosticSelfie, model: Model) -> None:
    prompt = InterpretationPrompt(model.tokenizer, "This _ represents the concept of")
    table = selfie.interpret(prompt.text, prompt, [("embed", prompt.insert_locations[0])])
    assert table["relevancy_score"][0] == pytest.approx([0.0] * len(table["relevancy_score"][0]), abs=1e-5)
    assert table.records[0].equals_control


def test_relevancy_that_is_not_asked_for_is_no_number(selfie: ModelAgnosticSelfie) -> None:
    table = selfie.interpret(PROMPT, "concept", [(6, 2)], max_new_tokens=3, relevancy=False)
    assert all(math.isnan(score) for score in table["relevancy_score"][0])


def test_normalized_at_full_strength_replaces(selfie: ModelAgnosticSelfie) -> None:
    blended = selfie.interpret(PROMPT, "concept", CELLS, overlay_strength=1.0, replacing_mode="normalized")
    assert (
        blended["interpretation"]
        == selfie.interpret(PROMPT, "concept", CELLS, replacing_mode="replace")["interpretation"]
    )


def test_the_published_positions_are_used_where_they_are_asked_for(selfie: ModelAgnosticSelfie, model: Model) -> None:
    preset = preset_called("concept")
    exact, published = build_prompt(model.tokenizer, preset), build_prompt(model.tokenizer, preset, compat=True)
    assert published.positions != exact.positions
    request = Request(PROMPT, (Cell(0, 0), Cell(6, 1)), preset, mode="blend", max_new_tokens=8)
    source = source_tokens(model, PROMPT)
    vectors = torch.stack([selfie.get_activations(PROMPT, [layer], [2])[layer][0, 0] for layer in (0, 6)])
    expected = gather(
        model, request, interpret_vectors(model, request, CellStates(vectors), [source[2]] * 2, published)
    )
    texts = [interpretation.text for interpretation in expected.interpretations]
    for question, compat in (
        ("concept", "selfie"),
        (InterpretationPrompt.create_concept_prompt(model.tokenizer, compat="selfie"), None),
    ):
        table = selfie.interpret(PROMPT, question, [(0, 2), (6, 2)], max_new_tokens=8, compat=compat)
        assert table["interpretation"] == texts
        assert [record.cell for record in table.records] == [Cell(0, 2), Cell(6, 2)]
    assert selfie.interpret(PROMPT, "concept", [(0, 2), (6, 2)], max_new_tokens=8)["interpretation"] != texts


def test_several_prompts_are_one_batch_that_reads_as_one_by_one(selfie: ModelAgnosticSelfie, model: Model) -> None:
    prompts = ["London is the capital of England", "Tokyo is a bustling city", PROMPT]
    cells = [[(4, 1)], [(4, 1), (6, -1)], [("embed", 2)]]
    assert takes_padding(model)
    rows: list[int] = []
    handle = model.module.model.register_forward_pre_hook(
        lambda module, args, kwargs: rows.append((args[0] if args else kwargs["input_ids"]).shape[0]), with_kwargs=True
    )
    try:
        tables = batch_process_interpretations(selfie, prompts, "concept", cells, max_new_tokens=8)
    finally:
        handle.remove()
    assert max(rows) == 4 + 3 + 1  # all cells, the bare embeddings of the three that are not at embed, one control
    assert rows[0] == len(prompts)  # and all prompts are read together
    for prompt, pairs, table in zip(prompts, cells, tables, strict=True):
        alone = selfie.interpret(prompt, "concept", pairs, max_new_tokens=8)
        for column in COLUMNS[:-1]:
            assert table[column] == alone[column]
        assert [record.token for record in table.records] == [record.token for record in alone.records]
        assert [record.bare for record in table.records] == [record.bare for record in alone.records]
        assert all(record.bare and record.lens for record in table.records)
    assert "the capital of England" in tables[0]["interpretation"][0]
    assert "the capital of Japan" in tables[1]["interpretation"][0]


def test_prompts_that_a_model_cannot_pad_are_read_one_by_one(
    selfie: ModelAgnosticSelfie, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts, cells = ["London is the capital of England", PROMPT], [[(4, -1), (2, 1)], [(6, 2)]]
    together = batch_process_interpretations(selfie, prompts, "concept", cells, max_new_tokens=4)
    monkeypatch.setattr(model, "padding_invariant", False)
    apart = batch_process_interpretations(selfie, prompts, "concept", cells, max_new_tokens=4)
    for one, other in zip(together, apart, strict=True):
        assert one["interpretation"] == other["interpretation"]
        assert [r.norm for r in one.records] == pytest.approx([r.norm for r in other.records], rel=1e-5)


def test_a_state_that_overflows_in_a_batch_is_a_result_that_says_so_and_the_others_are_read(
    selfie: ModelAgnosticSelfie, model: Model
) -> None:
    def overflow(block: Any, args: Any, out: Any) -> None:
        (out[0] if isinstance(out, tuple) else out)[-1, -1] = math.inf
        handle.remove()  # the prompts are read first

    handle = model.module.model.layers[5].register_forward_hook(overflow)
    tables = batch_process_interpretations(selfie, ["Tokyo is a city", PROMPT], "concept", [[(6, 0)], [(6, -1)]])
    read, unread = tables[0].records[0], tables[1].records[0]
    assert (unread.text, unread.problem) == ("", "the state is not finite in fp32")
    assert read.text
    assert not read.problem
    assert any("1 state is not finite in fp32" in notice for notice in tables[0].notices)


def test_a_batch_wants_cells_for_every_prompt(selfie: ModelAgnosticSelfie) -> None:
    with pytest.raises(RequestError, match="Got 2 prompts and cells for 1"):
        batch_process_interpretations(selfie, ["one", "two"], "concept", [[(4, 0)]])
    assert batch_process_interpretations(selfie, [], "concept", []) == []


def test_a_cells_own_vector_reads_as_the_cell(selfie: ModelAgnosticSelfie) -> None:
    states = selfie.get_activations(PROMPT, [6], [2, 6])[6]
    expected = selfie.interpret(PROMPT, "concept", [(6, 2), (6, 6)], max_new_tokens=10)["interpretation"]
    for vectors in ([states[:, 0], states[0, 1]], [states[:, :1], states[:, 1:]], states[0]):
        assert selfie.interpret_vectors(vectors, "concept", max_new_tokens=10) == expected
    assert interpret_by_function(selfie, states[0], "concept", max_new_tokens=10) == expected
    assert selfie.interpret_vectors(states[0, 0], "concept", max_new_tokens=10) == expected[:1]


@pytest.mark.parametrize("layer", [2, 4, 6])
def test_arithmetic_on_states_reads_as_their_meaning(selfie: ModelAgnosticSelfie, layer: int) -> None:
    def state(word: str) -> torch.Tensor:
        return selfie.get_activations(word, [layer], [-1])[layer][0, 0]

    queen = state("king") - state("man") + state("woman")
    tokyo = state("Paris") - state("France") + state("Japan")
    texts = selfie.interpret_vectors([queen, tokyo], "concept")
    assert texts == ["queen, a woman who rules a kingdom.", "Tokyo, the capital of Japan."]


def test_vectors_without_a_source_have_records_of_their_own(model: Model) -> None:
    vectors = selfie_tui.ModelAgnosticSelfie(model).get_activations(PROMPT, [6], [2, 6])[6][0]
    result = selfie_tui.interpret_vectors(model, vectors, preset="concept", random_control=True)
    assert [interpretation.cell for interpretation in result.interpretations] == [Cell(-1, 0), Cell(-1, 1)]
    assert [interpretation.token.text for interpretation in result.interpretations] == ["vector 0", "vector 1"]
    assert {interpretation.token.id for interpretation in result.interpretations} == {NO_TOKEN}
    assert [interpretation.random.cell for interpretation in result.interpretations if interpretation.random] == [
        Cell(-1, 0),
        Cell(-1, 1),
    ]
    assert result.interpretations[0].norm == pytest.approx(float(vectors[0].norm()))
    assert result.interpretations[0].treatment_effect
    assert result.control.text
    assert result.verdict == "verified"


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([], "list of vectors is empty"),
        ([torch.zeros(255)], "Vector 0 is 255 wide"),
        ([torch.zeros(256), torch.zeros(2, 256)], r"Vector 1 has the shape \(2, 256\)"),
        ([torch.full((256,), math.nan)], "Vector 0 is not finite"),
        ([torch.full((256,), 1e300, dtype=torch.float64)], "Vector 0 overflows fp32"),
        (torch.tensor(1.0), "is 1 wide"),
    ],
)
def test_vectors_that_cannot_be_injected_are_refused(selfie: ModelAgnosticSelfie, vectors: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        selfie.interpret_vectors(vectors, "concept")


@pytest.mark.parametrize(
    "settings",
    [
        {"injection_layer": 8},
        {"injection_layer": "last"},
        {"max_new_tokens": 0},
        {"replacing_mode": "no such mode"},
        {"overlay_strength": math.inf},
        {"max_new_tokens": 10_000},
    ],
)
def test_settings_that_cannot_be_are_refused_for_cells_and_for_vectors(
    selfie: ModelAgnosticSelfie, settings: dict[str, Any]
) -> None:
    with pytest.raises(SelfieError):
        selfie.interpret(PROMPT, "concept", [(6, 2)], **settings)
    with pytest.raises(SelfieError):
        selfie.interpret_vectors(torch.zeros(1, 256), "concept", **settings)
    with pytest.raises(SelfieError):
        batch_process_interpretations(selfie, [PROMPT], "concept", [[(6, 2)]], **settings)


@pytest.mark.parametrize("cells", [[], [(8, 0)], [(-2, 0)], [("top", 0)], [(3, 7)], [(3, -8)]])
def test_cells_that_are_not_there_are_refused(selfie: ModelAgnosticSelfie, cells: Any) -> None:
    with pytest.raises(RequestError):
        selfie.interpret(PROMPT, "concept", cells)


def test_a_position_before_the_first_is_refused_by_the_engines_own_call(model: Model) -> None:
    with pytest.raises(RequestError, match="out of range"):
        interpret(model, PROMPT, tokens=[-100])


def test_an_unknown_preset_or_compat_is_refused_with_those_there_are(selfie: ModelAgnosticSelfie) -> None:
    with pytest.raises(RequestError, match="concept"):
        selfie.interpret(PROMPT, "no such preset", [(6, 2)])
    with pytest.raises(RequestError, match="selfie"):
        selfie.interpret(PROMPT, "concept", [(6, 2)], compat="published")
    with pytest.raises(PlaceholderError):
        selfie.interpret(PROMPT, InterpretationPrompt(selfie.model.tokenizer, "nothing to fill"), [(6, 2)])


def test_tables_become_rows(selfie: ModelAgnosticSelfie, model: Model) -> None:
    table = selfie.interpret(PROMPT, "concept", CELLS, max_new_tokens=4)
    rows = table.to_dicts()
    assert [row["layer"] for row in rows] == ["embed", 6, 3]
    assert {column: [row[column] for row in rows] for column in COLUMNS} == table
    assert (
        interpret(model, PROMPT, layers="6", tokens="2", preset="concept").to_dicts()[0]["token_decoded"] == " Eiffel"
    )


def test_tables_become_data_frames(selfie: ModelAgnosticSelfie) -> None:
    table = selfie.interpret(PROMPT, "concept", CELLS, max_new_tokens=4)
    frame = table.to_pandas()
    assert list(frame.columns) == list(COLUMNS)
    assert frame.to_dict("list") == dict(table)
    assert frame.equals(table.result.to_pandas())


def test_without_pandas_the_error_says_what_to_install(
    selfie: ModelAgnosticSelfie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = selfie.interpret(PROMPT, "concept", [(6, 2)], max_new_tokens=2)
    for found in (table, table.result):
        with pytest.raises(SelfieError, match="pip install pandas"):
            found.to_pandas()

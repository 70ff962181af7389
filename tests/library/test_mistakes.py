"""What a user plausibly gives by mistake is understood where its meaning is obvious, and else refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import selfie_tui
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.library.api import interpret, interpret_vectors
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.library.interpretation_prompt import InterpretationPrompt
from selfie_tui.library.lens import logit_lens
from selfie_tui.library.results import Result
from selfie_tui.records import EMBED, Cell
from selfie_tui.utils import (
    aggregate_activations,
    batch_process_interpretations,
    compute_activation_similarity,
    create_token_grid,
)
from selfie_tui.utils import interpret_vectors as interpret_by_function

PROMPT = "The Eiffel Tower is in Paris"
FEW: dict[str, Any] = {"max_new_tokens": 2, "relevancy": False}


def cells_of(result: Result) -> list[Cell]:
    return [interpretation.cell for interpretation in result.interpretations]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"layers": 2, "tokens": 2}, [Cell(2, 2)]),
        ({"layers": "2", "tokens": -1}, [Cell(2, 6)]),
        ({"layers": ["embed", 2], "tokens": [2]}, [Cell(-1, 2), Cell(2, 2)]),
        ({"layers": np.array([2]), "tokens": torch.tensor([1])}, [Cell(2, 1)]),
    ],
)
def test_one_layer_or_token_is_a_list_of_one(model: Model, chosen: dict[str, Any], expected: list[Cell]) -> None:
    assert cells_of(interpret(model, PROMPT, preset="concept", **chosen, **FEW)) == expected


def test_a_negative_number_for_a_layer_is_refused_with_both_things_that_it_could_mean(
    model: Model, selfie: ModelAgnosticSelfie
) -> None:
    calls = (
        lambda: interpret(model, PROMPT, layers=-1, preset="concept"),
        lambda: interpret(model, PROMPT, layers=6, preset="concept", injection_layer=-1),
        lambda: selfie.interpret(PROMPT, "concept", [(-1, 2)]),
        lambda: selfie.get_activations(PROMPT, layer_indices=[-1]),
        lambda: logit_lens(model, PROMPT, 2, layers=-2),
    )
    for call in calls:
        with pytest.raises(RequestError, match=r"Invalid layer -[12]") as caught:
            call()
        assert "embed" in caught.value.remedy
        assert "last layer" in caught.value.remedy


def test_the_text_minus_one_is_the_last_layer_and_embed_the_embeddings(
    model: Model, selfie: ModelAgnosticSelfie
) -> None:
    last, first = (interpret(model, PROMPT, layers=layers, tokens=2, **FEW) for layers in ("-1", "embed"))
    assert [result.interpretations[0].cell for result in (last, first)] == [Cell(model.layers - 1, 2), Cell(EMBED, 2)]
    states = selfie.get_activations(PROMPT, layer_indices="embed")
    assert states["embed"] is states[EMBED]
    assert list(states) == [EMBED]
    with pytest.raises(KeyError):
        _ = states[3]


def test_a_cell_record_of_the_embeddings_is_taken(selfie: ModelAgnosticSelfie) -> None:
    table = selfie.interpret(PROMPT, "concept", [Cell(EMBED, 2)], max_new_tokens=2)
    assert [record.cell for record in table.records] == [Cell(EMBED, 2)]


def test_a_facade_stands_for_its_model_and_a_model_for_a_facade(selfie: ModelAgnosticSelfie, model: Model) -> None:
    chosen: dict[str, Any] = {"layers": 6, "tokens": 2, "preset": "concept", **FEW}
    assert interpret(selfie, PROMPT, **chosen) == interpret(model, PROMPT, **chosen)
    vector = torch.ones(256)
    texts = selfie.interpret_vectors(vector, "concept", max_new_tokens=2)
    assert interpret_by_function(model, vector, "concept", max_new_tokens=2) == texts
    assert [
        interpretation.text
        for interpretation in interpret_vectors(selfie, vector, preset="concept", **FEW).interpretations
    ] == (texts)
    given = [PROMPT], "concept", [[(6, 2)]]
    assert batch_process_interpretations(model, *given, **FEW) == batch_process_interpretations(selfie, *given, **FEW)
    assert ModelAgnosticSelfie(selfie).model is model


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prompt": ["a"]}, r"Expected a text as prompt, got \['a'\]"),
        ({"prompt": None}, "Expected a text as prompt, got None"),
        ({"layers": None}, "Expected a list of layers, got None"),
        ({"layers": [1.7]}, "Invalid layer 1.7"),
        ({"layers": {6: 2}}, "Expected a list of layers, got {6: 2}"),
        ({"tokens": [2.9]}, "Invalid token position 2.9"),
        ({"preset": None}, "Expected an interpretation prompt, got None"),
        ({"preset": ["This", 0]}, "Expected an interpretation prompt"),
        ({"max_new_tokens": "3"}, "Invalid number of new tokens “3”"),
        ({"max_new_tokens": 3.0}, "Invalid number of new tokens 3.0"),
        ({"strength": "1"}, "Invalid strength “1”"),
        ({"strength": None}, "Invalid strength None"),
        ({"temperature": "hot"}, "Invalid temperature “hot”"),
        ({"seed": None}, "Invalid seed None"),
        ({"mode": ["replace"]}, "Unknown injection mode"),
        ({"injection_layer": None}, "Invalid layer None"),
        ({"stop": 3}, "Invalid stop text 3"),
        ({"stop": ["a", None]}, "Invalid stop text None"),
        ({"stop": {"a": 1}}, "Expected a list of stop texts"),
        ({"relevancy": "no"}, "Invalid relevancy “no”"),
        ({"random_control": 1}, "Invalid random_control 1"),
        ({"compat": "published"}, "Unknown compat “published”.*selfie"),
        ({"compat": 1}, "Unknown compat 1"),
        ({"stack": "top"}, "no top"),
    ],
)
def test_arguments_of_another_kind_are_refused_by_name(model: Model, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        interpret(model, **{"prompt": PROMPT, "layers": 6, "tokens": 2, "preset": "concept", **settings})


@pytest.mark.parametrize(
    ("given", "message"), [("demo", r'selfie_tui\.load\("demo"\)'), (None, "Expected a model, got None")]
)
def test_a_name_or_none_in_place_of_a_model_is_refused_with_the_call_that_loads_it(given: Any, message: str) -> None:
    for call in (
        lambda: interpret(given, PROMPT),
        lambda: interpret_vectors(given, torch.zeros(256)),
        lambda: batch_process_interpretations(given, [PROMPT], "concept", [[(6, 2)]]),
        lambda: interpret_by_function(given, torch.zeros(256), "concept"),
    ):
        with pytest.raises(RequestError, match=message):
            call()


@pytest.mark.parametrize("text", ["This _ means", "the word:_", "what is it"])
def test_a_text_in_place_of_a_presets_name_is_refused_with_how_to_give_it(
    selfie: ModelAgnosticSelfie, text: str
) -> None:
    with pytest.raises(RequestError, match=r"Unknown preset.*InterpretationPrompt\(tokenizer, text\)"):
        selfie.interpret(PROMPT, text, [(6, 2)])
    with pytest.raises(RequestError) as caught:
        selfie.interpret(PROMPT, "sumarize", [(6, 2)])
    assert "InterpretationPrompt" not in str(caught.value)


@pytest.mark.parametrize("given", [(6, 2), [6, 2], np.array([6, 2]), np.array([[6, 2]]), [Cell(6, 2)], iter([(6, 2)])])
def test_a_pair_by_itself_and_every_form_of_pairs_are_cells(selfie: ModelAgnosticSelfie, given: Any) -> None:
    table = selfie.interpret(PROMPT, "concept", given, max_new_tokens=2, relevancy=False)
    assert [record.cell for record in table.records] == [Cell(6, 2)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([(1, 2, 3)], r"Invalid cell \(1, 2, 3\)"),
        ([1, 2, 3], "Invalid cell 1"),
        ({6: 2, 3: 1}, "Expected a list of"),
        (None, "Expected a list of .* got None"),
        (3, "Invalid cell 3"),
        ([(1.7, 2)], "Invalid layer 1.7"),
        ([(1, 2.9)], "Invalid token position 2.9"),
        ((1.7, 2.9), "Invalid token position 2.9"),
    ],
)
def test_what_are_no_cells_is_refused(selfie: ModelAgnosticSelfie, given: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        selfie.interpret(PROMPT, "concept", given)


def test_activations_of_one_layer_and_token_are_asked_for_by_number(selfie: ModelAgnosticSelfie) -> None:
    found = selfie.get_activations(PROMPT, layer_indices=2, token_indices=-1)
    assert torch.equal(found[2], selfie.get_activations(PROMPT, [2], [6])[2])
    assert list(selfie.get_activations(PROMPT, "embed", 0)) == [-1]


@pytest.mark.parametrize("given", [3, [1, 2], torch.tensor([1, 2]), None, {"a": 1}])
def test_activations_of_what_is_no_text_are_refused(selfie: ModelAgnosticSelfie, given: Any) -> None:
    with pytest.raises(RequestError, match="prompt"):
        selfie.get_activations(given)


def test_layers_one_after_another_are_aggregated(selfie: ModelAgnosticSelfie) -> None:
    one, other = torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, 1.0]])
    assert aggregate_activations([one, other]).tolist() == [[2.0, 3.0]]
    assert aggregate_activations([other.numpy(), one], "last").tolist() == [[1.0, 5.0]]
    assert aggregate_activations({"embed": one, 2: other}, "last").tolist() == [[3.0, 1.0]]  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{2: torch.zeros(1)}], "several prompts"),
        (None, "Expected a list of activations"),
        (torch.tensor(1.0), "Expected a list of activations"),
        ({2: "state"}, "not a tensor"),
    ],
)
def test_what_are_no_activations_is_not_aggregated(given: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        aggregate_activations(given)


def test_arrays_are_compared_as_tensors_are() -> None:
    a, b = np.array([3.0, 4.0]), np.array([5, 0])
    assert compute_activation_similarity(a, b) == pytest.approx(0.6)
    assert compute_activation_similarity(a, torch.tensor([5, 0]), metric="dot") == 15.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({6: torch.zeros(2)}, r"is a dictionary.*states\[6\]"),
        (None, "is None, not a tensor"),
        (torch.zeros(2, dtype=torch.complex64), "complex"),
    ],
)
def test_what_is_no_activation_is_refused(selfie: ModelAgnosticSelfie, given: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        compute_activation_similarity(given, torch.zeros(2))
    with pytest.raises(RequestError, match=message):
        selfie.inject_activation(PROMPT, given, 2, [2])
    with pytest.raises(RequestError, match=message):
        selfie.interpret_vectors([given], "concept")


@pytest.mark.parametrize("kind", ["array", "numbers", "tensor"])
def test_numbers_in_a_row_are_one_vector(selfie: ModelAgnosticSelfie, kind: str) -> None:
    vector = selfie.get_activations(PROMPT, 6, 2)[6].reshape(-1)
    given: Any = {"array": vector.numpy(), "numbers": vector.tolist(), "tensor": vector}[kind]
    (text,) = selfie.interpret_vectors(given, "concept", max_new_tokens=5)
    assert text == selfie.interpret(PROMPT, "concept", (6, 2), max_new_tokens=5)["interpretation"][0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "Expected a list of vectors"),
        ({6: torch.zeros(256)}, "dictionary"),
        ([0.5, 1.0], "2 wide"),
        ("king", "Vector 0 is “king”, not a tensor"),
    ],
)
def test_what_are_no_vectors_is_refused(selfie: ModelAgnosticSelfie, given: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        selfie.interpret_vectors(given, "concept")


def test_prompts_and_cells_may_be_generators(selfie: ModelAgnosticSelfie) -> None:
    prompts = [PROMPT, "Tokyo is a city"]
    given = batch_process_interpretations(
        selfie, (text for text in prompts), "concept", (cells for cells in ([(6, 2)], (4, 1))), **FEW
    )
    listed = batch_process_interpretations(selfie, prompts, "concept", [[(6, 2)], [(4, 1)]], **FEW)
    assert given == listed
    assert [table["prompt"] for table in given] == [[PROMPT], ["Tokyo is a city"]]
    with pytest.raises(RequestError, match="got one text"):
        batch_process_interpretations(selfie, PROMPT, "concept", [[(6, 2)]])


def test_an_interpretation_prompt_wants_a_tokenizer_and_a_sequence(model: Model) -> None:
    tokenizer = model.tokenizer
    for given, message in (
        (None, "Expected a tokenizer, got None"),
        ("This _ means", "Expected a tokenizer, got the text “This _ means”"),
        (model.module, "Expected a tokenizer, got LlamaForCausalLM"),
    ):
        with pytest.raises(RequestError, match=message):
            InterpretationPrompt(given, "This _ means")
    with pytest.raises(RequestError, match="got the text"):
        InterpretationPrompt("This _ means", tokenizer)
    with pytest.raises(RequestError, match="Expected a list of text"):
        InterpretationPrompt(tokenizer, None)  # type: ignore[arg-type]
    assert InterpretationPrompt(tokenizer, iter(["This ", 0, "means"])).text == "This _ means"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layer_range": 3}, "Invalid range of layers 3"),
        ({"layer_range": (0, 2.5)}, "Invalid layer 2.5"),
        ({"token_range": (1, 2, 3)}, r"Invalid range of tokens \(1, 2, 3\)"),
        ({"tokenizer": None}, "Expected a tokenizer, got None"),
        ({"tokenizer": "demo"}, "got the text “demo”"),
        ({"prompt": 3}, "Expected a text as prompt, got 3"),
    ],
)
def test_grids_of_what_is_no_range_are_refused(
    selfie: ModelAgnosticSelfie, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        create_token_grid(**{"prompt": PROMPT, "tokenizer": selfie, **given})


def test_the_package_hands_out_the_checked_calls() -> None:
    assert selfie_tui.interpret is interpret
    assert selfie_tui.interpret_vectors is interpret_vectors

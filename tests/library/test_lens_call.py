"""The public lens reads texts as well as ids, and refuses what is not there."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from selfie_tui import logit_lens
from selfie_tui.engine.model import Model
from selfie_tui.errors import PromptError, RequestError, SelfieError
from selfie_tui.library.facade import ModelAgnosticSelfie

PROMPT = "The Eiffel Tower is located in the city of"


@pytest.fixture(scope="module")
def ids(model: Model) -> list[int]:
    found: list[int] = model.tokenizer(PROMPT)["input_ids"]
    return found


def test_a_text_is_read_as_its_ids_are(model: Model, ids: list[int]) -> None:
    assert logit_lens(model, PROMPT, 3) == logit_lens(model, ids, 3) == logit_lens(model, torch.tensor(ids), 3)
    assert logit_lens(ModelAgnosticSelfie(model), PROMPT, 3, layers=2) == logit_lens(model, ids, 3, [2])


def test_a_negative_position_is_the_one_from_the_end_and_is_called_that(model: Model, ids: list[int]) -> None:
    rows = logit_lens(model, ids, -1)
    assert rows == logit_lens(model, ids, len(ids) - 1)
    assert {row.cell.position for row in rows} == {len(ids) - 1}
    assert rows[-1].top[0].text == " Paris"


@pytest.mark.parametrize(
    ("given", "position", "kind", "message"),
    [
        (PROMPT, 99, RequestError, "Token 99 is out of range"),
        (PROMPT, -99, RequestError, "out of range"),
        (PROMPT, 1.5, RequestError, "Invalid token position 1.5"),
        (PROMPT, "last", RequestError, "Invalid token position “last”"),
        ("", 0, PromptError, "empty"),
        ([], 0, PromptError, "list of token ids is empty"),
        ([1, 2, 10**9], 0, RequestError, "Invalid token id 1000000000: demo"),
        ([1, -1], 0, RequestError, "Invalid token id -1: demo"),
        ([1, 2.5], 0, RequestError, "Invalid token id 2.5"),
        ([[1, 2, 3]], 0, RequestError, r"Invalid token id \[1, 2, 3\]"),
        (None, 0, RequestError, "Expected a list of token ids, got None"),
        ([5] * 5000, 0, PromptError, "5000 tokens"),
        ("word " * 5000, 0, PromptError, "tokens, and"),
    ],
)
def test_prompts_and_positions_that_are_not_there_are_refused(
    model: Model, given: Any, position: Any, kind: type[SelfieError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        logit_lens(model, given, position)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": [8]}, "Layer 8"),
        ({"layers": [1.5]}, "Invalid layer 1.5"),
        ({"layers": []}, "Nothing to show"),
        ({"k": 0}, "Nothing to show"),
        ({"k": "5"}, "Invalid number of tokens “5”"),
        ({"prefix": [1]}, "demo takes no prefix"),
        ({"stack": "encoder"}, "no encoder"),
    ],
)
def test_settings_of_the_lens_that_cannot_be_are_refused(model: Model, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        logit_lens(model, PROMPT, 0, **settings)


def test_a_name_in_place_of_the_model_is_to_be_loaded_first() -> None:
    with pytest.raises(RequestError, match="Load it first"):
        logit_lens("demo", PROMPT, 0)  # type: ignore[arg-type]

"""Readings that say little of a text are warned of, once."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch

from selfie_tui.engine.model import Model
from selfie_tui.library import notices
from selfie_tui.library.api import interpret
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.utils import compute_activation_similarity

ONE, OTHER = "The Eiffel Tower is in Paris", "The Colosseum is in Rome"


@pytest.fixture(autouse=True)
def nothing_warned_of_yet() -> None:
    for kept in (notices._warned_of_special, notices._warned_of_equal):
        kept.clear()


def warned(call: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught]


def test_reading_a_special_token_is_warned_of_once(model: Model) -> None:
    def read(tokens: list[int]) -> list[str]:
        return warned(lambda: interpret(model, ONE, layers=2, tokens=tokens, max_new_tokens=1))

    assert read([2, 3]) == []
    (text,) = read([0])
    assert text.startswith("Token 0 (")
    assert read([0]) == []


def test_the_facade_warns_of_a_special_token_too(selfie: ModelAgnosticSelfie) -> None:
    (text,) = warned(lambda: selfie.interpret(ONE, "concept", [(2, 0)], max_new_tokens=1))
    assert "special token" in text


def test_comparing_two_begin_tokens_is_warned_of_once(selfie: ModelAgnosticSelfie) -> None:
    one, other = (selfie.get_activations(text, layer_indices=3)[3] for text in (ONE, OTHER))
    assert warned(lambda: compute_activation_similarity(one[:, 2], other[:, 2])) == []
    (text,) = warned(lambda: compute_activation_similarity(one[:, 0], other[:, 0]))
    assert "begin token" in text
    assert warned(lambda: compute_activation_similarity(one[:, 0], other[:, 0])) == []


def test_comparing_a_tensor_with_itself_is_not_warned_of() -> None:
    one = torch.ones(4)
    assert warned(lambda: compute_activation_similarity(one, one)) == []

"""Every setting of a request can be set in each call of the library, and takes effect there."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

import selfie_tui
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.library.requests import PUBLISHED_NAMES, SETTINGS
from selfie_tui.library.results import Result
from selfie_tui.records import Request
from selfie_tui.utils import batch_process_interpretations

PROMPT = "The Eiffel Tower is in Paris"
CELL = (6, 2)

Call = Callable[..., Result]


def by_interpret(model: Model, **settings: Any) -> Result:
    return selfie_tui.interpret(model, PROMPT, layers=CELL[0], tokens=CELL[1], preset="concept", **settings)


def by_vectors(model: Model, **settings: Any) -> Result:
    vectors = ModelAgnosticSelfie(model).get_activations(PROMPT, CELL[0], CELL[1])[CELL[0]]
    return selfie_tui.interpret_vectors(model, vectors, preset="concept", **settings)


def by_facade(model: Model, **settings: Any) -> Result:
    return ModelAgnosticSelfie(model).interpret(PROMPT, "concept", CELL, **published(settings)).result


def by_batch(model: Model, **settings: Any) -> Result:
    return batch_process_interpretations(model, [PROMPT], "concept", [CELL], **published(settings))[0].result


def published(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings under the names that NNsight Selfie gives them."""
    names = {ours: theirs for theirs, ours in PUBLISHED_NAMES.items()}
    return {names.get(name, name): value for name, value in settings.items()}


CALLS: dict[str, Call] = {"interpret": by_interpret, "vectors": by_vectors, "facade": by_facade, "batch": by_batch}


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest, model: Model) -> Call:
    function = CALLS[request.param]
    return lambda **settings: function(model, **{"max_new_tokens": 12, **settings})


def text(result: Result) -> str:
    return result.interpretations[0].text


def test_every_field_of_a_request_can_be_set_in_every_call() -> None:
    settings = set(Request.__struct_fields__) - {"prompt", "cells", "preset", "module"}
    assert set(SETTINGS) == settings
    for function in (selfie_tui.interpret, ModelAgnosticSelfie.interpret, batch_process_interpretations):
        names = {PUBLISHED_NAMES.get(name, name) for name in inspect.signature(function).parameters}
        assert settings <= names, function
    assert settings - {"stack"} <= set(inspect.signature(selfie_tui.interpret_vectors).parameters)


def test_the_defaults_of_the_librarys_own_calls_are_the_requests() -> None:
    defaults = {field.name: field.default for field in msgspec.structs.fields(Request)}
    for function in (selfie_tui.interpret, selfie_tui.interpret_vectors):
        for name, parameter in inspect.signature(function).parameters.items():
            if name in SETTINGS:
                assert SETTINGS[name](parameter.default) == defaults[name], name


def test_an_answer_ends_at_a_stop_text(call: Call) -> None:
    free = text(call())
    word = free.split()[2]
    for stop in (word, [word], ("never in the text", word)):
        stopped = text(call(stop=stop))
        assert stopped == free[: free.index(word)].strip()


def test_relevancy_is_measured_unless_it_is_switched_off(call: Call) -> None:
    assert all(token.effect is not None for token in call(relevancy=True).interpretations[0].tokens)
    for off in (False, np.False_):
        assert all(token.effect is None for token in call(relevancy=off).interpretations[0].tokens)


def test_a_random_direction_is_decoded_where_it_is_chosen(call: Call) -> None:
    assert call().interpretations[0].random is None
    random = call(random_control=True).interpretations[0].random
    assert random is not None
    assert random.text != text(call())


def test_samples_follow_temperature_and_seed(call: Call) -> None:
    greedy, one = text(call(seed=5)), text(call(temperature=3.0, seed=5))
    assert greedy == text(call())
    assert one == text(call(temperature=3.0, seed=5))
    assert len({greedy, one, text(call(temperature=3.0, seed=6))}) == 3


@pytest.mark.parametrize("compat", [True, "selfie"])
def test_the_published_positions_are_written_where_they_are_chosen(call: Call, compat: bool | str) -> None:
    exact, published = call(compat=False), call(compat=compat)
    assert (exact.request.compat, published.request.compat) == (False, True)
    assert call(compat=None).request.compat is False
    assert [token.probability for token in published.interpretations[0].tokens] != [
        token.probability for token in exact.interpretations[0].tokens
    ]


def test_mode_strength_layer_and_length_reach_the_request(call: Call) -> None:
    request = call(mode="addition", strength=0.5, injection_layer=2, max_new_tokens=3).request
    assert (request.mode, request.strength, request.injection_layer, request.max_new_tokens) == ("add", 0.5, 2, 3)


def test_vectors_are_sampled_and_stopped_through_the_facade_too(selfie: ModelAgnosticSelfie) -> None:
    vectors = selfie.get_activations(PROMPT, *CELL)[CELL[0]]
    (free,) = selfie.interpret_vectors(vectors, "concept")
    word = free.split()[2]
    assert selfie.interpret_vectors(vectors, "concept", stop=word) == [free[: free.index(word)].strip()]
    sampled = {selfie.interpret_vectors(vectors, "concept", temperature=3.0, seed=seed)[0] for seed in (0, 1)}
    assert len({free, *sampled}) == 3


def test_a_setting_that_a_request_does_not_have_is_refused(selfie: ModelAgnosticSelfie) -> None:
    with pytest.raises(RequestError, match=r"Unknown setting “top_p”.*temperature"):
        selfie.request(PROMPT, "concept", CELL, top_p=0.9)

"""Every call that the readme of NNsight Selfie shows runs as written, in one namespace, and gives what it promises."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import pytest
import torch

from selfie_tui.library.tables import COLUMNS
from tests.library.promised_calls import CALLS

Ran = dict[str, tuple[dict[str, Any], str, list[str]]]


@pytest.fixture(scope="module")
def ran() -> Ran:
    """By block: the namespace after it, what it printed, and its warnings."""
    namespace: dict[str, Any] = {}
    found: Ran = {}
    for name, code in CALLS.items():
        with contextlib.redirect_stdout(io.StringIO()) as printed, warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            exec(compile(code, name, "exec"), namespace)
        found[name] = dict(namespace), printed.getvalue(), [str(warning.message) for warning in warned]
    return found


def test_the_quick_start_reads_the_tower(ran: Ran) -> None:
    namespace, printed, _ = ran["quick start"]
    assert set(namespace["results"]) == set(COLUMNS)
    assert namespace["results"]["token_decoded"] == [" Eiffel"]
    assert printed.startswith("Token interpretation: Eiffel Tower")


def test_the_device_that_is_found_is_the_one_that_is_used(ran: Ran) -> None:
    namespace, printed, warned = ran["device detection"]
    assert namespace["device"] in ("mps", "cuda", "cpu")
    assert namespace["selfie"].device.startswith(namespace["device"])
    assert f"models are loaded to: {namespace['device']}" in printed
    assert not warned


def test_an_absent_device_is_warned_of_and_the_cpu_used(ran: Ran) -> None:
    namespace, printed, warned = ran["device selection"]
    absent = [
        kind
        for kind, there in (("mps", torch.backends.mps.is_available()), ("cuda", torch.cuda.is_available()))
        if not there
    ]
    assert warned == [f"{kind} is not available on this machine: running on the CPU." for kind in absent]
    assert printed == "Model loaded on: cpu\n"
    assert namespace["selfie"].device == "cpu"


def test_basic_interpretation_reads_the_word_love(ran: Ran) -> None:
    namespace, printed, _ = ran["basic token interpretation"]
    assert "' love' represents: love" in printed
    assert namespace["results"]["layer"] == [4, 4]
    assert namespace["results"]["token"] == [2, 3]


def test_vector_arithmetic_gives_a_text(ran: Ran) -> None:
    namespace, printed, _ = ran["vector arithmetic"]
    assert namespace["result_vector"].shape == (1, namespace["selfie"].model.hidden)
    assert namespace["interpretation"]
    assert printed == f"King - Man + Woman = {namespace['interpretation']}\n"


def test_one_interpretation_prompt_serves_several_models(ran: Ran) -> None:
    _, printed, _ = ran["several models"]
    assert printed.count("demo: 8 layers detected") == 3
    assert len(set(printed.splitlines()[1::2])) == 1


def test_batch_processing_gives_a_table_a_prompt(ran: Ran) -> None:
    namespace, _, _ = ran["batch processing"]
    assert [table["prompt"] for table in namespace["results"]] == [[prompt] for prompt in namespace["prompts"]]
    # position 0 is the token that begins every text, which cannot know what follows
    assert {table["token_decoded"][0] for table in namespace["results"]} == {"<|end|>"}
    assert len({table["interpretation"][0] for table in namespace["results"]}) == 1


def test_states_of_the_same_beginning_are_alike(ran: Ran) -> None:
    namespace, printed, _ = ran["activation analysis"]
    assert namespace["similarity"] == pytest.approx(1.0)  # position 1 is " The" in both, after the same token
    assert printed == "Dog-Cat similarity: 1.000\n"


def test_an_interpretation_prompt_as_the_original_prompt_stands_for_its_text(ran: Ran) -> None:
    namespace, _, _ = ran["intervention modes"]
    for name in ("results_normalized", "results_additive"):
        assert namespace[name]["prompt"] == ["This _ _ _ _ _ represents the concept of"]
        assert namespace[name]["token_decoded"] == [" _"]
        assert namespace[name].records[0].equals_control  # a placeholder's own state brings nothing

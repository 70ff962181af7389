"""A few types of every kind, end to end; `python -m tests.sweep.sweep` does the same for all."""

from __future__ import annotations

import pytest

from tests.sweep.facts import NOT_TEXT
from tests.sweep.small import ENTRIES, Kind
from tests.sweep.sweep import UNFIT, try_type

FEW: tuple[tuple[Kind, str], ...] = (
    ("causal", "gptj"),  # parallel blocks that give tuples
    ("causal", "cohere2"),  # scaled logits
    ("causal", "mixtral"),  # mixture of experts
    ("causal", "jamba"),  # Mamba and attention in turn
    ("causal", "rwkv"),  # a recurrent state and no cache
    ("causal", "mamba2"),  # a cache under another name
    ("causal", "openai-gpt"),  # no cache at all
    ("causal", "xlm"),  # blocks that are no modules
    ("causal", "deepseek_v4"),  # four streams at once
    ("causal", "gemma3"),  # the text tower of a multimodal model
    ("seq2seq", "t5"),
    ("seq2seq", "bart"),
    ("seq2seq", "led"),  # prompts are padded to a window
    ("masked", "bert"),
    ("masked", "albert"),  # one block for all layers
    ("masked", "squeezebert"),  # positions on the last axis
)


@pytest.mark.parametrize(("kind", "model_type"), FEW, ids=lambda value: str(value))
def test_a_type_is_verified_reads_as_plain_hooks_do_and_is_left_as_it_was(kind: Kind, model_type: str) -> None:
    outcome = try_type(kind, model_type)
    assert outcome.verdict == "verified"
    assert outcome.problems == ()


def test_a_type_that_cannot_work_says_which_step_fails() -> None:
    assert try_type("causal", "xlnet").verdict.startswith("a state without later tokens differs by")
    assert "no output head" in try_type("masked", "perceiver").verdict


def test_at_least_nineteen_of_twenty_types_are_expected_to_pass() -> None:
    built = [entry for entry in ENTRIES if entry not in NOT_TEXT]
    assert len(built) >= 240
    assert set(UNFIT) <= set(built)
    assert len(built) - len(UNFIT) >= 0.95 * len(built)

"""The small models are models of text: finite, sensitive to their tokens, and causal where their mapping is."""

from __future__ import annotations

import pytest
import torch

from selfie_tui.engine.anatomy.shrink_rules import OVERRIDES
from tests.sweep.facts import NOT_CAUSAL, NOT_TEXT
from tests.sweep.small import ENTRIES, Kind, NotBuilt, check, configuration, small

# One of each way to be unusual: experts, latent attention, sliding windows, state spaces, hybrids, towers, an encoder.
SAMPLE: tuple[tuple[Kind, str], ...] = (
    ("causal", "llama"),
    ("causal", "gpt2"),
    ("causal", "deepseek_v3"),
    ("causal", "gemma3"),
    ("causal", "mamba"),
    ("causal", "jamba"),
    ("causal", "bert"),
    ("seq2seq", "t5"),
    ("seq2seq", "bart"),
    ("seq2seq", "qwen2_audio"),
    ("masked", "roberta"),
    ("masked", "modernbert"),
)


@pytest.mark.parametrize(("kind", "model_type"), SAMPLE)
def test_a_small_model_has_no_problem(kind: Kind, model_type: str) -> None:
    assert check(kind, model_type).problems == ()


def test_what_is_not_built_is_among_the_entries_and_says_what_it_would_need() -> None:
    assert set(NOT_TEXT) <= set(ENTRIES)
    for kind, model_type in NOT_TEXT:
        with pytest.raises(NotBuilt, match=r"\w+ \w+"):
            small(kind, model_type)


def test_exceptions_are_stated_for_types_that_exist() -> None:
    assert set(OVERRIDES) | set(NOT_CAUSAL) <= {model_type for _, model_type in ENTRIES}


def test_the_same_seed_draws_the_same_weights() -> None:
    first, again, other = (small("causal", "llama", seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first if "weight" in name)


def test_every_kind_of_layer_of_a_hybrid_is_kept() -> None:
    config = configuration("causal", "qwen3_next")
    assert set(config.layer_types) == {"linear_attention", "full_attention"}
    assert len(config.layer_types) == config.num_hidden_layers

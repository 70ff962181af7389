"""Models whose caches or heads are of unusual kinds read and decode as others do."""

from __future__ import annotations

import pytest

from tests.sweep.sweep import try_type


@pytest.mark.parametrize(
    ("kind", "model_type"),
    [("causal", "megatron-bert"), ("causal", "rembert"), ("causal", "roc_bert"), ("seq2seq", "fsmt")],
)
def test_an_encoder_decoders_cache_and_a_head_that_is_a_table_of_embeddings(kind: str, model_type: str):
    outcome = try_type(kind, model_type)  # type: ignore[arg-type]
    assert outcome.verdict == "verified"
    assert outcome.problems == ()

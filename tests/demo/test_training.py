"""What is trained is what is shipped, and the rows it is trained on are uncut documents."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from selfie_tui.demo.network import LAYERS, apply_block, causal_mask, fresh, loss_of, rotations, to_llama
from selfie_tui.demo.tokenizer import split_words, train_tokenizer
from selfie_tui.demo.training import IGNORE, Plan, batches, fill_row

PLAN = Plan(seed=1, tokens=4096 * 400, out=Path("unused"))


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer()


def test_every_word_of_the_world_is_one_token(tokenizer: PreTrainedTokenizerFast) -> None:
    assert split_words(tokenizer) == []


def test_the_exported_llama_computes_what_training_computes(tokenizer: PreTrainedTokenizerFast) -> None:
    network = fresh(len(tokenizer), distinct_blocks=4, seed=0)
    ids = torch.randint(2, len(tokenizer), (2, 24), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        x = network.embedding[ids[:, :-1]]
        for layer in range(LAYERS):
            x = apply_block(x, *network.blocks[layer % 4], *rotations(23), causal_mask(23))
        ours = loss_of(x.flatten(0, 1), network.embedding, ids[:, 1:].flatten())
        theirs = to_llama(network, tokenizer)(ids, labels=ids).loss
    # Training multiplies in bfloat16, which keeps eight bits: the loss, near 8.5, moves in its third decimal.
    assert abs(ours - theirs) < 0.02


def test_rows_are_uncut_documents_and_predict_nothing_beyond_them(tokenizer: PreTrainedTokenizerFast) -> None:
    end = tokenizer.eos_token_id
    for length, batch in zip((64, 64, 64, 128), batches(PLAN, tokenizer, seed=1), strict=False):
        assert batch.shape == (PLAN.tokens_per_step // PLAN.processes // length, length + 1)
        for row in batch.tolist():
            filled = [token for token in row if token != IGNORE]
            assert filled[0] == filled[-1] == end
            assert row == filled + [IGNORE] * (len(row) - len(filled))


def test_a_document_too_long_for_a_short_row_waits_for_a_long_one() -> None:
    waiting: list[list[int]] = []
    long, short = [7] * 100, [5] * 60
    assert fill_row(iter([long, short, short]), waiting, 64) == short
    assert waiting == [long]
    assert fill_row(iter([short]), waiting, 128) == long


def test_the_learning_rate_warms_up_and_falls_to_a_fiftieth() -> None:
    rates = [PLAN.rate(step) for step in range(PLAN.steps + 1)]
    assert max(rates) == rates[PLAN.warmup - 1] == PLAN.learning_rate
    assert rates[-1] == pytest.approx(0.02 * PLAN.learning_rate)

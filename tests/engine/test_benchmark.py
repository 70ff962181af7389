"""The benchmark's contenders decode the same tokens, and what it prints of a case."""

from __future__ import annotations

import time

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from selfie_tui.engine import benchmark
from selfie_tui.engine.benchmark_runs import Case, Runs, word_tokenizer
from selfie_tui.engine.model import Model, adopt
from tests.engine.zoo import randomise


@pytest.fixture(scope="module")
def model() -> Model:
    """A random GPT-2 of four layers whose texts depend on what is injected."""
    torch.manual_seed(0)
    config = GPT2Config(n_layer=4, n_embd=64, n_head=4, vocab_size=700, eos_token_id=None, pad_token_id=0)
    module = GPT2LMHeadModel(config).eval()
    randomise(module)
    model = adopt(module, word_tokenizer(700), "small GPT-2")
    module.generation_config.eos_token_id = benchmark.NO_TOKEN
    return model


@pytest.mark.parametrize("middle", [False, True])
def test_engine_and_script_decode_the_same_tokens(model: Model, middle: bool) -> None:
    runs = Runs(model, Case(12, 5, middle), 5)
    script, engine = runs.scripted(), runs.by_engine()
    assert len({tuple(row) for row in script}) > 1
    assert engine == script
    assert runs.one_at_a_time() == script[:4]


def test_a_line_says_ratios_memory_and_the_share_of_the_machines_rate(
    model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(12, 5, middle=True, relevancy=True, alone=True)
    rate = benchmark.product_rate(model.dtype, time.perf_counter)
    benchmark.measure(Runs(model, case, 6), 1, rate, time.perf_counter)
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    for word in ("12 cells x 5 tokens", "generate / engine", "of the rate", "MiB above the model", "relevancy adds"):
        assert word in line

"""Small random models of the ways to build a block, and what is known of their heads from the families' own papers."""

from __future__ import annotations

from functools import cache

import torch
from transformers import FalconConfig, FalconForCausalLM, GraniteForCausalLM

from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.sublayers import Sublayers
from tests.engine.zoo import SPECIAL, VOCABULARY, byte_tokenizer, randomise
from tests.sweep.small import Kind, configuration, small

PARTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "llama": (("attention", "mlp"),),
    "qwen3": (("attention", "mlp"),),
    "gptj": (("attention", "mlp"),),
    "bloom": (("attention", "mlp"),),
    "gpt2": (("attention", "mlp"),),
    "phi3": (("attention", "mlp"),),
    "opt": (("attention", "mlp"),),
    "gpt_neox": (("attention", "mlp"),),
    "phi": (("attention", "mlp"),),
    "falcon": (("attention", "mlp"),),
    "falcon-grouped": (("attention", "mlp"),),
    "gemma2": (("attention", "mlp"),),
    "olmo2": (("attention", "mlp"),),
    "granite-scaled": (("attention", "mlp"),),
    "granitemoeshared": (("attention", "mlp"),),
    "longcat_flash": (("attention", "mlp", "attention"),),
    "bitnet": (("attention", "mlp"),),
    "gpt_oss": (("attention", "mlp"),),
    "mixtral": (("attention", "mlp"),),
    "qwen3_moe": (("attention", "mlp"),),
    "jamba": (("mixer", "mlp"), ("mixer", "mlp"), ("attention", "mlp"), ("mixer", "mlp")),
    "granitemoehybrid": (("mixer", "mlp"), ("attention", "mlp")) * 2,
    "falcon_h1": (("mixer", "attention", "mlp"),),
    "nemotron_h": (("mixer",), ("mlp",), ("attention",), ("mlp",)),
    "qwen3_next": (("mixer", "mlp"), ("mixer", "mlp"), ("mixer", "mlp"), ("attention", "mlp")),
    "rwkv": (("mixer", "mlp"),),
}
"""The parts of the layers of decoders, in order, repeated over all layers."""

PARALLEL = ("gptj", "gpt_neox", "phi", "falcon", "falcon-grouped")
ENCODER_DECODERS = ("t5", "bart")
NORMS_THE_STREAM = ("bart",)
FIRST_BLOCK_NORMS = ("rwkv",)


@cache
def build(name: str) -> Model:
    """A random model with random norms."""
    kind: Kind = "seq2seq" if name in ENCODER_DECODERS else "masked" if name in ("bert", "xmod") else "causal"
    made = {"falcon-grouped": grouped_falcon, "granite-scaled": scaled_granite}
    module = made[name]() if name in made else small(kind, name)
    return adopt(module, byte_tokenizer(), name=name)


@cache
def sublayers(name: str) -> tuple[Sublayers, ...]:
    """The sub-layers of that model."""
    return build(name).sublayers


def grouped_falcon() -> FalconForCausalLM:
    """Falcon 40B's kind of block: two key-value heads, each after the queries that share it."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "num_kv_heads": 2}
    config = FalconConfig(
        **sizes, new_decoder_architecture=True, vocab_size=VOCABULARY, max_position_embeddings=128, **SPECIAL
    )
    module = FalconForCausalLM(config).eval()
    randomise(module)
    return module


def scaled_granite() -> GraniteForCausalLM:
    """Granite with a residual multiplier, as its checkpoints have."""
    torch.manual_seed(0)
    config = configuration("causal", "granite")
    config.residual_multiplier = 0.22
    module = GraniteForCausalLM(config).eval()
    randomise(module)
    return module


def texts(model: Model, rows: int = 2, seed: int = 5, length: int = 9) -> dict[str, torch.Tensor]:
    """Rows of random tokens, and for an encoder-decoder of what it has written."""
    ids = torch.randint(3, VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(seed)).tolist()
    prefixes = [[*model.feed.start, *row[:4]] for row in ids] if model.kind == "encoder-decoder" else None
    return model.inputs(ids, prefixes, use_cache=False)


def starts(first: int, step: int, heads: int, size: int = 16) -> list[list[int]]:
    """The columns of heads that begin at equal steps."""
    return [list(range(first + step * head, first + step * head + size)) for head in range(heads)]


LAYOUTS: dict[str, tuple[list[list[int]], list[list[int]], list[list[int]]]] = {
    # all queries, then all keys, then all values
    "gpt2": (starts(0, 16, 4), starts(64, 16, 4), starts(128, 16, 4)),
    "phi3": (starts(0, 16, 4), starts(64, 16, 2), starts(96, 16, 2)),
    # query, key and value of a head side by side
    "gpt_neox": (starts(0, 48, 4), starts(16, 48, 4), starts(32, 48, 4)),
    "bloom": (starts(0, 48, 4), starts(16, 48, 4), starts(32, 48, 4)),
    # the queries of a group, then its key and its value; one group with Falcon 7B
    "falcon-grouped": (
        [*starts(0, 16, 2), *starts(64, 16, 2)],
        starts(32, 64, 2),
        starts(48, 64, 2),
    ),
    "falcon": (starts(0, 16, 4), starts(64, 16, 1), starts(80, 16, 1)),
    # projections apart
    "llama": (starts(0, 16, 4), starts(0, 16, 2), starts(0, 16, 2)),
    "olmo2": (starts(0, 16, 4), starts(0, 16, 2), starts(0, 16, 2)),
    # a sink beside the keys, which the greatest score is taken from too
    "gpt_oss": (starts(0, 16, 4), starts(0, 16, 2), starts(0, 16, 2)),
    # a gate beside every query
    "qwen3_next": (starts(0, 32, 4), starts(0, 16, 2), starts(0, 16, 2)),
}
"""The columns of `q`, `k` and `v` in what their projections give, with heads of 16."""

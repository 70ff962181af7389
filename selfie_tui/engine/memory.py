"""How many rows can be decoded at once in the memory that is free."""

from __future__ import annotations

from selfie_tui.engine.anatomy import text_config
from selfie_tui.engine.devices import free_memory
from selfie_tui.engine.model import Model

SHARE = 0.5
"""Part of the free memory that a batch may plan with; the rest is for activations and for others."""


def rows_that_fit(model: Model, tokens: int) -> int:
    """Rows of `tokens` tokens whose caches, logits and widest activations fit; at least 1, a guess on the safe side."""
    free = free_memory(model.device)
    if free is None:
        return 1 << 20
    return max(1, int(SHARE * free / bytes_per_row(model, tokens)))


def bytes_per_row(model: Model, tokens: int) -> int:
    """Memory of one row: keys and values of every layer, logits in float32 thrice, and the MLP's inner state."""
    config = text_config(model.module)
    heads = getattr(config, "num_attention_heads", None) or 1
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    head_width = getattr(config, "head_dim", None) or model.hidden // heads
    width = model.dtype.itemsize
    cache = 2 * model.layers * tokens * kv_heads * head_width * width
    logits = 3 * 4 * model.anatomy.vocabulary * (1 if model.keeps_last_logits else tokens)
    activations = 8 * tokens * model.hidden * width
    return cache + logits + activations

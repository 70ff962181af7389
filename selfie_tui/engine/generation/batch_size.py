"""How many rows can be decoded at once in the memory that is free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from selfie_tui.engine.devices import free_memory
from selfie_tui.engine.generation.prefill import Prefill
from selfie_tui.engine.model import Model

SHARE = 0.5
"""Part of the free memory that a batch may plan with; the rest is for activations and for others."""


def rows_that_fit(model: Model, plain: Prefill, new_tokens: int) -> int:
    """Rows of a prompt and `new_tokens` more whose caches, logits and widest activations fit; at least 1.

    A guess on the safe side, by the cache of the one row that has been run.
    """
    free = free_memory(model.device)
    if free is None:
        return 1 << 20
    return max(1, int(SHARE * free / bytes_per_row(model, plain, new_tokens)))


def bytes_per_row(model: Model, plain: Prefill, new_tokens: int) -> int:
    """Memory of one row: its cache when it is full, logits in float32 thrice, and the MLP's inner state."""
    tokens = len(plain.ids) + new_tokens
    cache = sum(tensor.nbytes for tensor in tensors_of(plain.cache)) * tokens // max(1, plain.written)
    logits = 3 * 4 * model.anatomy.vocabulary * (1 if model.keeps_last_logits else tokens)
    activations = 8 * tokens * model.hidden * model.dtype.itemsize
    return cache + logits + activations


def tensors_of(cache: Any, depth: int = 4) -> Iterator[torch.Tensor]:
    """The tensors that a cache holds, whatever its kind."""
    if isinstance(cache, torch.Tensor):
        yield cache
    elif depth and cache is not None:
        parts = cache.values() if isinstance(cache, dict) else cache if isinstance(cache, (list, tuple)) else None
        for part in list(vars(cache).values()) if parts is None and hasattr(cache, "__dict__") else parts or ():
            yield from tensors_of(part, depth - 1)

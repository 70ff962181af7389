"""The number of rows that can be decoded at once in the memory that is free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from selfie_tui.engine.devices import free_memory
from selfie_tui.engine.generation.prefill import Prefill
from selfie_tui.engine.model import Model

SHARE = 0.5
"""Share of the free memory that a batch may take; the rest is for activations and other programs."""


WAITING_SHARE = 0.25
WAITING_BYTES = 768 * 2**20
"""Share of the free memory, and bytes at most, of the caches of batches that wait for their turn."""

PROCESSOR_ROWS = 128
"""Rows at once on a processor: with 32 a run takes a quarter longer, and of more the first results come the later."""


def rows_that_fit(model: Model, prefill: Prefill, new_tokens: int) -> int:
    """Rows of a prompt and `new_tokens` more whose caches, logits and widest activations fit; at least 1.

    A low estimate, from the cache of the one row that has been run; no bound where the free memory is unknown, and
    `PROCESSOR_ROWS` at most on a processor.
    """
    most = PROCESSOR_ROWS if model.device.type == "cpu" else 1 << 20
    free = free_memory(model.device)
    if free is None:
        return most
    return max(1, min(most, int(SHARE * free / bytes_per_row(model, prefill, new_tokens))))


def rows_that_wait(model: Model, prefill: Prefill, new_tokens: int) -> int:
    """Rows of a prompt and `new_tokens` more whose caches may lie in memory while others are decoded; 0 for none.

    None on a device other than a processor, where as many rows as fit are decoded at once.
    """
    if model.device.type != "cpu":
        return 0
    free = free_memory(model.device)
    share = WAITING_BYTES if free is None else min(WAITING_BYTES, int(WAITING_SHARE * free))
    return share // max(1, cache_per_row(prefill, new_tokens))


def cache_per_row(prefill: Prefill, new_tokens: int) -> int:
    """Bytes of a row's cache after so many new tokens, from that of the one row that has been run."""
    tokens = len(prefill.ids) + new_tokens
    return sum(tensor.nbytes for tensor in tensors_of(prefill.cache)) * tokens // max(1, prefill.written)


def bytes_per_row(model: Model, prefill: Prefill, new_tokens: int) -> int:
    """Bytes of one row: its cache when full, three copies of its float32 logits, and the MLP's inner activations."""
    tokens = len(prefill.ids) + new_tokens
    cache = cache_per_row(prefill, new_tokens)
    logits = 3 * 4 * model.anatomy.vocabulary * (1 if model.keeps_last_logits else tokens)
    activations = 8 * tokens * model.hidden * model.dtype.itemsize
    return cache + logits + activations


def tensors_of(cache: Any, depth: int = 4) -> Iterator[torch.Tensor]:
    """The tensors, of any shape `(...)`, in a cache of any kind."""
    if isinstance(cache, torch.Tensor):
        yield cache
    elif depth and cache is not None:
        parts = cache.values() if isinstance(cache, dict) else cache if isinstance(cache, (list, tuple)) else None
        for part in list(vars(cache).values()) if parts is None and hasattr(cache, "__dict__") else parts or ():
            yield from tensors_of(part, depth - 1)

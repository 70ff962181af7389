"""Caches of keys and values for rows of one prompt: copied from one row, put together of pieces, grown and thinned."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

SPARE = 32
"""Tokens for which a growing layer makes room at a time, at most."""


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """A cache layer that writes new tokens behind the old ones, where `DynamicLayer` copies all of them each time.

    `keys` and `values`, `(rows, heads, tokens, head_dim)`, are views of larger tensors, whose unwritten part is zero.
    """

    keys: torch.Tensor
    values: torch.Tensor

    @classmethod
    def of(cls, keys: Sequence[torch.Tensor], values: Sequence[torch.Tensor], spare: int = SPARE) -> GrowingLayer:
        """A layer with the rows of several tensors `(rows, heads, tokens, head_dim)`, one after the other.

        It has room for `spare` tokens more.
        """
        layer = cls()
        layer.lazy_initialization(keys[0], values[0])
        layer.keys = with_room(keys, spare)
        layer.values = with_room(values, spare)
        return layer

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write keys and values `(rows, heads, tokens, head_dim)` of new tokens; returns those of all tokens."""
        self.keys = extended(self.keys, key_states)
        self.values = extended(self.values, value_states)
        return self.keys, self.values


def with_room(parts: Sequence[torch.Tensor], spare: int) -> torch.Tensor:
    """The rows of several tensors `(rows, heads, tokens, width)` as a view with room for `spare` tokens behind it."""
    _, heads, tokens, width = parts[0].shape
    room = parts[0].new_empty(sum(part.shape[0] for part in parts), heads, tokens + spare, width)
    start = 0
    for part in parts:
        room[start : start + part.shape[0], :, :tokens] = part
        start += part.shape[0]
    room[:, :, tokens:] = 0
    return room[:, :, :tokens]


def extended(states: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """States `(rows, heads, tokens, width)` with new ones behind, in the same memory if there is room behind them."""
    tokens, more = states.shape[2], new.shape[2]
    room = states._base
    if room is None or room.shape[2] < tokens + more or room[:, :, :tokens].shape != states.shape:
        room = with_room([states], max(more, SPARE))._base
    assert room is not None
    room[:, :, tokens : tokens + more] = new
    return room[:, :, : tokens + more]


CROPPABLE = ("DynamicLayer", "DynamicSlidingWindowLayer", "GrowingLayer")
"""Kinds of cache layer whose first tokens can be kept and copied to several rows."""


def is_expandable(cache: Any) -> bool:
    """Whether a cache's first tokens can be copied to several rows.

    All its layers must hold keys and values of every token: none is recurrent, none has run past its sliding window.
    """
    layers = getattr(cache, "layers", ())
    return bool(layers) and all(
        type(layer).__name__ in CROPPABLE
        and layer.is_initialized
        and layer.keys.shape[-2] == layer.get_seq_length()
        and layer.get_seq_length() < (getattr(layer, "sliding_window", None) or layer.get_seq_length() + 1)
        for layer in layers
    )


def take_rows(cache: Any, rows: Sequence[int], tokens: int | None = None) -> Any:
    """A copy of some rows of a cache, each as often as it is named, with the first `tokens` tokens or with all."""
    taken = copy(cache)
    taken.layers = [copy(layer) for layer in cache.layers]
    excess = 0 if tokens is None else taken.get_seq_length() - tokens
    if excess:
        taken.crop(-excess)
    taken.batch_select_indices(torch.tensor(list(rows)))
    return taken


def join_caches(
    caches: Sequence[Any], rows: Sequence[int], whole: Any = None, filled: int = 0, steps: int = SPARE
) -> Any:
    """One cache of the rows `rows` of several caches, counted through all of them, whose layers are all `CROPPABLE`.

    The first `filled` layers have in every row what the cache `whole` of one row has there. There is room for `steps`
    tokens, as far as room is made at a time. The caches are emptied as their layers are copied, so that little is there
    twice.
    """
    joined = caches[0]
    for index in range(len(joined.layers)):
        parts = [whole.layers[index]] if index < filled else [cache.layers[index] for cache in caches]
        joined.layers[index] = join_layers(parts, rows, min(steps, SPARE))
        for cache in caches[1:]:
            cache.layers[index] = None
    return joined


def join_layers(layers: Sequence[Any], rows: Sequence[int], spare: int) -> Any:
    """One layer of the rows `rows` of several layers; all of them are that of a layer that has a single one.

    A layer that grows has room for `spare` tokens more.
    """
    if not layers[0].is_initialized:
        return layers[0]
    keys = chosen_rows([layer.keys for layer in layers], rows)
    values = chosen_rows([layer.values for layer in layers], rows)
    if type(layers[0]) is DynamicLayer:
        return GrowingLayer.of(keys, values, spare)
    joined = copy(layers[0])
    joined.keys, joined.values = torch.cat(keys), torch.cat(values)
    return joined


def chosen_rows(parts: list[torch.Tensor], rows: Sequence[int]) -> list[torch.Tensor]:
    """Tensors that hold, one after the other, the rows `rows` of others `(rows, heads, tokens, width)`."""
    count = sum(part.shape[0] for part in parts)
    if count == 1:
        return [parts[0].expand(len(rows), -1, -1, -1)]
    return parts if list(rows) == list(range(count)) else [torch.cat(parts)[list(rows)]]


def select_rows(cache: Any, rows: Sequence[int]) -> bool:
    """Drop all rows of a cache but these; false, with nothing dropped, for a cache with recurrent layers."""
    if not all_croppable(cache):
        return False
    cache.batch_select_indices(torch.tensor(list(rows)))
    return True


def all_croppable(cache: Any) -> bool:
    """Whether all layers of a cache hold keys and values by rows and tokens."""
    layers = layers_of(cache)
    return bool(layers) and all(type(layer).__name__ in CROPPABLE for layer in layers)


def layers_of(cache: Any) -> list[Any]:
    """The layers of a cache, of both parts of an encoder-decoder's."""
    parts = [getattr(cache, name, None) for name in ("self_attention_cache", "cross_attention_cache")]
    return [layer for part in ([cache] if parts == [None, None] else parts) for layer in getattr(part, "layers", ())]

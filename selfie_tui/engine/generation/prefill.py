"""The interpretation prompt run once without injection: what every row starts from and is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.engine.model import Model


def never() -> bool:
    """The answer of a run that nobody can cancel."""
    return False


CROPPABLE = ("DynamicLayer", "DynamicSlidingWindowLayer")
"""Kinds of cache layer whose first tokens can be kept and repeated over rows."""


@dataclass(frozen=True)
class Prefill:
    """An interpretation prompt after its forward: its ids, the first token's logits `(1, vocabulary)`, and its cache.

    `prefix` is what the decoder of an encoder-decoder begins with, `masks` are the positions that an encoder fills,
    in this order. `cache` is None where the model keeps none.
    """

    ids: tuple[int, ...]
    logits: torch.Tensor
    cache: Any = None
    prefix: tuple[int, ...] = ()
    masks: tuple[int, ...] = ()

    @property
    def written(self) -> int:
        """Tokens that the decoding stack has had."""
        return len(self.prefix) or len(self.ids)

    @property
    def expandable(self) -> bool:
        """Whether its first tokens' cache can be kept and repeated: one entry for each of its own tokens."""
        return is_expandable(self.cache) and self.cache.get_seq_length() == len(self.ids)


def prefill_prompt(
    model: Model,
    ids: Sequence[int],
    cancelled: Callable[[], bool] = never,
    prefix: Sequence[int] = (),
    masks: Sequence[int] = (),
) -> Prefill:
    """Run the interpretation prompt once with no injection."""
    prefixes = [list(prefix or model.feed.start)] if model.kind == "encoder-decoder" else None
    inputs = model.inputs([list(ids)], prefixes, use_cache=model.cached) | ({} if masks else last_logits(model))
    with model.inference(cancelled):
        output = model.module(**inputs)
    where = masks[0] if masks else -1
    return Prefill(
        ids=tuple(ids),
        logits=model.anatomy.logits_in(output)[:, where].float(),
        cache=cache_of(model, output),
        prefix=tuple(prefixes[0]) if prefixes else (),
        masks=tuple(masks),
    )


def last_logits(model: Model) -> dict[str, int]:
    """The argument that keeps the head from running at every position, for models that take one."""
    return {"logits_to_keep": 1} if model.keeps_last_logits else {}


def cache_of(model: Model, output: Any) -> Any:
    """The cache that a forward gave back, None where the model is run without."""
    return getattr(output, model.feed.cache_name, None) if model.cached and model.feed.cache_name else None


def is_expandable(cache: Any) -> bool:
    """Whether a cache's first tokens can be kept and repeated over rows: plain key and value layers, none overflown."""
    layers = getattr(cache, "layers", ())
    return bool(layers) and all(
        type(layer).__name__ in CROPPABLE
        and layer.is_initialized
        and layer.keys.shape[-2] == layer.get_seq_length()
        and layer.get_seq_length() < (getattr(layer, "sliding_window", None) or layer.get_seq_length() + 1)
        for layer in layers
    )


def repeated(cache: Any, rows: int, keep: int) -> Any:
    """A cache of `rows` rows, each the first `keep` tokens of a cache of one row."""
    copy = deepcopy(cache)
    excess = copy.get_seq_length() - keep
    if excess:
        copy.crop(-excess)
    copy.batch_repeat_interleave(rows)
    return copy

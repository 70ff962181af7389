"""The interpretation prompt run once without injection: every row starts from its cache and is compared with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.engine.generation.cache import is_expandable
from selfie_tui.engine.model import Model


def never() -> bool:
    """The cancel flag of a run that cannot be cancelled."""
    return False


@dataclass(frozen=True)
class Prefill:
    """An interpretation prompt after its forward: its ids, the first token's logits and its cache.

    `logits` is `(1, vocabulary)` float32: those of the first new token, or at an encoder's first mask. `prefix` are the
    ids that the decoder of an encoder-decoder begins with, `masks` the positions that an encoder fills, in this order.
    `cache` is the model's own object, None for a model that keeps none.
    """

    ids: tuple[int, ...]
    logits: torch.Tensor
    cache: Any = None
    prefix: tuple[int, ...] = ()
    masks: tuple[int, ...] = ()

    @property
    def written(self) -> int:
        """Number of tokens that have run through the decoding stack."""
        return len(self.prefix) or len(self.ids)

    @property
    def expandable(self) -> bool:
        """Whether the cache of its first tokens can be copied to several rows: it has one entry for each token."""
        return is_expandable(self.cache) and self.cache.get_seq_length() == len(self.ids)


def prefill_prompt(
    model: Model,
    ids: Sequence[int],
    cancelled: Callable[[], bool] = never,
    prefix: Sequence[int] = (),
    masks: Sequence[int] = (),
) -> Prefill:
    """Run the interpretation prompt once without injection.

    Raises:
        Cancelled: before any block, once `cancelled` gives true.
        OutOfMemory: if the device has no memory for the prompt.
    """
    prefixes = [list(prefix or model.feed.start)] if model.kind == "encoder-decoder" else None
    inputs = model.inputs([list(ids)], prefixes, use_cache=model.cached) | ({} if masks else last_logits(model))
    with model.inference(cancelled):
        output = model.module(**inputs)
    position = masks[0] if masks else -1
    return Prefill(
        ids=tuple(ids),
        logits=model.anatomy.logits_in(output)[:, position].float(),
        cache=cache_of(model, output),
        prefix=tuple(prefixes[0]) if prefixes else (),
        masks=tuple(masks),
    )


def after_cached(inputs: dict[str, Any], tokens: int) -> dict[str, Any]:
    """Arguments of a forward for whole rows without their first tokens, which a cache holds; the mask stays whole."""
    cut = {name: inputs[name][:, tokens:] for name in ("input_ids", "position_ids") if name in inputs}
    return inputs | cut


def last_logits(model: Model) -> dict[str, int]:
    """The argument that keeps the head from running at every position, for models that take one."""
    return {"logits_to_keep": 1} if model.keeps_last_logits else {}


def cache_of(model: Model, output: Any) -> Any:
    """The cache in the output of a forward, None for a model that is run without one."""
    return getattr(output, model.feed.cache_name, None) if model.cached and model.feed.cache_name else None

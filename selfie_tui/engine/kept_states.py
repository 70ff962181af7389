"""The residual states around the places in two prompts that were read last: what is read beside them needs no forward.

Whoever moves through a prompt reads it token by token; a forward over all of it for every token would cost a long
prompt's length each time. Kept are all layers at as many positions as fit into `MOST_BYTES`, of two prompts a model:
those of a pair are read in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch

from selfie_tui.engine.model import Model
from selfie_tui.records import EMBED

MOST_BYTES = 64 * 2**20
"""Bytes of states that are kept of a prompt, at most."""

PROMPTS = 2
"""Prompts of a model of which states are kept."""


@dataclass(frozen=True)
class KeptStates:
    """States of one prompt by layer, each `(positions, hidden)`, from position `first` on.

    `prompt` is what they depend on: ids, those that a decoder has written, and the edits that stood.
    """

    prompt: tuple[Any, ...]
    first: int
    states: dict[int, torch.Tensor]

    def covers(self, prompt: tuple[Any, ...], positions: Sequence[int]) -> bool:
        """Whether these are states of that prompt at those positions, among others."""
        end = self.first + len(self.states[EMBED])
        return self.prompt == prompt and all(self.first <= position < end for position in positions)


_kept: WeakKeyDictionary[Model, tuple[KeptStates, ...]] = WeakKeyDictionary()
"""By model, the prompt that was read last first."""


def read_around(
    model: Model,
    ids: Sequence[int],
    layers: Sequence[int],
    positions: Sequence[int],
    cancelled: Callable[[], bool] = lambda: False,
    prefix: Sequence[int] | None = None,
) -> dict[int, torch.Tensor]:
    """States by layer, each `(positions, hidden)`, as `Model.read` gives them; no forward where they were read before.

    For a model whose weights stay as they are. Positions that take more than `MOST_BYTES` are read and not kept.
    """
    prompt = (tuple(ids), None if prefix is None else tuple(prefix), model.edits.records)
    before = _kept.get(model, ())
    kept = next((known for known in before if known.covers(prompt, positions)), None)
    if kept is None:
        stack = model.anatomy.main if prefix is None else model.anatomy.last
        rows = range(EMBED, len(stack.blocks))
        window = window_around(positions, len(ids if prefix is None else prefix), MOST_BYTES // bytes_of(model, rows))
        if window is None:
            return model.read(ids, layers, positions, cancelled, prefix)
        before = tuple(known for known in before if known.prompt != prompt)[: PROMPTS - 1]
        _kept[model] = before  # what is dropped is not there at the same time as what is read
        kept = KeptStates(prompt, window[0], model.read(ids, rows, window, cancelled, prefix))
    _kept[model] = (kept, *(known for known in before if known is not kept))
    columns = [position - kept.first for position in positions]
    return {layer: kept.states[layer][columns] for layer in layers}


def bytes_of(model: Model, layers: Sequence[int]) -> int:
    """Bytes of the states of some layers at one position."""
    return len(layers) * model.hidden * model.stream_dtype.itemsize


def window_around(positions: Sequence[int], length: int, most: int) -> range | None:
    """At most so many positions of a prompt, with all of `positions` near their middle; None where they do not fit."""
    first, last = min(positions), max(positions)
    if last - first >= most:
        return None
    start = max(0, min((first + last - most) // 2 + 1, length - most))
    return range(start, min(start + most, length))

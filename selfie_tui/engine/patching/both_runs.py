"""One forward over both prompts of a pair, and what every batch of interventions on it takes from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch

from selfie_tui.engine.anatomy.locations import Activation, TensorLocation
from selfie_tui.engine.generation.prefill import cache_of, last_logits, never
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.tracing import in_order

TARGET, SOURCE = 0, 1
"""The rows of the forward, and the first two of every batch."""

Key = tuple[str, int]
"""The name and the layer of an activation, as a site gives them."""


@dataclass(frozen=True)
class BothRuns:
    """What is kept of the forward: its logits, its cache, the streams that enter the first block, which values agree.

    `logits` are those of the last position, `(2, vocabulary)`; `embed` is `(2, positions, width)`. `equal` holds for
    each activation, `(positions,)` or `(positions, heads)`, whether all bits there are the same in both.
    """

    logits: torch.Tensor
    cache: Any
    embed: torch.Tensor
    equal: dict[Key, torch.Tensor]

    def of(self, row: int) -> SlicedLogits:
        """The last position's logits of one of the prompts, `(1, vocabulary)`."""
        return SlicedLogits(self.logits[row : row + 1])


def run_both(
    model: Model, pair: PromptPair, activations: Mapping[Key, Activation], cancelled: Callable[[], bool] = never
) -> BothRuns:
    """The forward over the target and the source, which have as many tokens."""
    inputs = model.inputs([list(pair.target), list(pair.source)], use_cache=model.cached) | last_logits(model)
    same: dict[TensorLocation, torch.Tensor] = {}
    embed: list[torch.Tensor] = []
    start = model.anatomy.main.blocks[0]

    def enter(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        embed.append(start.input.of((args, kwargs)).clone())

    def compare(location: TensorLocation) -> Callable[[Any], None]:
        def use(value: Any) -> None:
            state = location.of(value, 2)
            same[location] = (state[TARGET] == state[SOURCE]).cpu()  # (positions, width)

        return use

    with model.inference(cancelled), ExitStack() as hooks:
        hooks.callback(model.modules[start.entry_path].register_forward_pre_hook(enter, with_kwargs=True).remove)
        for location in in_order(place for each in activations.values() for place in each.locations):
            hooks.callback(watch(model, location, compare(location)).remove)
        output = model.module(**inputs)
    equal = {key: agreement(activation, same) for key, activation in activations.items()}
    return BothRuns(model.anatomy.logits_in(output)[:, -1], cache_of(model, output), embed[0], equal)


def agreement(activation: Activation, same: Mapping[TensorLocation, torch.Tensor]) -> torch.Tensor:
    """Where all bits of an activation agree, `(positions,)` or `(positions, heads)`."""
    found = torch.stack([same[location] for location in activation.locations]).all(0)  # (positions, width)
    return (found if activation.columns is None else found[:, activation.columns]).all(-1)


def watch(model: Model, location: TensorLocation, use: Callable[[Any], None]) -> Any:
    """A hook that passes the arguments or the result of the module at a location to `use`; returns its handle.

    It is for one forward, in which it does so at the call that is meant: layers may share a module.
    """
    return passing(model, location, use)


def passing(model: Model, location: TensorLocation, change: Callable[[Any], Any]) -> Any:
    """Like `watch`, a hook by which the module goes on with the arguments or the result that `change` gives."""
    module, calls = model.modules[location.path], count()

    def at_its_call(value: Any) -> Any:
        return change(value) if next(calls) == location.call else None

    if location.is_input:
        return module.register_forward_pre_hook(lambda _, args, kwargs: at_its_call((args, kwargs)), with_kwargs=True)
    return module.register_forward_hook(lambda _, args, output: at_its_call(output))

"""One forward over a few tokens, watched: which module took and gave which tensors, in which order.

What the residual stream is follows from this and from no table of names: a stack of blocks is a list of modules each of
which is given what the one before it gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

TensorPath = tuple[int | str, ...]
"""Where a tensor is in a module's arguments or result: indices and names, none where the result is the tensor."""

MODEL_ERRORS = (RuntimeError, TypeError, ValueError, IndexError, AttributeError, KeyError, AssertionError)
"""What the code of a model raises that cannot do what it is asked to."""

DEPTH = 2
"""How deep tensors are looked for inside arguments and results."""


@dataclass(frozen=True)
class Call:
    """One call of a module: when it began and ended among all calls, and the float tensors that it took and gave."""

    module: nn.Module
    began: int
    ended: int
    taken: Mapping[TensorPath, torch.Tensor]
    given: Mapping[TensorPath, torch.Tensor]


@dataclass(frozen=True)
class ForwardCalls:
    """The calls of one forward, in the order in which they began, and what it gave."""

    calls: tuple[Call, ...]
    output: Any

    def of(self, module: nn.Module) -> tuple[Call, ...]:
        """The calls of a module."""
        return tuple(call for call in self.calls if call.module is module)


def watch(model: nn.Module, run: Callable[[], Any], modules: Callable[[nn.Module], bool]) -> ForwardCalls:
    """What happens in `run`, a forward of `model`, at the modules that are chosen."""
    open_calls: list[tuple[nn.Module, int, dict[TensorPath, torch.Tensor]]] = []
    calls: list[Call] = []
    clock = 0

    def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nonlocal clock
        clock += 1
        # cloned, as blocks may write into what they are given
        taken = {slot: tensor.clone() for slot, tensor in tensors_in((args, kwargs), DEPTH + 1)}
        open_calls.append((module, clock, taken))

    def after(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        nonlocal clock
        clock += 1
        while open_calls:
            opened, began, taken = open_calls.pop()
            if opened is module:
                given = {slot: tensor.clone() for slot, tensor in tensors_in(output)}
                calls.append(Call(module, began, clock, taken, given))
                return

    handles = []
    for module in model.modules():
        if modules(module):
            handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
            handles.append(module.register_forward_hook(after, with_kwargs=True))
    try:
        with torch.no_grad():
            output = run()
    finally:
        for handle in handles:
            handle.remove()
    return ForwardCalls(tuple(sorted(calls, key=lambda call: call.began)), output)


def at(slot: TensorPath, value: Any) -> Any:
    """What is at a place inside arguments or a result."""
    for key in slot:
        value = value[key]
    return value


def tensors_in(value: Any, depth: int = DEPTH) -> Iterator[tuple[TensorPath, torch.Tensor]]:
    """The floating-point tensors inside tuples, lists and mappings, each with its place."""
    if isinstance(value, torch.Tensor):
        if value.is_floating_point():
            yield (), value
    elif depth:
        for key, part in parts_of(value):
            for slot, tensor in tensors_in(part, depth - 1):
                yield (key, *slot), tensor


def parts_of(value: Any) -> list[tuple[int | str, Any]]:
    """What a tuple, list or mapping holds, by index or name."""
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, (tuple, list)) else []

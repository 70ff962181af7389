"""Where the residual stream runs: the stacks of blocks of a model, found by following tensors from block to block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.watching import Call, Slot, Watched

StackName = str
"""`decoder` or `encoder`."""

NO_BLOCK_MODULES: dict[str, tuple[str, str]] = {
    "xlm": ("attentions", "layer_norm2"),
    "flaubert": ("attentions", "layer_norm2"),
}
"""Families whose blocks are no modules: the lists whose entries are given `resid_pre` and give `resid_post`."""


@dataclass(frozen=True)
class Flow:
    """Where the stream is in what a module takes or gives: the place of the tensor, and its axes.

    `axes` are those of rows and of positions; all others together are the width.
    """

    slot: Slot
    axes: tuple[int, int] = (0, 1)

    def of(self, value: Any) -> torch.Tensor:
        """The stream inside arguments or a result, as a view `(rows, positions, ...)`."""
        for key in self.slot:
            value = value[key]
        tensor: torch.Tensor = value
        return tensor if self.axes == (0, 1) else tensor.movedim(self.axes, (0, 1))


@dataclass(frozen=True)
class Site:
    """A layer's place in the stream: `taken` is `resid_pre`, `given` is `resid_post`.

    `call` counts the calls of a module that is shared by several layers (ALBERT). `entry` is the module that takes
    `resid_pre`; it is `module`, except where a block is no module of its own (XLM).
    """

    path: str
    module: nn.Module
    entry: nn.Module
    call: int
    taken: Flow
    given: Flow


@dataclass(frozen=True)
class Stack:
    """The layers of one residual stream, in order, and the width of its states."""

    name: StackName
    path: str
    sites: tuple[Site, ...]
    width: int


@dataclass(frozen=True)
class Chain:
    """Calls of the children of one list, each with where the stream is, and how many were seen to be joined."""

    path: str
    sites: tuple[Site, ...]
    calls: tuple[Call, ...]
    joined: int

    @property
    def rank(self) -> tuple[bool, int, int, int]:
        """Chains that span more of the forward are the stack; of two that span the same, the outer one."""
        return (self.joined > 0, self.calls[-1].ended - self.calls[0].began, self.joined, -self.path.count("."))


def find_stack(model: nn.Module, watched: Watched, name: StackName, rows: int, positions: int) -> Stack | None:
    """The stack whose stream is `(rows, positions, ...)`, None if there is none."""
    chains = [
        chain
        for path, children in lists_of(model)
        if (chain := chain_of(path, children, watched, rows, positions)) is not None
    ]
    if not chains:
        return None
    best = max(chains, key=lambda chain: chain.rank)
    last = best.calls[-1].given[best.sites[-1].given.slot]
    return Stack(name, best.path, best.sites, last.numel() // (rows * positions))


def lists_of(model: nn.Module) -> Iterator[tuple[str, list[tuple[nn.Module, nn.Module]]]]:
    """Lists that may be stacks, by path, as pairs of the modules that take and that give the stream.

    Module lists, lists of lists as one, sequences of one class, and what `NO_BLOCK_MODULES` tells.
    """
    fact = NO_BLOCK_MODULES.get(getattr(getattr(model, "config", None), "model_type", ""))
    for path, module in model.named_modules():
        children = tuple(module.children())
        if fact and all(hasattr(module, name) for name in fact):
            entries, exits = (getattr(module, name) for name in fact)
            yield f"{path}.{fact[1]}", list(zip(entries, exits, strict=True))
        if not isinstance(module, (nn.ModuleList, nn.Sequential)) or not any(True for _ in module.parameters()):
            continue
        if isinstance(module, nn.Sequential) and len({type(child) for child in children}) > 1:
            continue
        if all(isinstance(child, nn.ModuleList) for child in children):
            children = tuple(part for child in children for part in child.children())
        yield path, [(child, child) for child in children]


def chain_of(
    path: str, children: Sequence[tuple[nn.Module, nn.Module]], watched: Watched, rows: int, positions: int
) -> Chain | None:
    """The calls of a list's children as one stream, None where they have none of that size."""
    entered, left = (
        [call for call in watched.calls if any(call.module is pair[side] for pair in children)] for side in (0, 1)
    )
    if not left or len(entered) != len(left):
        return None
    joins = [join(one, other, rows, positions) for one, other in zip(left, entered[1:], strict=False)]
    sites: list[Site] = []
    counts: Counter[int] = Counter()
    for place, (entry, call) in enumerate(zip(entered, left, strict=True)):
        before, after = joins[place - 1] if place else None, joins[place] if place < len(joins) else None
        taken = before[1] if before else first_flow(entry.taken, rows, positions)
        given = after[0] if after else first_flow(call.given, rows, positions)
        if taken is None or given is None:
            return None
        where = next(index for index, pair in enumerate(children) if pair[1] is call.module)
        sites.append(Site(f"{path}.{where}", call.module, entry.module, counts[id(call.module)], taken, given))
        counts[id(call.module)] += 1
    return Chain(path, tuple(sites), tuple(left), sum(link is not None for link in joins))


def join(one: Call, other: Call, rows: int, positions: int) -> tuple[Flow, Flow] | None:
    """Where a call gave what the next one took, None if it did not."""
    for given, left in streams(one.given, rows, positions):
        for taken, right in streams(other.taken, rows, positions):
            if given.axes == taken.axes and left.shape == right.shape and torch.equal(left, right):
                return given, taken
    return None


def first_flow(tensors: Any, rows: int, positions: int) -> Flow | None:
    """The first place where something of a stream's shape is."""
    return next((flow for flow, _ in streams(tensors, rows, positions)), None)


def streams(tensors: Any, rows: int, positions: int) -> Iterator[tuple[Flow, torch.Tensor]]:
    """The tensors that have the shape of a stream, each with its place."""
    for slot, tensor in tensors.items():
        axes = axes_of(tuple(tensor.shape), rows, positions)
        if axes is not None:
            yield Flow(slot, axes), tensor


def axes_of(shape: Sequence[int], rows: int, positions: int) -> tuple[int, int] | None:
    """The axes of rows and positions in a shape, None if it is not that of a stream."""
    found = (
        [axis for axis, size in enumerate(shape) if size == rows],
        [axis for axis, size in enumerate(shape) if size == positions],
    )
    if len(shape) < 3 or len(found[0]) != 1 or len(found[1]) != 1:
        return None
    width = prod(shape) // (rows * positions)
    return (found[0][0], found[1][0]) if width > 1 else None


def distinct(modules: Iterable[nn.Module]) -> tuple[nn.Module, ...]:
    """Modules in order, each once."""
    return tuple({id(module): module for module in modules}.values())

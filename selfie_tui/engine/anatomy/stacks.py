"""Where the residual stream runs: the stacks of blocks of a model, found by following tensors from block to block."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import prod
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import Call, ForwardCalls, TensorPath, at

StackName = str
"""`decoder` or `encoder`."""

NO_BLOCK_MODULES: dict[str, tuple[str, str]] = {
    "xlm": ("attentions.*", "layer_norm2.*"),
    "flaubert": ("attentions.*", "layer_norm2.*"),
    "squeezebert": ("layers.*.attention", "layers.*.output"),
}
"""Families whose blocks are no modules that are called: ends of paths of those that take and that give the stream."""


@dataclass(frozen=True)
class StreamLocation:
    """Where the stream is in what a module takes or gives: the place of the tensor, and its axes.

    `axes` are those of rows and of positions; all others together are the width. `offset` counts positions that the
    model puts before the prompt's own.
    """

    slot: TensorPath
    axes: tuple[int, int] = (0, 1)
    offset: int = 0

    def of(self, value: Any) -> torch.Tensor:
        """The stream inside arguments or a result, as a view `(rows, positions, ...)`."""
        tensor: torch.Tensor = at(self.slot, value)
        if self.axes != (0, 1):
            tensor = tensor.movedim(self.axes, (0, 1))
        return tensor[:, self.offset :] if self.offset else tensor


@dataclass(frozen=True)
class Block:
    """A layer's place in the stream: `taken` is `resid_pre`, `given` is `resid_post`.

    `call` counts the calls of a module that is shared by several layers (ALBERT). `entry` is the module that takes
    `resid_pre`; it is `module`, except where a block is no module of its own (XLM).
    """

    path: str
    module: nn.Module
    entry: nn.Module
    call: int
    taken: StreamLocation
    given: StreamLocation


@dataclass(frozen=True)
class Stack:
    """The layers of one residual stream, in order, and the width of its states.

    `apart` counts calls of blocks in the same list that do not hand their state on to these, or get one from them.
    """

    name: StackName
    path: str
    sites: tuple[Block, ...]
    width: int
    dtype: torch.dtype = torch.float32
    apart: int = 0


@dataclass(frozen=True)
class Chain:
    """Calls of the children of one list, each given what the one before it gave, and where the stream is in them."""

    path: str
    sites: tuple[Block, ...]
    entered: tuple[Call, ...]
    left: tuple[Call, ...]
    apart: int

    @property
    def span(self) -> tuple[int, int]:
        """When the chain began and ended."""
        return self.entered[0].began, self.left[-1].ended

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Chains that span more of the forward come first; of those that span as much, the last."""
        began, ended = self.span
        return (len(self.sites) > 1, ended - began, ended)

    def stack(self, name: StackName, rows: int) -> Stack:
        """The chain as a stack."""
        first = self.sites[0].taken.of(whole(self.entered[0].taken, self.sites[0].taken.slot))
        return Stack(name, self.path, self.sites, first[0, 0].numel(), first.dtype, self.apart)


def whole(tensors: Mapping[TensorPath, torch.Tensor], slot: TensorPath) -> Any:
    """A tensor of a call, nested so that a flow finds it by its slot."""
    value: Any = tensors[slot]
    for key in reversed(slot):
        value = {key: value}
    return value


def find_chains(model: nn.Module, watched: ForwardCalls, rows: int, positions: int) -> list[Chain]:
    """The chains of blocks whose stream is `(rows, positions, ...)`, the likeliest stack first.

    Where there are none, those of models that pad prompts to a length of their own.
    """
    for padded in (False, True):
        shape = StreamShape(rows, positions, padded)
        chains = [chain for path, pairs in lists_of(model) for chain in chains_of(path, pairs, watched, shape)]
        if chains:
            return outermost(sorted(chains, key=lambda chain: chain.rank, reverse=True))
    return []


def outermost(ranked: list[Chain]) -> list[Chain]:
    """The chains that are not inside of one that ranks higher."""
    kept: list[Chain] = []
    for chain in ranked:
        if not any(other.span[0] <= chain.span[0] and chain.span[1] <= other.span[1] for other in kept):
            kept.append(chain)
    return kept


def lists_of(model: nn.Module) -> Iterator[tuple[str, list[tuple[nn.Module, nn.Module]]]]:
    """Lists that may be stacks, by path, as pairs of the modules that take and that give the stream.

    Module lists, lists of lists as one, runs of one class in sequences, and what `NO_BLOCK_MODULES` tells.
    """
    fact = NO_BLOCK_MODULES.get(getattr(getattr(model, "config", None), "model_type", ""))
    if fact:
        entries, exits = (matching(model, pattern) for pattern in fact)
        yield fact[1], list(zip(entries, exits, strict=True))
    for path, module in model.named_modules():
        children = tuple(module.children())
        if not isinstance(module, (nn.ModuleList, nn.Sequential)) or not any(True for _ in module.parameters()):
            continue
        if isinstance(module, nn.Sequential):
            children = longest_run(children)
        if all(isinstance(child, nn.ModuleList) for child in children):
            children = tuple(part for child in children for part in child.children())
        yield path, [(child, child) for child in children]


def longest_run(modules: Sequence[nn.Module]) -> tuple[nn.Module, ...]:
    """The longest run of modules of one class."""
    runs = [tuple(run) for _, run in groupby(modules, key=type)]
    return max(runs, key=len, default=())


def matching(model: nn.Module, pattern: str) -> list[nn.Module]:
    """The modules whose path ends as a pattern says, in which `*` is an index."""
    end = re.compile(r"(?:.*\.)?" + re.escape(pattern).replace(r"\*", r"\d+"))
    return [module for path, module in model.named_modules() if end.fullmatch(path)]


def chains_of(
    path: str, pairs: Sequence[tuple[nn.Module, nn.Module]], watched: ForwardCalls, shape: StreamShape
) -> Iterator[Chain]:
    """The calls of a list's children in runs of those that hand a stream on, each a chain."""
    entered, left = (
        [call for call in watched.calls if any(call.module is pair[side] for pair in pairs)] for side in (0, 1)
    )
    if not left or len(entered) != len(left):
        return
    joins = [join(one, other, shape) for one, other in zip(left, entered[1:], strict=False)]
    breaks = [0, *(place + 1 for place, link in enumerate(joins) if link is None), len(left)]
    for start, stop in pairwise(breaks):
        sites = []
        for place in range(start, stop):
            before, after = joins[place - 1] if place > start else None, joins[place] if place + 1 < stop else None
            taken = before[1] if before else first_flow(entered[place].taken, shape)
            given = after[0] if after else first_flow(left[place].given, shape)
            if taken is None or given is None:
                break
            module, entry = left[place].module, entered[place].module
            where = next(index for index, pair in enumerate(pairs) if pair[1] is module)
            number = sum(call.module is module for call in left[:place])
            sites.append(Block(f"{path}.{where}", module, entry, number, taken, given))
        else:
            yield Chain(path, tuple(sites), tuple(entered[start:stop]), tuple(left[start:stop]), len(left) - len(sites))


@dataclass(frozen=True)
class StreamShape:
    """Which tensors can be a stream: those with an axis of rows, one of positions, and a width."""

    rows: int
    positions: int
    padded: bool = False
    """Whether there may be more positions than were asked for."""

    def axes(self, shape: Sequence[int]) -> tuple[int, int] | None:
        """The axes of rows and positions in a shape, None if it is not that of a stream."""
        if len(shape) < 3 or prod(shape) <= self.rows * self.positions:
            return None
        if self.padded:
            return (0, 1) if shape[0] == self.rows and shape[1] > self.positions else None
        found = [[axis for axis, size in enumerate(shape) if size == own] for own in (self.rows, self.positions)]
        return (found[0][0], found[1][0]) if len(found[0]) == len(found[1]) == 1 else None

    def streams(self, tensors: Mapping[TensorPath, torch.Tensor]) -> Iterator[tuple[StreamLocation, torch.Tensor]]:
        """The tensors that have the shape of a stream, each with its place."""
        for slot, tensor in tensors.items():
            axes = self.axes(tuple(tensor.shape))
            if axes is not None:
                yield StreamLocation(slot, axes), tensor


def join(one: Call, other: Call, shape: StreamShape) -> tuple[StreamLocation, StreamLocation] | None:
    """Where a call gave what the next one took, None if it did not."""
    for given, left in shape.streams(one.given):
        for taken, right in shape.streams(other.taken):
            if given.axes == taken.axes and left.shape == right.shape and torch.equal(left, right):
                return given, taken
    return None


def first_flow(tensors: Mapping[TensorPath, torch.Tensor], shape: StreamShape) -> StreamLocation | None:
    """The first place where something of a stream's shape is."""
    return next((flow for flow, _ in shape.streams(tensors)), None)


def distinct(modules: Iterable[nn.Module]) -> tuple[nn.Module, ...]:
    """Modules in order, each once."""
    return tuple({id(module): module for module in modules}.values())

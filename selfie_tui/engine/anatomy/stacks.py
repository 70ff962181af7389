"""Where the residual stream runs: the stacks of blocks of a model, found by following tensors from block to block.

A worked example. A Llama of two layers, called with ids `(3, 7)`, was watched to make these calls in its lists:

    model.layers.0   inputs {(0, 0): a}   outputs {(): b}
    model.layers.1   inputs {(0, 0): c}   outputs {(): d}

All are `(3, 7, hidden)` and `b` equals `c` bit by bit: the first call's output is the second call's input, so both are
linked. `link` returns where: `b` is the result itself, path `()`, and `c` the first argument, path `(0, 0)`. The chain
of linked calls is the stack `model.layers` with the blocks

    Block("model.layers.0", "model.layers.0", call=0, input=StreamLocation((0, 0)), output=StreamLocation(()))
    Block("model.layers.1", "model.layers.1", call=0, input=StreamLocation((0, 0)), output=StreamLocation(()))

ALBERT calls one module for all its layers: there both paths are equal and `call` counts 0, 1. GPT-J's blocks return
tuples: there the output's path is `(0,)`. Lists whose calls are not linked (experts, convolutions) make no chain of
more than one, and lists inside of a block of a longer chain are dropped by `outermost`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice, pairwise
from math import prod
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import Call, ForwardCalls, TensorPath, paths_of, same, tensor_at

StackName = str
"""`decoder` or `encoder`."""

BLOCKS_WITHOUT_MODULES: dict[str, tuple[str, str]] = {
    "xlm": ("attentions.*", "layer_norm2.*"),
    "flaubert": ("attentions.*", "layer_norm2.*"),
    "squeezebert": ("layers.*.attention", "layers.*.output"),
}
"""Families in which no module is called for a whole block: the ends of the paths of the modules whose inputs are
`resid_pre`, and of those whose outputs are `resid_post`."""

PathPair = tuple[str, str]
"""The paths of the modules at the entry and at the exit of a block: one module, but for `BLOCKS_WITHOUT_MODULES`."""


@dataclass(frozen=True, slots=True)
class StreamLocation:
    """Where the stream is in the arguments or the result of a module: the tensor's path, and its axes.

    `axes` are those of rows and of positions; all others together are the width. `offset` counts positions that the
    model puts before the prompt's own.
    """

    tensor_path: TensorPath
    axes: tuple[int, int] = (0, 1)
    offset: int = 0

    def of(self, value: Any) -> torch.Tensor:
        """The stream inside arguments or a result, as a view `(rows, positions, ...)`."""
        tensor: torch.Tensor = tensor_at(self.tensor_path, value)
        if self.axes != (0, 1):
            tensor = tensor.movedim(self.axes, (0, 1))
        return tensor[:, self.offset :] if self.offset else tensor


@dataclass(frozen=True, slots=True)
class Block:
    """One layer: where `resid_pre` is among the inputs of `entry_path`, and `resid_post` in the output of `path`.

    `call` counts the calls of a module that several layers share (ALBERT). `entry_path` is `path`, except where no
    module is called for a whole block (XLM).
    """

    path: str
    entry_path: str
    call: int
    input: StreamLocation
    output: StreamLocation


Link = tuple[StreamLocation, StreamLocation] | None
"""Where the stream is in the output of one call and in the input of the next, None where they are not equal."""

Blocks = tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """The layers of one residual stream, in order; the path of their list, the width of the states and their dtype.

    `unlinked` counts calls of blocks in the same list that neither pass their state on to these nor get one from them.
    `skipped` are the paths of blocks in that list that a text does not run through (Llama 3.2 Vision's cross-attention
    to an image): they are no layers here, so that a later layer's number is not that of its block in the list.
    """

    name: StackName
    path: str
    blocks: tuple[Block, ...]
    width: int
    dtype: torch.dtype = torch.float32
    unlinked: int = 0
    skipped: tuple[str, ...] = ()

    def notices(self) -> Iterator[str]:
        """What a user should know of the layers: blocks of their list that are none of them."""
        if self.unlinked:
            count = len(self.blocks)
            yield f"{self.unlinked} calls of {self.path} are left out: they are not linked to the {count} layers."
        if self.skipped:
            moved = ((layer, block.path) for layer, block in enumerate(self.blocks) if number_in(block.path) != layer)
            later = "".join(f" Later layers are renumbered: L{layer} is {path}." for layer, path in islice(moved, 1))
            yield f"A text does not run through {', '.join(self.skipped)}.{later}"


def number_in(path: str) -> int | None:
    """The number at the end of a path, None where it ends in none."""
    last = path.rpartition(".")[2]
    return int(last) if last.isdecimal() else None


@dataclass(frozen=True)
class Chain:
    """Calls of the children of one list, each made with what the one before it returned.

    `entries` and `exits` are the calls whose input is `resid_pre` and whose output is `resid_post`, by layer.
    """

    path: str
    blocks: tuple[Block, ...]
    entries: tuple[Call, ...]
    exits: tuple[Call, ...]
    unlinked: int
    skipped: tuple[str, ...] = ()

    @property
    def span(self) -> tuple[int, int]:
        """The times at which the chain began and ended."""
        return self.entries[0].start, self.exits[-1].end

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Chains of more than one block come first; then those that span more of the forward, then the last."""
        start, end = self.span
        return (len(self.blocks) > 1, end - start, end)

    @property
    def end_states(self) -> torch.Tensor:
        """The tensor `(...)` that holds `resid_post` of the last block, in its own shape."""
        return self.exits[-1].outputs[self.blocks[-1].output.tensor_path]

    def stack(self, name: StackName) -> Stack:
        """The chain as a stack."""
        location = self.blocks[0].input
        first = location.of(nested(self.entries[0].inputs, location.tensor_path))
        blocks = interned(self.blocks)
        return Stack(name, self.path, blocks, first[0, 0].numel(), first.dtype, self.unlinked, self.skipped)


def interned(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Blocks that share equal locations, so that they are written once when a stack is pickled."""
    shared: dict[StreamLocation, StreamLocation] = {}
    return tuple(
        replace(
            block,
            input=shared.setdefault(block.input, block.input),
            output=shared.setdefault(block.output, block.output),
        )
        for block in blocks
    )


def nested(tensors: Mapping[TensorPath, torch.Tensor], path: TensorPath) -> Any:
    """A tensor `(...)` of a call, nested in mappings so that a location finds it by its path."""
    value: Any = tensors[path]
    for key in reversed(path):
        value = {key: value}
    return value


def find_chains(model: nn.Module, seen: ForwardCalls, rows: int, positions: int) -> list[Chain]:
    """The chains of blocks whose stream is `(rows, positions, ...)`, the likeliest stack first.

    Where there are none, those of models that pad prompts to a length of their own.
    """
    for padded in (False, True):
        shape = StreamShape(rows, positions, padded)
        chains = [chain for path, pairs in block_lists(model) for chain in chains_of(path, pairs, seen, shape)]
        if chains:
            return outermost(sorted(chains, key=lambda chain: chain.rank, reverse=True))
    return []


def outermost(ranked: Sequence[Chain]) -> list[Chain]:
    """The chains that are not inside of one that ranks higher."""
    kept: list[Chain] = []
    for chain in ranked:
        if not any(other.span[0] <= chain.span[0] and chain.span[1] <= other.span[1] for other in kept):
            kept.append(chain)
    return kept


def block_lists(model: nn.Module) -> Iterator[tuple[str, list[PathPair]]]:
    """Lists that may be stacks, by path, as the entry and exit paths of their items.

    Module lists, lists of lists as one, runs of one class in sequences, and those of `BLOCKS_WITHOUT_MODULES`.
    """
    paths = paths_of(model)
    ends = BLOCKS_WITHOUT_MODULES.get(getattr(getattr(model, "config", None), "model_type", ""))
    if ends:
        entries, exits = (matching(paths.values(), pattern) for pattern in ends)
        yield ends[1], list(zip(entries, exits, strict=True))
    for path, module in model.named_modules():
        children = tuple(module.children())
        if not isinstance(module, (nn.ModuleList, nn.Sequential)) or not any(True for _ in module.parameters()):
            continue
        if isinstance(module, nn.Sequential):
            children = longest_run(children)
        if all(isinstance(child, nn.ModuleList) for child in children):
            children = tuple(part for child in children for part in child.children())
        yield path, [(paths[id(child)], paths[id(child)]) for child in children]


def longest_run(modules: Sequence[nn.Module]) -> tuple[nn.Module, ...]:
    """The longest run of modules of one class."""
    runs = [tuple(run) for _, run in groupby(modules, key=type)]
    return max(runs, key=len, default=())


def matching(paths: Iterable[str], pattern: str) -> list[str]:
    """The paths that end as a pattern says, in which `*` is an index."""
    end = re.compile(r"(?:.*\.)?" + re.escape(pattern).replace(r"\*", r"\d+"))
    return [path for path in paths if end.fullmatch(path)]


def chains_of(path: str, pairs: Sequence[PathPair], seen: ForwardCalls, shape: StreamShape) -> Iterator[Chain]:
    """The calls of a list's items, cut into chains wherever one is not linked to the next."""
    own = ({pair[0] for pair in pairs}, {pair[1] for pair in pairs})
    entries, exits = ([call for call in seen.calls if call.path in side] for side in own)
    if not exits or len(entries) != len(exits):
        return
    links = [link(one, other, shape) for one, other in zip(exits, entries[1:], strict=False)]
    skipped = tuple(exit_path for _, exit_path in pairs if not seen.of(exit_path))
    cuts = [0, *(index + 1 for index, found in enumerate(links) if found is None), len(exits)]
    for start, stop in pairwise(cuts):
        within = slice(start, stop)
        blocks = blocks_of(entries[within], exits[within], links[start : stop - 1], shape)
        if len(blocks) == stop - start:
            unlinked = len(exits) - len(blocks)
            yield Chain(path, blocks, tuple(entries[within]), tuple(exits[within]), unlinked, skipped)


def blocks_of(entries: Sequence[Call], exits: Sequence[Call], links: Sequence[Link], shape: StreamShape) -> Blocks:
    """The blocks of a chain's calls, `links` those between them; only the first ones where a call has no stream.

    Where two calls are not linked, the stream is the first tensor of its shape.
    """
    blocks: list[Block] = []
    for index, (entry, exit_call) in enumerate(zip(entries, exits, strict=True)):
        before, after = links[index - 1] if index else None, links[index] if index < len(links) else None
        resid_pre = before[1] if before else first_stream(entry.inputs, shape)
        resid_post = after[0] if after else first_stream(exit_call.outputs, shape)
        if resid_pre is None or resid_post is None:
            break
        blocks.append(Block(exit_call.path, entry.path, exit_call.number, resid_pre, resid_post))
    return tuple(blocks)


def chain_of(paths: Sequence[str], seen: ForwardCalls, rows: int, positions: int) -> Chain | None:
    """The chain of the modules at paths that a user names, in the order in which they are called.

    None where one of them is not called, or has no state for every token among its arguments or in its result. Calls
    that are not linked stay layers: whether they are read and written rightly is for the checks at load to say.
    """
    calls = [call for call in seen.calls if call.path in set(paths)]
    if {call.path for call in calls} != set(paths):
        return None
    for padded in (False, True):
        shape = StreamShape(rows, positions, padded)
        blocks = blocks_of(calls, calls, [link(one, other, shape) for one, other in pairwise(calls)], shape)
        if blocks and len(blocks) == len(calls):
            return Chain(paths[0].rpartition(".")[0] or paths[0], blocks, tuple(calls), tuple(calls), 0)
    return None


@dataclass(frozen=True)
class StreamShape:
    """Which tensors can be a stream: those with an axis of rows, one of positions, and a width."""

    rows: int
    positions: int
    padded: bool = False
    """Whether the model may have added positions."""

    def axes(self, shape: Sequence[int]) -> tuple[int, int] | None:
        """The axes of rows and positions in a shape, None if it is not that of a stream."""
        if len(shape) < 3 or prod(shape) <= self.rows * self.positions:
            return None
        if self.padded:
            return (0, 1) if shape[0] == self.rows and shape[1] > self.positions else None
        found = [[axis for axis, size in enumerate(shape) if size == own] for own in (self.rows, self.positions)]
        return (found[0][0], found[1][0]) if len(found[0]) == len(found[1]) == 1 else None

    def streams(self, tensors: Mapping[TensorPath, torch.Tensor]) -> Iterator[tuple[StreamLocation, torch.Tensor]]:
        """Those of the tensors `(...)` that have the shape of a stream, each with its location."""
        for path, tensor in tensors.items():
            axes = self.axes(tuple(tensor.shape))
            if axes is not None:
                yield StreamLocation(path, axes), tensor


def link(one: Call, other: Call, shape: StreamShape) -> Link:
    """Where the stream is in the output of one call and in the input of the next, None if they are not equal."""
    for output, left in shape.streams(one.outputs):
        for entry, right in shape.streams(other.inputs):
            if output.axes == entry.axes and same(left, right):
                return output, entry
    return None


def first_stream(tensors: Mapping[TensorPath, torch.Tensor], shape: StreamShape) -> StreamLocation | None:
    """The location of the first of the tensors `(...)` that has the shape of a stream."""
    return next((location for location, _ in shape.streams(tensors)), None)

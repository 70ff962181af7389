"""The parts of a block by sums: the tensors inside of it that, added to its input, make its output.

A worked example. One block of Llama, in five lines, with what was recorded of each call (`x` is `resid_pre`):

    n = input_layernorm(x)              outputs n
    a = self_attn(n)                    outputs a      (inside of it o_proj outputs the same a)
    m = post_attention_layernorm(x + a) inputs x + a, outputs n2
    f = mlp(n2)                         outputs f      (inside of it down_proj outputs the same f)
    return x + a + f                    the block's own output

`BlockCalls.outputs` lists the tensors of the stream's shape: n, a, n2, f, each at the outermost call that returned it.
`terms_of` asks which of them add up to `resid_post - resid_pre`; `find_sum` answers {a, f}, each by the factor 1. So
the parts are the calls of `self_attn` and `mlp`: `region_of` takes the outermost call around each term that is around
no other. `mids_of` looks for a call with `x + a` among its inputs: `post_attention_layernorm`, where `resid_mid` is.
`output_projection` finds the linear layer that made a, `o_proj`, whose input is the heads' `z`.

With Gemma 2's norms behind the sub-layers the terms are the outputs of these norms; `source_of` follows each back to
`self_attn` and `mlp`. BERT returns norm(norm(x + a) + f): no sum makes that, so `terms_of` takes each norm off in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import Call, ForwardCalls, TensorPath, same
from selfie_tui.engine.anatomy.locations import ModuleCall, TensorLocation, is_projection
from selfie_tui.engine.anatomy.stacks import Block
from selfie_tui.engine.anatomy.sums import Sum, find_sum, is_sum


@dataclass(frozen=True)
class Output:
    """A tensor of the stream's shape among the outputs of a call within a block."""

    call: Call
    path: TensorPath
    value: torch.Tensor


@dataclass(frozen=True)
class OutputProjection:
    """The projection that made an attention's output: where its output and its input are, and its orientation.

    `width` is that of its input; `transposed` is whether its matrix is `(out, width)`.
    """

    output: TensorLocation
    z: TensorLocation
    width: int
    transposed: bool


@dataclass(frozen=True)
class FoundPart:
    """A part before its kind is known; `projected` are the outputs of the projections within it, by their calls."""

    region: ModuleCall
    out: tuple[TensorLocation, ...]
    projection: OutputProjection | None
    projected: dict[ModuleCall, TensorLocation]


@dataclass(frozen=True)
class FoundBlock:
    """A block before the kinds of its parts are known; `pre` and `post` are where its input and its output are.

    `lacking` says what was not found, if anything.
    """

    layer: int
    pre: TensorLocation
    post: TensorLocation
    parts: tuple[FoundPart, ...] = ()
    adds: bool = False
    mids: tuple[TensorLocation, ...] = ()
    lacking: str = ""


@dataclass(frozen=True)
class BlockCalls:
    """The calls made within one block; `resid_pre` and `resid_post`, in the shape that the model gives them."""

    block: Block
    calls: tuple[Call, ...]
    pre: torch.Tensor
    post: torch.Tensor
    seen: ForwardCalls

    def location(self, call: Call, path: TensorPath, is_input: bool = False, scale: float = 1.0) -> TensorLocation:
        """The location of a tensor of a call."""
        stream = replace(self.block.output, tensor_path=path)
        order = call.start if is_input else call.end
        flat = (call.inputs if is_input else call.outputs)[path].dim() == 2
        return TensorLocation(call.path, call.number, stream, order, is_input, scale, flat)

    def stream(self, value: torch.Tensor) -> torch.Tensor | None:
        """A tensor as `(rows, positions, hidden)`, also of one with rows and positions on one axis; None for others."""
        if value.shape == self.pre.shape:
            return value
        flat = self.block.output.axes == (0, 1) and value.shape == (prod(self.pre.shape[:2]), *self.pre.shape[2:])
        return value.reshape(self.pre.shape) if flat else None

    def streams(self, tensors: Mapping[TensorPath, torch.Tensor]) -> Iterator[tuple[TensorPath, torch.Tensor]]:
        """The tensors of the stream's shape, as `(rows, positions, hidden)`."""
        for path, value in tensors.items():
            stream = self.stream(value)
            if stream is not None:
                yield path, stream

    def waypoints(self, target: torch.Tensor) -> Iterator[tuple[Call, torch.Tensor]]:
        """Inputs `(rows, positions, hidden)` that no call returned, in order of time, each with its first call."""
        known = [self.pre, target, *(each.value for each in self.outputs())]
        for call in self.calls:
            for _, value in self.streams(call.inputs):
                if not any(same(value, other) for other in known):
                    known.append(value)
                    yield call, value

    def outputs(self) -> list[Output]:
        """The distinct tensors of the stream's shape among the calls' outputs, each at the outermost call."""
        found: list[Output] = []
        for call in sorted(self.calls, key=lambda call: call.end):
            for path, value in self.streams(call.outputs):
                if bool(value.any()):
                    found = [other for other in found if not torch.equal(other.value, value)]
                    found.append(Output(call, path, value))
        return found


def calls_inside(block: Block, seen: ForwardCalls) -> BlockCalls:
    """The calls made within a block."""
    entry, left = seen.of(block.entry_path)[block.call], seen.of(block.path)[block.call]
    own = block.entry_path == block.path
    calls = tuple(
        call
        for call in seen.calls
        if entry.start <= call.start and call.end <= left.end and not (own and call.start == entry.start)
    )
    return BlockCalls(block, calls, entry.inputs[block.input.tensor_path], left.outputs[block.output.tensor_path], seen)


def ends_of(block: Block, seen: ForwardCalls) -> tuple[TensorLocation, TensorLocation]:
    """Where `resid_pre` and `resid_post` of a block are."""
    entry, left = seen.of(block.entry_path)[block.call], seen.of(block.path)[block.call]
    pre = TensorLocation(block.entry_path, block.call, block.input, entry.start, is_input=True)
    return pre, TensorLocation(block.path, block.call, block.output, left.end)


def decompose_block(layer: int, block: Block, seen: ForwardCalls) -> FoundBlock:
    """The parts of a block, by sums."""
    inside, ends = calls_inside(block, seen), ends_of(block, seen)
    if inside.pre.shape != inside.post.shape:
        return FoundBlock(layer, *ends, lacking="its input and output differ in shape")
    outputs = inside.outputs()
    found = terms_of(inside, outputs, inside.post)
    if found is None:
        return FoundBlock(layer, *ends, lacking="no tensors inside of the block add up to what it adds")
    terms, norms = found
    sources = [source_of(inside, term) for term, _ in terms]
    parts = []
    for index, (term, scale) in enumerate(terms):
        others = [source for number, source in enumerate(sources) if number != index]
        region = region_of(inside, sources[index], others)
        out = (inside.location(term.call, term.path, scale=scale),)
        around = seen.of(region.path)[region.call]
        projection = output_projection(inside, sources[index])
        parts.append(FoundPart(region, out, projection, projections_in(inside, around)))
    mids = tuple(inside.location(norm.call, norm.path) for norm in norms) if norms else mids_of(inside, terms)
    return FoundBlock(layer, *ends, tuple(parts), not norms, mids)


MOST_NORMS = 4
"""Most norms of the stream itself within one block."""

Terms = list[tuple[Output, float]]
"""What is added to the stream, each with its factor."""


def terms_of(
    inside: BlockCalls, outputs: Sequence[Output], target: torch.Tensor, depth: int = MOST_NORMS
) -> tuple[Terms, list[Output]] | None:
    """What is added to a block's input to make `target`, in the order of time, and the norms put on the stream itself.

    `target` has the stream's shape `(rows, positions, hidden)`. Where no sum makes it, it may be a norm of such a sum
    (BERT), or the sum of such a norm and something else (MiniMax).
    """
    # a copy of the states at either end is not something that is added
    added = [each for each in outputs if not same(each.value, inside.pre) and not same(each.value, target)]
    found = terms_by_way(inside, added, target)
    if found or same(target, inside.pre):
        return sorted(found, key=lambda term: term[0].call.end), []
    if not depth:
        return None
    for norm, normed in norms_inside(inside):
        later = [each for each in outputs if each.call.end > norm.call.end and not same(each.value, target)]
        last = find_sum(norm.value, target, [each.value for each in later], most=2)
        inner = terms_of(inside, outputs, normed, depth - 1) if last or same(norm.value, target) else None
        if inner is not None:
            return [*inner[0], *(chosen(later, last) if last else [])], [*inner[1], norm]
    return None


def terms_by_way(inside: BlockCalls, added: Sequence[Output], target: torch.Tensor) -> Terms:
    """What is added to a block's input to make `target`, by way of the states in between; empty if nothing is.

    States in between are inputs of calls, as that of the norm before the MLP. From one to the next few terms are added,
    so that neither a small one is lost in the rounding of a large one nor two that cancel out hide one another.
    `target` is `(rows, positions, hidden)`.
    """
    state, terms = inside.pre, Terms()
    for call, value in inside.waypoints(target):
        earlier = [each for each in added if each.call.end < call.start and all(each is not term for term, _ in terms)]
        found = find_sum(state, value, [each.value for each in earlier])
        if found:
            state, terms = value, [*terms, *chosen(earlier, found)]
    rest = [each for each in added if all(each is not term for term, _ in terms)]
    for start, known, others in ((state, terms, rest), (inside.pre, [], added)):
        found = find_sum(start, target, [each.value for each in others])
        if found:
            return [*known, *chosen(others, found)]
    return []


def chosen(outputs: Sequence[Output], found: Sum) -> Terms:
    """The terms of a sum."""
    return [(outputs[index], factor) for index, factor in zip(found.terms, found.factors, strict=True)]


def norms_inside(inside: BlockCalls) -> Iterator[tuple[Output, torch.Tensor]]:
    """The calls that made one stream `(rows, positions, hidden)` of one other, without matrices, and that other one."""
    for call in inside.calls:
        outputs, inputs = dict(inside.streams(call.outputs)), list(dict(inside.streams(call.inputs)).values())
        if len(outputs) == len(inputs) == 1 and is_small(call.module):
            ((path, value),) = outputs.items()
            if not torch.equal(inputs[0], value):
                yield Output(call, path, value), inputs[0]


def is_small(module: nn.Module) -> bool:
    """Whether a module is no more than a norm: without matrices."""
    return all(parameter.dim() < 2 for parameter in module.parameters())


def source_of(inside: BlockCalls, term: Output) -> Output:
    """The output that calls without projections made a term of: Gemma's post-norm, Inkling's short convolution."""
    while not any(is_projection(part) for part in term.call.module.modules()):
        inputs = [value for _, value in inside.streams(term.call.inputs)]
        earlier = [
            Output(call, path, value)
            for call in inside.calls
            if call.end < term.call.start
            for path, value in inside.streams(call.outputs)
            if len(inputs) == 1 and same(value, inputs[0])
        ]
        if not earlier:
            return term
        term = max(earlier, key=lambda each: each.call.end)
    return term


def region_of(inside: BlockCalls, source: Output, others: Sequence[Output]) -> ModuleCall:
    """The outermost call around the source of a part that is around no other part's."""
    around = [
        call
        for call in inside.calls
        if call.start <= source.call.start
        and source.call.end <= call.end
        and not any(call.start <= other.call.start and other.call.end <= call.end for other in others)
    ]
    outer = min(around, key=lambda call: call.start, default=source.call)
    return ModuleCall(outer.path, outer.number)


def mids_of(inside: BlockCalls, terms: Terms) -> tuple[TensorLocation, ...]:
    """The calls' inputs that are `resid_pre` plus the first term, plus the first two, and so on; those that exist."""
    found: list[TensorLocation] = []
    state = inside.pre.double()
    for term, scale in terms[:-1]:
        state = state + scale * term.value.double()
        locations = (
            inside.location(call, path, is_input=True)
            for call in inside.calls
            if call.start > term.call.end
            for path, value in inside.streams(call.inputs)
            if is_sum(value, state, inside.pre)
        )
        found += [location for location in [next(locations, None)] if location is not None]
    return tuple(found)


def output_projection(inside: BlockCalls, source: Output) -> OutputProjection | None:
    """The call of a linear layer whose output is what a part adds, before norms on it; None if there is none."""
    for call in inside.calls:
        output, entry = next(iter(call.outputs.items()), None), next(iter(call.inputs.items()), None)
        if not is_projection(call.module) or output is None or entry is None or call.end > source.call.end:
            continue
        if same(output[1].flatten(), source.value.flatten()):
            width = prod(entry[1].shape) // prod(output[1].shape[:-1])
            return OutputProjection(
                inside.location(call, output[0]),
                inside.location(call, entry[0], is_input=True),
                width,
                is_transposed(call.module, width, output[1].shape[-1]),
            )
    return None


def projections_in(inside: BlockCalls, around: Call) -> dict[ModuleCall, TensorLocation]:
    """The outputs of the projections that are called within a call, by their calls."""
    return {
        ModuleCall(call.path, call.number): inside.location(call, next(iter(call.outputs)))
        for call in inside.calls
        if around.start <= call.start and call.end <= around.end and is_projection(call.module) and call.outputs
    }


def is_transposed(module: nn.Module, width: int, out: int) -> bool:
    """Whether a matrix is stored as linear layers store it, `(out, width)`, and not as GPT-2's `Conv1D` does."""
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    return isinstance(module, nn.Linear) or (width != out and tuple(weight.shape) == (out, width))

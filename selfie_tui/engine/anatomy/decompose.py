"""The parts of a block by sums: the tensors inside of it that, added to what it takes, make what it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import Call, ForwardCalls, TensorPath
from selfie_tui.engine.anatomy.locations import ModuleCall, TensorLocation, is_projection
from selfie_tui.engine.anatomy.stacks import Block
from selfie_tui.engine.anatomy.sums import find_sum, is_sum


@dataclass(frozen=True)
class Given:
    """A tensor that a call within a block gave, of the stream's own shape."""

    call: Call
    slot: TensorPath
    value: torch.Tensor


@dataclass(frozen=True)
class OutputProjection:
    """The projection that gave an attention's output, as it was seen: which call, what it took, and its orientation."""

    given: TensorLocation
    z: TensorLocation
    width: int
    transposed: bool


@dataclass(frozen=True)
class FoundPart:
    """A part before its kind is known, and where the outputs of the projections within it are."""

    region: ModuleCall
    out: tuple[TensorLocation, ...]
    projection: OutputProjection | None
    projected: dict[tuple[int, int], TensorLocation]


@dataclass(frozen=True)
class FoundBlock:
    """A block before the kinds of its parts are known."""

    layer: int
    parts: tuple[FoundPart, ...]
    adds: bool
    mids: tuple[TensorLocation, ...] = ()
    lacking: str = ""


@dataclass(frozen=True)
class BlockCalls:
    """The calls made within one block, the stream at both of its ends, and where the stream is in tensors."""

    site: Block
    calls: tuple[Call, ...]
    pre: torch.Tensor
    post: torch.Tensor
    watched: ForwardCalls
    names: dict[int, str]

    def point(self, call: Call, slot: TensorPath, taken: bool = False, scale: float = 1.0) -> TensorLocation:
        """The place of a tensor of a call."""
        number = [other.began for other in self.watched.of(call.module)].index(call.began)
        flow = replace(self.site.given, slot=slot)
        order = call.began if taken else call.ended
        flat = (call.taken if taken else call.given)[slot].dim() == 2
        return TensorLocation(self.names[id(call.module)], call.module, number, flow, order, taken, scale, flat)

    def stream(self, value: torch.Tensor) -> torch.Tensor | None:
        """A tensor in the stream's own shape, also where its rows and positions are on one axis; None if it is not."""
        if value.shape == self.pre.shape:
            return value
        flat = self.site.given.axes == (0, 1) and value.shape == (prod(self.pre.shape[:2]), *self.pre.shape[2:])
        return value.reshape(self.pre.shape) if flat else None

    def streams(self, tensors: Mapping[TensorPath, torch.Tensor]) -> Iterator[tuple[TensorPath, torch.Tensor]]:
        """The tensors of the stream's shape."""
        for slot, value in tensors.items():
            stream = self.stream(value)
            if stream is not None:
                yield slot, stream

    def given(self) -> list[Given]:
        """The distinct tensors of the stream's shape that calls gave; each at the outermost call that gave it."""
        found: list[Given] = []
        for call in sorted(self.calls, key=lambda call: call.ended):
            for slot, value in self.streams(call.given):
                if bool(value.any()):
                    found = [other for other in found if not torch.equal(other.value, value)]
                    found.append(Given(call, slot, value))
        return found


def inside_of(site: Block, watched: ForwardCalls, names: dict[int, str]) -> BlockCalls:
    """What happened in a block."""
    entered, left = watched.of(site.entry)[site.call], watched.of(site.module)[site.call]
    own = site.entry is site.module
    calls = tuple(
        call
        for call in watched.calls
        if entered.began <= call.began and call.ended <= left.ended and not (own and call.began == entered.began)
    )
    return BlockCalls(site, calls, entered.taken[site.taken.slot], left.given[site.given.slot], watched, names)


def decompose_block(layer: int, site: Block, watched: ForwardCalls, names: dict[int, str]) -> FoundBlock:
    """The parts of a block, by sums; `names` are paths by modules' ids."""
    inside = inside_of(site, watched, names)
    if inside.pre.shape != inside.post.shape:
        return FoundBlock(layer, (), False, lacking="its input and output differ in shape")
    given = inside.given()
    chain = sums_to(inside, given, inside.post)
    if chain is None:
        return FoundBlock(layer, (), False, lacking="no tensors inside of the block add up to what it adds")
    terms, norms = chain
    spans = [source_of(inside, term) for term, _ in terms]
    parts = []
    for place, (term, scale) in enumerate(terms):
        others = [span for number, span in enumerate(spans) if number != place]
        region = region_of(inside, spans[place], others)
        out = (inside.point(term.call, term.slot, scale=scale),)
        around = inside.watched.of(region.module)[region.call]
        parts.append(FoundPart(region, out, output_projection(inside, spans[place]), projected_in(inside, around)))
    mids = tuple(inside.point(norm.call, norm.slot) for norm in norms) if norms else mids_of(inside, terms)
    return FoundBlock(layer, tuple(parts), not norms, mids)


MOST_NORMS = 4
"""Most norms of the stream itself within one block."""

Terms = list[tuple[Given, float]]


def sums_to(
    inside: BlockCalls, given: Sequence[Given], target: torch.Tensor, depth: int = MOST_NORMS
) -> tuple[Terms, list[Given]] | None:
    """What is added to a block's input to give `target`, in the order of time, and the norms put on the stream itself.

    Where no sum gives it, `target` may be a norm of such a sum (BERT), or what is added to such a norm (MiniMax).
    """
    if torch.equal(target, inside.pre):
        return [], []
    # what gives the states themselves tells nothing of what is added to them
    added = [each for each in given if not same(each.value, inside.pre) and not same(each.value, target)]
    found = find_sum(target - inside.pre, [each.value for each in added], target)
    if found:
        terms = [(added[place], factor) for place, factor in zip(found.terms, found.factors, strict=True)]
        return sorted(terms, key=lambda term: term[0].call.ended), []
    if not depth:
        return None
    norms = list(norms_inside(inside, given))
    for norm, normed in norms:
        later = [each for each in given if each.call.ended > norm.call.ended and not same(each.value, target)]
        last = find_sum(target - norm.value, [each.value for each in later], target, most=2)
        equal = same(norm.value, target)
        inner = sums_to(inside, given, normed, depth - 1) if last or equal else None
        if inner is not None:
            terms = list(zip([later[place] for place in last.terms], last.factors, strict=True)) if last else []
            return [*inner[0], *terms], [*inner[1], norm]
    return None


def norms_inside(inside: BlockCalls, given: Sequence[Given]) -> Iterator[tuple[Given, torch.Tensor]]:
    """The calls that made one tensor of the stream's shape of one other, without matrices, and that other tensor."""
    for call in inside.calls:
        values, taken = dict(inside.streams(call.given)), list(dict(inside.streams(call.taken)).values())
        if len(values) == len(taken) == 1 and is_small(call.module):
            ((slot, value),) = values.items()
            if not torch.equal(taken[0], value):
                yield Given(call, slot, value), taken[0]


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors are equal, bit by bit."""
    return one.shape == other.shape and torch.equal(one, other)


def is_small(module: nn.Module) -> bool:
    """Whether a module is no more than a norm: without matrices."""
    return all(parameter.dim() < 2 for parameter in module.parameters())


def source_of(inside: BlockCalls, term: Given) -> Given:
    """What gave a term before what is put on it without projections: Gemma's post-norm, Inkling's short convolution."""
    while not any(is_projection(part) for part in term.call.module.modules()):
        taken = [value for _, value in inside.streams(term.call.taken)]
        earlier = [
            Given(call, slot, value)
            for call in inside.calls
            if call.ended < term.call.began
            for slot, value in inside.streams(call.given)
            if len(taken) == 1 and same(value, taken[0])
        ]
        if not earlier:
            return term
        term = max(earlier, key=lambda each: each.call.ended)
    return term


def region_of(inside: BlockCalls, source: Given, others: Sequence[Given]) -> ModuleCall:
    """The outermost call around the source of a part that is around no other part's."""
    around = [
        call
        for call in inside.calls
        if call.began <= source.call.began
        and source.call.ended <= call.ended
        and not any(call.began <= other.call.began and other.call.ended <= call.ended for other in others)
    ]
    outer = min(around, key=lambda call: call.began, default=source.call)
    number = [other.began for other in inside.watched.of(outer.module)].index(outer.began)
    return ModuleCall(inside.names[id(outer.module)], outer.module, number)


def mids_of(inside: BlockCalls, terms: Terms) -> tuple[TensorLocation, ...]:
    """Where calls take the input plus the first term, plus the first two, and so on; what none takes is left out."""
    found: list[TensorLocation] = []
    state = inside.pre
    for term, scale in terms[:-1]:
        state = state + scale * term.value
        places = (
            inside.point(call, slot, taken=True)
            for call in inside.calls
            if call.began > term.call.ended
            for slot, value in inside.streams(call.taken)
            if is_sum(value, state, inside.pre)
        )
        found += [place for place in [next(places, None)] if place is not None]
    return tuple(found)


def output_projection(inside: BlockCalls, source: Given) -> OutputProjection | None:
    """The call of a linear layer that gave what a part adds, before norms on it; None if none did."""
    for call in inside.calls:
        given, taken = next(iter(call.given.values()), None), next(iter(call.taken.items()), None)
        if not is_projection(call.module) or given is None or taken is None or call.ended > source.call.ended:
            continue
        if given.numel() == source.value.numel() and torch.equal(given.flatten(), source.value.flatten()):
            point = inside.point(call, taken[0], taken=True)
            width = prod(taken[1].shape) // prod(given.shape[:-1])
            return OutputProjection(
                inside.point(call, next(iter(call.given))),
                point,
                width,
                is_transposed(call.module, width, given.shape[-1]),
            )
    return None


def projected_in(inside: BlockCalls, around: Call) -> dict[tuple[int, int], TensorLocation]:
    """Where the outputs of projections called within a call are, by module and number of the call."""
    points = [
        inside.point(call, next(iter(call.given)))
        for call in inside.calls
        if around.began <= call.began and call.ended <= around.ended and is_projection(call.module) and call.given
    ]
    return {(id(point.module), point.call): point for point in points}


def is_transposed(module: nn.Module, width: int, out: int) -> bool:
    """Whether a matrix is stored as linear layers store it, `(out, width)`, and not as GPT-2's `Conv1D` does."""
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    return isinstance(module, nn.Linear) or (width != out and tuple(weight.shape) == (out, width))

"""What each block adds to the stream, and where: attention or another mixer, cross-attention, and the MLP.

Found by sums over one watched forward: the tensors inside of a block that, added to its input, give its output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from selfie_tui.engine.anatomy.calls import ForwardCalls, ModelFailed, model_code, watch
from selfie_tui.engine.anatomy.decompose import FoundBlock, FoundPart, decompose_block
from selfie_tui.engine.anatomy.dependencies import Dependencies, mixes_positions, trace_dependencies
from selfie_tui.engine.anatomy.finding import ROWS, STREAMS, WRITTEN, token_rows
from selfie_tui.engine.anatomy.heads import Heads, Layouts, find_heads
from selfie_tui.engine.anatomy.inputs import InputBuilder
from selfie_tui.engine.anatomy.locations import Activation, TensorLocation
from selfie_tui.engine.anatomy.places import Anatomy
from selfie_tui.engine.anatomy.stacks import StackName
from selfie_tui.errors import LoadError, RequestError

PartKind = Literal["attention", "mixer", "cross", "mlp"]
"""Attention has heads; a mixer moves content between positions without (Mamba, RWKV, convolution); cross-attention
reads the encoder; the MLP, or mixture of experts, works on each position alone."""

OUTPUTS: dict[str, tuple[PartKind, ...]] = {
    "attn_out": ("attention", "mixer"),
    "cross_out": ("cross",),
    "mlp_out": ("mlp",),
}
"""The names of what is added to the stream, and the kinds of parts that add it."""


@dataclass(frozen=True)
class Part:
    """A sub-layer: its path, the locations `out` whose scaled sum it adds to the stream, and its heads if it has any.

    Several locations where a block adds several of one kind, as experts beside a dense network. `lacking` says what of
    the heads was not found, empty where all was.
    """

    kind: PartKind
    path: str
    out: tuple[TensorLocation, ...]
    heads: Heads | None = None
    lacking: str = ""


@dataclass(frozen=True)
class BlockParts:
    """The sub-layers of one layer, in the order in which they run.

    With `adds`, `resid_pre` plus the outputs of the parts is `resid_post`. Without, the block norms the stream itself
    (BERT): `resid_mid = norm(resid_pre + attn_out)` and `resid_post = norm(resid_mid + mlp_out)`. `pre` and `post` are
    where these two are; `mid` is `resid_mid`, None in parallel blocks and in those of one part. `lacking` says what was
    not found, if anything.
    """

    layer: int
    pre: TensorLocation
    post: TensorLocation
    parts: tuple[Part, ...]
    adds: bool
    mid: TensorLocation | None = None
    lacking: str = ""

    def part(self, *kinds: PartKind) -> Part | None:
        """The first part of one of these kinds."""
        return next((part for part in self.parts if part.kind in kinds), None)

    def activation(self, name: str, which: int = 0) -> Activation:
        """An activation by name.

        `resid_pre` and `resid_post`, the block's input and output, and in layer 0 `embed`, which is its `resid_pre`;
        `attn_out` (what attention and other mixers add), `cross_out`, `mlp_out`, `resid_mid`; by head `z`, `q`, `k`,
        `v`, and the same of cross-attention as `cross_z` and so on, of the first attention or of `which` (LongCat's
        blocks have two).

        Raises:
            RequestError: if this layer has none of that name, or it was not found.
        """
        if stream := self.stream_location(name):
            return Activation(name, self.layer, (stream,))
        added = tuple(out for part in self.parts if part.kind in OUTPUTS.get(name, ()) for out in part.out)
        if added:
            return Activation(name, self.layer, added)
        kind: PartKind = "cross" if name.startswith("cross_") else "attention"
        parts = [part for part in self.parts if part.kind == kind][which:]
        heads = parts[0].heads if parts else None
        found = heads.activation(name.removeprefix("cross_")) if heads else None
        if found is None:
            why = self.lacking or (parts[0].lacking if parts else "")
            raise RequestError(
                f"Layer {self.layer} has no {name}{': ' + why if why else ''}.",
                "Choose another layer, or resid_post, which every layer has.",
            )
        return Activation(name, self.layer, (found[0],), found[1])

    def stream_location(self, name: str) -> TensorLocation | None:
        """Where the stream of that name is, None if this layer has none."""
        if name == "embed" and self.layer == 0:
            return self.pre
        return {"resid_pre": self.pre, "resid_mid": self.mid, "resid_post": self.post}.get(name)


@dataclass(frozen=True)
class Sublayers:
    """The sub-layers of every layer of one stack."""

    stack: StackName
    blocks: tuple[BlockParts, ...]


def find_sublayers(module: Any, builder: InputBuilder, anatomy: Anatomy, device: torch.device) -> tuple[Sublayers, ...]:
    """The sub-layers of every stack, by two forwards over a few tokens: one watched, one with gradients.

    The records say what is not found; nothing is guessed. `device` is that of the token ids.

    Raises:
        LoadError: if a forward fails.
    """
    known: Layouts = {}
    with torch.enable_grad(), failing_to_load():
        calls = watch_inside(module, builder, anatomy, device)
        found = [
            [decompose_block(layer, block, calls) for layer, block in enumerate(stack.blocks)]
            for stack in anatomy.stacks
        ]
        regions = [part.region for blocks in found for block in blocks for part in block.parts]
        one_row = token_rows(module, builder, device, 1)
        seen = trace_dependencies(module, lambda: module(**one_row), regions)
        classes = {path: type(part) for path, part in module.named_modules()}
        return tuple(
            Sublayers(name, tuple(block_parts(block, seen, positions, classes, known) for block in blocks))
            for blocks, (name, positions) in zip(found, STREAMS[builder.kind], strict=True)
        )


def watch_inside(module: Any, builder: InputBuilder, anatomy: Anatomy, device: torch.device) -> ForwardCalls:
    """One forward with every module inside of the blocks watched."""
    inputs = token_rows(module, builder, device, ROWS)
    outside = {id(module), id(module.get_submodule(anatomy.head))}
    return watch(module, lambda: module(**inputs), lambda part: id(part) not in outside)


@contextmanager
def failing_to_load() -> Iterator[None]:
    """While open, an error of the model's own code is a `LoadError`."""
    try:
        with model_code():
            yield
    except ModelFailed as error:
        raise LoadError(
            f"A forward over a few tokens failed ({error}).", "Load a model that takes text alone."
        ) from error


def block_parts(
    block: FoundBlock, seen: Dependencies, positions: int, classes: Mapping[str, type], known: Layouts
) -> BlockParts:
    """A block's record: kinds by what mixes positions, and the heads."""
    kinds = [kind_of_part(part, seen, positions) for part in block.parts]
    if len(kinds) > 1 and set(kinds) == {"mlp"}:
        kinds[0] = "mixer"  # one that computes without projections, as FNet's Fourier transform
    parts: list[Part] = []
    for kind, part in zip(kinds, block.parts, strict=True):
        heads, lacking = None, ""
        if kind in ("attention", "cross"):
            heads, lacking = find_heads(part, classes[part.region.path], seen, positions - 1, known)
        same_kind = next((index for index, other in enumerate(parts) if other.kind == kind == "mlp"), None)
        if same_kind is None:
            parts.append(Part(kind, part.region.path, part.out, heads, lacking))
        else:
            parts[same_kind] = replace(parts[same_kind], out=parts[same_kind].out + part.out)
    mid = mid_before_mlp(block, parts)
    return BlockParts(block.layer, block.pre, block.post, tuple(parts), block.adds, mid, block.lacking)


def kind_of_part(part: FoundPart, seen: Dependencies, positions: int) -> PartKind:
    """Attention, mixer, cross-attention or MLP."""
    attends = seen.attention(part.region) is not None
    if attends and positions == WRITTEN and seen.reads_other(part.region, positions):
        return "cross"
    if attends:
        return "attention"
    return "mixer" if mixes_positions(part.region, seen, positions - 1) else "mlp"


def mid_before_mlp(block: FoundBlock, parts: Sequence[Part]) -> TensorLocation | None:
    """`resid_mid`: the last of the states between parts that comes before the MLP."""
    mlp = next((part for part in parts if part.kind == "mlp"), None)
    first = parts[0] if parts else None
    if mlp is None or mlp is first:
        return None
    before = [mid for mid in block.mids if mid.order < mlp.out[0].order]
    return before[-1] if before else None

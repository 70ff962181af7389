"""The heads of an attention: `z` before its output projection, and where `q`, `k` and `v` of each head are projected.

Which columns of a projection belong to which head is seen from gradients, so that fused projections of any layout
(contiguous, interleaved per head, per group of key-value heads) need no table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from selfie_tui.engine.anatomy.decompose import FoundPart
from selfie_tui.engine.anatomy.dependencies import AttentionCall, Dependencies, ProjectionCall, at_position, reached
from selfie_tui.engine.anatomy.locations import TensorLocation

Reached = list[tuple[ProjectionCall, torch.Tensor]]
"""Projections and the columns of theirs that something depends on."""


@dataclass(frozen=True)
class Projection:
    """Where a per-head projection is: in the output of a module, in these columns.

    `columns` is `(heads, head_dim)` int64: head `h` is `output[..., columns[h]]`; for `k` and `v`, heads are key-value
    heads.
    """

    location: TensorLocation
    columns: torch.Tensor


@dataclass(frozen=True)
class Heads:
    """The heads of an attention.

    `z` is the input of the output projection, `(rows, positions, count * size)` with the heads one after the other;
    where the model gates its heads (Qwen3-Next), after the gate. `out` is the output of that projection: what is added
    to the stream, but for a post-norm or a multiplier (Gemma 2, Falcon H1). `q`, `k`, `v` are projected, not yet normed
    and rotated; None where they are not found.
    """

    count: int
    size: int
    z: TensorLocation
    out: TensorLocation
    transposed: bool
    q: Projection | None = None
    k: Projection | None = None
    v: Projection | None = None

    @property
    def groups(self) -> int:
        """The number of key-value heads; that of heads where they are not found."""
        return self.count if self.v is None else len(self.v.columns)

    def activation(self, name: str) -> tuple[TensorLocation, torch.Tensor] | None:
        """Where `z`, `q`, `k` or `v` is, and the columns of each head, `(heads, head_dim)`."""
        if name == "z":
            return self.z, torch.arange(self.count * self.size).reshape(self.count, self.size)
        found = {"q": self.q, "k": self.k, "v": self.v}.get(name)
        return None if found is None else (found.location, found.columns)

    def weight(self, modules: Mapping[str, nn.Module]) -> torch.Tensor:
        """`W_O` by head: `(heads, head_dim, hidden)`, so that `z[h] @ weight[h]` is what a head writes."""
        matrix: torch.Tensor = modules[self.out.path].weight  # type: ignore[assignment]
        return (matrix.T if self.transposed else matrix).reshape(self.count, self.size, -1)

    def bias(self, modules: Mapping[str, nn.Module]) -> torch.Tensor | None:
        """The bias of the output projection, `(hidden,)`, None where it has none."""
        return getattr(modules[self.out.path], "bias", None)


OWN = 2.0
"""A head's share of `z` depends on that head where it has at least one part in this many of all gradients."""

NOT_SEPARABLE = "its heads cannot be separated before the output projection"

Layout = tuple[int, torch.Tensor]
"""The index of a projection, and its columns `(heads, head_dim)` that make `q`, `k` or `v` of every head."""

Layouts = dict[tuple[object, ...], tuple[Layout | str, ...]]
"""The layouts of attentions already traced, by class and shapes: those of `q`, `k`, `v`, or why there is none."""


def find_heads(
    part: FoundPart, kind: type, seen: Dependencies, position: int, known: Layouts
) -> tuple[Heads | None, str]:
    """The heads of an attention, a module of class `kind`, and what of them is lacking.

    `position` is the last one of the forward.
    """
    region, out = part.region, part.projection
    if out is None:
        return None, "no linear layer computes its output"
    attended, last = seen.attention(region), seen.of(out.output.path, out.output.call)
    if attended is None or last is None:
        return None, "no softmax over keys was seen in it"
    count = attended.heads
    if out.width % count:
        return None, f"the input of its output projection is not {count} heads one after the other"
    before = [each for each in seen.inside(region) if each is not last]
    traced = TracedAttention(attended, last.input, count, before, position)
    shapes = tuple(tuple(each.output.shape) for each in before)
    signature = (kind, count, out.width, shapes)
    if signature not in known:
        known[signature] = traced.layouts() if traced.is_separable() else (NOT_SEPARABLE,)
    layouts = known[signature]
    if len(layouts) == 1:
        return None, str(layouts[0])
    lacking = "; ".join(each for each in layouts if isinstance(each, str))
    q, k, v = (None if isinstance(each, str) else projection_of(each, before, part) for each in layouts)
    heads = Heads(count, out.width // count, out.z, out.output, out.transposed, q, k, v)
    return heads, lacking


def projection_of(layout: Layout, before: Sequence[ProjectionCall], part: FoundPart) -> Projection:
    """A layout at the projections of one attention."""
    index, columns = layout
    return Projection(part.projected[before[index].call], columns)


@dataclass(frozen=True)
class TracedAttention:
    """An attention in a forward of one row: `z` `(1, positions, heads * head_dim)`, and the earlier projections.

    `count` is the number of heads, `position` the last one.
    """

    attended: AttentionCall
    z: torch.Tensor
    count: int
    before: Sequence[ProjectionCall]
    position: int

    def z_of(self, head: int) -> torch.Tensor:
        """A head's share of `z` at the last position, `(head_dim,)`."""
        return at_position(self.z, self.position).reshape(self.count, -1)[head]

    def is_separable(self) -> bool:
        """Whether each head's share of `z` comes from that head, but for norms over all (BitNet)."""
        source = self.attended.q if self.attended.q is not None else self.attended.scores
        for head in range(self.count):
            if source is None or not self.z_of(head).requires_grad:
                return False
            (gradient,) = torch.autograd.grad(
                self.z_of(head).sum(), [source], retain_graph=True, allow_unused=True, materialize_grads=True
            )
            sizes = gradient.reshape(-1, *gradient.shape[-3:]).transpose(0, 1).flatten(1).norm(dim=1)  # (heads,)
            if sizes[head] * OWN < sizes.sum():
                return False
        return True

    def layouts(self) -> tuple[Layout | str, ...]:
        """Where `q`, `k` and `v` of every head are."""
        attended, last = self.attended, self.position
        if attended.q is not None and attended.k is not None and attended.v is not None:
            q, k, v = attended.q[0], attended.k[0], attended.v[0]  # (heads, positions, head_dim)
            return (
                self.layout("q", [reached(head[last], self.before, last) for head in q], q.shape[-1]),
                self.layout("k", [reached(head[0], self.before, 0) for head in k], k.shape[-1]),
                self.layout("v", [reached(head[0], self.before, 0) for head in v], v.shape[-1]),
            )
        assert attended.scores is not None
        scores = attended.scores.reshape(-1, *attended.scores.shape[-3:])[0]  # (heads, queries, keys)
        # Weights that sum to zero, as what is subtracted from all of a row (its greatest) is of no projection's own;
        # several keys and queries, as two of them may be alike in bfloat16.
        contrast = torch.tensor([[1.0, 0.5], [-0.25, -1.0], [-0.75, 0.5]], dtype=scores.dtype, device=scores.device)
        scores = scores[..., :3] @ contrast  # (heads, queries, contrasts)
        keys = [
            together([reached(each, self.before, 0) for each in score[last - 1 : last + 1].flatten()])
            for score in scores
        ]
        queries = [together([reached(each, self.before, last) for each in score[last]]) for score in scores]
        both = [reached(self.z_of(head), self.before, 0) for head in range(self.count)]
        size = at_position(self.z, last).numel() // self.count
        return (
            self.layout("q", queries, size),
            self.layout("k", keys, size),
            self.layout("v", [without(*pair) for pair in zip(both, keys, strict=True)], size),
        )

    def layout(self, name: str, heads: Sequence[Reached], size: int) -> Layout | str:
        """The layout of one of `q`, `k`, `v` with heads of `size`, by what they reach; else why there is none."""
        if not all(len(reach) == 1 for reach in heads) or len({id(reach[0][0]) for reach in heads}) > 1:
            return f"{name} is not made by one projection alone"
        distinct = list({tuple(reach[0][1].tolist()): None for reach in heads})
        # a norm over all heads (OLMo 2) reaches all columns: they are one after the other
        in_a_row = len(distinct) == 1 and len(distinct[0]) % size == 0
        columns = torch.tensor(distinct[0]).reshape(-1, size) if in_a_row else None
        if columns is None and len({len(each) for each in distinct}) == 1:
            columns = torch.tensor(distinct)
        if columns is None or len(set(columns.flatten().tolist())) != columns.numel() or columns.shape[1] != size:
            return f"{name} does not lie in columns of its own for each head"
        return next(index for index, each in enumerate(self.before) if each is heads[0][0][0]), columns


def together(several: Sequence[Reached]) -> Reached:
    """What any of several numbers reach."""
    found: dict[int, tuple[ProjectionCall, torch.Tensor]] = {}
    for each, columns in (pair for reach in several for pair in reach):
        before = found[id(each)][1] if id(each) in found else columns
        found[id(each)] = each, torch.tensor(sorted({*before.tolist(), *columns.tolist()}), device=columns.device)
    return list(found.values())


def without(both: Reached, keys: Reached) -> Reached:
    """What is reached by a head's values and keys, less its keys."""
    own = {id(each): columns for each, columns in keys}
    left = [
        (each, columns[~torch.isin(columns, own[id(each)])] if id(each) in own else columns) for each, columns in both
    ]
    return [(each, columns) for each, columns in left if len(columns)]

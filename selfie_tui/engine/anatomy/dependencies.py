"""One forward with gradients: what depends on which position and on which column of a projection's output.

The output of every projection is cut from what made it, so that gradients reach the nearest projections and no further.

A worked example. One attention, in five lines, for one row of three positions:

    q, k, v = split(c_attn(x))     ProjectionCall c_attn, output a leaf L (1, 3, 3 * hidden)
    scores = q @ k.T               an operation between L and the softmax
    p = softmax(scores)            AttentionCall, scores (1, heads, 3, 3) with gradients
    z = p @ v                      an operation
    return c_proj(z)               ProjectionCall c_proj, input z with gradients to L, output a new leaf

`reached(z at the last position, [c_attn], 0)` sums z there and takes the gradient with respect to L at position 0: it
is not zero, so the attention mixes positions, and it is not zero in the columns of k and v alone. `c_proj` ends the
way: its output is a leaf, so that what follows depends on `c_proj` and not on `c_attn`. An MLP between the same
positions gives zero at position 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from selfie_tui.engine.anatomy.calls import paths_of, tensors_in
from selfie_tui.engine.anatomy.locations import ModuleCall, is_projection


@dataclass(frozen=True)
class ProjectionCall:
    """A call of a projection in a forward of one row: its input, and its output as a leaf of the graph.

    Both have one row and any number of positions, `(1, positions, width)` or `(positions, width)`. `within` are the
    calls that it was made in, and itself.
    """

    call: ModuleCall
    within: frozenset[ModuleCall]
    input: torch.Tensor
    output: torch.Tensor


@dataclass(frozen=True)
class AttentionCall:
    """A call of the softmax or of the fused attention: `scores` `(1, heads, queries, keys)`, or `q`, `k`, `v`.

    `scores` may lack the first axis; `q`, `k` and `v` are `(1, heads, positions, head_dim)`.
    """

    within: frozenset[ModuleCall]
    scores: torch.Tensor | None = None
    q: torch.Tensor | None = None
    k: torch.Tensor | None = None
    v: torch.Tensor | None = None

    @property
    def heads(self) -> int:
        """The number of heads that attend."""
        if self.q is not None:
            return int(self.q.shape[1])
        assert self.scores is not None
        return int(self.scores.shape[-3])


@dataclass(frozen=True)
class Dependencies:
    """The projections and attentions of one forward, in order."""

    projections: tuple[ProjectionCall, ...]
    attentions: tuple[AttentionCall, ...]

    def inside(self, region: ModuleCall) -> list[ProjectionCall]:
        """The projections called within a region, in order."""
        return [each for each in self.projections if region in each.within]

    def attention(self, region: ModuleCall) -> AttentionCall | None:
        """The first attention computed within a region."""
        return next((each for each in self.attentions if region in each.within), None)

    def of(self, path: str, number: int) -> ProjectionCall | None:
        """A call of the projection at a path."""
        return next((each for each in self.projections if each.call == ModuleCall(path, number)), None)

    def reads_other(self, region: ModuleCall, positions: int) -> bool:
        """Whether projections within a region work on a sequence that is not of this many positions: the encoder's."""
        shapes = [each.output.shape for each in self.inside(region) if each.output.dim() == 3]
        return any(1 in shape[:2] and max(shape[:2]) != positions for shape in shapes)


class Attentions(TorchFunctionMode):
    """While open, notes every softmax over keys and every fused attention."""

    def __init__(self, note: Callable[..., None]) -> None:
        super().__init__()
        self.note = note

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "scaled_dot_product_attention":
            q, k, v = (*args, *(kwargs[key] for key in ("query", "key", "value") if key in kwargs))[:3]
            if q.dim() == 4 and q.shape[0] == 1:
                self.note(q=q, k=k, v=v)
        elif name == "softmax":
            scores = args[0] if args else kwargs["input"]
            of_heads = (scores.dim(), scores.shape[0] > 1) in ((3, True), (4, False))
            if of_heads and min(scores.shape[-2:]) > 1 and scores.requires_grad:
                self.note(scores=scores)
        return func(*args, **kwargs)


def trace_dependencies(module: nn.Module, run: Callable[[], Any], regions: Sequence[ModuleCall]) -> Dependencies:
    """The projections and attentions in `run`, a forward of one row, within the regions."""
    modules, paths = dict(module.named_modules()), paths_of(module)
    inside = {id(part) for region in regions for part in modules[region.path].modules()}
    watched = [part for part in module.modules() if id(part) in inside]
    counts: dict[int, int] = {}
    stack: list[ModuleCall] = []
    projections: list[ProjectionCall] = []
    attentions: list[AttentionCall] = []

    def before(part: nn.Module, args: Any) -> None:
        number = counts.get(id(part), 0)
        counts[id(part)] = number + 1
        stack.append(ModuleCall(paths[id(part)], number))

    def after(part: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        within = frozenset(stack)
        call = stack.pop()
        entry = next((tensor for _, tensor in tensors_in((args, kwargs), 3)), None)
        if entry is None or not is_projection(part) or not isinstance(output, torch.Tensor):
            return None
        leaf = output.detach().requires_grad_()
        projections.append(ProjectionCall(call, within, entry, leaf))
        return leaf.clone()  # no leaf, as models may write into it

    def note(**tensors: torch.Tensor) -> None:
        attentions.append(AttentionCall(frozenset(stack), **tensors))

    with hooked(watched, before, after), torch.enable_grad(), Attentions(note):
        run()
    return Dependencies(tuple(projections), tuple(attentions))


@contextmanager
def hooked(modules: Sequence[nn.Module], before: Any, after: Any) -> Iterator[None]:
    """While open, functions are called before and after every call of the modules."""
    with ExitStack() as handles:
        for module in modules:
            handles.callback(module.register_forward_pre_hook(before).remove)
            handles.callback(module.register_forward_hook(after, with_kwargs=True).remove)
        yield


def at_position(tensor: torch.Tensor, position: int) -> torch.Tensor:
    """The numbers of a tensor of one row at a position, its first axis that is longer than one: `(width,)`."""
    axis = next((axis for axis, size in enumerate(tensor.shape) if size > 1), 0)
    return tensor.movedim(axis, 0)[position].flatten()


def has_positions(tensor: torch.Tensor, position: int) -> bool:
    """Whether a tensor of one row, `(1, positions, width)`, has a width at a position."""
    sizes = [size for size in tensor.shape if size > 1]
    return len(sizes) > 1 and sizes[0] > position


def reached(
    numbers: torch.Tensor, projections: Sequence[ProjectionCall], position: int
) -> list[tuple[ProjectionCall, torch.Tensor]]:
    """The projections on whose outputs at a position some numbers depend, each with those columns `(columns,)` int64.

    `numbers` may have any shape.
    """
    usable = [each for each in projections if has_positions(each.output, position)]
    if not numbers.requires_grad or not usable:
        return []
    outputs = [each.output for each in usable]
    columns: dict[int, torch.Tensor] = {}
    # by two weightings, as one may give zero by chance in bfloat16
    steps = torch.arange(numbers.numel(), dtype=torch.float32, device=numbers.device)
    for weights in (1 + steps / len(steps), torch.cos(steps)):
        total = (numbers.flatten() * weights.to(numbers.dtype)).sum()
        gradients = torch.autograd.grad(total, outputs, retain_graph=True, allow_unused=True)
        for index, gradient in enumerate(gradients):
            if gradient is not None:
                hit = at_position(gradient, position) != 0
                columns[index] = columns.get(index, torch.zeros_like(hit)) | hit
    found = [(usable[index], hit.nonzero().flatten()) for index, hit in sorted(columns.items())]
    return [(each, reached_columns) for each, reached_columns in found if len(reached_columns)]


def mixes_positions(region: ModuleCall, seen: Dependencies, position: int) -> bool:
    """Whether the input of a projection at a position depends on the outputs of earlier ones at the first position."""
    inside = seen.inside(region)
    for index, each in enumerate(inside):
        if has_positions(each.input, position) and reached(at_position(each.input, position), inside[:index], 0):
            return True
    return False

"""One forward with gradients: what depends on which position and on which number of a projection.

The output of every projection is cut from what made it, so that gradients reach the nearest projections and no further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from selfie_tui.engine.anatomy.calls import tensors_in
from selfie_tui.engine.anatomy.locations import ModuleCall, is_projection

Key = tuple[int, int]
"""A module's id and which of its calls."""


@dataclass(frozen=True)
class ProjectionCall:
    """A call of a projection with one row: what it took, and what it gave as a leaf of the graph."""

    module: nn.Module
    number: int
    within: frozenset[Key]
    taken: torch.Tensor
    given: torch.Tensor


@dataclass(frozen=True)
class AttentionCall:
    """A call of the softmax or of the fused attention: `scores` `(1, heads, queries, keys)`, or `q`, `k`, `v`.

    `scores` may lack the first axis; `q`, `k` and `v` are `(1, heads, positions, head_dim)`.
    """

    within: frozenset[Key]
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
    """What happened in the forward."""

    projections: tuple[ProjectionCall, ...]
    attentions: tuple[AttentionCall, ...]

    def inside(self, region: ModuleCall) -> list[ProjectionCall]:
        """The projections called within a region, in order."""
        return [each for each in self.projections if region.key in each.within]

    def attention(self, region: ModuleCall) -> AttentionCall | None:
        """The first attention computed within a region."""
        return next((each for each in self.attentions if region.key in each.within), None)

    def of(self, module: nn.Module, number: int) -> ProjectionCall | None:
        """A call of a projection."""
        return next((each for each in self.projections if each.module is module and each.number == number), None)

    def reads_other(self, region: ModuleCall, positions: int) -> bool:
        """Whether projections within a region work on a sequence that is not of this many positions: the encoder's."""
        shapes = [each.given.shape for each in self.inside(region) if each.given.dim() == 3]
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
    """What happens in `run`, a forward of one row, within the regions."""
    wanted = {id(part) for region in regions for part in region.module.modules()}
    watched = [part for part in module.modules() if id(part) in wanted]
    counts: dict[int, int] = {}
    stack: list[Key] = []
    projections: list[ProjectionCall] = []
    attentions: list[AttentionCall] = []

    def before(part: nn.Module, args: Any) -> None:
        number = counts.get(id(part), 0)
        counts[id(part)] = number + 1
        stack.append((id(part), number))

    def after(part: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        within = frozenset(stack)
        _, number = stack.pop()
        taken = next((tensor for _, tensor in tensors_in((args, kwargs), 3)), None)
        if taken is None or not is_projection(part) or not isinstance(output, torch.Tensor):
            return None
        leaf = output.detach().requires_grad_()
        projections.append(ProjectionCall(part, number, within, taken, leaf))
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
    """Whether a tensor of one row has a width at so many positions."""
    sizes = [size for size in tensor.shape if size > 1]
    return len(sizes) > 1 and sizes[0] > position


def reached(
    numbers: torch.Tensor, projections: Sequence[ProjectionCall], position: int
) -> list[tuple[ProjectionCall, torch.Tensor]]:
    """The projections on whose outputs at a position some numbers depend, each with the columns they depend on."""
    usable = [each for each in projections if has_positions(each.given, position)]
    if not numbers.requires_grad or not usable:
        return []
    given = [each.given for each in usable]
    columns: dict[int, torch.Tensor] = {}
    # by two weightings, as one may give zero by chance in bfloat16
    steps = torch.arange(numbers.numel(), dtype=torch.float32, device=numbers.device)
    for weights in (1 + steps / len(steps), torch.cos(steps)):
        total = (numbers.flatten() * weights.to(numbers.dtype)).sum()
        gradients = torch.autograd.grad(total, given, retain_graph=True, allow_unused=True)
        for index, gradient in enumerate(gradients):
            if gradient is not None:
                hit = at_position(gradient, position) != 0
                columns[index] = columns.get(index, torch.zeros_like(hit)) | hit
    found = [(usable[index], hit.nonzero().flatten()) for index, hit in sorted(columns.items())]
    return [(each, places) for each, places in found if len(places)]


def mixes_positions(region: ModuleCall, probed: Dependencies, position: int) -> bool:
    """Whether a projection within a region is given, at a position, what earlier ones gave at the first position."""
    inside = probed.inside(region)
    for place, each in enumerate(inside):
        if has_positions(each.taken, position) and reached(at_position(each.taken, position), inside[:place], 0):
            return True
    return False

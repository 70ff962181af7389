"""Which tensors of one forward add up to another: the test by which sub-layers are found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import torch

MOST_TERMS = 5
"""Most terms of a sum: LongCat's blocks have two attentions, two dense networks, and experts."""

MOST_SUMS = 200_000
"""Most sums of one length that are tried."""

ROUNDINGS = 8.0
"""Largest error of a sum in float32, root mean square, in units of the last place of the numbers that are added."""
ROUNDINGS_IN_HALF = 0.5

FLOOR = 0.1
"""Numbers smaller than this share of their position's count as of that size: they come from the sum of larger ones."""

BETTER = 0.5
"""By how much one more term must lower the error: leaving out a small sub-layer may hide in the rounding of bf16."""


@dataclass(frozen=True)
class Sum:
    """Terms by their index and factor, and the error that is left, relative to the stream."""

    terms: tuple[int, ...]
    factors: tuple[float, ...]
    error: float


def is_wide(dtype: torch.dtype) -> bool:
    """Whether a number format has the precision of float32 or more."""
    return torch.finfo(dtype).eps <= torch.finfo(torch.float32).eps


def tolerance(dtype: torch.dtype) -> float:
    """The largest error of a sum that holds, relative to the numbers of the stream that it is added to."""
    return (ROUNDINGS if is_wide(dtype) else ROUNDINGS_IN_HALF) * torch.finfo(dtype).eps


def exact(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in float64, on the CPU: not every device has that format."""
    return tensor.detach().cpu().double()


def exactness(after: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """One by the size of what was rounded, for each number of a stream before and after a sum, all of one shape."""
    sizes = after.abs() + before.abs()
    return 1 / (sizes + FLOOR * sizes.square().mean(-1, keepdim=True).sqrt()).clamp_min(torch.finfo(torch.float64).tiny)


def is_sum(value: torch.Tensor, summed: torch.Tensor, before: torch.Tensor) -> bool:
    """Whether a value is `summed` but for rounding; `before` is a term of that sum. All are of one shape."""
    expected = exact(summed)
    error = (exact(value) - expected) * exactness(expected, exact(before))
    return float(error.square().mean().sqrt()) <= tolerance(value.dtype)


def find_sum(
    before: torch.Tensor, after: torch.Tensor, parts: Sequence[torch.Tensor], most: int = MOST_TERMS
) -> Sum | None:
    """The fewest parts that, each by one factor, make `after` of `before`, None if there are none; all of one shape.

    Factors are greater than zero, as a state of the stream less what was added to it is not a part of what is added.
    All is computed in float64. Each number counts by what it can be rounded by, so that one massive number hides
    nothing of the others. Of several sums of as many parts that with the most factors of one, then the most exact.
    """
    start, end = exact(before), exact(after)
    added = end - start
    if not parts or not bool(added.any()):
        return None
    allowed = tolerance(after.dtype)
    weights = exactness(end, start)
    rows = torch.stack([(exact(part) * weights).flatten() for part in parts])  # (parts, numbers)
    target, size = (added * weights).flatten(), added.numel() ** 0.5
    gram, along = rows @ rows.T, rows @ target
    best: Sum | None = None
    for count in range(1, min(most, len(parts)) + 1):
        if comb(len(parts), count) > MOST_SUMS:
            break
        chosen = torch.tensor(list(combinations(range(len(parts)), count)))  # (sums, terms)
        square = gram[chosen.unsqueeze(2), chosen.unsqueeze(1)]
        factors, info = torch.linalg.solve_ex(square, along[chosen].unsqueeze(2))
        left = target.square().sum() - (along[chosen] * factors.squeeze(2)).sum(1)
        likely = (info == 0) & (factors > 0).all(1).squeeze(1) & (left <= (2 * allowed * size) ** 2)
        near = torch.where((factors - 1).abs() <= allowed + 1e-5, torch.ones_like(factors), factors).squeeze(2)
        sums = [
            Sum(tuple(chosen[index].tolist()), tuple(near[index].tolist()), error)
            for index in likely.nonzero().flatten()
            if (error := float((target - near[index] @ rows[chosen[index]]).norm()) / size) <= allowed
        ]
        found = min(sums, key=lambda each: (-each.factors.count(1.0), each.error), default=None)
        if best is not None:
            return found if found is not None and found.error <= BETTER * best.error else best
        best = found
        if best is not None and is_wide(after.dtype):
            return best
    return best

"""Which tensors of one forward add up to another: the test by which sub-layers are found.

A worked example. A block adds two tensors to the stream, here one number of each, in bfloat16 (8 significant bits):

    before  x = 1.0
    parts   a = 0.25,  n = 0.9,  f = 2.0
    after   y = 3.25

`find_sum(x, y, [a, n, f])` first tries each part alone: y - x = 2.25 is 9 a, 2.5 n or 1.125 f, but over all the
numbers of a real state no one factor fits. Of the pairs, a + f fits with both factors 1, so the answer is the parts 0
and 2. The error that is left is compared with the rounding of the numbers that were added: each of |x|, |a|, |f| and
|y| was rounded to one part in 256, so that y may be off by about 0.03, however small y - x is. Where a = 300 and
f = -299, y is as small as before, but the sum in between was rounded to even numbers: the tolerance follows the
summands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
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

SOLVED = 1e-12
"""Error of a sum whose factors come of least squares in float64, which a stream of that format is allowed too."""

PRODUCTS = 64.0
"""Largest error of a square of what is left over, in units of the last place of the squares that it is computed of."""

FLOOR = 0.1
"""Numbers smaller than this share of their position's count as of that size: they come from the sum of larger ones."""

BETTER = 0.5
"""By how much one more term must lower the error: leaving out a small sub-layer may hide in the rounding of bf16."""


@dataclass(frozen=True)
class Sum:
    """Terms by their index and factor, and the error that is left, relative to the numbers that are added."""

    terms: tuple[int, ...]
    factors: tuple[float, ...]
    error: float


def is_wide(dtype: torch.dtype) -> bool:
    """Whether a number format has the precision of float32 or more."""
    return torch.finfo(dtype).eps <= torch.finfo(torch.float32).eps


def tolerance(dtype: torch.dtype) -> float:
    """The largest error of a sum that holds, relative to the numbers that are added, in the format of the stream."""
    return max(SOLVED, (ROUNDINGS if is_wide(dtype) else ROUNDINGS_IN_HALF) * torch.finfo(dtype).eps)


def exact(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor `(...)` in float64, on the CPU: not every device has that format."""
    return tensor.detach().cpu().double()


def exactness(*summands: torch.Tensor) -> torch.Tensor:
    """One by the size of what was rounded, for each number of a sum; summands and result are of one shape `(...)`."""
    sizes = torch.stack([each.abs() for each in summands]).sum(0)
    return 1 / (sizes + FLOOR * sizes.square().mean(-1, keepdim=True).sqrt()).clamp_min(torch.finfo(torch.float64).tiny)


def is_sum(value: torch.Tensor, summed: torch.Tensor, before: torch.Tensor) -> bool:
    """Whether a value is `summed` but for rounding; `before` is a term of that sum. All are of one shape `(...)`."""
    expected, start = exact(summed), exact(before)
    error = (exact(value) - expected) * exactness(expected, start, expected - start)
    return float(error.square().mean().sqrt()) <= tolerance(value.dtype)


@dataclass(frozen=True)
class Addition:
    """A stream before and after something was added, and the parts that may have been; in float64, of one shape.

    `allowed` is the largest error of a sum, in units of the numbers that are added.
    """

    before: torch.Tensor
    after: torch.Tensor
    parts: tuple[torch.Tensor, ...]
    allowed: float

    def best(self, count: int) -> Sum | None:
        """Of the sums of so many parts that with the most factors of one, then the most exact; None if none holds."""
        sums = (self.checked(terms, factors) for terms, factors in self.likely(count))
        holding = (each for each in sums if each.error <= self.allowed)
        return min(holding, key=lambda each: (-each.factors.count(1.0), each.error), default=None)

    def checked(self, terms: Sequence[int], factors: Sequence[float]) -> Sum:
        """A sum with its error, root mean square, relative to the numbers that are added."""
        added = [factor * self.parts[term] for term, factor in zip(terms, factors, strict=True)]
        left = (self.after - self.before - sum(added)) * exactness(self.before, self.after, *added)
        return Sum(tuple(terms), tuple(factors), float(left.square().mean().sqrt()))

    def likely(self, count: int) -> Iterator[tuple[list[int], list[float]]]:
        """Parts and factors that come near, with all factors one, or else with those of least squares."""
        gram, along, square, size = self.products
        chosen = torch.tensor(list(combinations(range(len(self.parts)), count)))  # (sums, terms)
        inner, outer = gram[chosen.unsqueeze(2), chosen.unsqueeze(1)], along[chosen]
        lengths = gram.diagonal().sqrt()[chosen]  # (sums, terms)

        def near(left: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
            sizes = size + (lengths * factors).sum(1)
            # the squares cancel out, so that what is left of them has an error of their own size
            return left <= ((2 * self.allowed) ** 2 + PRODUCTS * torch.finfo(left.dtype).eps) * sizes.square()

        ones = torch.ones_like(outer)
        plain = near(square - 2 * outer.sum(1) + inner.sum((1, 2)), ones)
        solved, info = torch.linalg.solve_ex(inner, outer.unsqueeze(2))
        solved = solved.squeeze(2)
        fitted = (
            (info == 0) & (solved > self.allowed).all(1) & near(square - (outer * solved).sum(1), solved.clamp_min(0))
        )
        for index in plain.nonzero().flatten():
            yield chosen[index].tolist(), ones[index].tolist()
        snapped = torch.where((solved - 1).abs() <= self.allowed + 1e-5, ones, solved)
        for index in fitted.nonzero().flatten():
            yield chosen[index].tolist(), snapped[index].tolist()

    @cached_property
    def products(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
        """Products of the weighted parts: with one another, `(parts, parts)`, and with what was added, `(parts,)`.

        Then the square of what was added, and the stream's size.

        Each number counts by what it can be rounded by, so that one massive number hides nothing of the others.
        """
        weights = exactness(self.before, self.after)
        rows = torch.stack([(part * weights).flatten() for part in self.parts])  # (parts, numbers)
        target = ((self.after - self.before) * weights).flatten()
        return rows @ rows.T, rows @ target, target.square().sum(), target.numel() ** 0.5


def find_sum(
    before: torch.Tensor, after: torch.Tensor, parts: Sequence[torch.Tensor], most: int = MOST_TERMS
) -> Sum | None:
    """The fewest parts that, each by one factor, make `after` of `before`, None if there are none.

    All are of one shape `(..., hidden)`.

    Factors are greater than zero, as a state of the stream less what was added to it is not a part of what is added,
    and than what rounding alone would explain.
    All is computed in float64. In narrow formats one more part is taken where it makes the sum more exact.
    """
    if not parts or torch.equal(before, after):
        return None
    addition = Addition(exact(before), exact(after), tuple(map(exact, parts)), tolerance(after.dtype))
    best: Sum | None = None
    for count in range(1, min(most, len(parts)) + 1):
        if comb(len(parts), count) > MOST_SUMS:
            break
        found = addition.best(count)
        if best is not None:
            return found if found is not None and found.error <= BETTER * best.error else best
        best = found
        if best is not None and is_wide(after.dtype):
            return best
    return best

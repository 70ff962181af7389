"""Whether two lists of numbers are in the same order."""

from __future__ import annotations

import math
from collections.abc import Sequence


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The correlation of the ranks of two lists (Spearman), over what is a number in both; equal ones share a rank.

    None where one of them is the same everywhere. What is exactly 0 in both is left out: there nothing differs.
    """
    both = [pair for pair in zip(one, other, strict=True) if all(map(math.isfinite, pair)) and any(pair)]
    if len(both) < 2:
        return None
    mine, theirs = (_mean_ranks(column) for column in zip(*both, strict=True))
    middle = (len(both) + 1) / 2
    mine, theirs = [rank - middle for rank in mine], [rank - middle for rank in theirs]
    lengths = math.hypot(*mine) * math.hypot(*theirs)
    return sum(a * b for a, b in zip(mine, theirs, strict=True)) / lengths if lengths else None


def _mean_ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    first = 0
    while first < len(order):
        after = first
        while after < len(order) and values[order[after]] == values[order[first]]:
            after += 1
        for index in order[first:after]:
            ranks[index] = (first + 1 + after) / 2
        first = after
    return ranks

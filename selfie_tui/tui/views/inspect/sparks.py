"""Rows of bars: many values in few cells, the one under the cursor between bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from selfie_tui.glyphs import bar
from selfie_tui.records import FAR
from selfie_tui.tui.render.styles import Piece, Pieces


def scaled(values: Sequence[float]) -> list[float]:
    """Values that are not negative as shares of the largest; NaN stays.

    The largest is `FAR` times the median at most: a few tokens have states a hundred times longer than all others,
    beside which no difference between those would be seen.
    """
    finite = [value for value in values if math.isfinite(value)]
    largest = max(finite, default=0.0)
    middle = median(finite) if finite else 0.0
    top = min(largest, FAR * middle) if middle > 0 else largest
    return [_share(value, top) for value in values]


def _share(value: float, top: float) -> float:
    if math.isnan(value) or top <= 0:
        return math.nan if math.isnan(value) else 0.0
    return min(value / top, 1.0)


def pooled(values: Sequence[float], cells: int) -> list[float]:
    """The values in so many cells at most: where they are more, the largest of each group; NaN where one is."""
    if len(values) <= cells:
        return list(values)
    edges = [cell * len(values) // cells for cell in range(cells + 1)]
    return [_largest(values[first:end]) for first, end in pairwise(edges)]


def _largest(values: Sequence[float]) -> float:
    return math.nan if any(math.isnan(value) for value in values) else max(values)


def spark(values: Sequence[float], cells: int, here: int | None = None) -> Pieces:
    """Bars of values that are not negative, the value of number `here` between `▌` and `▐`.

    It takes `cells` at most, of which two are for these.
    """
    free = cells if here is None else cells - 2
    if not values or free < 1:
        return ()
    bars = [bar(value) for value in pooled(scaled(values), free)]
    if here is None:
        return (Piece("".join(bars)),)
    place = min(here * len(bars) // len(values), len(bars) - 1)
    before, after = "".join(bars[:place]), "".join(bars[place + 1 :])
    return (Piece(before), Piece("▌", "key"), Piece(bars[place], "strong"), Piece("▐", "key"), Piece(after))


NUMBER_CELLS = 6
"""Cells of a number."""


def number(value: float) -> str:
    """A number in `NUMBER_CELLS`, right aligned: `41.2`, `-.02`, `1e+06`; `×` for what is not one."""
    return shortest(value).rjust(NUMBER_CELLS)


def shortest(value: float) -> str:
    """A number in three figures, without a zero before its point; in one figure where that is too long."""
    if math.isnan(value):
        return "×"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    written = f"{value:.3g}"
    short = written.replace("0.", ".", 1) if abs(value) < 1 and "e" not in written else written
    return short if len(short) <= NUMBER_CELLS else f"{value:.0e}"


def count(number: int) -> str:
    """A count in a few characters: `576`, `4.9 M`, `134.5 M`."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f} {letter}"
    return str(number)

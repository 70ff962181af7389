"""Scores of patched runs: how they are written and drawn, and how well an estimate tells their order."""

from __future__ import annotations

import math
from collections.abc import Sequence

from selfie_tui.glyphs import NOT_A_NUMBER
from selfie_tui.tui.widgets.map.cells import MapCell

NUMBER_CELLS = 4
"""Cells that a score takes at most, as it is written in a map."""

NOT_RUN = MapCell("read", math.nan)
"""A site that has no score: it was not run, or what was measured is not a number."""


def number(score: float) -> str:
    """A score in at most four cells: `.84`, `-.12`, `1.0`, `-2.3`, `12`; `×` for what is not a number."""
    if math.isnan(score):
        return NOT_A_NUMBER
    if math.isinf(score):
        return "inf" if score > 0 else "-inf"
    size = abs(score)
    shown = f"{size:.2f}"[1:] if size < 0.995 else f"{size:.1f}" if size < 9.95 else f"{size:.0f}"
    if len(shown) >= NUMBER_CELLS:
        shown = f"{size:.0e}".replace("e+0", "e").replace("e+", "e")
    return f"-{shown}" if score < 0 and shown != ".00" else shown


def change(value: float) -> str:
    """A change of the metric's number with its sign, in four or five cells: `+3.1`, `-0.4`, `+.02`."""
    if math.isnan(value):
        return NOT_A_NUMBER
    shown = number(value)
    return shown if shown.startswith("-") else f"+{shown}"


def score_cell(score: float, shown: str = "") -> MapCell:
    """The cell of a score: heat from 0 to 1, and below 0 the sign in place of it; `shown` stands for its number."""
    if math.isnan(score):
        return NOT_RUN
    written = shown or number(score)
    if number(score).startswith("-"):
        return MapCell("negative", min(-score, 1.0), written)
    return MapCell("read", min(score, 1.0), written)


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

"""Scores of patched runs: how they are written and drawn, and how well an estimate tells their order."""

from __future__ import annotations

import math

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

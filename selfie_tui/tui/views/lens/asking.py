"""Which positions of the lens are asked for next: what is missing in sight, near the cursor first."""

from __future__ import annotations

from collections.abc import Iterable

from selfie_tui.records import ReadLens
from selfie_tui.tui.lenses import TOKENS
from selfie_tui.tui.views.lens.table import LensTable

ORIGIN = "lens"
"""Who asks, so that the list of layers, which asks for one position, is not in the way."""

AT_ONCE = 16
"""Positions that one task asks for: another task for what is then in sight may follow it soon."""


def missing(table: LensTable, wanted: Iterable[int], cursor: int, track: str) -> tuple[int, ...]:
    """The wanted positions that a table lacks, those near the cursor first, at most `AT_ONCE`."""
    lacking = {position for position in wanted if table.lacks(position, track)}
    near = sorted(lacking, key=lambda position: (abs(position - cursor), position))
    return tuple(sorted(near[:AT_ONCE]))


def next_task(
    table: LensTable, prompt: str, stack: str, wanted: Iterable[int], cursor: int, track: str, tuned: str
) -> ReadLens | None:
    """What to ask for next; None where nothing that is wanted is missing."""
    positions = missing(table, wanted, cursor, track)
    if not positions:
        return None
    return ReadLens(prompt, positions, k=TOKENS, stack=stack, track=track, tuned=tuned, origin=ORIGIN)

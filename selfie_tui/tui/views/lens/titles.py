"""What stands on the borders of the map of the lens: what it shows, its scale, the search, what is in sight."""

from __future__ import annotations

from collections.abc import Iterable

from selfie_tui import text
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.lens.measures import DIFFERENCE
from selfie_tui.tui.views.lens.source import LensSource
from selfie_tui.tui.widgets.map.layers import LayerMap

MOST_PROMPT = 24
"""Characters of the other prompt."""


def title(state: AppState, source: LensSource, tuned: str, look: Look) -> str:
    """` · top token · difference · A: The capital of France · 5 of 6 tokens aligned`."""
    tracked = source.table.tracked.get(source.track)
    track = look.visible(tracked.text) if tracked else look.prose(source.track)
    parts = ["top token, tuned lens" if tuned else "top token", source.measure.name]
    if track:
        parts.append(f"track {track}")
    if state.pair and source.other:
        parts.append("A: " + look.prose(state.pair.prompt)[:MOST_PROMPT])
        if source.measure is DIFFERENCE and source.alignment is not None:
            parts.append(source.alignment.words())
    return "".join(f" · {part}" for part in parts if part)


def border(source: LensSource, map: LayerMap, query: str, width: int) -> str:
    """As much as fits of the scale in words, the search, the cursor's row over all tokens, and what is in sight."""
    found = f"/ {query}: {map.found.count(map.cursor)}" if map.found.query else ""
    scale, words = source.measure.legend(source.vocabulary)
    spark, extent = map.spark(), map.extent()
    versions = (
        (f"{scale} {words}", found, spark, extent),
        (scale, found, spark, extent),
        (scale, found, extent),
        (found, extent),
    )
    return first_that_fits(versions, width)


def first_that_fits(versions: Iterable[tuple[str, ...]], width: int) -> str:
    """The parts of the first version that is no wider, side by side; else the last one's."""
    joined = [" ── ".join(part for part in version if part) for version in versions]
    return next((line for line in joined if text.width(line) <= width), joined[-1])

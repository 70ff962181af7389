"""What stands on the borders of the map: which readings these are, what their heat is, and what is in sight."""

from __future__ import annotations

from collections.abc import Sequence

from selfie_tui import text
from selfie_tui.measures import Measure
from selfie_tui.records import layer_name
from selfie_tui.settings import differences
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.views.grid.readings import Readings
from selfie_tui.tui.views.grid.source import scale_of

BORDER_CELLS = 6
"""Cells of a border that its text does not have."""

FULL_LEGEND = 100
"""Cells of a border from which on the measure is explained."""


def title(readings: Readings | None, maps: Sequence[Readings], measure: Measure, look: Look, walk: str = "") -> str:
    """` · map 2 of 3 · summarize at embed, replace · effect`; of a list, what it is of instead of the measure."""
    shown = walk or look.prose(measure.name)
    if readings is None:
        return f" · {shown}"
    numbered = f"map {maps.index(readings) + 1} of {len(maps)} · " if len(maps) > 1 else ""
    return f" · {numbered}{settings_words(readings, look)} · {shown}"


def settings_words(readings: Readings, look: Look) -> str:
    """`summarize at embed, replace ×2, temperature 0.5`: what was asked, as far as it is not as usual."""
    request = readings.asked.request
    words = f"{look.prose(request.preset.name)} at {layer_name(request.injection_layer)}, {request.mode}"
    if request.strength != 1.0:
        words += f" ×{request.strength:g}"
    of_module = [f"read from {request.module}"] if request.module else []
    edits = readings.asked.info.edits if readings.asked.info else ()
    edited = [f"edited {len(edits)}"] if edits else []
    return ", ".join([words, *(look.prose(other) for other in (*of_module, *edited, *differences(request)))])


def border(heat: str, found: str, left: str, spark: str, extent: str, width: int) -> str:
    """What fits a border of a pane of this width: first what is in sight, then what is left, the search, heat."""
    kept: dict[str, str] = {}
    for name, part in (("extent", extent), ("left", left), ("found", found), ("heat", heat), ("spark", spark)):
        if part and text.width(" · ".join([*kept.values(), part])) <= width - BORDER_CELLS:
            kept[name] = part
    return " · ".join(kept[name] for name in ("heat", "found", "left", "spark", "extent") if name in kept)


def legend(measure: Measure, width: int) -> str:
    """`▁ 0 … █ 1 mean effect of the words · = control`; on a narrow border only what the ends of the heat are."""
    scale = scale_of(measure)
    return f"{scale} {measure.title} · = control" if width >= FULL_LEGEND else f"{scale} · = control"

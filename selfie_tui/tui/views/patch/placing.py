"""Where the cursor stands on a map that has just come: on what is patched, and at last on the strongest site.

A layer that the user has chosen is left as it is, and so is a token or head: then only the layer is looked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from selfie_tui.tui.views.patch.patches import Patches
from selfie_tui.tui.views.patch.patching import Patching, Place


def place_cursor(patches: Patches) -> bool:
    """Put the cursor where the map that is shown has something to see; whether it has moved.

    While nothing is known of the scores that is the first layer that is patched; once all are estimated, the site that
    is estimated to be the strongest; once all are run, the one that is.
    """
    shown, selection = patches.here, patches.state.selection
    if shown is None or shown.began is None or selection.layer_chosen:
        return False
    known: Literal["", "estimated", "run"] = "run" if shown.is_whole else "estimated" if shown.estimates else ""
    if known and shown.cursor_placed in ("run", known):
        return False
    places = list(_places(patches, shown))
    if known:
        shown.cursor_placed = known
        scored = [place for place in places if not math.isnan(_score(shown, place))]
        here = patches.column
        best = min(
            scored,
            key=lambda place: (-abs(_score(shown, place)), _column(place) != here, place[1], _column(place)),
            default=None,
        )
        return best is not None and _put(patches, best)
    if not places or patches.cursor in places:
        return False
    here = patches.column
    return _put(patches, min(places, key=lambda place: (_column(place) != here, place[1], -_column(place))))


def _places(patches: Patches, shown: Patching) -> Iterable[Place]:
    """The places of the activation that is shown; those under the cursor where its token or head was chosen."""
    name, heads = patches.choices.name, patches.choices.site == "heads"
    held = patches.column if patches.column_chosen else None
    for place in shown.places(range(shown.sites)):
        if place[0] == name and (not heads or place[2] == patches.position) and held in (None, _column(place)):
            yield place


def _column(place: Place) -> int:
    return place[2] if place[3] is None else place[3]


def _score(shown: Patching, place: Place) -> float:
    """The score of a place, or what it is estimated to be."""
    index = shown.index(*place)
    if index is None:
        return math.nan
    run, estimate = shown.runs.get(index), shown.estimate(index)
    if estimate is not None and not shown.is_whole:
        return estimate
    return run.score if run is not None else math.nan


def _put(patches: Patches, place: Place) -> bool:
    """Put the cursor on a place without having it count as chosen; whether it moved."""
    head, position = patches.head, None
    if place[3] is None:
        position = place[2]
    else:
        patches.head = place[3]
    return patches.state.selection.place(position=position, layer=place[1]) or patches.head != head

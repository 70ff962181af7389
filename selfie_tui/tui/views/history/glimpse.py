"""What a glimpse of a stored run shows: what its kind looks for in a sample of its lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from selfie_tui.results.entries import Result
from selfie_tui.results.history import entries_at
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.render.styles import Look, Pieces
from selfie_tui.tui.views.history.kinds import shown


class Glimpse(NamedTuple):
    """Part of a run: how many of its results were looked at, and what its kind keeps of them."""

    run: StoredRun
    looked_at: int = 0
    seen: Any = None
    problem: str = ""

    def lines(self, width: int, look: Look, most: int | None) -> Iterator[Pieces]:
        """What was seen, at most so many results of it."""
        return shown(self.run).lines(self.seen, width, look, most)


def glimpse(run: StoredRun) -> Glimpse:
    """Look at a run's results; a file that cannot be read any more is a problem in words."""
    kind = shown(run)
    sample = kind.sample(list(run.result_offsets))
    try:
        entries = list(entries_at(run.path, [*run.about.values(), *sample]))
    except (OSError, msgspec.DecodeError) as error:
        return Glimpse(run, problem=f"{run.path.name} cannot be read: {error}")
    found = {entry.index: entry.value for entry in entries if isinstance(entry, Result)}
    return Glimpse(run, len(sample), kind.seen(found))

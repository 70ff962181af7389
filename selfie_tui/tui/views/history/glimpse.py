"""What a glimpse of a stored run shows: its control and its strongest readings, from a sample of its lines."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from selfie_tui.records import CONTROL, Interpretation
from selfie_tui.results.entries import Result
from selfie_tui.results.history import entries_at
from selfie_tui.results.stored import StoredRun

SAMPLE = 1000
"""Results of a run that are read at most; of more, as many at even distances."""

STRONGEST = 40
"""Readings that are kept of them."""


class Glimpse(NamedTuple):
    """Part of a run: how many of its results were looked at, and those with the largest effects, the largest first."""

    id: str
    looked_at: int = 0
    control: str = ""
    strongest: tuple[Interpretation, ...] = ()
    problem: str = ""


def glimpse(run: StoredRun) -> Glimpse:
    """Look at a run's results; a file that cannot be read any more is a problem in words."""
    offsets = list(run.result_offsets)
    sample = offsets[:: -(-len(offsets) // SAMPLE) or 1]
    try:
        entries = list(entries_at(run.path, [run.control_at] * (run.control_at >= 0) + sample))
    except (OSError, msgspec.DecodeError) as error:
        return Glimpse(run.id, problem=f"{run.path.name} cannot be read: {error}")
    results = [entry for entry in entries if isinstance(entry, Result)]
    control = next((found.value.text for found in results if found.index == CONTROL), "")
    values = [found.value for found in results]
    readings = [value for value in values if isinstance(value, Interpretation)]
    readings.sort(key=lambda reading: reading.treatment_effect or 0.0, reverse=True)
    return Glimpse(run.id, len(readings), control, tuple(readings[:STRONGEST]))

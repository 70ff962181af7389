"""What a glimpse of a stored run shows: its strongest readings and sites, its answers, from a sample of its lines."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from selfie_tui.patch_maps import strongest
from selfie_tui.records import Control, Interpretation, PatchActivations, PatchBegan, PatchedRun, SteeredSoFar
from selfie_tui.results.entries import Result
from selfie_tui.results.history import entries_at
from selfie_tui.results.stored import StoredRun

SAMPLE = 1000
"""Results of a run that are read at most; of more, as many at even distances."""

SITES = 10_000
"""Sites of a patching that are read at most: the strongest of them are those that come first in its file."""

STRONGEST = 40
"""Readings, or sites, that are kept of them."""


class Glimpse(NamedTuple):
    """Part of a run: how many of its results were looked at, and those with the largest effects, the largest first.

    Of a patching `began` is how it did and `sites` are its strongest sites; of a steering `answers` are all there is.
    """

    id: str
    looked_at: int = 0
    control: str = ""
    strongest: tuple[Interpretation, ...] = ()
    problem: str = ""
    began: PatchBegan | None = None
    sites: tuple[PatchedRun, ...] = ()
    answers: SteeredSoFar | None = None


def glimpse(run: StoredRun) -> Glimpse:
    """Look at a run's results; a file that cannot be read any more is a problem in words."""
    offsets = list(run.result_offsets)
    sites = isinstance(run.began.task, PatchActivations)
    sample = offsets[:SITES] if sites else offsets[:: -(-len(offsets) // SAMPLE) or 1]
    try:
        entries = list(entries_at(run.path, [*run.about.values(), *sample]))
    except (OSError, msgspec.DecodeError) as error:
        return Glimpse(run.id, problem=f"{run.path.name} cannot be read: {error}")
    values = [entry.value for entry in entries if isinstance(entry, Result)]
    readings = [value for value in values if isinstance(value, Interpretation)]
    readings.sort(key=lambda reading: reading.treatment_effect or 0.0, reverse=True)
    patched = {value.index: value for value in values if isinstance(value, PatchedRun)}
    return Glimpse(
        run.id,
        len(sample),
        next((value.text for value in values if isinstance(value, Control) and value.kind == "none"), ""),
        tuple(readings[:STRONGEST]),
        began=next((value for value in values if isinstance(value, PatchBegan)), None),
        sites=tuple(strongest(patched, STRONGEST)),
        answers=next((value for value in values if isinstance(value, SteeredSoFar)), None),
    )

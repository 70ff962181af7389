"""What the list of runs shows of a kind: what was asked, which results are looked at, and these in lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from selfie_tui.records import Kept
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.render.styles import Look, Pieces

SAMPLE = 1000
"""Results of a run that are read at most; of more, as many at even distances."""

STRONGEST = 40
"""Results that are kept of them."""


def sampled(offsets: Sequence[int]) -> Sequence[int]:
    """At most so many of the offsets, at even distances."""
    return offsets[:: -(-len(offsets) // SAMPLE) or 1]


class Shown(NamedTuple):
    """How a kind of run is shown; what is said of a task is unsafe to print as it is."""

    asked: Callable[[StoredRun], str]
    """What was asked of how much, on a line."""
    more: Callable[[Any], list[str]]
    """What else was asked, by a task, a line each, but for what is as it always is."""
    seen: Callable[[Mapping[int, Kept]], Any]
    """What is kept of the results that were looked at, by their index; those of the whole run come first."""
    lines: Callable[[Any, int, Look, int | None], Iterator[Pieces]]
    """These in lines: what is seen, the width, the look, how many results at most."""
    sample: Callable[[Sequence[int]], Sequence[int]] = sampled
    """Which results are looked at, by the offsets of all."""
    made: Callable[[Any], list[str]] = lambda task: []
    """How it was made, by a task, before the device and its like."""

"""Runs as exports take them: gathered from entries, one at a time, so that a session of any length can be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from selfie_tui.records import CONTROL, Control, Interpretation
from selfie_tui.results.entries import Entry, Result, RunBegan, RunEnded


@dataclass
class KeptRun:
    """A run with all of its results: the control, and the interpretations by their index in the request."""

    began: RunBegan
    control: Control | None = None
    interpretations: dict[int, Interpretation] = field(default_factory=dict)
    ended: RunEnded | None = None

    def add(self, entry: Result | RunEnded) -> None:
        """Take up an entry of the run other than the first."""
        if isinstance(entry, RunEnded):
            self.ended = entry
        elif isinstance(entry.value, Control):
            self.control = entry.value
        else:
            self.interpretations[entry.index] = entry.value

    def in_order(self) -> list[tuple[int, Interpretation]]:
        """The interpretations with their indices, in the order of the request."""
        return sorted(self.interpretations.items(), key=lambda item: item[0])

    def entries(self) -> Iterator[Entry]:
        """The run as the lines of a session."""
        number = self.began.run
        yield self.began
        if self.control is not None:
            yield Result(number, CONTROL, self.control)
        for index, interpretation in self.in_order():
            yield Result(number, index, interpretation)
        if self.ended is not None:
            yield self.ended

    def numbered(self, number: int) -> KeptRun:
        """The same run under another number."""
        ended = self.ended and msgspec.structs.replace(self.ended, run=number)
        return KeptRun(msgspec.structs.replace(self.began, run=number), self.control, self.interpretations, ended)


def kept_runs(entries: Iterable[Entry]) -> Iterator[KeptRun]:
    """The runs that entries make up, in their order, each under a number that no other one has."""
    used: set[int] = set()
    for run in gathered(entries):
        number = run.began.run if run.began.run not in used else max(used) + 1
        used.add(number)
        yield run if number == run.began.run else run.numbered(number)


def gathered(entries: Iterable[Entry]) -> Iterator[KeptRun]:
    """The runs that entries make up; a run is over where the next one begins."""
    run: KeptRun | None = None
    for entry in entries:
        if isinstance(entry, RunBegan):
            if run is not None:
                yield run
            run = KeptRun(entry)
        elif run is not None and entry.run == run.began.run:
            run.add(entry)
    if run is not None:
        yield run

"""Runs as exports take them: gathered from entries, one at a time, so that a session of any length can be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from selfie_tui.records import CONTROL, Control, Interpretation, Kept
from selfie_tui.results.entries import Entry, Result, RunBegan, RunEnded
from selfie_tui.results.run_kinds import kind_of
from selfie_tui.results.run_kinds.kind import RunKind


@dataclass
class KeptRun:
    """A run with its results, by their index; those below 0 belong to the whole run."""

    began: RunBegan
    results: dict[int, Kept] = field(default_factory=dict)
    ended: RunEnded | None = None

    def add(self, entry: Result | RunEnded) -> None:
        """Take up an entry of the run other than the first."""
        if isinstance(entry, RunEnded):
            self.ended = entry
        else:
            self.results[entry.index] = entry.value

    @property
    def kind(self) -> RunKind:
        """What kind of run it is."""
        return kind_of(self.began.task)

    @property
    def control(self) -> Control | None:
        """The control of an interpretation; None where there is none."""
        found = self.results.get(CONTROL)
        return found if isinstance(found, Control) else None

    @property
    def interpretations(self) -> dict[int, Interpretation]:
        """The interpretations, by their index in the request."""
        return {index: each for index, each in self.results.items() if isinstance(each, Interpretation)}

    @property
    def parts(self) -> int:
        """How many of the run's parts are there: cells, sites, or answers; what is of the whole run is not counted."""
        return sum(index >= 0 for index in self.results)

    def in_order(self) -> list[tuple[int, Interpretation]]:
        """The interpretations with their indices, in the order of the request."""
        return sorted(self.interpretations.items(), key=lambda item: item[0])

    def entries(self) -> Iterator[Entry]:
        """The run as the lines of a session: what belongs to the whole run first, the rest in order."""
        number = self.began.run
        yield self.began
        for index in sorted(self.results, key=lambda index: (index >= 0, abs(index))):
            yield Result(number, index, self.results[index])
        if self.ended is not None:
            yield self.ended

    def numbered(self, number: int) -> KeptRun:
        """The same run under another number."""
        ended = self.ended and msgspec.structs.replace(self.ended, run=number)
        return KeptRun(msgspec.structs.replace(self.began, run=number), self.results, ended)


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

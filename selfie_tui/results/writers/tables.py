"""The table of each kind of run; a file holds the table of one kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from selfie_tui.errors import RequestError
from selfie_tui.results.writers.columns import Table
from selfie_tui.results.writers.kinds import readings, written
from selfie_tui.results.writers.runs import KeptRun


def table_of(runs: Iterable[KeptRun]) -> tuple[Table, Iterator[KeptRun]]:
    """The table of the first run's kind, which is that of readings without any, and the runs one by one.

    Raises:
        RequestError: while the runs are taken, for one of another kind.
    """
    ahead = iter(runs)
    first = next(ahead, None)
    if first is None:
        return readings.WRITTEN.table, iter(())
    return written(first).table, of_one_kind(first, ahead)


def of_one_kind(first: KeptRun, others: Iterator[KeptRun]) -> Iterator[KeptRun]:
    """Runs as they come; raises RequestError for one of another kind than the first."""
    for run in chain([first], others):
        if run.kind is not first.kind:
            raise RequestError(
                f"These are runs of several kinds: {first.kind.word}, {run.kind.word}. A table holds one of them.",
                "Export them apart, or as .jsonl, .md, .html or .py.",
            )
        yield run

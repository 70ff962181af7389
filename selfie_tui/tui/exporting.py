"""What a view has to export: the entries of its runs, and a name for the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from selfie_tui.errors import SelfieError
from selfie_tui.records import CONTROL, Interpret, Kept, ModelInfo, RunTask
from selfie_tui.results.entries import Ending, Entry, Result, RunBegan, RunEnded, timestamp, versions
from selfie_tui.results.history import read_run
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.kept import KeptRuns
from selfie_tui.tui.runs import Run, State

OTHER = re.compile(r"[^A-Za-z0-9_.]+")
"""What does not belong into the name of a file that is proposed."""

STATES: dict[State, Ending] = {"finished": "finished", "cancelled": "cancelled", "failed": "failed"}
"""The ending of a run of the log by how it stands; any other has none yet."""


class Exportable(NamedTuple):
    """What can be written to a file: what it is in words, of which model, and its entries.

    What is no run is written by `write`, given the file and whether to overwrite it; what it gives back says what was
    written. It raises SelfieError, `results.writers.FileThere` for a file that is there.
    """

    what: str
    model: str
    entries: Callable[[], Iterable[Entry]] = tuple
    write: Callable[[Path, bool], object] | None = None


def proposed_name(exportable: Exportable, folder: Path, now: datetime | None = None) -> str:
    """A name for a file that is not there yet: `selfie-demo-2026-11-24_18-02.jsonl`."""
    model = OTHER.sub("-", exportable.model.rstrip("/").rsplit("/", 1)[-1]).strip("-.") or "model"
    stem = f"selfie-{model}-{now or datetime.now():%Y-%m-%d_%H-%M}"
    number, name = 1, f"{stem}.jsonl"
    while (folder / name).exists():
        number += 1
        name = f"{stem}-{number}.jsonl"
    return name


def exportable_of(runs: Sequence[Run], kept: KeptRuns) -> Exportable:
    """Runs of the log, as they stand now."""
    stored = {run.number: kept.of_job(run.number) for run in runs}
    began = {number: found.began.began if found else "" for number, found in stored.items()}
    count = sum(len(run.interpretations) for run in runs)
    what = f"{count} {'reading' if count == 1 else 'readings'}{f' of {len(runs)} runs' if len(runs) > 1 else ''}"
    entries = [list(entries_of(run, began[run.number])) for run in runs]
    return Exportable(what, runs[-1].model, lambda: chain.from_iterable(entries))


def entries_of(run: Run, began: str = "") -> Iterator[Entry]:
    """The entries of a run of the log as it stands, as a session file has them; `began` is when it did."""
    first = run.began or RunBegan(
        run=run.number,
        model=run.model,
        began=began or timestamp(),
        task=Interpret(run.request),
        info=run.info,
        versions=dict(versions()),
    )
    yield first
    if run.control is not None:
        yield Result(first.run, CONTROL, run.control)
    for index, interpretation in sorted(run.interpretations.items()):
        yield Result(first.run, index, interpretation)
    ending = STATES.get(run.state)
    if ending is not None:
        yield RunEnded(first.run, ending)


def exportable_results(
    what: str, task: RunTask, info: ModelInfo | None, results: Mapping[int, Kept], began: RunBegan | None = None
) -> Exportable:
    """The results of a run that a view keeps for itself, by their index; `began` is that of one that was read back."""
    first = began or RunBegan(
        run=1,
        model=info.name if info else "",
        began=timestamp(),
        task=task,
        info=info,
        versions=dict(versions()),
    )
    entries: list[Entry] = [first, *(Result(first.run, *item) for item in results.items())]
    return Exportable(what, first.model, lambda: entries)


def stored_entries(runs: Iterable[StoredRun]) -> Iterator[Entry]:
    """The entries of stored runs, read as they are asked for.

    Raises:
        SelfieError: for a run that is no longer where it was.
    """
    for run in runs:
        try:
            yield from read_run(run)
        except (OSError, ValueError) as error:
            raise SelfieError(f"{run.path.name} cannot be read: {error}.", "List the runs again.") from error

"""The recorder: stands between the job thread and whoever listens, writes first and then passes on.

It knows events alone, and so any method's: a task that makes a run begins one, an event that has a result adds it, and
the closing event ends it. A request that is refused before any work leaves nothing behind, nor does one whose other
model could not be loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from selfie_tui.records import (
    EditsSet,
    Event,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    ModelInfo,
    ModelReady,
    Notice,
    RunTask,
    earlier_of,
)
from selfie_tui.results.entries import Ending, Entry, Result, RunBegan, RunEnded, timestamp, versions

Sink = Callable[[Entry], str]
"""Takes an entry; gives what went wrong, in one line, the first time that something does."""

ENDINGS: dict[type[Event], Ending] = {JobFinished: "finished", JobCancelled: "cancelled", JobFailed: "failed"}


@dataclass
class _Job:
    """A job that makes a run, and whether its beginning has been written."""

    task: RunTask
    began: str
    written: bool = False


class Recorder:
    """Takes every event of the job thread, writes the entries that it makes to the `sinks`, and passes it on."""

    def __init__(self, then: Callable[[Event], object], *sinks: Sink) -> None:
        self._then = then
        self._sinks = sinks
        self._model: ModelInfo | None = None
        self._jobs: dict[int, _Job] = {}

    def __call__(self, event: Event) -> None:
        """Write what there is to write of an event, and pass it on."""
        problems = [problem for entry in self._entries(event) for sink in self._sinks if (problem := sink(entry))]
        self._then(event)
        for problem in problems:
            self._then(Notice(text=problem, severity="error"))

    def _entries(self, event: Event) -> list[Entry]:
        if isinstance(event, ModelReady | EditsSet):
            self._model = event.model
        if isinstance(event, JobStarted) and isinstance(event.task, RunTask):
            self._jobs[event.job] = _Job(event.task, timestamp())
            return []
        job = self._jobs.get(event.job)
        if job is None:
            return []
        ending = ENDINGS.get(type(event))
        if ending is not None:
            del self._jobs[event.job]
        if isinstance(event, JobFailed) and (event.refused or job.task.loads) and not job.written:
            return []
        results = event.results()
        if job.task.tentative and not (job.written or results or ending in ("finished", "failed")):
            return []
        return [
            *self._beginning(event.job, job),
            *(Result(event.job, *result) for result in results),
            *([RunEnded(event.job, ending, getattr(event, "cause", ""))] if ending is not None else []),
        ]

    def _beginning(self, number: int, job: _Job) -> list[Entry]:
        """The entry that begins a run, unless it has been written."""
        if job.written:
            return []
        job.written = True
        earlier = earlier_of(job.task)
        return [
            RunBegan(
                run=number,
                model=self._model.name if self._model else "",
                began=job.began,
                task=msgspec.structs.replace(job.task, earlier=None) if earlier else job.task,
                info=self._model,
                versions=dict(versions()),
                resumes=earlier.run if earlier else "",
            )
        ]

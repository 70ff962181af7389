"""The tasks that were sent to the job thread, by their job numbers, as far as they are remembered."""

from __future__ import annotations

from typing import Protocol

from selfie_tui.records import Calibrate, Task

MOST = 16
"""How many tasks are remembered; above it the oldest quick one is forgotten."""


class Submits(Protocol):
    """The part of `Jobs` that the interface uses."""

    def submit(self, task: Task) -> int: ...

    def cancel(self) -> None: ...

    def drop(self, number: int) -> None: ...


class SentTasks:
    """Tasks by job number.

    A long one is remembered until it ends; a quick one, which no event ends, until it fails or is forgotten.
    """

    def __init__(self) -> None:
        self._tasks: dict[int, Task] = {}

    def add(self, number: int, task: Task) -> None:
        """Remember a task, and where these are too many forget the oldest quick one."""
        self._tasks[number] = task
        if len(self._tasks) > MOST:
            oldest = next((old for old, kept in self._tasks.items() if kept.quick), None)
            if oldest is not None:
                del self._tasks[oldest]

    def of(self, number: int | None) -> Task | None:
        """The task of a job; None where it is not remembered."""
        return None if number is None else self._tasks.get(number)

    def has(self, task: Task) -> bool:
        """Whether a task is remembered."""
        return task in self._tasks.values()

    def forget(self, number: int) -> Task | None:
        """Remember the task of a job no more; the task."""
        return self._tasks.pop(number, None)

    def forget_waiting(self, running: int | None) -> None:
        """Remember no long task but the one that runs: those that waited will not begin."""
        for number, task in list(self._tasks.items()):
            if not task.quick and number != running:
                del self._tasks[number]

    @property
    def calibration(self) -> Calibrate | None:
        """The calibration that is under way, or waits; None where none does."""
        return next((task for task in self._tasks.values() if isinstance(task, Calibrate)), None)

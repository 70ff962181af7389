"""The comparison of the current model with another: the one that was asked for last, as far as it is."""

from __future__ import annotations

from collections.abc import Iterable

from selfie_tui.records import (
    CellsCompared,
    CellsMapped,
    CompareModels,
    Comparison,
    ComparisonBegan,
    ComparisonProgress,
    Event,
    JobCancelled,
    JobFailed,
    JobFinished,
    ModelInfo,
    ModelProgress,
    ReadingsCompared,
    ReadingsMapped,
)

PARTS = (ComparisonBegan, CellsCompared, ReadingsCompared, CellsMapped, ReadingsMapped)

ENDINGS = {"finished": "", "running": "It is still running.", "cancelled": "It was cancelled."}
"""Why a comparison that was kept is not whole, by how it ended; any other has stopped."""


class Compared:
    """What is known of one comparison; another one takes its place."""

    def __init__(self) -> None:
        self.task: CompareModels | None = None
        self.model: ModelInfo | None = None
        """The current model when it was asked for."""
        self.job = 0
        self.step = ""
        """What is being done for it; "" once it has ended, or before it has begun."""
        self.problem = ""
        """Why it ended before its end."""
        self._events: list[Event] = []

    def begin(self, task: CompareModels, job: int, model: ModelInfo | None) -> None:
        """Forget the one before: this is the one that counts."""
        self.task, self.job, self.model = task, job, model
        self.step, self.problem, self._events = "waiting for what runs", "", []

    def play_back(self, task: CompareModels, model: ModelInfo | None, events: Iterable[Event], ending: str) -> None:
        """Show one that was kept in place of the one before; `ending` is how it ended."""
        self.begin(task, 0, model)
        self.step, self.problem = "", ENDINGS.get(ending, "It stopped before its end: r in History goes on with it.")
        self._events = [event for event in events if isinstance(event, PARTS)]

    def take(self, event: Event) -> bool:
        """Take an event of its job; whether more is known now."""
        if not self.job or event.job != self.job:
            return False
        match event:
            case ModelProgress(step=step, fraction=fraction):
                self.step = step if fraction is None else f"{step} {fraction:.0%}"
            case ComparisonProgress(step=step, done=done, total=total):
                self.step = f"{step} {100 * done // max(total, 1)} %"
            case JobFinished():
                self.step = ""
            case JobCancelled():
                self.step, self.problem = "", "It was cancelled."
            case JobFailed(cause=cause, remedy=remedy):
                self.step, self.problem = "", f"{cause} {remedy}"
            case _ if isinstance(event, PARTS):
                self._events.append(event)
            case _:
                return False
        return True

    @property
    def found(self) -> Comparison | None:
        """What has been found; None before the other model is there."""
        from selfie_tui.comparison_table import gathered  # not needed for the first paint

        return gathered(self._events) if self._events else None

"""Words for vectors: a run of the engine for each line that was interpreted, the latest of each line remembered."""

from __future__ import annotations

from selfie_tui.errors import RequestError
from selfie_tui.records import (
    CellFinished,
    ControlFinished,
    Event,
    InterpretLines,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    PartialTexts,
)
from selfie_tui.tui.runs import Run
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.vectors.comparing import ORIGIN
from selfie_tui.tui.views.vectors.shelf import Shelf

MOST_KNOWN = 64
"""Lines whose words are remembered."""


class Readings:
    """What was asked to be put into words, and what came of it."""

    def __init__(self, state: AppState, shelf: Shelf) -> None:
        self.state = state
        self.shelf = shelf
        self.adapter = ""
        """The file of the adapter that vectors go through first, "" for none."""
        self._problem = ("", "")
        """The line that could not be interpreted last, and why."""
        self._runs: dict[str, Run] = {}
        self._here: Run | None = None
        """The run that is under way or waits."""
        self._last = 0
        """The job that was asked for last."""

    def ask(self, line: str) -> bool:
        """Interpret a line with the settings; False where that is under way, or the line cannot be read."""
        under_way = self._here is not None and self._runs.get(line) is self._here
        request = self.state.settings.request("", (), "")
        if self.state.model is None or (under_way and self._here is not None and self._here.request == request):
            return False
        try:
            resolved = self.shelf.resolved(line)
        except RequestError as error:
            self._problem = line, f"{error.cause} {error.remedy}"
            return False
        self.stop()
        task = InterpretLines(request, (resolved,), self.adapter, origin=ORIGIN)
        number = self._last = self.state.submit(task)
        self._problem = ("", "")
        self._here = Run(number, self.state.model.name, request, {}, info=self.state.model)
        self._runs.pop(line, None)
        while len(self._runs) >= MOST_KNOWN:
            self._runs.pop(next(iter(self._runs)))
        self._runs[line] = self._here
        return True

    def stop(self) -> None:
        """End what is under way, or waits."""
        if self._here is not None:
            self.state.drop(self._here.number)
            self._here.state = "cancelled"
            self._here = None

    def of(self, line: str) -> Run | None:
        """What is known of a line's words."""
        return self._runs.get(line)

    def problem_of(self, line: str) -> str:
        """Why there are no words for a line; "" where there are, or they were not asked for."""
        failed, why = self._problem
        return why if failed == line else ""

    @property
    def running(self) -> bool:
        """Whether a vector is being put into words."""
        return self._here is not None and self._here.number == self.state.running

    def owns(self, job: int) -> bool:
        """Whether a job is the one that is under way."""
        return job == self._last

    def forget(self) -> None:
        """Forget all: the model is another, or its edits are."""
        self.stop()
        self._runs.clear()
        self._problem = ("", "")

    def forget_waiting(self) -> None:
        """Forget a job that was cancelled before it began."""
        if self._here is not None and not self.running and self.state.sent.of(self._here.number) is None:
            self._here.state = "cancelled"
            self._here = None

    def take(self, event: Event) -> bool:
        """Take an event; whether there is something new to show."""
        run = self._here
        if run is None or not event.job or event.job != run.number:
            return False
        match event:
            case JobStarted():
                run.state = "running"
            case PartialTexts(texts=texts):
                run.growing.update(texts)
            case ControlFinished(control=control) if control.kind == "none":
                run.control = control
            case CellFinished(index=index, interpretation=interpretation):
                run.finish(index, interpretation)
            case JobFinished(seconds=seconds):
                run.state, run.seconds, self._here = "finished", seconds, None
            case JobCancelled():
                run.state, self._here = "cancelled", None
            case JobFailed():
                run.state, self._here = "failed", None
                line = next((line for line, known in self._runs.items() if known is run), "")
                self._problem = line, f"{event.cause} {event.remedy}".strip()
            case _:
                return False
        return True

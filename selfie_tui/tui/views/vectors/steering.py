"""What a model says steered with the vector under the cursor: one answer is asked for at a time, and remembered."""

from __future__ import annotations

from selfie_tui.errors import RequestError
from selfie_tui.records import Event, GeneratedToken, JobCancelled, JobFailed, JobFinished, Steer, SteeredSoFar
from selfie_tui.results.entries import Entry, Result, RunBegan, RunEnded, timestamp, versions
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.vectors.comparing import ORIGIN
from selfie_tui.tui.views.vectors.shelf import Shelf
from selfie_tui.tui.views.vectors.steer_settings import SteerSettings

MOST_KNOWN = 64
"""Answers that are remembered."""


class SteeringState:
    """The settings of steering, the answers that came, and the job that is under way or waits."""

    def __init__(self, state: AppState, shelf: Shelf) -> None:
        self.state = state
        self.shelf = shelf
        self.line = ""
        self.settings = SteerSettings()
        self._failed: tuple[Steer | None, str] = (None, "")
        """The task that failed last, and why."""
        self._opened: tuple[Steer | None, str] = (None, "")
        """The task whose answers were read back from a session, and when they were made."""
        self._known: dict[Steer, SteeredSoFar] = {}
        self._began: dict[Steer, RunBegan] = {}
        """How the runs began whose answers are known."""
        self._job: tuple[int, Steer | None] = (0, None)
        """The job that was asked for last, and its task until that ends."""
        self._last: Steer | None = None

    def wanted(self) -> Steer | None:
        """The task of the line and the settings; None where there is none, or the line cannot be read."""
        if not self.line:
            return None
        try:
            line = self.shelf.resolved(self.line)
        except RequestError:
            return None
        settings = self.settings
        return Steer(
            line=line,
            prompt=self.state.prompt,
            strengths=(settings.strength,),
            layers=settings.layers,
            where=settings.where,
            positions=settings.positions,
            mode=settings.mode,
            max_new_tokens=settings.max_new_tokens,
            origin=ORIGIN,
        )

    def ask(self, *, anew: bool = False) -> bool:
        """Have the model answer with the line and the settings, in place of the answer before.

        False where it does already, or, unless it is to do so `anew`, what it says is known.
        """
        wanted = self.wanted()
        if wanted is None or self.state.model is None:
            return False
        self._opened = (None, "")
        known = None if anew else self._known.get(wanted)
        self._last = wanted
        if self._job[1] == wanted or (known is not None and known.finished):
            return False
        self.stop()
        self._job = self.state.submit(wanted), wanted
        self._began[wanted] = RunBegan(
            run=self._job[0],
            model=self.state.model.name,
            began=timestamp(),
            task=wanted,
            info=self.state.model,
            versions=dict(versions()),
        )
        return True

    def stop(self) -> None:
        """End the answer that is under way, or waits."""
        if self._job[1] is not None:
            self.state.drop(self._job[0])
            self._job = (0, None)

    @property
    def origin(self) -> str:
        """When the answers to what is wanted were made, where they were read back from a session."""
        task, origin = self._opened
        return origin if task is not None and task == self.wanted() else ""

    @property
    def problem(self) -> str:
        """Why there is no answer to what is wanted."""
        task, why = self._failed
        return why if task is not None and task == self.wanted() else ""

    # What came back --------------------------------------------------------------------------------------------------

    @property
    def answers(self) -> SteeredSoFar | None:
        """The answers of what is wanted, as far as they are."""
        wanted = self.wanted()
        return self._known.get(wanted) if wanted is not None else None

    @property
    def before(self) -> SteeredSoFar | None:
        """The answers that were asked for last, where they are of the same line and prompt."""
        wanted, last = self.wanted(), self._last
        same = wanted is not None and last is not None and (last.line, last.prompt) == (wanted.line, wanted.prompt)
        return self._known.get(last) if same and last is not None else None

    @property
    def plain(self) -> tuple[GeneratedToken, ...]:
        """What the model says without any vector after the prompt that is wanted; empty where it was not asked yet."""
        wanted = self.wanted()
        for task, answers in reversed(self._known.items()):
            same = wanted is not None and task.prompt == wanted.prompt and task.max_new_tokens == wanted.max_new_tokens
            if same and answers.finished:
                return answers.plain
        return ()

    @property
    def is_of_other_prompt(self) -> bool:
        """Whether the line has been steered with before another prompt was written."""
        wanted, last = self.wanted(), self._last
        return wanted is not None and last is not None and wanted.line == last.line and wanted.prompt != last.prompt

    @property
    def running(self) -> bool:
        """Whether an answer is under way."""
        return self._job[1] is not None and self._job[0] == self.state.running

    @property
    def waiting(self) -> bool:
        """Whether an answer waits for something else to end."""
        return self._job[1] is not None and self._job[0] != self.state.running

    @property
    def tokens_done(self) -> tuple[int, int]:
        """Tokens of the answer that is under way, and how many it has at most."""
        task = self._job[1]
        found = self._known.get(task) if task is not None else None
        return (len(found.plain) if found else 0), (task.max_new_tokens if task else 0)

    def owns(self, job: int) -> bool:
        """Whether a job is the one that was asked for last."""
        return job == self._job[0]

    def forget(self) -> None:
        """Forget all answers: the model is another, or its edits are."""
        self.stop()
        self._known.clear()
        self._began.clear()
        self._last, self._failed, self._opened = None, (None, ""), (None, "")

    def forget_waiting(self) -> None:
        """Forget a job that was cancelled before it began."""
        if self.waiting and self.state.sent.of(self._job[0]) is None:
            self._job = (0, None)

    def show_kept(self, began: RunBegan, answers: SteeredSoFar | None, origin: str) -> None:
        """Show answers that were read back from a session, and when they were made; they keep their own task."""
        self.stop()
        self._last = self.wanted()
        self._opened = self._last, origin
        if self._last is not None and answers is not None:
            self.keep(self._last, answers)
            self._began[self._last] = began

    def exportable(self) -> Exportable | None:
        """The answers that are shown, as a run; None where there are none that are finished."""
        wanted, answers = self.wanted(), self.answers
        if wanted is None or answers is None or not answers.finished:
            return None
        began = self._began[wanted]
        results = [Result(began.run, *result) for result in answers.results()]
        entries: list[Entry] = [began, *results, RunEnded(began.run, "finished")]
        return Exportable("the answers", began.model, lambda: entries)

    def keep(self, task: Steer, answers: SteeredSoFar) -> None:
        """Remember answers to a task."""
        self._known.pop(task, None)
        while len(self._known) >= MOST_KNOWN:
            oldest = next(iter(self._known))
            self._known.pop(oldest)
            self._began.pop(oldest, None)
        self._known[task] = answers

    def take(self, event: Event) -> bool:
        """Take an event; whether there is something new to show."""
        task = self._job[1]
        if not event.job or event.job != self._job[0] or task is None:
            return False
        match event:
            case SteeredSoFar():
                self.keep(task, event)
                return True
            case JobFailed():
                self._failed = task, f"{event.cause} {event.remedy}".strip()
                self._job = (self._job[0], None)
                return True
            case JobFinished() | JobCancelled():
                self._job = (self._job[0], None)
                return True
        return False

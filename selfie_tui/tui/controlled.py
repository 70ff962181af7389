"""The control of a layer that was asked for last, as far as it is: where it stands, its steps, what became of it."""

from __future__ import annotations

from collections.abc import Iterable

from selfie_tui.records import (
    ControlLayer,
    Event,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    LayerControlBegan,
    LayerControlled,
    LayerControlStep,
    ModelInfo,
    Notice,
)


class Controlled:
    """What is known of one training; another one takes its place."""

    def __init__(self) -> None:
        self.task: ControlLayer | None = None
        self.model: ModelInfo | None = None
        """The model when it was asked for."""
        self.title = ""
        """The target as the list of vectors has it."""
        self.job = 0
        self.step = ""
        """What is being done for it; "" once it has ended."""
        self.problem = ""
        """Why it ended before its end."""
        self.origin = ""
        """When it was made, of one that was read back from a session."""
        self.notices: list[str] = []
        self.began: LayerControlBegan | None = None
        self.curve: list[tuple[float, float]] = []
        """Of each step the share of the way that was left, and how far other states were moved."""
        self.done: LayerControlled | None = None

    def begin(self, task: ControlLayer, job: int, model: ModelInfo | None, title: str) -> None:
        """Forget the one before: this is the one that counts."""
        self.__init__()  # type: ignore[misc]
        self.task, self.job, self.model, self.title = task, job, model, title
        self.step = "waiting for what runs"

    def show_kept(self, task: ControlLayer, model: ModelInfo | None, events: Iterable[Event], origin: str) -> None:
        """Take one that was kept, by the events that it had."""
        self.begin(task, 0, model, task.line)
        for event in events:
            self._take(event)
        self.step, self.origin = "", origin
        if self.done is None:
            self.problem = "It stopped before its end, or is still running: r in History begins a stopped one again."

    def take(self, event: Event) -> bool:
        """Take an event of its job; whether more is known now."""
        return bool(self.job) and event.job == self.job and self._take(event)

    def _take(self, event: Event) -> bool:
        match event:
            case JobStarted():
                self.step = "reading and answering before"
            case Notice(text=text):
                self.notices.append(text)
            case LayerControlBegan():
                self.began, self.step = event, "measuring what is to stay"
            case LayerControlStep(step=step, steps=steps, distance=distance, drift=drift):
                self.curve.append((distance, drift))
                self.step = f"step {step} of {steps}" if step < steps else "reading and answering after"
            case LayerControlled():
                self.done = event
                self.curve = list(event.curve) or self.curve
            case JobFinished():
                self.step = ""
            case JobCancelled():
                self.step, self.problem = "", "It was cancelled: nothing is kept, and the model is as it was."
            case JobFailed(cause=cause, remedy=remedy):
                self.step, self.problem = "", f"{cause} {remedy}"
            case _:
                return False
        return True

    @property
    def target(self) -> str:
        """The vector that is trained towards, or the prompt that the state is to be like; unsafe to print as it is."""
        like = self.task.like if self.task else ""
        return self.title or (f"the state of “{like}”" if like else "")

    @property
    def running(self) -> bool:
        """Whether it is under way or waits."""
        return bool(self.step)

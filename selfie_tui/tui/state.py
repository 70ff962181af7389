"""What the interface knows of the engine: the model, what is asked of it, and what came back; no widgets here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from selfie_tui.kinds import stack_named, stacks_of
from selfie_tui.records import (
    Cell,
    Event,
    Interpret,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    LensRead,
    LensRow,
    LoadModel,
    ModelInfo,
    ModelProgress,
    PreviewPreset,
    Progress,
    ReadLens,
    StackInfo,
    Task,
    Token,
    Tokenize,
)
from selfie_tui.settings import InterpretSettings
from selfie_tui.tui.runs import Run

TASKS_KEPT = 64
"""How many tasks are remembered until they fail: a quick one may be dropped unanswered, and is then forgotten here."""

LENS_KEPT = 4096
"""How many positions' lenses are kept."""


class Submits(Protocol):
    """The part of `Jobs` that the interface uses."""

    def submit(self, task: Task) -> int: ...

    def cancel(self) -> None: ...


class AppState:
    """Bookkeeping over a queue of jobs: which are under way, which runs they are, which lenses have been read."""

    def __init__(self, jobs: Submits) -> None:
        self.jobs = jobs
        self.model: ModelInfo | None = None
        self.loading: LoadModel | None = None
        self.load_step: ModelProgress | None = None
        self.runs: dict[int, Run] = {}
        self.running: int | None = None
        self.cancelling = False
        self.progress: Progress | None = None
        self.wanted = False
        """A run was asked for and waits for the model, or for the tokens of the prompt."""
        self.stack = ""
        """The stack that is read, where the model has several; "" where it has one."""
        self._tasks: dict[int, Task] = {}
        self._lenses: dict[tuple[str, str, int], tuple[LensRow, ...]] = {}

    # Asking ----------------------------------------------------------------------------------------------------------

    def load(self, name: str, device: str, dtype: str) -> None:
        """Make another model the current one, when what runs is done."""
        self.loading, self.load_step = LoadModel(name, device, dtype), None
        self._submit(self.loading)

    def tokenize(self, prompt: str) -> None:
        """Ask for the tokens of a prompt, if there is a model to ask."""
        if self.model is not None:
            self._submit(Tokenize(prompt, self.stack))

    def preview(self, asked: InterpretSettings) -> None:
        """Ask which tokens of the interpretation prompt will be overwritten, and which ones filled in."""
        if self.model is not None:
            self._submit(PreviewPreset(asked.preset, asked.max_new_tokens, asked.compat))

    def lens(self, prompt: str, position: int) -> tuple[LensRow, ...] | None:
        """The lens at a position if it has been read; else it is asked for."""
        rows = self._lenses.get((self.stack, prompt, position))
        if rows is None and self.model is not None:
            self._submit(ReadLens(prompt, position, stack=self.stack))
        return rows

    def has_lens(self, prompt: str, position: int) -> bool:
        """Whether the lens at a position has been read."""
        return (self.stack, prompt, position) in self._lenses

    def interpret(
        self, asked: InterpretSettings, prompt: str, tokens: Sequence[Token], cells: tuple[Cell, ...]
    ) -> Run | None:
        """Submit a run; None when the same one is under way already."""
        request = asked.request(prompt, cells, self.stack)
        name = self.model.name if self.model else ""
        if any(
            run.request == request and run.model == name
            for run in self.runs.values()
            if run.state in ("waiting", "running")
        ):
            return None
        number = self._submit(Interpret(request))
        read = {cell.position for cell in cells}
        sources = {token.position: token for token in tokens if token.position in read}
        run = Run(number, name, request, sources, info=self.model)
        self.runs[number] = run
        return run

    def cancel(self) -> list[Run]:
        """Stop what runs and forget what waits; the runs that will not begin any more."""
        self.jobs.cancel()
        self.cancelling = self.running is not None
        if self.loading is not None and self._tasks.get(self.running or 0) is not self.loading:
            self.loading = None
        forgotten = [run for run in self.runs.values() if run.state == "waiting"]
        for run in forgotten:
            run.state = "cancelled"
        return forgotten

    def _submit(self, task: Task) -> int:
        number = self.jobs.submit(task)
        self._tasks[number] = task
        if len(self._tasks) > TASKS_KEPT:
            oldest = next((old for old, kept in self._tasks.items() if kept.quick), number)
            self._tasks.pop(oldest)
        return number

    # Hearing ---------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a long job is under way or waits."""
        return (
            self.running is not None
            or self.loading is not None
            or any(run.state == "waiting" for run in self.runs.values())
        )

    @property
    def runs_now(self) -> bool:
        """Whether what is under way is an interpretation."""
        return self.running in self.runs

    def task(self, event: Event) -> Task | None:
        """The task that an event belongs to."""
        return self._tasks.get(event.job)

    def run(self, event: Event) -> Run | None:
        """The run that an event belongs to."""
        return self.runs.get(event.job)

    def ready(self, model: ModelInfo) -> None:
        """Another model is the current one: nothing that was read with the one before holds.

        Its decoder is read where the decoder of the one before was; of a model with one stack, that one.
        """
        self.model = model
        names = [stack.name for stack in stacks_of(model)]
        self.stack = "" if len(names) == 1 else self.stack if self.stack in names else names[0]
        self.loading = self.load_step = None
        self._lenses.clear()

    @property
    def layers(self) -> int:
        """Layers of the stack that is read."""
        return stack_named(self.model, self.stack).layers if self.model else 0

    @property
    def other_stack(self) -> StackInfo | None:
        """The stack after the one that is read, the first after the last; None where there is no other."""
        stacks = stacks_of(self.model) if self.model else ()
        here = next((place for place, stack in enumerate(stacks) if stack.name == self.stack), 0)
        return stacks[(here + 1) % len(stacks)] if len(stacks) > 1 else None

    def keep_lens(self, event: LensRead) -> None:
        """Keep a lens for the next time the cursor is there."""
        if len(self._lenses) >= LENS_KEPT:
            self._lenses.pop(next(iter(self._lenses)))
        self._lenses[event.stack, event.prompt, event.position] = event.rows

    def started(self, event: JobStarted) -> None:
        """A long job left the queue."""
        self.running, self.progress, self.cancelling = event.job, None, False
        if run := self.run(event):
            run.state = "running"

    def closed(self, event: JobFinished | JobCancelled | JobFailed) -> Task | None:
        """A job is over; its task."""
        task = self._tasks.pop(event.job, None)
        if event.job == self.running:
            self.running, self.progress, self.cancelling = None, None, False
        if isinstance(task, LoadModel) and task is self.loading:
            self.loading = self.load_step = None
        if run := self.run(event):
            match event:
                case JobFinished(seconds=seconds):
                    run.state, run.seconds = "finished", seconds
                case JobCancelled():
                    run.state = "cancelled"
                case JobFailed():
                    run.state = "failed"
        return task

"""The one thread that does engine work: tasks in by a queue, events out by a callback, one cancel flag.

Nothing else in the project starts a thread for engine work; a download alone is watched from a thread of its own, so
that it can be stopped while the network is silent. Quick tasks (tokens, placeholders, the lens) are served between the
steps of a running job, only the newest of each type and origin, so that the screen answers while a job runs; after a
load that was submitted before them, as it changes the answer. Those that are light (tokens, placeholders) are served
inside the steps of a run too, wherever it asks whether it is cancelled: one forward of a large batch can take long.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal, Protocol

import msgspec

from selfie_tui import ENGINE_THREAD
from selfie_tui.errors import Cancelled, PlaceholderError, PromptError, RequestError, SelfieError
from selfie_tui.records import (
    Event,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    RunTask,
    Task,
)

State = Literal["idle", "running", "cancelling"]
Post = Callable[[Event], object]

SECONDS_BETWEEN_UPDATES = 0.1


class Engine(Protocol):
    """What does the work: a task in, its events out, lazily; polls `cancelled` and raises `Cancelled` once it is true.

    `post` takes the events that happen inside a call that cannot yield, such as a download's progress; it is called
    on the same thread.
    """

    def run(self, task: Task, cancelled: Callable[[], bool], post: Post) -> Iterator[Event]: ...


def default_engine() -> Engine:
    """The real engine; importing it brings in torch, so it happens on the job thread."""
    from selfie_tui.engine.service import EngineService

    return EngineService()


class Jobs:
    """A queue of tasks in front of one daemon thread.

    `post` is called on that thread with every event, and must not block. `state` is idle only when the thread says so.
    """

    def __init__(self, post: Post, engine: Callable[[], Engine] = default_engine) -> None:
        self._post_event = post
        self._make_engine = engine
        self._engine: Engine | None = None
        self._tasks: deque[tuple[int, Task]] = deque()
        self._wake = threading.Condition()
        self._cancel = threading.Event()
        self._closed = False
        self._last_job = 0
        self._running = 0
        """The long job that runs or ran last."""
        self._state: State = "idle"
        self._thread = threading.Thread(target=self._work, name=ENGINE_THREAD, daemon=True)

    @property
    def state(self) -> State:
        """What the thread is doing with the current long job."""
        return self._state

    def start(self) -> None:
        """Start the thread; tasks may be submitted before."""
        self._thread.start()

    def submit(self, task: Task) -> int:
        """Queue a task and return its job number; a quick task replaces a waiting one of its type and origin."""
        with self._wake:
            self._last_job += 1
            if task.quick:
                self._tasks = deque(entry for entry in self._tasks if _kind(entry[1]) != _kind(task))
            self._tasks.append((self._last_job, task))
            self._wake.notify()
            return self._last_job

    def cancel(self) -> None:
        """Ask the running job to stop at its next step, and forget the long tasks that wait behind it."""
        with self._wake:
            self._tasks = deque(entry for entry in self._tasks if entry[1].quick)
            if self._state == "running":
                self._state = "cancelling"
                self._cancel.set()

    def drop(self, number: int) -> None:
        """Forget a task that waits, or ask it to stop at its next step where it runs; all others go on."""
        with self._wake:
            self._tasks = deque(entry for entry in self._tasks if entry[0] != number)
            if self._running == number and self._state == "running":
                self._state = "cancelling"
                self._cancel.set()

    def close(self) -> None:
        """Stop taking tasks and cancel what runs; the thread is a daemon and holds nobody up."""
        with self._wake:
            self._closed = True
            self._tasks.clear()
            self._cancel.set()
            self._wake.notify()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread has ended after `close`."""
        self._thread.join(timeout)

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: bool(self._tasks) or self._closed)
                if self._closed:
                    return
                job, task = self._tasks.popleft()
                long = not task.quick
                if long:
                    self._cancel.clear()
                    self._state, self._running = "running", job
            self._run(job, task, serve_quick=long)
            if long:
                self._state = "idle"

    def _run(self, job: int, task: Task, *, serve_quick: bool) -> None:
        """Run one task to its closing event; no error passes this point."""
        started = time.monotonic()
        updates = Coalescer(self._post_event)
        closing: Event
        try:
            if serve_quick:
                self._post_event(JobStarted(job=job, task=task))
            if self._engine is None:
                self._engine = self._make_engine()

            def pass_on(event: Event) -> None:
                updates.post(msgspec.structs.replace(event, job=job))

            for event in self._engine.run(task, self._poll_of(task, updates), pass_on):
                pass_on(event)
                if serve_quick:
                    self._serve_quick()
            closing = JobFinished(job=job, seconds=time.monotonic() - started)
        except Cancelled:
            closing = JobCancelled(job=job)
        except Exception as error:  # noqa: BLE001 - the floor under every job: reported, never fatal
            closing = failure(job, error)
        updates.flush()
        if serve_quick:
            self._state = "idle"
        if serve_quick or isinstance(closing, JobFailed):
            self._post_event(closing)

    def _poll_of(self, task: Task, updates: Coalescer) -> Callable[[], bool]:
        """What a task asks whether it is to stop; a quick one stops for a newer one, and a run serves light ones.

        Updates that are due are sent then: the step that comes after them can take long.
        """
        if task.quick:
            return lambda: self._is_replaced(task)

        def poll() -> bool:
            updates.flush_due()
            if isinstance(task, RunTask) and self._tasks and not self._cancel.is_set():
                self._serve_quick(light=True)
            return self._cancel.is_set()

        return poll

    def _is_replaced(self, task: Task) -> bool:
        """Whether no one waits for a quick task any more, as a newer one of its type and origin does, or none will."""
        with self._wake:
            return self._closed or any(_kind(waiting) == _kind(task) for _, waiting in self._tasks)

    def _serve_quick(self, *, light: bool = False) -> None:
        """Run the quick tasks that wait while a long job is between two steps; only the `light` ones inside a step."""
        while True:
            with self._wake:
                served = (entry for entry in self._tasks if entry[1].quick and (entry[1].light or not light))
                entry = next(served, None)
                if entry is None or self._closed:
                    return
                self._tasks.remove(entry)
            self._run(*entry, serve_quick=False)


def _kind(task: Task) -> tuple[type[Task], str]:
    """What quick tasks replace each other by: their type and origin."""
    return type(task), task.origin


class Coalescer:
    """Holds back events of which only the newest matters (`Event.latest_by`) to about ten a second."""

    def __init__(self, post: Post, seconds: float = SECONDS_BETWEEN_UPDATES) -> None:
        self._post = post
        self._seconds = seconds
        self._held: dict[type[Event], Event] = {}
        self._last = 0.0

    def post(self, event: Event) -> None:
        """Pass an event on, at once or with the next update."""
        if event.latest_by is None:
            self.flush()
            self._post(event)
            return
        self._held[type(event)] = merged(self._held.get(type(event)), event)
        self.flush_due()

    def flush_due(self) -> None:
        """Send what is held back, once it has been for as long as it may."""
        if self._held and time.monotonic() - self._last >= self._seconds:
            self.flush()

    def flush(self) -> None:
        """Send what is held back."""
        if not self._held:
            return
        for event in self._held.values():
            self._post(event)
        self._held.clear()
        self._last = time.monotonic()


def merged(before: Event | None, event: Event) -> Event:
    """An event that stands for itself and for one of its type before it: by each key of its field, the newest pair."""
    field = event.latest_by
    if not field:
        return event
    pairs = {**dict(getattr(before, field, ())), **dict(getattr(event, field))}
    return msgspec.structs.replace(event, **{field: tuple(sorted(pairs.items()))})


def failure(job: int, error: Exception) -> JobFailed:
    """An error as a `JobFailed` event; errors of a request that cannot be done count as refusals."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, SelfieError):
        refused = isinstance(error, RequestError | PromptError | PlaceholderError)
        return JobFailed(job=job, cause=error.cause, remedy=error.remedy, traceback=details, refused=refused)
    cause = f"{type(error).__name__}: {error}".splitlines()[0]
    return JobFailed(
        job=job,
        cause=cause,
        remedy="This is a fault of the program: copy the traceback and report it.",
        traceback=details,
    )

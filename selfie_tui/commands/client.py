"""What every command shares: the job thread without a screen, narration on stderr, exit codes."""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from selfie_tui import paths
from selfie_tui.cores import usable_cores
from selfie_tui.errors import PlaceholderError, PromptError, RequestError, SelfieError
from selfie_tui.jobs import Engine, Jobs
from selfie_tui.kinds import layers_description
from selfie_tui.parse import parse_block_paths
from selfie_tui.records import (
    NO_ANSWER,
    Event,
    JobCancelled,
    JobFailed,
    JobFinished,
    LoadModel,
    ModelInfo,
    ModelProgress,
    ModelReady,
    ModulesRead,
    Notice,
    Progress,
    PromptTokens,
    ReadModules,
    Task,
    Token,
    Tokenize,
)
from selfie_tui.results.calibrations import CalibrationKeeper
from selfie_tui.results.entries import Entry, encode
from selfie_tui.results.recorder import Recorder, Sink
from selfie_tui.results.sessions import Session, new_path
from selfie_tui.results.writers import check, export
from selfie_tui.text import prose

DONE, RUN_FAILED, WRONG_USAGE, NO_MODEL, INTERRUPTED = 0, 1, 2, 3, 130


class Failed(Exception):  # noqa: N818 - carries an exit code up to the command
    """The job thread reported a failure; `refused` is that of `JobFailed`."""

    def __init__(self, cause: str, remedy: str, *, refused: bool = False) -> None:
        super().__init__(f"{cause} {remedy}".strip())
        self.refused = refused


class NotLoaded(Failed):
    """The model could not be opened."""


class Interrupted(Exception):  # noqa: N818
    """The user pressed ctrl+c."""


def all_cores_engine() -> Engine:
    """The real engine with every core that may be used, as there is no screen to keep alive."""
    from selfie_tui.engine.service import EngineService

    return EngineService(threads=usable_cores())


class Client:
    """Submits tasks to the job thread one by one and hands out their events; ctrl+c cancels the job.

    Every event goes through a recorder first, whose entries the `sinks` take.
    """

    def __init__(self, engine: Callable[[], Engine], *sinks: Sink) -> None:
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._ready: list[Event] = []
        self._recorder = Recorder(CalibrationKeeper(self._ready.append, paths.calibrations_dir()), *sinks)
        self.jobs = Jobs(self._queue.put, engine)
        self.jobs.start()

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """While open, ctrl+c asks the running job to stop rather than tearing the process down."""
        before = signal.signal(signal.SIGINT, lambda number, frame: self.jobs.cancel())
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def run(self, task: Task, *, until: type[Event] = JobFinished) -> Iterator[Event]:
        """The events of a task up to the first of kind `until`.

        Raises:
            Failed: if the job fails.
            Interrupted: if it was cancelled.
        """
        job = self.jobs.submit(task)
        while True:
            event = self.wait()
            if event.job != job and not isinstance(event, Notice):
                continue
            if isinstance(event, JobFailed):
                raise Failed(event.cause, event.remedy, refused=event.refused)
            if isinstance(event, JobCancelled):
                raise Interrupted
            yield event
            if isinstance(event, until):
                return

    def wait(self) -> Event:
        """The next event, once it has been recorded; wakes now and then so that signals are handled."""
        while not self._ready:
            with contextlib.suppress(queue.Empty):
                self._recorder(self._queue.get(timeout=0.2))
        return self._ready.pop(0)

    def load(self, arguments: argparse.Namespace) -> ModelInfo:
        """Load the model that the arguments name, narrating; raises NotLoaded, RequestError and Interrupted."""
        paths = parse_block_paths(arguments.layer_paths)
        try:
            return self._load(LoadModel(arguments.model, arguments.device, arguments.dtype, paths))
        except Failed as error:
            raise NotLoaded(str(error), "") from error

    def modules(self, name: str) -> ModulesRead:
        """The tree of modules of a model that is not loaded for it; raises NotLoaded and Interrupted."""
        try:
            events = self.run(ReadModules(name), until=ModulesRead)
            return next(event for event in events if isinstance(event, ModulesRead))
        except Failed as error:
            raise NotLoaded(str(error), "") from error

    def _load(self, task: LoadModel) -> ModelInfo:
        started = time.monotonic()
        model: ModelInfo | None = None
        waited: set[str] = set()
        for event in self.run(task):
            match event:
                case ModelReady(model=ready):
                    model = ready
                case Notice(text=text):
                    narrate(text)
                case ModelProgress(step=step, fraction=fraction):
                    show_line(step if fraction is None else f"{step} {fraction:.0%}")
                    narrate_waiting(step, waited)
        show_line("")
        if model is None:
            raise Failed("The model did not load.", "Try again.")
        seconds = time.monotonic() - started
        runs_on = f"{model.device} · {model.dtype} · {layers_description(model)}"
        narrate(f"{model.title} · {runs_on} · {model.verdict} · {seconds:.1f} s")
        return model

    def tokens(self, prompt: str, stack: str) -> tuple[Token, ...]:
        """The tokens of a source prompt that run through a stack; raises Failed."""
        for event in self.run(Tokenize(prompt, stack), until=PromptTokens):
            if isinstance(event, PromptTokens):
                return event.tokens
        return ()


def run_command(
    arguments: argparse.Namespace,
    command: Callable[[Client, argparse.Namespace], int],
    engine: Callable[[], Engine] = all_cores_engine,
    *,
    entries: bool = True,
) -> int:
    """Do a command with a client, keep its runs, and return its exit code.

    Entries are printed where `arguments.json`, unless the command has JSON of its own and wants no `entries`; they are
    appended to a session of their own unless `arguments.no_session`.
    What there is of a run in the end, also of one that was interrupted, is exported to `arguments.out`.
    """
    try:
        if arguments.out:
            check(arguments.out, arguments.overwrite)
    except SelfieError as error:
        narrate(str(error))
        return WRONG_USAGE
    session = Session(None if arguments.no_session else new_path(paths.sessions_dir()))
    kept: list[Entry] = []
    sinks = [*([print_entry] if arguments.json and entries else []), *([keep_in(kept)] if arguments.out else [])]
    client = Client(engine, session.append, *sinks)
    try:
        code = done(client, command, arguments)
    finally:
        client.jobs.close()
        session.close()
    exported = not kept or export_narrated(kept, arguments.out, arguments.overwrite)
    return code if exported else code or RUN_FAILED


def done(client: Client, command: Callable[[Client, argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Do a command, narrate the error that ends it, and return its exit code."""
    try:
        with client.interruptible():
            return command(client, arguments)
    except (Failed, SelfieError) as error:
        narrate(str(error))
        return code_of(error)
    except Interrupted:
        narrate("interrupted; what is printed above is complete")
        return INTERRUPTED
    except BrokenPipeError:
        return stop_printing()


def code_of(error: Exception) -> int:
    """The exit code of an error that ends a command."""
    if isinstance(error, NotLoaded):
        return NO_MODEL
    refused = isinstance(error, (RequestError, PromptError, PlaceholderError)) or getattr(error, "refused", False)
    return WRONG_USAGE if refused else RUN_FAILED


def stop_printing() -> int:
    """Let nothing more go to a reader of stdout that has left; the exit code of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return RUN_FAILED


def keep_in(entries: list[Entry]) -> Sink:
    """A sink that keeps entries in a list."""

    def keep(entry: Entry) -> str:
        entries.append(entry)
        return ""

    return keep


def export_narrated(entries: Iterable[Entry], path: Path, overwrite: bool) -> bool:
    """Export entries and say what was written or why nothing was; whether it was written."""
    try:
        narrate(str(export(entries, path, overwrite=overwrite)))
    except SelfieError as error:
        narrate(str(error))
        return False
    return True


def print_entry(entry: Entry) -> str:
    """Write an entry as a line of stdout."""
    print_line(encode(entry))
    return ""


def print_line(line: bytes) -> None:
    """Write a line of JSON to stdout."""
    print(line.decode(), flush=True)


def narrate(text: str) -> None:
    """A line on stderr."""
    show_line("")
    print(prose(text), file=sys.stderr, flush=True)


def show_progress(progress: Progress | None, which: str = "") -> None:
    """How far the run is and `which` one it is, on one line that is written over, where stderr is a terminal."""
    if progress is None:
        show_line("")
        return
    left = "" if progress.seconds_left is None else f" · {progress.seconds_left:.0f} s left"
    show_line(
        f"{which}{progress.steps_done}/{progress.steps} steps · {progress.cells_done}/{progress.cells} cells{left}"
    )


def narrate_waiting(step: str, waited: set[str]) -> None:
    """Say once of a step that the hub does not answer, where stderr is no terminal that shows every step."""
    doing, waiting, _ = step.partition(NO_ANSWER)
    if waiting and doing not in waited and not sys.stderr.isatty():
        waited.add(doing)
        narrate(f"{doing}: no answer yet")


def show_line(text: str) -> None:
    """Write over the current line of a terminal's stderr."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{prose(text)}", end="", file=sys.stderr, flush=True)

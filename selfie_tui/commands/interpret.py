"""`selfie-tui interpret`: the same job thread without a screen; results on stdout, narration on stderr."""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterator

import msgspec

from selfie_tui.errors import RequestError, SelfieError
from selfie_tui.glyphs import bar
from selfie_tui.jobs import Engine, Jobs
from selfie_tui.kinds import layers_description, most_layers, stack_named, stacks_of, written_stack
from selfie_tui.parse import parse_layers, parse_mode, parse_positions
from selfie_tui.presets import preset_called
from selfie_tui.records import (
    Cell,
    CellFinished,
    ControlFinished,
    Event,
    GeneratedToken,
    Interpret,
    JobCancelled,
    JobFailed,
    JobFinished,
    LoadModel,
    ModelInfo,
    ModelProgress,
    ModelReady,
    Notice,
    Preset,
    Progress,
    PromptTokens,
    Request,
    Task,
    Token,
    Tokenize,
    layer_name,
)
from selfie_tui.text import clip, pad, prose, visible

DONE, RUN_FAILED, WRONG_USAGE, NO_MODEL, INTERRUPTED = 0, 1, 2, 3, 130
TOKEN_WIDTH = 14


class Failed(Exception):  # noqa: N818 - carries an exit code up to the command
    """The job thread reported a failure."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause} {remedy}".strip())


class Interrupted(Exception):  # noqa: N818
    """The user pressed ctrl+c."""


def all_cores_engine() -> Engine:
    """The real engine with every core of the machine, as there is no screen to keep alive."""
    from selfie_tui.engine.service import EngineService

    return EngineService(threads=os.cpu_count())


def run_interpret(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Do the command and return its exit code."""
    client = Client(engine)
    try:
        with client.interruptible():
            return interpret(client, arguments)
    except (Failed, SelfieError) as error:
        narrate(str(error))
        return RUN_FAILED
    except Interrupted:
        narrate("interrupted; what is printed above is complete")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return RUN_FAILED
    finally:
        client.jobs.close()


class Client:
    """Submits tasks to the job thread one by one and hands out their events; ctrl+c cancels the job."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.jobs = Jobs(self.events.put, engine)
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
            if event.job != job:
                continue
            if isinstance(event, JobFailed):
                raise Failed(event.cause, event.remedy)
            if isinstance(event, JobCancelled):
                raise Interrupted
            yield event
            if isinstance(event, until):
                return

    def wait(self) -> Event:
        """The next event; wakes now and then so that signals are handled."""
        while True:
            with contextlib.suppress(queue.Empty):
                return self.events.get(timeout=0.2)


def interpret(client: Client, arguments: argparse.Namespace) -> int:
    """Load, tokenize, run and print; the exit code."""
    try:
        preset = chosen_preset(arguments)
        parse_mode(arguments.mode)
        prompt = sys.stdin.read().rstrip("\n") if arguments.prompt == "-" else arguments.prompt
    except SelfieError as error:
        narrate(str(error))
        return WRONG_USAGE
    try:
        model = load(client, arguments)
    except Failed as error:
        narrate(str(error))
        return NO_MODEL
    try:
        stack = chosen_stack(model, arguments.stack)
        request = make_request(arguments, model, preset, prompt, stack, tokens_of(client, prompt, stack))
    except RequestError as error:
        narrate(str(error))
        return WRONG_USAGE
    printer = JsonPrinter(model, request) if arguments.json else TextPrinter()
    for event in client.run(Interpret(request)):
        match event:
            case ControlFinished():
                printer.control(event)
            case CellFinished():
                printer.cell(event)
            case Notice(text=text):
                narrate(text)
            case Progress():
                show_progress(event)
    show_progress(None)
    return DONE


def chosen_preset(arguments: argparse.Namespace) -> Preset:
    """The interpretation prompt that was asked for, by name or in full."""
    if arguments.template is not None:
        return Preset("custom", arguments.template, placeholder=arguments.placeholder)
    return preset_called(arguments.preset)


def chosen_stack(model: ModelInfo, name: str) -> str:
    """The stack that is read, as a request names it, narrated where the model has several.

    Raises:
        RequestError: if the model has no such stack.
    """
    stack = written_stack(model, name)
    others = [other.name for other in stacks_of(model) if stack and other.name != stack]
    for other in others:
        narrate(f"reads the {stack}'s states; for the {other}'s: --stack {other}")
    return stack


def load(client: Client, arguments: argparse.Namespace) -> ModelInfo:
    """Load the model, narrating."""
    started = time.monotonic()
    model: ModelInfo | None = None
    for event in client.run(LoadModel(arguments.model, arguments.device, arguments.dtype)):
        match event:
            case ModelReady(model=ready):
                model = ready
            case Notice(text=text):
                narrate(text)
            case ModelProgress(step=step, fraction=fraction):
                show_line(step if fraction is None else f"{step} {fraction:.0%}")
    show_line("")
    if model is None:
        raise Failed("The model did not load.", "Try again.")
    seconds = time.monotonic() - started
    where = f"{model.device} · {model.dtype} · {layers_description(model)}"
    narrate(f"{model.title} · {where} · {model.verdict} · {seconds:.1f} s")
    return model


def tokens_of(client: Client, prompt: str, stack: str) -> tuple[Token, ...]:
    """The tokens of the source prompt that run through the stack."""
    for event in client.run(Tokenize(prompt, stack), until=PromptTokens):
        if isinstance(event, PromptTokens):
            return event.tokens
    return ()


def make_request(
    arguments: argparse.Namespace, model: ModelInfo, preset: Preset, prompt: str, stack: str, tokens: tuple[Token, ...]
) -> Request:
    """The request that the arguments stand for; layer by layer within a token."""
    if not prompt.strip():
        raise RequestError("The prompt is empty.", "Give the text whose hidden states you want to read.")
    layers = parse_layers(arguments.layers, stack_named(model, stack).layers)
    positions = parse_positions(arguments.tokens, len(tokens))
    where = parse_layers(arguments.inject, most_layers(model))
    if len(where) != 1:
        raise RequestError("The injection layer must be one layer.", "Write embed or a number.")
    return Request(
        prompt=prompt,
        cells=tuple(Cell(layer, position) for position in positions for layer in layers),
        preset=preset,
        injection_layer=where[0],
        mode=parse_mode(arguments.mode),
        strength=arguments.strength,
        max_new_tokens=arguments.max_new_tokens,
        relevancy=not arguments.no_relevancy,
        random_control=arguments.random_control,
        temperature=arguments.temperature,
        seed=arguments.seed,
        stack=stack,
        compat=arguments.compat,
    )


class TextPrinter:
    """One line a cell: layer, `=` where it says no more than the control, token, text, a bar for each relevancy."""

    def control(self, event: ControlFinished) -> None:
        """The no-injection control."""
        self.line("control", "", event.control.text, "", "")

    def cell(self, event: CellFinished) -> None:
        """One cell, and its random direction below it."""
        cell = event.interpretation
        token = f"{cell.cell.position} {visible(cell.token.text)}"
        mark = "=" if cell.equals_control else ""
        self.line(layer_name(cell.cell.layer), token, cell.text, bars(cell.tokens), mark)
        if cell.random is not None:
            self.line("", "random", cell.random.text, "", "")

    def line(self, where: str, token: str, text: str, heat: str, mark: str) -> None:
        """Columns of known width, whatever the text."""
        columns = (
            f"{where:8}{mark or ' ':2}{pad(clip(token, TOKEN_WIDTH), TOKEN_WIDTH)}  {pad(prose(text), 48)}  {heat}"
        )
        print(columns.rstrip(), flush=True)


class JsonPrinter:
    """One JSON object a line: the run with its model and request first, then the control, then the cells."""

    def __init__(self, model: ModelInfo, request: Request) -> None:
        self.put({"type": "run", "model": model, "request": request})

    def control(self, event: ControlFinished) -> None:
        """The no-injection control."""
        self.put({"type": "control", "control": event.control})

    def cell(self, event: CellFinished) -> None:
        """One cell."""
        self.put({"type": "interpretation", "index": event.index, "interpretation": event.interpretation})

    def put(self, data: object) -> None:
        """Write one line."""
        print(msgspec.json.encode(data).decode(), flush=True)


def bars(tokens: tuple[GeneratedToken, ...]) -> str:
    """A bar for the relevancy of each token."""
    return "".join(bar(token.relevancy) for token in tokens if token.relevancy is not None)


def narrate(text: str) -> None:
    """A line on stderr."""
    show_line("")
    print(prose(text), file=sys.stderr, flush=True)


def show_progress(progress: Progress | None) -> None:
    """How far the run is, on one line that is written over, where stderr is a terminal."""
    if progress is None:
        show_line("")
        return
    left = "" if progress.seconds_left is None else f" · {progress.seconds_left:.0f} s left"
    show_line(f"{progress.steps_done}/{progress.steps} steps · {progress.cells_done}/{progress.cells} cells{left}")


def show_line(text: str) -> None:
    """Write over the current line of a terminal's stderr."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{prose(text)}", end="", file=sys.stderr, flush=True)

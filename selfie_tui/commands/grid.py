"""`selfie-tui grid`: interpret every cell of a prompt, or of a stream of prompts, and print maps of first words."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterable

from selfie_tui import paths
from selfie_tui.commands.client import (
    DONE,
    NO_MODEL,
    RUN_FAILED,
    WRONG_USAGE,
    Client,
    Failed,
    all_cores_engine,
    done,
    narrate,
    show_line,
    show_progress,
)
from selfie_tui.commands.grid_map import LEGEND, grid_lines
from selfie_tui.commands.model_options import EXIT_CODES, add_model
from selfie_tui.commands.options import add_output
from selfie_tui.commands.prompts import add_prompts, chosen_prompts
from selfie_tui.commands.requests import add_request, chosen_settings, make_request
from selfie_tui.commands.stacks import chosen_stack
from selfie_tui.errors import RequestError, SelfieError
from selfie_tui.interpret_settings import Bounds
from selfie_tui.jobs import Engine
from selfie_tui.kinds import most_layers
from selfie_tui.records import (
    CellFinished,
    ControlFinished,
    Interpret,
    Interpretation,
    ModelInfo,
    Notice,
    Progress,
    Token,
)
from selfie_tui.results.part_file import part_of
from selfie_tui.results.sessions import Session, new_path
from selfie_tui.results.stream_file import RunStream
from selfie_tui.text import prose

LONGEST_LINE = 240
"""Cells of a line where there is no terminal."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = (
        "Interpret every cell of a prompt (layer by token), or of many prompts one after the other: maps of first "
        "words on stdout, narration on stderr. With --out a run that was stopped goes on where it was when the same "
        "command is given again, and ends with the same file."
    )
    command.epilog = EXIT_CODES
    add_prompts(command)
    add_model(command)
    add_request(command, tokens="all")
    add_output(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Do the command and return its exit code. What is wrong whatever the model is refused before it is loaded."""
    try:
        prompts = chosen_prompts(arguments, "grid")
        chosen_settings(arguments, Bounds())
        runs = RunStream(arguments.out, arguments.overwrite, print_line if arguments.json else lambda line: None)
    except SelfieError as error:
        narrate(str(error))
        return WRONG_USAGE
    session = Session(None if arguments.no_session else new_path(paths.sessions_dir()))
    client = Client(engine, session.append, runs.take)
    try:
        code = done(client, lambda client, arguments: read_all(client, arguments, prompts, runs), arguments)
    finally:
        client.jobs.close()
        session.close()
        runs.close()
    if code and arguments.out and part_of(arguments.out).exists():
        narrate(f"what there is so far: {part_of(arguments.out)}; the same command goes on with it")
    return code


def print_line(line: bytes) -> None:
    """Write a line to stdout."""
    print(line.decode(), flush=True)


def read_all(client: Client, arguments: argparse.Namespace, prompts: Iterable[str], runs: RunStream) -> int:
    """Load the model, and read, print and keep prompt after prompt; the exit code."""
    try:
        model = client.load(arguments)
    except Failed as error:
        narrate(str(error))
        return NO_MODEL
    try:
        reading = Reading(client, arguments, model, runs)
        for prompt in prompts:
            reading.read(prompt)
        if not reading.number:
            raise RequestError("There are no prompts.", "Give one a line.")
        written = runs.finish()
    except RequestError as error:
        narrate(str(error))
        return WRONG_USAGE
    if written:
        narrate(written)
    return reading.exit_code()


class Reading:
    """Prompts that are read one after the other; no more than one is held.

    A prompt that is refused or whose run fails is narrated and kept as a failed run, and the next one is read.
    """

    def __init__(self, client: Client, arguments: argparse.Namespace, model: ModelInfo, runs: RunStream) -> None:
        self.client, self.arguments, self.model, self.runs = client, arguments, model, runs
        self.stack = chosen_stack(model, arguments.stack)
        self.settings = chosen_settings(arguments, Bounds(blocks=most_layers(model)))
        self.number = self.refused = self.failed = 0

    def read(self, prompt: str) -> None:
        """Read a prompt, or take it over where it has been read before."""
        self.number += 1
        stored = self.runs.next_prompt()
        try:
            tokens = self.client.tokens(prompt, self.stack)
            task = Interpret(make_request(self.arguments, self.model, prompt, self.stack, tokens))
        except (Failed, RequestError) as error:
            tokens, task = (), Interpret(self.settings.request(prompt, (), self.stack))
            self.refused += 1
            narrate(f"{self.which()}{error}")
            if stored is None:
                self.runs.refused(task, self.model, str(error))
        if stored is not None:
            self.runs.take_over(stored, task, self.model)
        elif tokens:
            self.run(task, tokens)

    def run(self, task: Interpret, tokens: tuple[Token, ...]) -> None:
        """Do a run and print its map; its entries go where the client's recorder writes them."""
        found: dict[int, Interpretation] = {}
        control = ""
        try:
            for event in self.client.run(task):
                match event:
                    case ControlFinished(control=finished):
                        control = finished.text
                    case CellFinished(index=index, interpretation=interpretation):
                        found[index] = interpretation
                    case Notice(text=text):
                        narrate(f"{self.which()}{text}")
                    case Progress():
                        show_progress(event, self.which())
        except Failed as error:
            self.refused += error.refused
            self.failed += not error.refused
            narrate(f"{self.which()}{error}")
            if not self.runs.began:
                self.runs.refused(task, self.model, str(error))
            return
        finally:
            show_line("")
        if not self.arguments.json:
            self.show(task, tokens, found, control)

    def show(self, task: Interpret, tokens: tuple[Token, ...], found: dict[int, Interpretation], control: str) -> None:
        """Print a prompt's map, and of several prompts their texts above it."""
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else LONGEST_LINE
        if self.arguments.prompts is not None:
            print(f"{chr(10) if self.number > 1 else ''}{prose(task.request.prompt)}")
        print("\n".join(grid_lines(task.request, tokens, found, width)))
        print(f"control: {prose(control)}", flush=True)
        if self.number == 1:
            narrate(LEGEND)

    def which(self) -> str:
        """The prompt's number before what is said of it, where there are several."""
        return f"prompt {self.number}: " if self.arguments.prompts is not None else ""

    def exit_code(self) -> int:
        """The exit code: of one prompt that was refused, that of wrong usage."""
        if self.arguments.prompts is None and self.refused:
            return WRONG_USAGE
        if lost := self.refused + self.failed:
            narrate(f"{lost} of {self.number} prompts could not be read")
        return RUN_FAILED if lost else DONE

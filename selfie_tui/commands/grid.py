"""`selfie-tui grid`: interpret every cell of a prompt, or of a stream of prompts, and print maps of first words."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

from selfie_tui.commands.client import (
    WRONG_USAGE,
    Client,
    Failed,
    all_cores_engine,
    narrate,
    print_line,
    show_line,
    show_progress,
)
from selfie_tui.commands.grid_map import LEGEND, grid_lines
from selfie_tui.commands.map_lines import line_width
from selfie_tui.commands.model_options import EXIT_CODES, add_model
from selfie_tui.commands.options import add_output
from selfie_tui.commands.prompt_stream import PromptStream, run_kept
from selfie_tui.commands.prompts import add_prompts, chosen_prompts
from selfie_tui.commands.requests import add_request, chosen_settings, make_request
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
from selfie_tui.results.stream_file import RunStream
from selfie_tui.text import prose


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
    return run_kept(arguments, engine, runs, lambda client, arguments: read_all(client, arguments, prompts, runs))


def read_all(client: Client, arguments: argparse.Namespace, prompts: Iterable[str], runs: RunStream) -> int:
    """Load the model, and read, print and keep prompt after prompt; the exit code."""
    grids = Grids(client, arguments, client.load(arguments), runs)
    grids.read_all(prompts)
    if written := runs.finish():
        narrate(written)
    return grids.exit_code()


class Grids(PromptStream[str]):
    """The grids of prompts; one that is refused or fails is kept as a failed run."""

    def __init__(self, client: Client, arguments: argparse.Namespace, model: ModelInfo, runs: RunStream) -> None:
        super().__init__(client, arguments, model)
        self.runs = runs
        self.settings = chosen_settings(arguments, Bounds(blocks=most_layers(model)))

    def read(self, prompt: str) -> None:
        stored = self.runs.next_prompt()
        try:
            tokens = self.client.tokens(prompt, self.stack)
            task = Interpret(make_request(self.arguments, self.model, prompt, self.stack, tokens))
        except (Failed, RequestError) as error:
            tokens, task = (), Interpret(self.settings.request(prompt, (), self.stack))
            self.lost(error)
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
            self.lost(error)
            if not self.runs.began:
                self.runs.refused(task, self.model, str(error))
            return
        finally:
            show_line("")
        if not self.arguments.json:
            self.show(task, tokens, found, control)

    def show(self, task: Interpret, tokens: tuple[Token, ...], found: dict[int, Interpretation], control: str) -> None:
        """Print a prompt's map, the control, and once what the marks stand for."""
        self.print_map(task.request.prompt, grid_lines(task.request, tokens, found, line_width()))
        print(f"control: {prose(control)}", flush=True)
        if self.number == 1:
            narrate(LEGEND)

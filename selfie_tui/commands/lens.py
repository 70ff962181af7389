"""`selfie-tui lens`: what the model's own head reads at every layer and token of a prompt."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from selfie_tui import paths
from selfie_tui.commands.client import (
    DONE,
    NO_MODEL,
    RUN_FAILED,
    WRONG_USAGE,
    Client,
    Failed,
    Interrupted,
    all_cores_engine,
    done,
    narrate,
    show_line,
)
from selfie_tui.commands.lens_lines import lens_lines, track_words
from selfie_tui.commands.model_options import EXIT_CODES, STACKS, add_model
from selfie_tui.commands.prompts import add_prompts, chosen_prompts
from selfie_tui.commands.stacks import chosen_stack
from selfie_tui.config import read_config
from selfie_tui.errors import RequestError, SelfieError
from selfie_tui.jobs import Engine
from selfie_tui.kinds import stack_named
from selfie_tui.lens_table import gathered
from selfie_tui.parse import parse_integer, parse_layers, positions_among
from selfie_tui.records import Lens, ModelInfo, ReadLens
from selfie_tui.results.writers.lenses import WRITERS, check_lens_file, export_lenses, json_lines
from selfie_tui.text import prose

LONGEST_LINE = 240
"""Cells of a line where there is no terminal."""

CONFIGURED = "\0"
"""What `--tuned` is without a folder: the model's own in the settings."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = (
        "Read a prompt by the logit lens: in every layer and at every token, the tokens that the model's own norm and "
        "head would say next. A map on stdout, narration on stderr. An encoder-decoder takes a prompt as "
        "'[INST]what the encoder reads[/INST] what the decoder has written'."
    )
    command.epilog = EXIT_CODES
    add_prompts(command)
    add_model(command)
    command.add_argument("--layers", default="all", help="such as embed,0-7 or all (default: all); -1 is the last one")
    command.add_argument(
        "--tokens", default="all", help="positions such as 3,4 or 2-5, or all but special ones (default: all)"
    )
    command.add_argument("--stack", choices=STACKS, default="", help="which stack is read (default: the first)")
    command.add_argument("--top", metavar="K", default="5", help="how many top tokens a cell has (default: 5)")
    command.add_argument(
        "--track",
        metavar="WORD",
        default="",
        help="a word to look up in every cell, as it is after a space; in double quotes, to the letter",
    )
    command.add_argument(
        "--tuned",
        metavar="FOLDER",
        nargs="?",
        const=CONFIGURED,
        default="",
        help="read by a tuned lens: a folder that tuned-lens saved (without one, the model's in your config.toml)",
    )
    command.add_argument("--json", action="store_true", help="one JSON object a cell, on a line of its own")
    command.add_argument(
        "--out", metavar="FILE", type=Path, help=f"also write the cells to a file; its ending: {' '.join(WRITERS)}"
    )
    command.add_argument("--overwrite", action="store_true", help="let --out take the place of a file that is there")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Do the command and return its exit code. What is wrong whatever the model is refused before it is loaded."""
    try:
        prompts = chosen_prompts(arguments, "lens")
        parse_integer(arguments.top, "number of tokens", 1)
        arguments.tuned = tuned_folder(arguments)
        if arguments.out:
            check_lens_file(arguments.out, arguments.overwrite)
    except SelfieError as error:
        narrate(str(error))
        return WRONG_USAGE
    client = Client(engine)
    try:
        return done(client, lambda client, arguments: read_all(client, arguments, prompts), arguments)
    finally:
        client.jobs.close()


def tuned_folder(arguments: argparse.Namespace) -> str:
    """The folder of the tuned lens, "" for none; raises RequestError where the settings should have one and do not."""
    if arguments.tuned != CONFIGURED:
        return str(arguments.tuned)
    config, _ = read_config(paths.config_file())
    if arguments.model not in config.tuned_lenses:
        raise RequestError(
            f"{paths.config_file()} names no tuned lens for {arguments.model}.",
            f'Give its folder, or write it there: [tuned_lenses] "{arguments.model}" = "/its/folder".',
        )
    return config.tuned_lenses[arguments.model]


def read_all(client: Client, arguments: argparse.Namespace, prompts: Iterable[str]) -> int:
    """Load the model, read, print and export; the exit code."""
    try:
        model = client.load(arguments)
    except Failed as error:
        narrate(str(error))
        return NO_MODEL
    reading = Reading(client, arguments, model)
    try:
        with reading.interruptible():
            write(reading.lenses(prompts), arguments)
    except RequestError as error:
        narrate(str(error))
        return WRONG_USAGE
    except SelfieError as error:
        narrate(str(error))
        return RUN_FAILED
    if reading.stopped is not None:
        raise reading.stopped
    return DONE


def write(lenses: Iterator[Lens], arguments: argparse.Namespace) -> None:
    """Write lenses to a file as they come, if there is to be one and anything is read; raises ExportError."""
    first = next(lenses, None)
    rest = lenses if first is None else chain([first], lenses)
    if arguments.out and first is not None:
        narrate(str(export_lenses(rest, arguments.out, overwrite=arguments.overwrite)))
        return
    for _ in rest:
        pass


class Reading:
    """Prompts being read one after another: each is printed, and given on to be written; no more than one is held."""

    def __init__(self, client: Client, arguments: argparse.Namespace, model: ModelInfo) -> None:
        self.client, self.arguments, self.model = client, arguments, model
        self.stack = chosen_stack(model, arguments.stack)
        self.stopped: Failed | Interrupted | None = None
        """What ended the reading early; what was read before is still written."""
        self._waiting = False

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """While open, ctrl+c ends the reading: at once where a lens is waited for, else before the next prompt.

        A quick task is not cancelled by the job thread; the program leaves without waiting for it.
        """

        def stop(number: int, frame: object) -> None:
            self.stopped = Interrupted()
            if self._waiting:
                raise self.stopped

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def lenses(self, prompts: Iterable[str]) -> Iterator[Lens]:
        """The lens of each prompt, once it has been printed."""
        for number, prompt in enumerate(prompts, 1):
            try:
                self._waiting = True
                found = self.lens(prompt)
            except (Failed, Interrupted) as stopped:
                self.stopped = stopped
                if self.arguments.prompts is not None:
                    narrate(f"stopped at prompt {number}")
                return
            finally:
                self._waiting = False
            if self.arguments.json:
                sys.stdout.writelines(line.decode() + "\n" for line in json_lines(found))
            else:
                self.show(found, number)
            sys.stdout.flush()
            if self.arguments.prompts is not None:
                show_line(f"{number} prompts")
            yield found
            if self.stopped is not None:
                return
        show_line("")

    def lens(self, prompt: str) -> Lens:
        """The lens of one prompt; raises as `Client.run`."""
        given = self.arguments
        tokens = self.client.tokens(prompt, self.stack)
        task = ReadLens(
            prompt,
            positions_among(given.tokens, tokens),
            parse_layers(given.layers, stack_named(self.model, self.stack).layers),
            parse_integer(given.top, "number of tokens", 1),
            self.stack,
            given.track,
            given.tuned,
        )
        return gathered(task, tokens, self.client.run(task), self.model)

    def show(self, found: Lens, number: int) -> None:
        """Print a prompt's map, and of several prompts their texts above it."""
        if number == 1 and (words := track_words(found)):
            narrate(words)
        if self.arguments.prompts is not None:
            print(f"{chr(10) if number > 1 else ''}{prose(found.prompt)}")
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else LONGEST_LINE
        print("\n".join(lens_lines(found, width)))

"""`selfie-tui lens`: what the model's own head reads at every layer and token of a prompt."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from selfie_tui import paths
from selfie_tui.ascii_json import encode_ascii
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
from selfie_tui.lens_table import gathered, rows_of
from selfie_tui.parse import parse_integer, parse_layers, positions_among
from selfie_tui.records import Lens, ModelInfo, ReadLens, Token
from selfie_tui.results.lens_stream import LensStream
from selfie_tui.results.part_file import part_of
from selfie_tui.results.writers import ExportError
from selfie_tui.results.writers.lenses import WRITERS, Rows, check_lens_file
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
        code = done(client, lambda client, arguments: read_all(client, arguments, prompts), arguments)
    finally:
        client.jobs.close()
    if code and arguments.out and part_of(arguments.out).exists():
        narrate(f"what there is so far: {part_of(arguments.out)}; the same command goes on with it")
    return code


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
    """Load the model, and read, print and keep prompt after prompt; the exit code."""
    try:
        model = client.load(arguments)
    except Failed as error:
        narrate(str(error))
        return NO_MODEL
    stream: LensStream | None = None
    try:
        stack = chosen_stack(model, arguments.stack)
        if arguments.out:
            stream = LensStream(arguments.out, arguments.overwrite, asked_of(model, stack, arguments))
        reading = Reading(client, arguments, model, stack, stream)
        with reading.interruptible():
            for prompt in prompts:
                reading.read(prompt)
        if not reading.number:
            raise RequestError("There are no prompts.", "Give one a line.")
        if stream and reading.number > reading.refused:
            narrate(stream.finish())
    except (RequestError, ExportError) as error:
        narrate(str(error))
        return WRONG_USAGE
    finally:
        if stream:
            stream.close()
    return reading.exit_code()


def asked_of(model: ModelInfo, stack: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What decides a lens but for the prompt: the model as it is, and what is asked for."""
    given = {name: getattr(arguments, name) for name in ("layers", "tokens", "top", "track", "tuned")}
    return {**given, "stack": stack, "model": msgspec.to_builtins(model)}


class Reading:
    """Prompts that are read one after the other; no more than one is held.

    A prompt that is refused is narrated and left out, and the next one is read.
    """

    def __init__(
        self, client: Client, arguments: argparse.Namespace, model: ModelInfo, stack: str, stream: LensStream | None
    ) -> None:
        self.client, self.arguments, self.model, self.stack, self.stream = client, arguments, model, stack, stream
        self.number = self.refused = 0
        self._waiting = False
        self._stopping = False

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """While open, ctrl+c ends the reading: at once where a lens is waited for, else before the next prompt.

        A quick task is not cancelled by the job thread; the program leaves without waiting for it.
        """

        def stop(number: int, frame: object) -> None:
            self._stopping = True
            if self._waiting:
                raise Interrupted

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def read(self, prompt: str) -> None:
        """Read a prompt, or take it over where it has been read before; raises Interrupted."""
        if self._stopping:
            raise Interrupted
        self.number += 1
        several = self.arguments.prompts is not None
        try:
            self._waiting = True
            task, tokens = self.task(prompt)
            rows = self.stream.known(prompt, cells_of(task)) if self.stream else None
            found = None if rows is not None else gathered(task, tokens, self.client.run(task), self.model)
        except (Failed, RequestError) as error:
            if not several or not getattr(error, "refused", True):
                raise
            self.refused += 1
            narrate(f"prompt {self.number}: {error}")
            return
        finally:
            self._waiting = False
        self.keep(found, rows)
        if several:
            show_line(f"{self.number} prompts")

    def task(self, prompt: str) -> tuple[ReadLens, tuple[Token, ...]]:
        """What is asked of a prompt, and its tokens.

        Raises:
            Failed: where the prompt is refused.
            RequestError: for a layer or a token that is not there.
        """
        given = self.arguments
        tokens = self.client.tokens(prompt, self.stack)
        positions = positions_among(given.tokens, tokens)
        layers = parse_layers(given.layers, stack_named(self.model, self.stack).layers)
        top = parse_integer(given.top, "number of tokens", 1)
        return ReadLens(prompt, positions, layers, top, self.stack, given.track, given.tuned), tokens

    def keep(self, found: Lens | None, rows: Rows | None) -> None:
        """Print a lens, or the rows of one that was read before, and write it where it is not written."""
        if found is not None:
            rows = rows_of(found)
            if self.stream:
                self.stream.add(rows)
        if self.arguments.json:
            sys.stdout.writelines(f"{encode_ascii(row).decode()}\n" for row in rows or ())
        elif found is not None:
            self.show(found)
        sys.stdout.flush()

    def show(self, found: Lens) -> None:
        """Print a prompt's map, and of several prompts their texts above it."""
        if self.number == 1 and (words := track_words(found)):
            narrate(words)
        if self.arguments.prompts is not None:
            print(f"{chr(10) if self.number > 1 else ''}{prose(found.prompt)}")
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else LONGEST_LINE
        print("\n".join(lens_lines(found, width)))

    def exit_code(self) -> int:
        """The exit code, once it has been said how many prompts were refused."""
        show_line("")
        if self.refused:
            narrate(f"{self.refused} of {self.number} prompts could not be read")
        return RUN_FAILED if self.refused else DONE


def cells_of(task: ReadLens) -> list[tuple[int, int]]:
    """The layers and positions of a task's cells, in the order of its rows."""
    return [(layer, position) for position in task.positions for layer in task.layers or ()]

"""`selfie-tui lens`: what the model's own head reads at every layer and token of a prompt."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from selfie_tui import paths
from selfie_tui.ascii_json import encode_ascii
from selfie_tui.commands.client import (
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
from selfie_tui.commands.map_lines import line_width
from selfie_tui.commands.model_options import EXIT_CODES, add_model
from selfie_tui.commands.prompt_stream import PromptStream, narrate_part
from selfie_tui.commands.prompts import add_prompts, chosen_prompts
from selfie_tui.commands.requests import add_cells
from selfie_tui.config import read_config
from selfie_tui.errors import RequestError, SelfieError
from selfie_tui.jobs import Engine
from selfie_tui.kinds import stack_named
from selfie_tui.lens_table import gathered, rows_of
from selfie_tui.parse import parse_integer, parse_layers, positions_among
from selfie_tui.records import Lens, ModelInfo, ReadLens, Token
from selfie_tui.results.lens_stream import LensStream
from selfie_tui.results.part_file import check_free
from selfie_tui.results.writers.lenses import FILES
from selfie_tui.results.writers.table_files import Rows

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
    add_cells(command, tokens="all")
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
        "--out",
        metavar="FILE",
        type=Path,
        help=f"also write the cells to a file; its ending: {' '.join(FILES.writers)}",
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
            FILES.check(arguments.out, arguments.overwrite)
            check_free(arguments.out)
    except SelfieError as error:
        narrate(str(error))
        return WRONG_USAGE
    client = Client(engine)
    try:
        code = done(client, lambda client, arguments: read_all(client, arguments, prompts), arguments)
    finally:
        client.jobs.close()
    narrate_part(arguments, code)
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
    lenses = Lenses(client, arguments, client.load(arguments))
    try:
        with lenses.interruptible():
            lenses.read_all(prompts)
        if lenses.stream and lenses.number > lenses.refused:
            narrate(lenses.stream.finish())
    finally:
        if lenses.stream:
            lenses.stream.close()
    return lenses.exit_code()


def asked_of(model: ModelInfo, stack: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What decides a lens but for the prompt: the model as it is, and what is asked for."""
    given = {name: getattr(arguments, name) for name in ("layers", "tokens", "top", "track", "tuned")}
    return {**given, "stack": stack, "model": msgspec.to_builtins(model)}


class Lenses(PromptStream[str]):
    """The lenses of prompts; one that is refused is left out."""

    def __init__(self, client: Client, arguments: argparse.Namespace, model: ModelInfo) -> None:
        super().__init__(client, arguments, model)
        asked = asked_of(model, self.stack, arguments)
        self.stream = LensStream(arguments.out, arguments.overwrite, asked) if arguments.out else None
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
        """Read a prompt, or take it over where it has been read before; raises Interrupted, and Failed if it fails."""
        if self._stopping:
            raise Interrupted
        try:
            self._waiting = True
            task, tokens = self.task(prompt)
            rows = self.stream.known(prompt, cells_of(task)) if self.stream else None
            found = None if rows is not None else gathered(task, tokens, self.client.run(task), self.model)
        except (Failed, RequestError) as error:
            if not getattr(error, "refused", True):
                raise
            self.lost(error)
            return
        finally:
            self._waiting = False
        self.keep(found, rows)
        if self.several:
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
        """Print a prompt's map, and once what is tracked."""
        if self.number == 1 and (words := track_words(found)):
            narrate(words)
        self.print_map(found.prompt, lens_lines(found, line_width()))


def cells_of(task: ReadLens) -> list[tuple[int, int]]:
    """The layers and positions of a task's cells, in the order of its rows."""
    return [(layer, position) for position in task.positions for layer in task.layers or ()]

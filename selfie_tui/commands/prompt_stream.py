"""Prompts that a command reads one after the other: what is done with each, and what is said of those that fail."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from typing import ClassVar, Generic, TypeVar

from selfie_tui import paths
from selfie_tui.commands.client import DONE, RUN_FAILED, WRONG_USAGE, Client, Failed, done, narrate, show_line
from selfie_tui.commands.stacks import chosen_stack
from selfie_tui.errors import RequestError
from selfie_tui.jobs import Engine
from selfie_tui.records import ModelInfo
from selfie_tui.results.part_file import part_of
from selfie_tui.results.sessions import Session, new_path
from selfie_tui.results.stream_file import RunStream
from selfie_tui.text import prose

Read = TypeVar("Read")
"""What is read one after the other: a prompt, or a pair of them."""


class PromptStream(Generic[Read]):
    """One prompt, or the prompts of a file; no more than one is held.

    Of several, one that is refused or fails is narrated, and the next one is read. `NOUN` is what one is called.
    """

    NOUN: ClassVar[str] = "prompt"

    def __init__(self, client: Client, arguments: argparse.Namespace, model: ModelInfo) -> None:
        self.client, self.arguments, self.model = client, arguments, model
        self.stack = chosen_stack(model, arguments.stack)
        self.several = arguments.prompts is not None
        self.number = self.refused = self.failed = 0

    def read(self, prompt: Read) -> None:
        """Read a prompt, or take it over where it has been read before."""
        raise NotImplementedError

    def read_all(self, prompts: Iterable[Read]) -> None:
        """Read prompt after prompt; raises RequestError where there are none."""
        for prompt in prompts:
            self.number += 1
            self.read(prompt)
        if not self.number:
            raise RequestError(f"There are no {self.NOUN}s.", "Give one a line.")

    def which(self) -> str:
        """The prompt's number before what is said of it, where there are several."""
        return f"{self.NOUN} {self.number}: " if self.several else ""

    def lost(self, error: Failed | RequestError) -> None:
        """Count and narrate a prompt that was refused or failed."""
        refused = getattr(error, "refused", True)
        self.refused += refused
        self.failed += not refused
        narrate(f"{self.which()}{error}")

    def print_map(self, prompt: str, lines: Iterator[str]) -> None:
        """Print a prompt's map, and of several prompts their texts above it."""
        if self.several:
            print(f"{chr(10) if self.number > 1 else ''}{prose(prompt)}")
        print("\n".join(lines), flush=True)

    def exit_code(self) -> int:
        """The exit code, once it has been said how many prompts were lost; of one that was refused, wrong usage."""
        show_line("")
        if not self.several and self.refused:
            return WRONG_USAGE
        if lost := self.refused + self.failed:
            narrate(f"{lost} of {self.number} {self.NOUN}s could not be read")
        return RUN_FAILED if lost else DONE


def run_kept(
    arguments: argparse.Namespace,
    engine: Callable[[], Engine],
    runs: RunStream,
    command: Callable[[Client, argparse.Namespace], int],
) -> int:
    """Run a command whose runs are kept in a session and handed to `runs`; returns its exit code."""
    session = Session(None if arguments.no_session else new_path(paths.sessions_dir()))
    client = Client(engine, session.append, runs.take)
    with closing(runs), closing(session), closing(client.jobs):
        code = done(client, command, arguments)
    narrate_part(arguments, code)
    return code


def narrate_part(arguments: argparse.Namespace, code: int) -> None:
    """Say where the results of a command are that ended with an error before its file had all of them."""
    if code and arguments.out and part_of(arguments.out).exists():
        narrate(f"what there is so far: {part_of(arguments.out)}; the same command goes on with it")

"""The runs of a stream of prompts as a file that grows, and goes on where the program was stopped.

A file holds one run a prompt, in the order of the prompts, as lines of a session. What depends on when it was made is
left out: a run's number is that of its prompt, and the time is empty, so that a stream that was stopped and went on
gives the same bytes as one that was not. Until all prompts are read the lines are in `NAME.part` beside it; a run that
was cut short there is made again as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from selfie_tui.errors import RequestError
from selfie_tui.records import ModelInfo, RunTask
from selfie_tui.results.entries import Entry, RunBegan, RunEnded, decode, encode, versions
from selfie_tui.results.part_file import PartFile
from selfie_tui.results.resuming import check_resumable
from selfie_tui.results.run_kinds import kind_of
from selfie_tui.results.writers import ExportError, check, export


class WholeRun(NamedTuple):
    """A run that is whole in a file: its beginning, its lines, and the offset behind them."""

    began: RunBegan
    lines: list[bytes]
    end: int


class RunStream:
    """Takes the entries of a stream of runs; with a `path` they go into its file, and each line to `then`.

    `noun` is what the runs are of.

    Raises:
        FileThere: for a file that is there, unless it is to be overwritten.
        ExportError: for a file that cannot be written, or one that another program is writing.
    """

    def __init__(
        self, path: Path | None, overwrite: bool, then: Callable[[bytes], object], noun: str = "prompt"
    ) -> None:
        self.path, self._noun = path, noun
        self._part: PartFile | None = None
        self._overwrite, self._then = overwrite, then
        self.began = False
        """Whether the run of the current prompt has begun."""
        self._number = 0
        self._stored: Iterator[WholeRun] = iter(())
        if path:
            check(path, overwrite)
            self._part = PartFile(path)
            self._stored = whole_runs(self._part.path)

    def next_prompt(self) -> WholeRun | None:
        """Go on to the next prompt; its run where the file has it already, to be taken over."""
        self._number += 1
        self.began = False
        found = next(self._stored, None)
        if self._part is not None and found is not None:
            self._part.end = found.end
        elif self._part is not None:
            self._part.open()
        return found

    def take_over(self, run: WholeRun, task: RunTask, model: ModelInfo) -> None:
        """Pass on a run that the file has.

        Raises:
            RequestError: if it is of another prompt, other settings or another model than would be asked now.
        """
        if run.began.task != task:
            same = "settings" if prompt_of(run.began.task) == prompt_of(task) else self._noun
            file = self._part.path if self._part else self.path
            raise RequestError(
                f"{file} was begun with another {same.removesuffix('s')} at {self._noun} {self._number}.",
                f"Give the {self._noun}s and settings that it was begun with, delete it, or choose another file.",
            )
        check_resumable(run.began, model)
        for line in run.lines:
            self._then(line)

    def take(self, entry: Entry) -> str:
        """Write an entry of the run of the current prompt; what went wrong, as a recorder's sink."""
        if isinstance(entry, RunBegan):
            self.began = True
            entry = msgspec.structs.replace(entry, began="")
        self._write(encode(msgspec.structs.replace(entry, run=self._number)))
        return ""

    def refused(self, task: RunTask, model: ModelInfo, problem: str) -> None:
        """Write that the current prompt's run was refused before it began."""
        began = RunBegan(run=0, model=model.name, began="", task=task, info=model, versions=dict(versions()))
        self.take(began)
        self.take(RunEnded(0, "failed", problem))

    def finish(self) -> str:
        """Give the file its name once all prompts are done; what was written, in words.

        Raises:
            RequestError: if it has runs of more prompts than there are.
            ExportError: if it cannot be written.
        """
        if self.path is None or self._part is None:
            return ""
        part = self._part.path
        if next(self._stored, None) is not None:
            raise RequestError(f"{part} has runs of more {self._noun}s.", "Give all of them, or delete it.")
        self._part.open()
        if self.path.suffix.lower() == ".jsonl":
            try:
                os.replace(part, self.path)
            except OSError as error:
                raise ExportError(
                    f"{self.path} cannot be written: {error.strerror}.", "Choose another file."
                ) from error
            return f"{self._number} {self._noun}{'' if self._number == 1 else 's'}: {self.path}"
        written = export(entries_of(part), self.path, overwrite=self._overwrite)
        part.unlink()
        return str(written)

    def close(self) -> None:
        """Close the file; what has been written stays."""
        if self._part is not None:
            self._part.close()

    def _write(self, line: bytes) -> None:
        if self._part is not None:
            self._part.append(line + b"\n")
        self._then(line)


def prompt_of(task: RunTask) -> str:
    """The prompt of a task."""
    return kind_of(task).prompt(task)


def whole_runs(path: Path) -> Iterator[WholeRun]:
    """The runs that are whole in a file, up to the first that is not; none of a file that is not there.

    Raises:
        RequestError: for a file that holds something else.
    """
    if not path.exists():
        return
    began: RunBegan | None = None
    lines: list[bytes] = []
    end = 0
    with path.open("rb") as file:
        for line in file:
            end += len(line)
            if not line.endswith(b"\n"):
                return
            entry = entry_of(path, line)
            if isinstance(entry, RunBegan):
                began, lines = entry, []
            lines.append(line[:-1])
            if isinstance(entry, RunEnded):
                if began is None or entry.ending == "cancelled":
                    return
                yield WholeRun(began, lines, end)
                began = None


def entries_of(path: Path) -> Iterator[Entry]:
    """The entries of a file of whole lines."""
    with path.open("rb") as file:
        for line in file:
            yield entry_of(path, line)


def entry_of(path: Path, line: bytes) -> Entry:
    """The entry of a line; raises RequestError where it is none."""
    try:
        return decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} holds something else than runs.", "Choose another file.") from error

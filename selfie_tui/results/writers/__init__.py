"""Exports: runs as files for other programs and for people, one row of `WRITERS` a format.

The format is chosen by the ending of the file's name. A file is written beside its name and then renamed, so that
there is a whole one or none.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from msgspec import DecodeError

from selfie_tui.errors import SelfieError
from selfie_tui.paths import replacing
from selfie_tui.results.entries import Entry
from selfie_tui.results.writers import csv_file, json_lines, markdown, parquet, script, web_page
from selfie_tui.results.writers.runs import KeptRun, kept_runs


class ExportError(SelfieError):
    """An export that cannot be made: an unknown ending, a folder that is missing, a disk that refuses."""


class FileThere(ExportError):  # noqa: N818 - a question to the user rather than an error
    """There is a file of that name, and nobody has asked to overwrite it."""


class Writer(NamedTuple):
    """A format: the ending of its files, what it is, what writes runs to a path, and the package that it needs.

    `write` raises OSError.
    """

    ending: str
    title: str
    write: Callable[[Iterable[KeptRun], Path], None]
    needs: str = ""


WRITERS: tuple[Writer, ...] = (
    Writer(".jsonl", "JSON lines: everything, as a session file has it", json_lines.write),
    Writer(".csv", "a table, lists as JSON", csv_file.write),
    Writer(".md", "Markdown, for people", markdown.write),
    Writer(".html", "a page for a browser, with heat", web_page.write),
    Writer(".parquet", "a typed table", parquet.write, needs="pyarrow"),
    Writer(".py", "a Python script that makes the runs again", script.write),
)
"""All of them, the default first."""

ENDINGS = tuple(writer.ending for writer in WRITERS)


class Exported(NamedTuple):
    """What was written: the file, how many runs it holds, and of each kind how many results, by their noun."""

    path: Path
    runs: int
    results: dict[str, int]

    @property
    def interpretations(self) -> int:
        """How many interpretations it holds."""
        return self.results.get("interpretation", 0)

    def __str__(self) -> str:
        of = "" if self.runs == 1 else f" of {self.runs} runs"
        counts = [f"{count} {noun}{'' if count == 1 else 's'}" for noun, count in self.results.items()]
        return f"{', '.join(counts) or 'no results'}{of}: {self.path}"


def export(entries: Iterable[Entry], path: Path, *, overwrite: bool = False) -> Exported:
    """Write the runs that entries make up to a file, in the format of its ending.

    Raises:
        FileThere: for a file that is there, unless it is to be overwritten.
        ExportError: as `check`, for a disk that refuses, or for entries that cannot be read.
        RequestError: for a table of runs of several kinds.
    """
    writer = check(path, overwrite)
    counted = Counted(kept_runs(readable(entries)))
    try:
        with replacing(path) as fresh:
            writer.write(counted, fresh)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}.", "Choose another file.") from error
    return Exported(path, counted.runs, dict(counted.results))


def check(path: Path, overwrite: bool = False) -> Writer:
    """The format of a file that is to be written, whatever the case of its ending; refuses what cannot be done.

    Raises:
        FileThere: for a file that is there, unless it is to be overwritten.
        ExportError: for an unknown ending, a package that is not installed, or a folder that is missing.
    """
    writer = next((writer for writer in WRITERS if path.suffix.lower() == writer.ending), None)
    if writer is None:
        raise ExportError(f"“{path.name}” has no ending of a format.", f"Use one of: {' '.join(ENDINGS)}.")
    if writer.needs and not is_installed(writer.needs):
        raise ExportError(
            f"{writer.ending} needs {writer.needs}, which is not installed.", "pip install 'selfie-tui[tables]'"
        )
    if path.is_dir():
        raise ExportError(f"{path} is a folder.", "Give the name of a file.")
    if not path.parent.is_dir():
        raise ExportError(f"There is no folder {path.parent}.", "Make it, or choose another file.")
    if path.exists() and not overwrite:
        raise FileThere(f"{path} is there already.", "Choose another name, or ask to overwrite it.")
    return writer


def is_installed(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    try:
        return find_spec(package) is not None
    except ValueError:  # it has been imported, or kept from it, in an unusual way
        return sys.modules.get(package) is not None


def readable(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries; a session that cannot be read on the way is an error of its own kind.

    Raises:
        ExportError: saying why.
    """
    try:
        yield from entries
    except (OSError, DecodeError) as error:
        raise ExportError(f"A run cannot be read: {error}.", "List the sessions again.") from error


class Counted(Iterable[KeptRun]):
    """Runs that are counted as they are taken."""

    def __init__(self, runs: Iterable[KeptRun]) -> None:
        self._runs = runs
        self.runs = 0
        self.results: Counter[str] = Counter()

    def __iter__(self) -> Iterator[KeptRun]:
        for run in self._runs:
            self.runs += 1
            self.results[run.kind.noun] += run.parts
            yield run

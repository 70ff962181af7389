"""Results of the library as runs that are kept: written in any format of an export, and read back from a session."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from selfie_tui.errors import LoadError, RequestError
from selfie_tui.library.lens import LensResult
from selfie_tui.library.results import InterpretationTable
from selfie_tui.library.results import Result as LibraryResult
from selfie_tui.records import CONTROL, Control, Interpret, Kept, Lens
from selfie_tui.results.entries import Entry, RunBegan, RunEnded, timestamp, versions
from selfie_tui.results.sessions import read
from selfie_tui.results.writers import Exported
from selfie_tui.results.writers import export as export_entries
from selfie_tui.results.writers.lenses import ExportedLenses, export_lenses
from selfie_tui.results.writers.runs import KeptRun, kept_runs

Results = LibraryResult | InterpretationTable


def export(
    results: Results | LensResult | Sequence[Results] | Sequence[LensResult],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> Exported | ExportedLenses:
    """Write results to a file, in the format of its ending: `.jsonl`, `.csv`, `.md`, `.html`, `.parquet` or `.py`.

    Args:
        results: of `interpret`, `interpret_vectors` or `ModelAgnosticSelfie.interpret`, one or several; or of `lens`,
            which are not written as `.py`.
        path: the file; its folder is not made.
        overwrite: whether a file that is there may be replaced.

    Raises:
        RequestError: for what is not a result, and for a script of vectors, which no result keeps.
        SelfieError: for an unknown ending, a file that is there, or one that cannot be written.
    """
    listed = [results] if isinstance(results, Results | LensResult) else list(results)
    if listed and isinstance(listed[0], LensResult):
        return export_lenses((as_lens(each) for each in listed), Path(path), overwrite=overwrite)
    plain = [as_result(each) for each in listed]
    if Path(path).suffix.lower() == ".py" and any(not result.request.prompt for result in plain):
        raise RequestError("Vectors are not kept with their texts.", "Export another format than a script.")
    entries = (entry for number, result in enumerate(plain, 1) for entry in entries_of(result, number))
    return export_entries(entries, Path(path), overwrite=overwrite)


def read_results(path: str | os.PathLike[str]) -> list[LibraryResult]:
    """The runs of a session file, or of one exported as `.jsonl`, as results of the library.

    Raises:
        LoadError: if the file cannot be read.
    """
    try:
        entries = read(Path(path))
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror}.", "Give a session file, or an export as .jsonl.") from error
    except msgspec.DecodeError as error:
        raise LoadError(f"{path} is not a session: {error}.", "Give one, or an export as .jsonl.") from error
    return [result_of(run) for run in kept_runs(entries)]


def as_result(value: Any) -> LibraryResult:
    """A result, or the one of a table.

    Raises:
        RequestError: for anything else.
    """
    result = value.result if isinstance(value, InterpretationTable) else value
    if not isinstance(result, LibraryResult):
        raise RequestError(f"Expected a result, got {type(value).__name__}.", "Give what interpret returned.")
    return result


def as_lens(value: Any) -> Lens:
    """The records of a lens; raises RequestError for anything else."""
    if not isinstance(value, LensResult):
        raise RequestError(f"Expected a lens, got {type(value).__name__}.", "Give what lens returned.")
    return value.records


def entries_of(result: LibraryResult, number: int) -> Iterator[Entry]:
    """A result as the lines of a session."""
    began = RunBegan(
        run=number,
        model=result.info.name if result.info else "",
        began=timestamp(),
        task=Interpret(result.request),
        info=result.info,
        versions=dict(versions()),
    )
    results: dict[int, Kept] = {CONTROL: result.control, **dict(enumerate(result.interpretations))}
    return KeptRun(began, results, RunEnded(number, "finished")).entries()


def result_of(run: KeptRun) -> LibraryResult:
    """A run as a result of the library, with those of its cells that were finished."""
    found: Iterable[Any] = (each for _, each in run.in_order())
    info = run.began.info
    control = run.control or Control(kind="none", text="")
    return LibraryResult(run.began.request, control, tuple(found), (), info.verdict if info else "", info)

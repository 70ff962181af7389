"""Results of the library as runs that are kept: written in any format of an export, and read back from a session."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from selfie_tui.errors import LoadError, RequestError
from selfie_tui.library.comparing import ModelComparison
from selfie_tui.library.control import LayerControl
from selfie_tui.library.lens import LensResult
from selfie_tui.library.patching.patched import Patched
from selfie_tui.library.results import InterpretationTable
from selfie_tui.library.results import Result as LibraryResult
from selfie_tui.library.steering import SteeredAnswers
from selfie_tui.records import (
    ATTRIBUTION,
    BEGINNING,
    CONTROL,
    END,
    AttributionFinished,
    CompareModels,
    Control,
    ControlLayer,
    Interpret,
    Kept,
    Lens,
    PatchActivations,
    PatchedRun,
    PatchEnded,
    RunTask,
    Steer,
)
from selfie_tui.results.entries import Entry, RunBegan, RunEnded, timestamp, versions
from selfie_tui.results.run_kinds import controls
from selfie_tui.results.run_kinds.comparisons import comparison_of
from selfie_tui.results.sessions import read
from selfie_tui.results.writers import Exported
from selfie_tui.results.writers import export as export_entries
from selfie_tui.results.writers.comparisons import export_comparisons
from selfie_tui.results.writers.kinds.patch_table import agreement_of, attribution_of, began_of
from selfie_tui.results.writers.kinds.steer_table import answers_of
from selfie_tui.results.writers.lenses import export_lenses
from selfie_tui.results.writers.runs import KeptRun, kept_runs
from selfie_tui.results.writers.table_files import ExportedTables

Results = LibraryResult | InterpretationTable | Patched | SteeredAnswers
Read = LibraryResult | Patched | SteeredAnswers
"""What `read_results` gives for a run of each kind."""


def export(
    results: Results | LensResult | ModelComparison | Sequence[Results] | Sequence[LensResult],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> Exported | ExportedTables:
    """Write results to a file, in the format of its ending: `.jsonl`, `.csv`, `.md`, `.html`, `.parquet` or `.py`.

    Args:
        results: of `interpret`, `interpret_vectors`, `ModelAgnosticSelfie.interpret`, `patch` or `steer`, one or
            several; or of `lens`, or one of `compare_models`, which are not written as `.html` or `.py`.
        path: the file; its folder is not made.
        overwrite: whether a file that is there may be replaced.

    Raises:
        RequestError: for what is not a result, for a script of vectors, which no result keeps, and for a table of
            results of several kinds.
        SelfieError: for an unknown ending, a file that is there, or one that cannot be written.
    """
    if isinstance(results, ModelComparison):
        return export_comparisons([results.records], Path(path), overwrite=overwrite)
    listed = [results] if isinstance(results, Results | LensResult) else list(results)
    if listed and isinstance(listed[0], LensResult):
        return export_lenses((as_lens(each) for each in listed), Path(path), overwrite=overwrite)
    plain = [as_result(each) for each in listed]
    vectors = (result for result in plain if isinstance(result, LibraryResult) and not result.request.prompt)
    if Path(path).suffix.lower() == ".py" and any(vectors):
        raise RequestError("Vectors are not kept with their texts.", "Export another format than a script.")
    entries = (entry for number, result in enumerate(plain, 1) for entry in entries_of(result, number))
    return export_entries(entries, Path(path), overwrite=overwrite)


def read_results(path: str | os.PathLike[str]) -> list[Any]:
    """The runs of a session file, or of one exported as `.jsonl`, as results of the library: a `Result`, a `Patched`,
    `SteeredAnswers`, a `ModelComparison` or a `LayerControl` each, as its kind is.

    A patching that ended before both prompts had been run, a steering without an answer, a comparison that ended before
    its other model was there, and a training that stopped have nothing to read.

    Raises:
        LoadError: if the file cannot be read.
    """
    try:
        entries = read(Path(path))
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror}.", "Give a session file, or an export as .jsonl.") from error
    except msgspec.DecodeError as error:
        raise LoadError(f"{path} is not a session: {error}.", "Give one, or an export as .jsonl.") from error
    found = (result_of(run) for run in kept_runs(entries))
    return [result for result in found if result is not None]


def as_result(value: Any) -> Read:
    """A result, or the one of a table.

    Raises:
        RequestError: for anything else.
    """
    result = value.result if isinstance(value, InterpretationTable) else value
    if not isinstance(result, Read):
        raise RequestError(f"Expected a result, got {type(value).__name__}.", "Give what interpret returned.")
    return result


def as_lens(value: Any) -> Lens:
    """The records of a lens; raises RequestError for anything else."""
    if not isinstance(value, LensResult):
        raise RequestError(f"Expected a lens, got {type(value).__name__}.", "Give what lens returned.")
    return value.records


def entries_of(result: Read, number: int) -> Iterator[Entry]:
    """A result as the lines of a session."""
    began = RunBegan(
        run=number,
        model=result.info.name if result.info else "",
        began=timestamp(),
        task=task_of(result),
        info=result.info,
        versions=dict(versions()),
    )
    return KeptRun(began, results_of(result), RunEnded(number, "finished")).entries()


def task_of(result: Read) -> RunTask:
    """What was asked for a result; raises RequestError where it does not know."""
    if isinstance(result, LibraryResult):
        return Interpret(result.request)
    if result.task is None:
        raise RequestError("These answers do not know what was asked.", "Give what steer returned.")
    return result.task


def results_of(result: Read) -> dict[int, Kept]:
    """The records of a result, by the index under which they are kept."""
    if isinstance(result, LibraryResult):
        return {CONTROL: result.control, **dict(enumerate(result.interpretations))}
    if isinstance(result, SteeredAnswers):
        return {0: result.record}
    found: dict[int, Kept] = {BEGINNING: result.began}
    if result.attribution:
        found[ATTRIBUTION] = AttributionFinished(scores=result.attribution)
    ended = PatchEnded(sites=len(result.runs), agreement=result.agreement)
    return {**found, **result.runs, END: ended}


def result_of(run: KeptRun) -> Read | ModelComparison | LayerControl | None:
    """A run as a result of the library, with those of its parts that were finished; None where there are none."""
    return READ[type(run.began.task)](run)


def reading_of(run: KeptRun) -> LibraryResult:
    """A self-interpretation."""
    info = run.began.info
    found: Iterable[Any] = (each for _, each in run.in_order())
    control = run.control or Control(kind="none", text="")
    return LibraryResult(run.began.request, control, tuple(found), (), info.verdict if info else "", info)


def patching_of(run: KeptRun) -> Patched | None:
    """A patching; None of one that ended before both prompts had been run."""
    began, task = began_of(run), run.began.task
    if began is None or not isinstance(task, PatchActivations):
        return None
    runs = {index: each for index, each in run.results.items() if isinstance(each, PatchedRun)}
    return Patched(task, began, runs, attribution_of(run), agreement_of(run), run.began.info)


def answers_in(run: KeptRun) -> SteeredAnswers | None:
    """Steered answers; None where there are none."""
    answers, task = answers_of(run), run.began.task
    return SteeredAnswers(answers, task, run.began.info) if answers and isinstance(task, Steer) else None


def comparison_in(run: KeptRun) -> ModelComparison | None:
    """A comparison of two models; None of one that ended before the other was there."""
    found = comparison_of(run.results)
    return None if found is None else ModelComparison(found)


def control_of(run: KeptRun) -> LayerControl | None:
    """Control of a layer; None where the training stopped."""
    began, done = controls.began_in(run.results), controls.done_in(run.results)
    return LayerControl(began, done) if began and done else None


READ: dict[type[RunTask], Callable[[KeptRun], Read | ModelComparison | LayerControl | None]] = {
    Interpret: reading_of,
    PatchActivations: patching_of,
    Steer: answers_in,
    CompareModels: comparison_in,
    ControlLayer: control_of,
}
"""A run of each kind as a result of the library, by the type of its task."""

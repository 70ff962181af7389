"""Going on with a run that stopped, and making one again: what of it is whole, and what differs from then."""

from __future__ import annotations

from typing import NamedTuple

from selfie_tui.edits import edit_line
from selfie_tui.errors import RequestError
from selfie_tui.records import Kept, ModelInfo, RunTask
from selfie_tui.results.entries import Result, RunBegan, versions
from selfie_tui.results.history import read_run
from selfie_tui.results.stored import StoredRun

DECISIVE = ("model", "revision", "dtype", "edits")
"""What must be as it was for the results of two starts to belong to one run."""


class Difference(NamedTuple):
    """Something that is not as it was when a run was made."""

    name: str
    before: str
    now: str

    def __str__(self) -> str:
        return f"{self.name} {self.before or 'unknown'} → {self.now or 'unknown'}"


def differences(began: RunBegan, model: ModelInfo) -> tuple[Difference, ...]:
    """What of a run's model and versions is not the same in a loaded model and in this program.

    What a run of an older version does not know of itself is left out.
    """
    then = facts(began.model, began.info) | began.versions
    now = facts(model.name, model) | versions()
    return tuple(
        Difference(name, before, now[name]) for name, before in then.items() if name in now and before != now[name]
    )


def facts(name: str, info: ModelInfo | None) -> dict[str, str]:
    """What is compared of a model, by name; of one without information only its name."""
    if info is None:
        return {"model": name}
    return {
        "model": name,
        "revision": info.revision,
        "device": info.device,
        "dtype": info.dtype,
        "verdict": info.verdict,
        "edits": "; ".join(edit_line(edit) for edit in info.edits) or "none",
    }


def resume_task(stored: StoredRun) -> RunTask:
    """The task that goes on with a run that stopped, with what its kind can take over of it.

    Raises:
        RequestError: for a run that is whole or still running, or that has been deleted.
    """
    if not stored.is_partial:
        state = "still running" if stored.ending == "running" else "whole"
        raise RequestError(f"This run is {state}.", "There is nothing to resume.")
    task, results = contents(stored)
    return stored.kind.resumed(stored.id, task, results)


def decisive(began: RunBegan, model: ModelInfo) -> tuple[Difference, ...]:
    """The differences by which the results of a run and those of a loaded model are not of one model."""
    return tuple(each for each in differences(began, model) if each.name in DECISIVE)


def check_resumable(began: RunBegan, model: ModelInfo) -> None:
    """Refuse to go on with a run on another model than its own.

    Raises:
        RequestError: naming what differs.
    """
    if others := decisive(began, model):
        raise RequestError(
            f"The run cannot be resumed, its model was another one: {', '.join(map(str, others))}.",
            "Load the model as it was, or make the run again.",
        )


def contents(stored: StoredRun) -> tuple[RunTask, dict[int, Kept]]:
    """The task of a stored run, and its results by their index in the order of their lines.

    Raises:
        RequestError: if the run is no longer where it was.
    """
    task: RunTask | None = None
    found: dict[int, Kept] = {}
    try:
        for entry in read_run(stored):
            if isinstance(entry, RunBegan):
                task = entry.task
            elif isinstance(entry, Result):
                found[entry.index] = entry.value
    except (OSError, ValueError) as error:
        raise RequestError(f"The run cannot be read: {error}.", "List the sessions again.") from error
    if task is None:
        raise RequestError("The run cannot be read.", "List the sessions again.")
    return task, found

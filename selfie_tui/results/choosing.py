"""Stored runs by what a user types: a number from the newest on, a run's id, a session's name, or `all`."""

from __future__ import annotations

from collections.abc import Sequence

from selfie_tui.errors import RequestError
from selfie_tui.results.stored import StoredRun

ALL = "all"


def chosen_runs(runs: Sequence[StoredRun], names: Sequence[str]) -> list[StoredRun]:
    """The runs of a list, newest first, that are named, each once and in the order of the names.

    Raises:
        RequestError: for a name that stands for none.
    """
    found = [run for name in names for run in runs_named(runs, name)]
    return list({run.id: run for run in found}.values())


def runs_named(runs: Sequence[StoredRun], name: str) -> Sequence[StoredRun]:
    """The runs that a name stands for.

    Raises:
        RequestError: for a name that stands for none, saying what there is.
    """
    if name == ALL:
        return runs
    if name.isascii() and name.isdigit() and 1 <= int(name) <= len(runs):
        return [runs[int(name) - 1]]
    found = [run for run in runs if name in (run.id, run.path.stem, run.path.name)]
    if not found:
        there = f"1 to {len(runs)}, 1 being the newest, " if runs else ""
        raise RequestError(f"There is no run “{name}”.", f"Use {there}an id as the list shows it, or {ALL}.")
    return found

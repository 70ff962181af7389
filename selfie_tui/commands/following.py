"""A run of any kind as a command follows it: what it finds is printed as it comes, or at its end."""

from __future__ import annotations

from collections.abc import Iterable

from selfie_tui.commands.client import Client, narrate, show_line
from selfie_tui.commands.map_lines import line_width
from selfie_tui.commands.patch_lines import LEGEND, patch_lines
from selfie_tui.commands.printing import follow
from selfie_tui.commands.vector_lines import steered_lines
from selfie_tui.records import (
    ATTRIBUTION,
    BEGINNING,
    END,
    AttributionFinished,
    Interpret,
    Kept,
    Notice,
    PatchBegan,
    PatchedRun,
    PatchEnded,
    PatchProgress,
    RunTask,
    SteeredSoFar,
)


def follow_run(client: Client, task: RunTask, *, as_json: bool) -> dict[int, Kept]:
    """Do a run, and print what it finds unless entries are printed as JSON; returns the results by their index.

    Raises:
        Failed: if it fails.
        Interrupted: if it was cancelled.
    """
    if isinstance(task, Interpret):
        return dict(follow(client, task, as_json=as_json))
    found: dict[int, Kept] = {}
    try:
        for event in client.run(task):
            found.update(event.results())
            match event:
                case Notice(text=text):
                    narrate(text)
                case PatchProgress(done=done, sites=sites):
                    show_line(f"{done}/{sites} sites")
                case SteeredSoFar(plain=plain):
                    show_line(f"{len(plain)} tokens")
    finally:
        show_line("")
        if not as_json:
            print_results(found)
    return found


def print_results(found: dict[int, Kept]) -> None:
    """Print the results of a patching or a steering, as far as there are any."""
    began, answers = found.get(BEGINNING), found.get(0)
    if isinstance(began, PatchBegan):
        print_lines(patching_lines(began, found))
        narrate(LEGEND)
    elif isinstance(answers, SteeredSoFar):
        print_lines(steered_lines(answers))


def patching_lines(began: PatchBegan, found: dict[int, Kept]) -> Iterable[str]:
    """The lines of a patching and, where it is known, how far its attribution agrees with its scores."""
    attribution, ended = found.get(ATTRIBUTION), found.get(END)
    scores = attribution.scores if isinstance(attribution, AttributionFinished) else ()
    runs = {index: each for index, each in found.items() if isinstance(each, PatchedRun)}
    yield from patch_lines(began, runs, scores, line_width())
    if isinstance(ended, PatchEnded) and ended.agreement is not None:
        yield f"attribution: rank correlation {ended.agreement:.2f} with the scores of {ended.sites} sites"


def print_lines(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        print(line, flush=True)

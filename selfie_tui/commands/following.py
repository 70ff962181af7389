"""A run of any kind as a command follows it: what it finds is printed as it comes, or at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from selfie_tui.commands.client import Client, narrate, show_line
from selfie_tui.commands.comparison_printer import Printer
from selfie_tui.commands.control_lines import began_lines, controlled_lines
from selfie_tui.commands.map_lines import line_width
from selfie_tui.commands.patch_lines import LEGEND, patch_lines
from selfie_tui.commands.printing import follow
from selfie_tui.commands.vector_lines import steered_lines
from selfie_tui.records import (
    ATTRIBUTION,
    BEGINNING,
    END,
    AttributionFinished,
    CompareModels,
    ComparisonProgress,
    ControlLayer,
    Event,
    Interpret,
    JobFinished,
    Kept,
    LayerControlStep,
    ModelProgress,
    Notice,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    PatchEnded,
    PatchProgress,
    RunTask,
    Steer,
    SteeredSoFar,
)
from selfie_tui.results.run_kinds import comparisons, controls

Results = Mapping[int, Kept]


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
            if isinstance(event, Notice):
                narrate(event.text)
            elif type(event) in STEPS:
                show_line(STEPS[type(event)](event))
    finally:
        show_line("")
        if not as_json:
            print_results(task, found)
    return found


STEPS: dict[type[Event], Callable[..., str]] = {
    PatchProgress: lambda event: f"{event.done}/{event.sites} sites",
    SteeredSoFar: lambda event: f"{len(event.plain)} tokens",
    ModelProgress: lambda event: event.step if event.fraction is None else f"{event.step} {event.fraction:.0%}",
    LayerControlStep: lambda event: f"step {event.step}/{event.steps} · {event.distance:.0%} of the way left",
    ComparisonProgress: lambda event: f"{event.step}: {event.done} of {event.total}",
}
"""How far a run is, by the events that say so."""


def print_results(task: RunTask, found: Results) -> None:
    """Print the results of a run of another kind than readings, as far as there are any."""
    lines = list(PRINTED[type(task)](found))
    print_lines(lines)
    if lines and isinstance(task, PatchActivations):
        narrate(LEGEND)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        print(line, flush=True)


def patching_lines(found: Results) -> Iterator[str]:
    """The lines of a patching and, where it is known, how far its attribution agrees with its scores."""
    began, attribution, ended = found.get(BEGINNING), found.get(ATTRIBUTION), found.get(END)
    if not isinstance(began, PatchBegan):
        return
    scores = attribution.scores if isinstance(attribution, AttributionFinished) else ()
    runs = {index: each for index, each in found.items() if isinstance(each, PatchedRun)}
    yield from patch_lines(began, runs, scores, line_width())
    if isinstance(ended, PatchEnded) and ended.agreement is not None:
        yield f"attribution: rank correlation {ended.agreement:.2f} with the scores of {ended.sites} sites"


def answers_lines(found: Results) -> Iterable[str]:
    """The lines of a steering."""
    answers = found.get(0)
    return steered_lines(answers) if isinstance(answers, SteeredSoFar) else ()


def comparison_lines(found: Results) -> Iterator[str]:
    """The lines of a comparison of two models."""
    printer = Printer()
    for event in (*comparisons.events(found), JobFinished(seconds=0.0)):
        yield from printer.taken(event)


def control_lines(found: Results) -> Iterator[str]:
    """The lines of control of a layer."""
    began, done = controls.began_in(found), controls.done_in(found)
    if began is not None:
        yield from began_lines(began)
    if done is not None:
        yield from controlled_lines(done)


PRINTED: dict[type[RunTask], Callable[[Results], Iterable[str]]] = {
    PatchActivations: patching_lines,
    Steer: answers_lines,
    CompareModels: comparison_lines,
    ControlLayer: control_lines,
}
"""The lines of results, by the type of the task; readings are printed as they come."""

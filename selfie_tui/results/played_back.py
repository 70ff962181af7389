"""A run's results as the events that brought them, so that whoever follows a run can show one that was kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from selfie_tui.records import (
    ATTRIBUTION,
    BEGINNING,
    END,
    AttributionFinished,
    CellFinished,
    Control,
    ControlFinished,
    Event,
    Interpretation,
    Kept,
    PatchBegan,
    PatchedRun,
    PatchEnded,
    SitesPatched,
    SteeredSoFar,
)


def events_of(results: Mapping[int, Kept]) -> Iterator[Event]:
    """The events of the results of a run, by their index; the patched sites come in one."""
    for value in results.values():
        match value:
            case Control(kind="none"):
                yield ControlFinished(control=value)
            case SteeredSoFar():
                yield value
    for index, value in sorted(results.items()):
        if isinstance(value, Interpretation):
            yield CellFinished(index=index, interpretation=value)
    yield from patch_events(results)


def patch_events(results: Mapping[int, Kept]) -> Iterator[Event]:
    """Those of a patching, in the order in which the engine yields them."""
    began, attribution, ended = (results.get(index) for index in (BEGINNING, ATTRIBUTION, END))
    runs = tuple(value for value in results.values() if isinstance(value, PatchedRun))
    if isinstance(began, PatchBegan):
        yield began
    if isinstance(attribution, AttributionFinished):
        yield attribution
    if runs:
        yield SitesPatched(runs=runs)
    if isinstance(ended, PatchEnded):
        yield ended

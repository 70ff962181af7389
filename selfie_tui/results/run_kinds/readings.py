"""Self-interpretations as a kind of run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from selfie_tui.records import (
    CONTROL,
    CellFinished,
    Control,
    ControlFinished,
    Earlier,
    Event,
    Interpret,
    Interpretation,
    Kept,
    Request,
    layer_name,
)
from selfie_tui.results.run_kinds.kind import Results, RunKind, Words


def interpretations_in(results: Mapping[int, Kept]) -> dict[int, Interpretation]:
    """The interpretations among results, by their index."""
    return {index: each for index, each in results.items() if isinstance(each, Interpretation)}


def is_whole(interpretation: Interpretation, request: Request) -> bool:
    """Whether an interpretation has all that its request asked for; an unreadable one has no more."""
    if interpretation.problem and not interpretation.tokens:
        return True
    measured = any(token.effect is not None for token in interpretation.tokens) or not interpretation.tokens
    compared = interpretation.random is not None or not request.random_control
    beside = interpretation.lens is not None and interpretation.bare is not None
    sampled = len(interpretation.samples) == request.samples or request.samples == 1
    no_baselines = not request.baselines or request.module is not None  # of the stream's states alone
    return compared and sampled and (measured or not request.relevancy) and (beside or no_baselines)


def events(results: Results) -> Iterator[Event]:
    """The control and the finished cells, in the order of the request."""
    for value in results.values():
        if isinstance(value, Control) and value.kind == "none":
            yield ControlFinished(control=value)
    for index, value in sorted(interpretations_in(results).items()):
        yield CellFinished(index=index, interpretation=value)


def resumed(id: str, task: Interpret, results: Results) -> Interpret:
    """The same request, with the interpretations that are whole; all are made again where the control is missing.

    Those that a cancellation cut short are not whole, nor are those of an older version, which had no baselines.
    """
    control = results.get(CONTROL)
    found = interpretations_in(results).items()
    whole = tuple((index, each) for index, each in sorted(found) if is_whole(each, task.request))
    return Interpret(task.request, Earlier(id, control, whole) if isinstance(control, Control) else None)


def label(index: int, results: Results) -> str:
    """The cell of an interpretation."""
    value = results[index]
    return f"{layer_name(value.cell.layer)} · {value.cell.position}" if isinstance(value, Interpretation) else ""


def shortened(task: Interpret) -> Interpret:
    """The task without the cells of its request."""
    return msgspec.structs.replace(task, request=msgspec.structs.replace(task.request, cells=()))


KIND = RunKind(
    "read",
    "interpretation",
    lambda task: task.request.prompt,
    lambda task: f"{task.request.preset.name} at {layer_name(task.request.injection_layer)}",
    lambda task: (task.request.preset.name, task.request.preset.text),
    lambda task: len(task.request.cells),
    words={
        Interpretation: Words(lambda value: value.text, lambda value: value.tokens),
        Control: Words(lambda value: "", lambda value: value.tokens),
    },
    events=events,
    resumed=resumed,
    label=label,
    shortened=shortened,
)

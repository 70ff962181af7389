"""Control of a layer as a kind of run."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from selfie_tui.records import (
    BEGINNING,
    ControlLayer,
    Event,
    LayerControlBegan,
    LayerControlled,
    LayerState,
    layer_name,
)
from selfie_tui.results.run_kinds.kind import Results, RunKind, Words


def began_in(results: Results) -> LayerControlBegan | None:
    """Where the layer stood; None where it was not trained at all."""
    found = results.get(BEGINNING)
    return found if isinstance(found, LayerControlBegan) else None


def done_in(results: Results) -> LayerControlled | None:
    """The layer after its training; None where that stopped."""
    found = results.get(0)
    return found if isinstance(found, LayerControlled) else None


def texts_of(state: LayerState) -> list[str]:
    """What the cells are put into words as, and the answers."""
    return [*(each.text for each in state.interpretations), *(each.text for each in state.answers)]


def events(results: Results) -> Iterator[Event]:
    """Where the layer stood, and what came of it."""
    yield from (each for each in (began_in(results), done_in(results)) if each is not None)


def target(task: ControlLayer) -> str:
    """What the layer is moved to, on a line."""
    named = task.line or f"“{task.like}”"
    return f"as far as {named}, at random" if task.random else named


def asked(task: ControlLayer) -> str:
    """The layer and what it is moved to."""
    layer = f"{layer_name(task.request.cells[0].layer)} " if task.request.cells else ""
    return f"{layer}→ {'random' if task.random else target(task)}"


KIND = RunKind(
    "control",
    "training",
    lambda task: task.request.prompt,
    asked,
    lambda task: (task.line, task.like, *task.also, task.file),
    lambda task: 1,
    words={LayerControlled: Words(lambda value: " ".join(texts_of(value.after)))},
    events=events,
    resumed=lambda id, task, results: task,
    label=lambda index, results: "what is said then",
    shortened=lambda task: msgspec.structs.replace(task, retain=(), held_out=()),
    again=lambda task: msgspec.structs.replace(task, file="", overwrite=False),
    compared="sets of texts",
)

"""What two models say of the same cells: each reads its own states with its own tokens, the settings being the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from selfie_tui.engine.comparing.pairing import partner_layer
from selfie_tui.engine.model import Model
from selfie_tui.records import (
    CellFinished,
    CellPair,
    ComparedReading,
    ComparisonProgress,
    Event,
    Interpretation,
    Notice,
    Progress,
    ReadingsCompared,
    Request,
)

Interpreting = Callable[[Model, Request], Iterator[Event]]
"""The events of an interpretation, as `methods.interpret.interpret` gives them."""


def request_of(request: Request, prompt: str, pairs: Sequence[CellPair], stack: str) -> Request:
    """The request for the cells of the one model, with the settings of another request."""
    return replace(request, prompt=prompt, cells=tuple(pair.cell for pair in pairs), stack=stack, module=None)


def request_for_other(request: Request, pairs: Sequence[CellPair], model: Model, other: Model) -> Request:
    """The same request for the cells of the other model; what it writes, it writes to the layer that is as deep."""
    depths = [len(each.anatomy.main.blocks) for each in (model, other)]
    layer = partner_layer(request.injection_layer, depths[0], depths[1])
    return replace(request, cells=tuple(pair.other for pair in pairs), injection_layer=layer)


def followed(events: Iterator[Event], step: str, found: dict[int, Interpretation]) -> Iterator[Event]:
    """Notices and progress of an interpretation; the cells that are `found` by it are added under their index."""
    for event in events:
        match event:
            case CellFinished(index=index, interpretation=interpretation):
                found[index] = interpretation
            case Progress(steps_done=done, steps=steps):
                yield ComparisonProgress(step=step, done=done, total=steps)
            case Notice():
                yield event


def compare_readings(
    model: Model, other: Model, request: Request, pairs: Sequence[CellPair], interpreting: Interpreting
) -> Iterator[Event]:
    """What both models say of pairs of cells: `ComparisonProgress`, then `ReadingsCompared` as the other one ends them.

    Raises as `interpreting`.
    """
    own: dict[int, Interpretation] = {}
    beside: dict[int, Interpretation] = {}
    asked = request_for_other(request, pairs, model, other)
    yield from followed(interpreting(model, request), f"reading with {model.info().title}", own)
    for event in followed(interpreting(other, asked), f"reading with {other.info().title}", beside):
        if ended := [index for index in beside if index in own]:
            yield ReadingsCompared(readings=tuple(as_reading(pairs, own, beside, index) for index in sorted(ended)))
        yield event
    if beside:
        yield ReadingsCompared(readings=tuple(as_reading(pairs, own, beside, index) for index in sorted(beside)))


def as_reading(
    pairs: Sequence[CellPair], own: dict[int, Interpretation], beside: dict[int, Interpretation], index: int
) -> ComparedReading:
    """The record of a cell that both have read; it is taken out of what is still to be given."""
    return ComparedReading(pairs[index], own.pop(index), beside.pop(index))

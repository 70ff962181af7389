"""What two models say of the same cells: each reads its own states with its own tokens, the settings being the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from selfie_tui.engine.comparing.pairing import partner_layer
from selfie_tui.engine.model import Model
from selfie_tui.records import (
    OTHER_CONTROL,
    OWN_CONTROL,
    CellFinished,
    CellPair,
    CellRead,
    ComparedReading,
    ComparisonParts,
    ComparisonProgress,
    Control,
    ControlFinished,
    Earlier,
    Event,
    Interpretation,
    Kept,
    Notice,
    Progress,
    ReadingsCompared,
    Request,
)

Interpreting = Callable[[Model, Request, Earlier | None], Iterator[Event]]
"""The events of an interpretation, as `methods.interpret.interpret` gives them, from where an earlier one stopped."""

Results = Mapping[int, Kept]
"""What an earlier comparison has left, by the index under which it is kept."""


def request_of(request: Request, prompt: str, pairs: Sequence[CellPair], stack: str) -> Request:
    """The request for the cells of the one model, with the settings of another request."""
    return replace(request, prompt=prompt, cells=tuple(pair.cell for pair in pairs), stack=stack, module=None)


def request_for_other(request: Request, pairs: Sequence[CellPair], model: Model, other: Model) -> Request:
    """The same request for the cells of the other model; what it writes, it writes to the layer that is as deep."""
    depths = [len(each.anatomy.main.blocks) for each in (model, other)]
    layer = partner_layer(request.injection_layer, depths[0], depths[1])
    return replace(request, cells=tuple(pair.other for pair in pairs), injection_layer=layer)


def earlier_words(earlier: Results, control: int, first: int, count: int) -> Earlier | None:
    """The readings that are there from an index on, with the control that is kept under another; None without that."""
    said = earlier.get(control)
    found = ((index, earlier.get(first + index)) for index in range(count))
    whole = tuple((index, each) for index, each in found if isinstance(each, Interpretation))
    return Earlier("", said, whole) if isinstance(said, Control) else None


def followed(
    events: Iterator[Event], step: str, found: dict[int, Interpretation], first: int, control: int | None
) -> Iterator[Event]:
    """Notices and progress of an interpretation, and each cell, kept under its index from `first` on.

    The cells that are `found` are added under their own index. What is said without a cell is kept under `control`.
    """
    for event in events:
        match event:
            case CellFinished(index=index, interpretation=interpretation):
                found[index] = interpretation
                yield CellRead(index=first + index, reading=interpretation)
            case ControlFinished(control=said) if control is not None and said.kind == "none":
                yield CellRead(index=control, reading=said)
            case Progress(steps_done=done, steps=steps):
                yield ComparisonProgress(step=step, done=done, total=steps)
            case Notice():
                yield event


def compare_readings(
    model: Model,
    other: Model,
    request: Request,
    pairs: Sequence[CellPair],
    interpreting: Interpreting,
    parts: ComparisonParts,
    earlier: Results,
) -> Iterator[Event]:
    """What both models say of pairs of cells: `CellRead` as each ends one, `ReadingsCompared` as the other one does.

    What is there of an `earlier` comparison comes first, as it was. Raises as `interpreting`.
    """
    own: dict[int, Interpretation] = {}
    beside: dict[int, Interpretation] = {}
    asked = request_for_other(request, pairs, model, other)
    before = earlier_words(earlier, OWN_CONTROL, parts.own, parts.cells)
    events = interpreting(model, request, before)
    yield from followed(events, f"reading with {model.info().title}", own, parts.own, OWN_CONTROL)
    before = earlier_words(earlier, OTHER_CONTROL, parts.other, parts.cells)
    events = interpreting(other, asked, before)
    for event in followed(events, f"reading with {other.info().title}", beside, parts.other, OTHER_CONTROL):
        yield event
        if ended := [index for index in beside if index in own]:
            yield ReadingsCompared(readings=tuple(as_reading(pairs, own, beside, index) for index in sorted(ended)))


def as_reading(
    pairs: Sequence[CellPair], own: dict[int, Interpretation], beside: dict[int, Interpretation], index: int
) -> ComparedReading:
    """The record of a cell that both have read; it is taken out of what is still to be given."""
    return ComparedReading(pairs[index], own.pop(index), beside.pop(index))

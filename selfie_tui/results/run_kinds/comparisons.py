"""Comparisons of two models as a kind of run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from selfie_tui.records import (
    BEGINNING,
    Cell,
    CellPair,
    CellRead,
    CellsCompared,
    CellsMapped,
    ComparedCell,
    ComparedReading,
    CompareModels,
    Comparison,
    ComparisonBegan,
    ComparisonParts,
    Control,
    EarlierComparison,
    Event,
    Interpretation,
    Kept,
    MappedCell,
    MappedReading,
    ReadingsCompared,
    ReadingsMapped,
    SpaceMap,
    layer_name,
)
from selfie_tui.results.run_kinds.kind import Results, RunKind, Words
from selfie_tui.results.run_kinds.readings import is_whole

Part = TypeVar("Part")


def began_in(results: Results) -> ComparisonBegan | None:
    """How the comparison began; None where it ended before the other model was there."""
    began = results.get(BEGINNING)
    return began if isinstance(began, ComparisonBegan) else None


def comparison_of(results: Results) -> Comparison | None:
    """All of it that both models have read; None where it ended before the other model was there."""
    from selfie_tui.comparison_table import gathered  # not needed for the first paint

    return gathered(events(results)) if began_in(results) is not None else None


def pairs_of(began: ComparisonBegan) -> list[CellPair]:
    """The pairs of cells, position by position."""
    return [
        CellPair(Cell(layer, token.position), Cell(other_layer, other_token.position))
        for token, other_token in zip(began.tokens, began.other_tokens, strict=True)
        for layer, other_layer in began.layers
    ]


def events(results: Results) -> Iterator[Event]:
    """The lenses, each model's own readings, what both have read, the maps."""
    began = began_in(results)
    if began is None:
        return
    parts, pairs = began.parts, pairs_of(began)
    yield began
    yield lenses(parts, results)
    for index, value in results.items():
        if isinstance(value, Interpretation | Control):
            yield CellRead(index=index, reading=value)
    count = parts.cells * parts.words
    own, other = (found(results, first, count, Interpretation) for first in (parts.own, parts.other))
    if read := [ComparedReading(pairs[index], own[index], other[index]) for index in other if index in own]:
        yield ReadingsCompared(readings=tuple(read))
    yield from maps(parts, results)
    yield from mapped_readings(parts, pairs, results)


def found(results: Results, first: int, count: int, kind: type[Part]) -> dict[int, Part]:
    """The parts of a kind that are kept from an index on, counted from there."""
    values = ((index, results.get(first + index)) for index in range(count))
    return {index: value for index, value in values if isinstance(value, kind)}


def lenses(parts: ComparisonParts, results: Results) -> CellsCompared:
    """The lenses of the positions at which all of them are there."""
    cells = found(results, 0, parts.cells, ComparedCell)
    following = found(results, parts.next, parts.positions, ComparedCell)
    at = {position: range(position * parts.layers, (position + 1) * parts.layers) for position in following}
    whole = {position: indices for position, indices in at.items() if all(index in cells for index in indices)}
    kept = [index for indices in whole.values() for index in indices]
    return CellsCompared(
        cells=tuple(cells[index] for index in kept),
        next=tuple(following[position] for position in whole),
        indices=(*kept, *(parts.next + position for position in whole)),
    )


def maps(parts: ComparisonParts, results: Results) -> Iterator[CellsMapped]:
    """The maps, each with the lens of its cells."""
    for layer, map in found(results, parts.map, parts.layers * parts.maps, SpaceMap).items():
        first = parts.mapped + layer * parts.positions
        cells = found(results, first, parts.positions, MappedCell)
        if len(cells) == parts.positions:
            indices = (parts.map + layer, *(first + index for index in cells))
            yield CellsMapped(map=map, cells=tuple(cells.values()), indices=indices)


def mapped_readings(parts: ComparisonParts, pairs: list[CellPair], results: Results) -> Iterator[ReadingsMapped]:
    """What the other model says of mapped cells, where those of shuffled pairs are there too."""
    by_layer = [pair for layer in range(parts.layers) for pair in pairs[layer :: parts.layers]]
    count = parts.cells * (parts.words and parts.maps)
    mapped, shuffled = (found(results, parts.mapped_words + start, count, Interpretation) for start in (0, parts.cells))
    if read := [MappedReading(by_layer[each], mapped[each], shuffled[each]) for each in mapped if each in shuffled]:
        yield ReadingsMapped(readings=tuple(read))


def resumed(id: str, task: CompareModels, results: Results) -> CompareModels:
    """The same comparison, with what is whole: readings that a cancellation cut short are made again."""
    whole: dict[int, Any] = {index: value for index, value in results.items() if is_kept(task, value)}
    earlier = EarlierComparison(id, tuple(sorted(whole.items()))) if BEGINNING in whole else None
    return msgspec.structs.replace(task, earlier=earlier)


def is_kept(task: CompareModels, value: Kept) -> bool:
    """Whether a result has all that was asked for."""
    return not isinstance(value, Interpretation) or (task.request is not None and is_whole(value, task.request))


def label(index: int, results: Results) -> str:
    """The cell of a result, and of which model it is."""
    value, began = results[index], began_in(results)
    if isinstance(value, SpaceMap):
        return f"{layer_name(value.layer)} → {layer_name(value.other_layer)}"
    if isinstance(value, ComparedCell | MappedCell):
        return cell_name(value.pair.cell)
    if not isinstance(value, Interpretation) or began is None:
        return ""
    return f"{cell_name(value.cell)} in {(began.model if index < began.parts.other else began.other).title}"


def cell_name(cell: Cell) -> str:
    """A cell in a few letters."""
    return f"{layer_name(cell.layer)} · {cell.position}"


def other_name(task: CompareModels) -> str:
    """The other model's name without its folder, with what it is asked to run in."""
    name = task.other.name.rstrip("/").rsplit("/", 1)[-1] or task.other.name
    return name if task.other.dtype == "auto" else f"{name} {task.other.dtype}"


def said(value: ComparedCell) -> str:
    """What both lenses read."""
    return " ".join(token.text.strip() for token in (*value.top, *value.other_top))


KIND = RunKind(
    "compare",
    "result",
    lambda task: task.prompt,
    lambda task: f"≠ {other_name(task)}",
    lambda task: (task.other.name, *((task.request.preset.name,) if task.request else ())),
    lambda task: 0,
    words={
        ComparedCell: Words(said, lambda value: (*value.top, *value.other_top)),
        MappedCell: Words(
            lambda value: " ".join(token.text.strip() for token in value.top),
            lambda value: (*value.top, *value.shuffled_top),
        ),
    },
    events=events,
    resumed=resumed,
    label=label,
    shortened=lambda task: msgspec.structs.replace(task, texts=()),
    compared="results",
)

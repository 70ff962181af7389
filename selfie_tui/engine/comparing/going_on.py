"""What a comparison that stopped has left: whether it is of the same two models and cells, and what need not be redone.

Readings are taken over one by one. The lenses, which are one forward of each model, are read again unless all of them
are there, and so are the maps, which are not kept themselves: only what they are worth is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from selfie_tui.edits import edit_line
from selfie_tui.engine.comparing.readings import Results
from selfie_tui.errors import RequestError
from selfie_tui.records import (
    BEGINNING,
    CellsCompared,
    CellsMapped,
    ComparedCell,
    CompareModels,
    ComparisonBegan,
    ComparisonParts,
    MappedCell,
    ModelInfo,
    SpaceMap,
)


def results_of(task: CompareModels, began: ComparisonBegan) -> Results:
    """The results that the task goes on from, by their index; none without an earlier comparison.

    Raises:
        RequestError: where that was of another model, or of other cells.
    """
    if task.earlier is None:
        return {}
    found = dict(task.earlier.results)
    before = found.get(BEGINNING)
    if not isinstance(before, ComparisonBegan):
        return {}
    for now, then in ((began.model, before.model), (began.other, before.other)):
        if identity(now) != identity(then):
            both = zip(identity(then), identity(now), strict=True)
            changes = (f"{one or 'none'} → {two or 'none'}" for one, two in both if one != two)
            raise RequestError(
                f"The comparison cannot be resumed, {then.name} was another model: {', '.join(changes)}.",
                "Give the model as it was, or compare again.",
            )
    if (before.tokens, before.other_tokens, before.layers) != (began.tokens, began.other_tokens, began.layers):
        raise RequestError("The comparison was of other cells.", "Compare again.")
    return found


def identity(model: ModelInfo) -> tuple[str, str, str, str]:
    """What must be as it was for the results of two starts to belong to one comparison."""
    return model.name, model.revision, model.dtype, "; ".join(edit_line(edit) for edit in model.edits)


def lens_indices(parts: ComparisonParts, start: int, positions: int) -> tuple[int, ...]:
    """Where the lens of the cells of some positions is kept, and then that of the last layers there."""
    cells = range(start * parts.layers, (start + positions) * parts.layers)
    return (*cells, *range(parts.next + start, parts.next + start + positions))


def lenses_there(parts: ComparisonParts, earlier: Results) -> CellsCompared | None:
    """All lenses as they were; None where one is missing."""
    indices = lens_indices(parts, 0, parts.positions)
    found = [each for index in indices if isinstance(each := earlier.get(index), ComparedCell)]
    if len(found) < len(indices):
        return None
    return CellsCompared(cells=tuple(found[: parts.cells]), next=tuple(found[parts.cells :]), indices=indices)


def map_indices(parts: ComparisonParts, layer: int) -> tuple[int, ...]:
    """Where the map of a pair of layers is kept, counted from the first, and then the lens of its cells."""
    first = parts.mapped + layer * parts.positions
    return (parts.map + layer, *range(first, first + parts.positions))


def maps_there(parts: ComparisonParts, earlier: Results) -> Iterator[CellsMapped]:
    """The maps as they were, up to the first that is not there with all of its cells."""
    for layer in range(parts.layers):
        indices = map_indices(parts, layer)
        found = [earlier.get(index) for index in indices]
        if not isinstance(found[0], SpaceMap) or not all(isinstance(each, MappedCell) for each in found[1:]):
            return
        cells: Sequence[MappedCell] = [each for each in found if isinstance(each, MappedCell)]
        yield CellsMapped(map=found[0], cells=tuple(cells), indices=indices)

"""A comparison of two models as a table: a row for each pair of cells with all that is known of it.

The values are exact: texts as the models wrote them, floats unrounded; None is what was not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from selfie_tui.lens_table import edits_of
from selfie_tui.measures import WORDS, apart
from selfie_tui.records import (
    CellsCompared,
    CellsMapped,
    ComparedCell,
    ComparedReading,
    Comparison,
    ComparisonBegan,
    Event,
    MappedCell,
    MappedReading,
    ModelInfo,
    ReadingsCompared,
    ReadingsMapped,
    SpaceMap,
    Token,
    layer_name,
)

SAME, SPELT, OTHER = "same", "spelt otherwise", "other"
"""How two texts stand to each other: equal, equal but for case and signs, or not."""


def texts_apart(reading: ComparedReading) -> str:
    """How what both models say of a cell stands to each other, white space at the ends left out."""
    one, other = reading.reading.text.strip(), reading.other.text.strip()
    if one == other:
        return SAME
    return SPELT if words_in(one) == words_in(other) else OTHER


def words_in(text: str) -> list[str]:
    """The words of a text in their order, without case."""
    return WORDS.findall(text.casefold())


class Row(NamedTuple):
    """A pair of cells: their lenses, tokens, what follows their token, and where it was asked for the rest."""

    comparison: Comparison
    cell: ComparedCell
    token: Token
    other_token: Token
    next: ComparedCell
    reading: ComparedReading | None
    map: SpaceMap | None
    mapped: MappedCell | None
    mapped_reading: MappedReading | None


class Column(NamedTuple):
    """A column: its name, the kind of its values (see `results.writers.columns`), and the value of a row."""

    name: str
    kind: str
    value: Callable[[Row], Any]


def of_models(name: str, value: Callable[[ModelInfo], Any], kind: str = "text") -> tuple[Column, Column]:
    """A column of what the model said of itself, and the same of the other model."""
    return (
        Column(name, kind, lambda row: value(row.comparison.began.model)),
        Column(f"other_{name}", kind, lambda row: value(row.comparison.began.other)),
    )


def of_lens(name: str, kind: str, value: Callable[[ComparedCell], Any]) -> Column:
    """A column of the compared lenses."""
    return Column(name, kind, lambda row: value(row.cell))


def of_next(name: str, kind: str, value: Callable[[ComparedCell], Any]) -> Column:
    """A column of what both models say next at the token."""
    return Column(name, kind, lambda row: value(row.next))


def of_reading(name: str, kind: str, value: Callable[[ComparedReading], Any]) -> Column:
    """A column of what both models say of the cell."""
    return Column(name, kind, lambda row: value(row.reading) if row.reading else None)


def of_map(name: str) -> Column:
    """A column of the map from the cell's layer."""
    return Column(f"map_{name}", "number", lambda row: getattr(row.map, name) if row.map else None)


def of_mapped(name: str, kind: str, value: Callable[[MappedCell], Any]) -> Column:
    """A column of the lens of the mapped state."""
    return Column(name, kind, lambda row: value(row.mapped) if row.mapped else None)


def of_mapped_reading(name: str, value: Callable[[MappedReading], str]) -> Column:
    """A column of what the other model says of the mapped state."""
    return Column(name, "text", lambda row: value(row.mapped_reading) if row.mapped_reading else None)


COLUMNS: tuple[Column, ...] = (
    *of_models("model", lambda info: info.name),
    *of_models("revision", lambda info: info.revision),
    *of_models("device", lambda info: info.device),
    *of_models("dtype", lambda info: info.dtype),
    *of_models("verdict", lambda info: info.verdict),
    *of_models("edits", edits_of, "texts"),
    Column("same_vocabulary", "switch", lambda row: row.comparison.began.same_vocabulary),
    Column("prompt", "text", lambda row: row.comparison.began.prompt),
    Column("stack", "text", lambda row: row.comparison.began.stack),
    of_lens("layer", "integer", lambda cell: cell.pair.cell.layer),
    of_lens("layer_name", "text", lambda cell: layer_name(cell.pair.cell.layer)),
    of_lens("other_layer", "integer", lambda cell: cell.pair.other.layer),
    of_lens("position", "integer", lambda cell: cell.pair.cell.position),
    of_lens("other_position", "integer", lambda cell: cell.pair.other.position),
    Column("token", "text", lambda row: row.token.text),
    Column("token_id", "integer", lambda row: row.token.id),
    Column("other_token_id", "integer", lambda row: row.other_token.id),
    of_lens("differs", "switch", lambda cell: cell.differs),
    of_lens("bits", "number", lambda cell: cell.bits),
    of_lens("kl", "number", lambda cell: cell.kl),
    of_lens("top", "texts", lambda cell: [token.text for token in cell.top]),
    of_lens("probabilities", "numbers", lambda cell: [token.probability for token in cell.top]),
    of_lens("entropy", "number", lambda cell: cell.entropy),
    of_lens("other_top", "texts", lambda cell: [token.text for token in cell.other_top]),
    of_lens("other_probabilities", "numbers", lambda cell: [token.probability for token in cell.other_top]),
    of_lens("other_entropy", "number", lambda cell: cell.other_entropy),
    of_next("next", "text", lambda cell: cell.top[0].text),
    of_next("next_probability", "number", lambda cell: cell.top[0].probability),
    of_next("other_next", "text", lambda cell: cell.other_top[0].text),
    of_next("other_next_probability", "number", lambda cell: cell.other_top[0].probability),
    of_next("next_bits", "number", lambda cell: cell.bits),
    of_next("next_kl", "number", lambda cell: cell.kl),
    of_reading("text", "text", lambda each: each.reading.text),
    of_reading("other_text", "text", lambda each: each.other.text),
    of_reading("texts", "text", texts_apart),
    of_reading("texts_apart", "number", lambda each: apart(each.reading.text, each.other.text)),
    of_map("explained"),
    of_map("cosine"),
    of_map("matched"),
    of_map("shuffled_explained"),
    of_map("shuffled_cosine"),
    of_map("shuffled_matched"),
    of_mapped("mapped_top", "texts", lambda each: [token.text for token in each.top]),
    of_mapped("mapped_bits", "number", lambda each: each.bits),
    of_mapped("shuffled_top", "texts", lambda each: [token.text for token in each.shuffled_top]),
    of_mapped("shuffled_bits", "number", lambda each: each.shuffled_bits),
    of_mapped_reading("mapped_text", lambda each: each.reading.text),
    of_mapped_reading("shuffled_text", lambda each: each.shuffled.text),
)
"""All of them; `bits` is the Jensen-Shannon divergence, `kl` KL(model || other) in nats, `next_…` those of the token
that each model says next."""


def gathered(events: Iterable[Event]) -> Comparison:
    """The comparison that a task's events make up.

    Raises:
        ValueError: for events without a beginning.
    """
    parts: dict[str, list[Any]] = {name: [] for name in Comparison.__struct_fields__ if name != "began"}
    began: ComparisonBegan | None = None
    for event in events:
        match event:
            case ComparisonBegan():
                began = event
            case CellsCompared(cells=cells, next=following):
                parts["cells"] += cells
                parts["next"] += following
            case ReadingsCompared(readings=readings):
                parts["readings"] += readings
            case CellsMapped(map=fitted, cells=mapped):
                parts["maps"].append(fitted)
                parts["mapped"] += mapped
            case ReadingsMapped(readings=mapped_readings):
                parts["mapped_readings"] += mapped_readings
    if began is None:
        raise ValueError("a comparison has begun with a ComparisonBegan event")
    order = {cell.pair: index for index, cell in enumerate(parts["cells"])}
    for name in ("readings", "mapped", "mapped_readings"):
        parts[name].sort(key=lambda each: order[each.pair])
    return Comparison(began=began, **{name: tuple(found) for name, found in parts.items()})


def rows(comparison: Comparison) -> Iterator[Row]:
    """The pairs of cells, in the order of the comparison."""
    began = comparison.began
    tokens = {token.position: token for token in began.tokens}
    other_tokens = {token.position: token for token in began.other_tokens}
    following = {cell.pair.cell.position: cell for cell in comparison.next}
    readings, mapped, mapped_readings = (
        {each.pair: each for each in found}
        for found in (comparison.readings, comparison.mapped, comparison.mapped_readings)
    )
    maps = {(each.layer, each.other_layer): each for each in comparison.maps}
    for cell in comparison.cells:
        here, there = cell.pair.cell, cell.pair.other
        yield Row(
            comparison,
            cell,
            tokens[here.position],
            other_tokens[there.position],
            following[here.position],
            readings.get(cell.pair),  # type: ignore[arg-type]
            maps.get((here.layer, there.layer)),
            mapped.get(cell.pair),  # type: ignore[arg-type]
            mapped_readings.get(cell.pair),  # type: ignore[arg-type]
        )


def rows_of(comparison: Comparison) -> list[dict[str, Any]]:
    """The table as one dictionary a pair of cells."""
    return [{column.name: column.value(row) for column in COLUMNS} for row in rows(comparison)]


def columns_of(comparison: Comparison) -> dict[str, list[Any]]:
    """The table as equally long lists under the names of its columns."""
    table = rows_of(comparison)
    return {column.name: [row[column.name] for row in table] for column in COLUMNS}

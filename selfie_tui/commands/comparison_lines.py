"""What a comparison of two models finds, as lines that fit a terminal: both models' words, what lies between, maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from selfie_tui.commands.map_lines import map_lines
from selfie_tui.commands.printing import TOKEN_WIDTH
from selfie_tui.comparison_table import OTHER, SAME, texts_apart
from selfie_tui.glyphs import bar
from selfie_tui.records import (
    ComparedCell,
    ComparedReading,
    ComparisonBegan,
    Interpretation,
    LensToken,
    MappedCell,
    MappedReading,
    SpaceMap,
    Token,
    layer_name,
)
from selfie_tui.text import clip, pad, prose, visible

DIFFERENT, SPELT_OTHERWISE = "≠", "~"
"""The marks of words that differ, and of texts that differ in case and signs alone."""

CellText = Callable[[ComparedCell], str]
MapRow = tuple[str, dict[int, ComparedCell], CellText]


def lens_lines(
    began: ComparisonBegan, cells: Sequence[ComparedCell], following: Sequence[ComparedCell], width: int
) -> Iterator[str]:
    """The map of both lenses, layer below layer: the one model's words and below them the other's, `≠` where they part.

    Then how far apart they are in bits, and what each says next with KL(one || other) in nats.
    """
    rows: list[MapRow] = []
    for layers in began.layers:
        of_layer = {
            cell.pair.cell.position: cell for cell in cells if (cell.pair.cell.layer, cell.pair.other.layer) == layers
        }
        rows += [(layer_name(layers[0]), of_layer, own_text), (beside_name(layers), of_layer, other_text)]
    answers = {cell.pair.cell.position: cell for cell in following}
    rows += [("says", answers, own_text), ("", answers, other_text)]
    yield from as_map(began, rows, width)
    if began.same_vocabulary:
        yield ""
        yield "bits between the two (Jensen-Shannon, 0 to 1), and nats of the next token (KL)"
        apart: list[MapRow] = [(name, of_layer, bits_text) for name, of_layer, text in rows[:-2] if text is own_text]
        yield from as_map(began, [*apart, ("KL", answers, kl_text)], width)


def as_map(began: ComparisonBegan, rows: Sequence[MapRow], width: int) -> Iterator[str]:
    """Rows of cells by position, under the tokens of the one model."""
    columns = [(f"{token.position} {visible(token.text)}", token.position) for token in began.tokens]
    named = [(name, (cells, text)) for name, cells, text in rows]

    def cell(row: tuple[dict[int, ComparedCell], CellText], position: int) -> str:
        cells, text = row
        return text(cells[position]) if position in cells else "·"

    return map_lines(named, columns, cell, width)


def beside_name(layers: tuple[int, int]) -> str:
    """The name of the other model's layer where it is another one."""
    return "" if layers[0] == layers[1] else f" {layer_name(layers[1])}"


def own_text(cell: ComparedCell) -> str:
    """The one model's top token, after a bar for its probability."""
    return f" {token_text(cell.top[0])}"


def other_text(cell: ComparedCell) -> str:
    """The other model's top token, marked where it is another one."""
    return f"{DIFFERENT if cell.differs else ' '}{token_text(cell.other_top[0])}"


def token_text(token: LensToken) -> str:
    """A bar for the probability, and the token."""
    return f"{bar(token.probability)}{visible(token.text)}"


def bits_text(cell: ComparedCell) -> str:
    """The divergence of a cell."""
    return number(cell.bits)


def kl_text(cell: ComparedCell) -> str:
    """The divergence of the next token."""
    return number(cell.kl)


def number(value: float | None) -> str:
    """A number with two digits; `0` is exactly none, `·` what was not measured."""
    if value is None or math.isnan(value):
        return "·"
    if value == 0:
        return "0"
    return f"{value:.2f}" if value >= 0.005 else "<.01"


def summary_line(began: ComparisonBegan, cells: Sequence[ComparedCell], following: Sequence[ComparedCell]) -> str:
    """How much of all cells differs."""
    parts = [f"other words in {sum(cell.differs for cell in cells)} of {len(cells)} cells{mean_of(cells, 'bits')}"]
    said = sum(cell.differs for cell in following)
    parts.append(f"another next token after {said} of {len(following)} tokens{mean_of(following, 'kl')}")
    if not began.same_vocabulary:
        parts.append("other vocabularies: words are compared, distributions are not")
    return " · ".join(parts)


def mean_of(cells: Sequence[ComparedCell], name: str) -> str:
    """The mean of a number of cells in words, nothing where it was not measured."""
    found = [value for cell in cells if (value := getattr(cell, name)) is not None]
    units = {"bits": "bits", "kl": "nats"}
    return f", {sum(found) / len(found):.3g} {units[name]} on average" if found else ""


def reading_lines(reading: ComparedReading) -> Iterator[str]:
    """What both models say of a cell: one line where it is the same, else two, `≠` or `~` before the other's."""
    apart = texts_apart(reading)
    yield reading_line(layer_name(reading.pair.cell.layer), reading.reading.token, "", said(reading.reading))
    if apart != SAME:
        mark = DIFFERENT if apart == OTHER else SPELT_OTHERWISE
        yield reading_line("", None, mark, said(reading.other))


def reading_line(label: str, token: Token | None, mark: str, text: str) -> str:
    """Columns of known width, whatever the text."""
    name = f"{token.position} {visible(token.text)}" if token else ""
    return f"{label:8}{pad(clip(name, TOKEN_WIDTH), TOKEN_WIDTH)}  {mark or ' ':2}{text}".rstrip()


def said(interpretation: Interpretation) -> str:
    """What a model says, or why it says nothing."""
    return prose(interpretation.text) or (f"({interpretation.problem})" if interpretation.problem else "(nothing)")


def map_line(found: SpaceMap) -> str:
    """What a map is worth, with what one of shuffled pairs is worth in brackets."""
    numbers = (
        ("explained", found.explained, found.shuffled_explained),
        ("cosine", found.cosine, found.shuffled_cosine),
        ("matched", found.matched, found.shuffled_matched),
    )
    facts = "  ".join(f"{name} {value:.2f} ({control:.2f})" for name, value, control in numbers)
    layers = f"{layer_name(found.layer)} → {layer_name(found.other_layer)}"
    return f"{layers:14}{facts}  of {found.held_out} states held out, {found.fitted} fitted"


def mapped_lines(mapped: MappedCell, compared: ComparedCell, token: Token) -> Iterator[str]:
    """The other model's lens of a mapped state, beside its own there and that of the map of shuffled pairs."""
    yield reading_line(layer_name(mapped.pair.cell.layer), token, "", f"other's own  {tops(compared.other_top)}")
    yield reading_line("", None, "", f"mapped       {tops(mapped.top)}  {number(mapped.bits)} bits")
    yield reading_line("", None, "", f"shuffled     {tops(mapped.shuffled_top)}  {number(mapped.shuffled_bits)} bits")


def tops(tokens: Sequence[LensToken], count: int = 3) -> str:
    """The first tokens of a lens."""
    return "  ".join(token_text(token) for token in tokens[:count])


def mapped_reading_lines(reading: MappedReading) -> Iterator[str]:
    """What the other model says of a mapped state, and of what the map of shuffled pairs made of it."""
    label, token = layer_name(reading.pair.cell.layer), reading.reading.token
    yield reading_line(label, token, "", f"mapped       {said(reading.reading)}")
    yield reading_line("", None, "", f"shuffled     {said(reading.shuffled)}")

"""The readings of a prompt as a map of their first words: layers down, tokens across."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from selfie_tui.commands.map_lines import map_lines
from selfie_tui.glyphs import bar
from selfie_tui.marks import FAR_NORM, SAYS_MORE, SAYS_NO_MORE, SAYS_NOTHING, mark_of
from selfie_tui.records import Cell, Interpretation, Request, Token, layer_name
from selfie_tui.text import prose, visible

UNREAD = "·"
LEGEND = (
    f"▁ 0 … █ 1 mean effect of the words · {SAYS_NO_MORE} says no more than the control · {SAYS_NOTHING} says nothing"
)
"""What the characters before the words of a cell stand for."""


def grid_lines(
    request: Request, tokens: Sequence[Token], found: Mapping[int, Interpretation], width: int
) -> Iterator[str]:
    """The lines of a grid whose finished cells are `found`, by their index in the request; tokens are the prompt's."""
    by_cell = {request.cells[index]: each for index, each in found.items()}
    layers = sorted({cell.layer for cell in request.cells})
    positions = sorted({cell.position for cell in request.cells})
    rows = [(layer_name(layer), layer) for layer in layers]
    columns = [(f"{position} {visible(tokens[position].text)}", position) for position in positions]
    return map_lines(rows, columns, lambda layer, position: words_of(by_cell.get(Cell(layer, position))), width)


def words_of(interpretation: Interpretation | None) -> str:
    """A cell of the map: a bar for the mean effect and the text, or the mark of one that says no more."""
    if interpretation is None:
        return UNREAD
    mark = mark_of(interpretation)
    if mark not in (SAYS_MORE, FAR_NORM):
        return mark
    effect = interpretation.treatment_effect
    return f"{' ' if effect is None else bar(effect)}{prose(interpretation.text)}"

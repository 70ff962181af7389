"""Cells as a library's user writes them: layers by number or name, positions also from the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

from selfie_tui.errors import RequestError
from selfie_tui.library.arguments import as_int, as_list, describe
from selfie_tui.parse import from_end
from selfie_tui.records import EMBED, Cell, Token

Layer = int | str
"""A block's number, or `"embed"` for the input of block 0; -1 is refused, as it could mean the last layer too."""

CellPairs = Iterable[tuple[Layer, int]] | tuple[Layer, int]
"""`(layer, position)` pairs, or one such pair."""


def layer_number(layer: Layer) -> int:
    """A layer as records have it; `Model.check_layer` says whether a model has it.

    Raises:
        RequestError: for a name other than `embed`, a negative number, or what is not an integer.
    """
    if isinstance(layer, str):
        if layer != "embed":
            raise RequestError(f"Invalid layer “{layer}”.", "Write a block's number, or embed.")
        return EMBED
    number = as_int(layer, "layer")
    if number < 0:
        raise RequestError(
            f"Invalid layer {number}: layers are not counted from the end here.",
            'Write "embed" for the embeddings, or the number of the last layer, which is that of layers less one.',
        )
    return number


def layer_numbers(layers: Iterable[Layer] | Layer) -> list[int]:
    """One or more layers as records have them; raises as `layer_number`."""
    return [layer_number(layer) for layer in as_list(layers, "layer")]


def positions_in(source: Sequence[Token], positions: Iterable[int] | int) -> list[int]:
    """One or more positions of a prompt's tokens, from 0; negative ones count from the end.

    Raises:
        RequestError: for one that is out of range, or that is not an integer.
    """
    return [
        from_end(as_int(position, "token position"), len(source), "token")
        for position in as_list(positions, "position")
    ]


def cells_in(source: Sequence[Token], pairs: CellPairs) -> tuple[Cell, ...]:
    """The cells that `(layer, position)` pairs stand for; one pair by itself is one cell.

    Raises:
        RequestError: for what is not a pair, or a position that is out of range.
    """
    parts = as_list(pairs, "(layer, position) pair")
    if len(parts) == 2 and all(isinstance(part, str | Real) for part in parts):
        parts = [parts]
    split = [as_pair(part) for part in parts]
    positions = positions_in(source, [position for _, position in split])
    return tuple(Cell(layer_number(layer), position) for (layer, _), position in zip(split, positions, strict=True))


def as_pair(value: Any) -> tuple[Layer, int]:
    """The layer and the position of a pair or of a `Cell`.

    Raises:
        RequestError: for what is neither.
    """
    if isinstance(value, Cell):
        return "embed" if value.layer == EMBED else value.layer, value.position
    try:
        layer, position = value
    except (TypeError, ValueError):
        raise RequestError(
            f"Invalid cell {describe(value)}.", "Write each cell as a pair (layer, position), such as [(6, 2), (6, 3)]."
        ) from None
    return layer, position

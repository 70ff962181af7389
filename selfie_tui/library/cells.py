"""Cells as a library's user writes them: layers by number or name, positions also from the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

from selfie_tui.engine.given import listed, shown, whole
from selfie_tui.errors import RequestError
from selfie_tui.parse import from_end
from selfie_tui.records import EMBED, Cell, Token

Layer = int | str
"""A block's number, or `"embed"` (also -1) for the input of block 0."""

CellsGiven = Iterable[tuple[Layer, int]] | tuple[Layer, int]
"""`(layer, position)` pairs, or one such pair."""


def layer_number(layer: Layer) -> int:
    """A layer as the records have it; whether a model has it is the model's to say.

    Raises:
        RequestError: for a name other than `embed`, or what is no whole number.
    """
    if isinstance(layer, str):
        if layer != "embed":
            raise RequestError(f"“{layer}” is no layer.", "Write a block's number, or embed.")
        return EMBED
    return whole(layer, "layer")


def layers_given(layers: Iterable[Layer] | Layer) -> list[int]:
    """Layers as the records have them, of several or of one; raises as `layer_number`."""
    return [layer_number(layer) for layer in listed(layers, "layer")]


def positions_in(source: Sequence[Token], positions: Iterable[int] | int) -> list[int]:
    """Positions of a prompt's tokens, of several or of one, negative ones counted from the end.

    Raises:
        RequestError: for one that is not there, or that is no whole number.
    """
    return [from_end(whole(place, "token position"), len(source), "token") for place in listed(positions, "position")]


def cells_in(source: Sequence[Token], given: CellsGiven) -> tuple[Cell, ...]:
    """The cells that `(layer, position)` pairs stand for; one pair by itself is one cell.

    Raises:
        RequestError: for what is no pair, or a position that is not there.
    """
    parts = listed(given, "(layer, position) pair")
    if len(parts) == 2 and all(isinstance(part, str | Real) for part in parts):
        parts = [parts]
    pairs = [pair_of(part) for part in parts]
    places = positions_in(source, [position for _, position in pairs])
    return tuple(Cell(layer_number(layer), place) for (layer, _), place in zip(pairs, places, strict=True))


def pair_of(given: Any) -> tuple[Layer, int]:
    """The layer and the position of a pair; of a record too."""
    if isinstance(given, Cell):
        return given.layer, given.position
    try:
        layer, position = given
    except (TypeError, ValueError):
        raise RequestError(
            f"{shown(given)} is no cell.", "Write each cell as a pair (layer, position), such as [(6, 2), (6, 3)]."
        ) from None
    return layer, position

"""Cells as a library's user writes them: layers by number or name, positions also from the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from selfie_tui.errors import RequestError
from selfie_tui.records import EMBED, Token
from selfie_tui.selection import from_end

Layer = int | str
"""A block's number, or `"embed"` (also -1) for the input of block 0."""


def layer_number(layer: Layer) -> int:
    """A layer as the records have it; whether a model has it is the model's to say.

    Raises:
        RequestError: for a name other than `embed`.
    """
    if isinstance(layer, str):
        if layer != "embed":
            raise RequestError(f"“{layer}” is no layer.", "Write a block's number, or embed.")
        return EMBED
    return int(layer)


def positions_in(source: Sequence[Token], positions: Iterable[int]) -> list[int]:
    """Positions of a prompt's tokens, negative ones counted from the end.

    Raises:
        RequestError: for one that is not there.
    """
    return [from_end(int(position), len(source), "token") for position in positions]

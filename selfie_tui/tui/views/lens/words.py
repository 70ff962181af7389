"""What stands under the map of the lens: the top tokens of a cell, and how a token fares over the layers."""

from __future__ import annotations

import math

from selfie_tui import text
from selfie_tui.records import LensRow, TrackedToken, layer_name
from selfie_tui.tui.render.styles import Look, Piece, Pieces, clipped, share
from selfie_tui.tui.views.lens.measures import settled_from
from selfie_tui.tui.widgets.map.ruler import bars

TEN = 10
"""Ranks that are told as “rank ≤ 10”."""


def top_pieces(row: LensRow, look: Look, width: int, told: str = "") -> Pieces:
    """The top tokens with their probabilities, as many as fit; at the right what is `told`, or else the entropy.

    All in one role: another one for the numbers would be half as much again to send at every step of the cursor.
    """
    right = told or f"entropy {'×' if math.isnan(row.entropy) else f'{row.entropy:.1f}'}"
    line, free = "", width - text.width(right) - 2
    for token in row.top:
        shown = f"{look.visible(token.text) if token.text else '×'} {share(token.probability)}"
        longer = f"{line}  {shown}" if line else shown
        if text.width(longer) > free:
            break
        line = longer
    if not line and row.top:
        line = text.clip(look.visible(row.top[0].text), max(free, 0))
    return clipped((Piece(text.pad(line, max(width - text.width(right), 0))), Piece(right)), width)


def over_layers(
    column: list[LensRow], answer: str, tracked: TrackedToken | None, vocabulary: int, look: Look, width: int
) -> Pieces:
    """How the tracked token, or else the model's own answer, fares over the layers: a bar a layer, then its ranks.

    The bars are probabilities of the tracked token; of the answer, whose probability is not known, ranks.
    """
    ranks = [(row.cell.layer, row.answer_rank if tracked is None else row.tracked_rank) for row in column]
    known = [(layer, rank) for layer, rank in ranks if rank is not None]
    if not known:
        return ()
    name = look.visible(answer if tracked is None else tracked.text)
    values = [
        1 - math.log(rank + 1) / math.log(max(vocabulary, 2)) if tracked is None else row.tracked
        for row, (_, rank) in zip(column, known, strict=False)
    ]
    what = "says " if tracked is None else ""
    pieces = f" (first of its {tracked.pieces} tokens)" if tracked is not None and tracked.pieces > 1 else ""
    told = f"  {settled(known)}{pieces}"
    head = f"{what}{text.clip(name, 16)} over layers  "
    drawn = bars(_pooled(values, max(width - text.width(head) - text.width(told), 1)), look)
    return clipped((Piece(f"{head}{drawn}{told}"),), width)


def settled(ranks: list[tuple[int, int]]) -> str:
    """`rank 1 from L18, ≤ 10 from L15`: from where on it stays; else where its rank is best."""
    first, ten = settled_from(ranks, 1), settled_from(ranks, TEN)
    if first is None and ten is None:
        layer, rank = min(ranks, key=lambda known: known[1])
        return f"best rank {rank + 1:,} at {layer_name(layer)}"
    if ten == first or ten is None:
        return f"rank 1 from {layer_name(first)}" if first is not None else ""
    later = f"rank 1 from {layer_name(first)}, " if first is not None else "rank "
    return f"{later}≤ {TEN} from {layer_name(ten)}"


def _pooled(values: list[float | None], cells: int) -> list[float | None]:
    """As many values as there are cells at most: of neighbours that share a cell the largest."""
    pool = -(-len(values) // cells)
    groups = [values[start : start + pool] for start in range(0, len(values), pool)]
    return [max((value for value in group if value is not None), key=_height, default=None) for group in groups]


def _height(value: float) -> tuple[bool, float]:
    """What is not a number is above all others, so that it is seen."""
    return math.isnan(value), value

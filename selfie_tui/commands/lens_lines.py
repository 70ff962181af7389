"""The lens of a prompt as lines that fit a terminal: layers down, tokens across, in each cell its top token."""

from __future__ import annotations

from collections.abc import Iterator

from selfie_tui.glyphs import bar
from selfie_tui.records import Lens, LensRow, layer_name
from selfie_tui.text import clip, pad, visible

LABEL, COLUMN = 7, 11
"""Cells of a layer's name and of a column, each with the blank after it."""


def lens_lines(lens: Lens, width: int) -> Iterator[str]:
    """The lines of a lens, in blocks of as many tokens as a line of `width` cells has room for.

    A bar stands before each token: the probability of it, or of the tracked token where there is one. The row `says`
    has the model's own answers, the row below it how soon the tracked token leads.
    """
    fit = max(1, (width - LABEL) // COLUMN)
    by_cell = {(row.cell.layer, row.cell.position): row for row in lens.rows}
    for start in range(0, len(lens.tokens), fit):
        block = slice(start, start + fit)
        tokens, answers = lens.tokens[block], lens.answers[block]
        if start:
            yield ""
        yield line("", [f"{token.position} {visible(token.text)}" for token in tokens])
        for layer in lens.layers():
            yield line(layer_name(layer), [cell_text(by_cell.get((layer, token.position))) for token in tokens])
        yield line("says", [f" {visible(answer.text)}" for answer in answers])
        if lens.tracked:
            yield line("first", [first_text(lens, token.position) for token in tokens])


def line(label: str, columns: list[str]) -> str:
    """A row of columns of known width."""
    padded = "".join(f"{pad(clip(column, COLUMN - 1), COLUMN - 1)} " for column in columns)
    return f"{pad(label, LABEL)}{padded}".rstrip()


def cell_text(row: LensRow | None) -> str:
    """A bar and the top token of a cell; `·` for one that was not read."""
    if row is None or not row.top:
        return "·"
    best = row.top[0]
    return f"{bar(best.probability if row.tracked is None else row.tracked)}{visible(best.text)}"


def first_text(lens: Lens, position: int) -> str:
    """From which layer on the tracked token is the top one at a position, else its best rank: ` L5`, `#13 L4`."""
    ranks = [(row.tracked_rank, row.cell.layer) for row in lens.rows if row.cell.position == position]
    known = [(rank, layer) for rank, layer in ranks if rank is not None]
    leading = list(known)
    while leading and leading[-1][0] == 0:
        leading.pop()
    if len(leading) < len(known):
        return f" {layer_name(known[len(leading)][1])}"
    rank, layer = min(known, default=(0, 0))
    return f"#{rank + 1} {layer_name(layer)}" if known else ""


def track_words(lens: Lens) -> str:
    """What is tracked, and what its row says; "" where nothing is."""
    tracked = lens.tracked
    if tracked is None:
        return ""
    part = f", the first of {tracked.pieces} tokens of “{lens.track}”" if tracked.pieces > 1 else ""
    bars = f"bars: probability of “{visible(tracked.text)}”{part}"
    return f"{bars}; first: the layer from which on it is the top token, or its best rank"

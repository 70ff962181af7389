"""The lens of a prompt as lines that fit a terminal: layers down, tokens across, in each cell its top token."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from selfie_tui.commands.map_lines import map_lines
from selfie_tui.glyphs import bar
from selfie_tui.records import Lens, LensRow, layer_name
from selfie_tui.text import visible


def lens_lines(lens: Lens, width: int) -> Iterator[str]:
    """The lines of a lens, in blocks of as many tokens as a line of `width` cells has room for.

    A bar stands before each token: the probability of it, or of the tracked token where there is one. The row `says`
    has the model's own answers, the row below it how soon the tracked token leads.
    """
    by_cell = {(row.cell.layer, row.cell.position): row for row in lens.rows}
    answers = {token.position: answer for token, answer in zip(lens.tokens, lens.answers, strict=False)}

    def of_layer(layer: int) -> Callable[[int], str]:
        return lambda position: cell_text(by_cell.get((layer, position)))

    rows: list[tuple[str, Callable[[int], str]]] = [(layer_name(layer), of_layer(layer)) for layer in lens.layers()]
    rows.append(("says", lambda position: f" {visible(answers[position].text)}" if position in answers else ""))
    if lens.tracked:
        rows.append(("first", lambda position: first_text(lens, position)))
    columns = [(f"{token.position} {visible(token.text)}", token.position) for token in lens.tokens]
    return map_lines(rows, columns, lambda row, position: row(position), width)


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

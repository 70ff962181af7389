"""The lens that has been read, as a file or as lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from selfie_tui.records import Lens, LensRow, layer_name
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.lens.table import LensTable


def lens_to_export(state: AppState, table: LensTable, track: str, tuned: str) -> Exportable | None:
    """The lens as far as it has been read; with a tracked token, where that was looked up. None where there is none."""
    positions = [at for at in table.positions(track) if at < len(state.selection.tokens)]
    if not positions or state.model is None:
        return None
    lens = Lens(
        prompt=state.selection.prompt,
        tokens=tuple(state.selection.tokens[position] for position in positions),
        rows=tuple(row for position in positions for row in table.column(position)),
        answers=tuple(table.answers[position] for position in positions),
        stack=state.stack,
        track=track,
        tracked=table.tracked.get(track),
        tuned=tuned,
        info=state.model,
    )
    what = f"the lens of {len(positions)} token{'' if len(positions) == 1 else 's'}"
    return Exportable(what, state.model.name, write=partial(written, lens))


def written(lens: Lens, path: Path, overwrite: bool) -> object:
    """Write a lens to a file; what was written."""
    from selfie_tui.results.writers.lenses import export_lenses  # not needed for the first paint

    return export_lenses([lens], path, overwrite=overwrite)


def plain_rows(rows: Iterable[tuple[tuple[int, int], LensRow | None]], most: int | None) -> str:
    """A line for each of the top tokens of cells, `most` of them a cell: layer, position, probability, token."""
    lines = [
        f"{layer_name(layer)}\t{position}\t{token.probability:.3f}\t{token.text}"
        for (layer, position), row in rows
        if row is not None
        for token in row.top[:most]
    ]
    return "\n".join(lines)

"""Comparisons of two models in the list of runs: the cells furthest apart, and what is put into other words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from selfie_tui import text
from selfie_tui.comparison_table import SAME, texts_apart
from selfie_tui.records import CompareModels, Comparison, Kept, layer_name
from selfie_tui.results.run_kinds.comparisons import comparison_of, other_name
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces
from selfie_tui.tui.views.history.kinds.kind import STRONGEST, Shown
from selfie_tui.tui.views.history.rows import how_many


def asked(run: StoredRun) -> str:
    """The other model, and how many cells."""
    task = run.began.task
    assert isinstance(task, CompareModels)
    cells = f"{how_many(run.positions, 'token')} × {how_many(run.layers, 'layer')}"
    return f"beside {other_name(task)}{f' · {cells}' if run.cells else ''}{' · in words' if task.request else ''}"


def seen(results: Mapping[int, Kept]) -> Comparison | None:
    """All of it that both models have read."""
    return comparison_of(results)


def lines(found: Comparison | None, width: int, look: Look, most: int | None) -> Iterator[Pieces]:
    """Both models, the cells that are furthest apart, and the texts that differ."""
    if found is None:
        return
    other = found.began.other
    yield from flow(
        [Piece("B  ", "key"), Piece(look.prose(f"{other.title} · {other.device} · {other.dtype}"), "dim")], width
    )
    differing = sorted((cell for cell in found.cells if cell.differs), key=lambda cell: -(cell.bits or 0))
    yield (Piece(text.clip(f"other top tokens in {len(differing)} of {len(found.cells)} cells", width), "strong"),)
    for cell in differing[: most or STRONGEST]:
        words = f"{look.visible(cell.top[0].text)} ≠ {look.visible(cell.other_top[0].text)}"
        bits = "" if cell.bits is None else f"  {cell.bits:.2g} bits"
        label = f"{layer_name(cell.pair.cell.layer)}·{cell.pair.cell.position}  "
        yield from flow([Piece(label, "key"), Piece(words), Piece(bits, "dim")], width)
    for each in [each for each in found.readings if texts_apart(each) != SAME][: most or STRONGEST]:
        label = f"{layer_name(each.pair.cell.layer)}·{each.pair.cell.position}  "
        said = (look.prose(reading.text.strip()) for reading in (each.reading, each.other))
        yield from flow([Piece(label, "key"), Piece(" ≠ ".join(said))], width)


SHOWN = Shown(
    asked,
    lambda task: [task.request.preset.name] if task.request else [],
    seen,
    lines,
    lambda offsets: offsets,
)

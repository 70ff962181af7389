"""Self-interpretations in the list of runs: their control and their strongest readings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from selfie_tui import text
from selfie_tui.records import Control, Interpret, Interpretation, Kept, layer_name
from selfie_tui.results.stored import StoredRun
from selfie_tui.settings import differences
from selfie_tui.tui.render.styles import Look, Piece, Pieces, heat, share
from selfie_tui.tui.views.history.kinds.kind import STRONGEST, Shown
from selfie_tui.tui.views.history.rows import how_many

Seen = tuple[str, list[Interpretation]]
"""What the control says, and the readings with the largest effects, the largest first."""


def asked(run: StoredRun) -> str:
    """The preset with where and how it was written, and how many cells."""
    task = run.began.task
    assert isinstance(task, Interpret)
    request = task.request
    strength = f" ×{request.strength:g}" if request.strength != 1.0 else ""
    cells = f"{run.cells} cells: {how_many(run.positions, 'token')} × {how_many(run.layers, 'layer')}"
    return f"{request.preset.name} at {layer_name(request.injection_layer)}, {request.mode}{strength} · {cells}"


def seen(results: Mapping[int, Kept]) -> Seen:
    """The control and the strongest of the readings that were looked at."""
    control = next(
        (value.text for value in results.values() if isinstance(value, Control) and value.kind == "none"), ""
    )
    readings = [value for value in results.values() if isinstance(value, Interpretation)]
    readings.sort(key=lambda reading: reading.treatment_effect or 0.0, reverse=True)
    return control, readings[:STRONGEST]


def lines(found: Seen, width: int, look: Look, most: int | None) -> Iterator[Pieces]:
    """The control and the readings, a line each."""
    control, strongest = found
    if control:
        yield reading_line("control", control, None, width, look)
    for reading in strongest[:most]:
        yield reading_line(label(reading, look), reading.text, reading.treatment_effect, width, look)


def label(reading: Interpretation, look: Look) -> str:
    """The cell of a reading, with its token."""
    return f"{layer_name(reading.cell.layer)}·{reading.cell.position} {look.prose(reading.token.text).strip()}"


def reading_line(label: str, said: str, effect: float | None, width: int, look: Look) -> Pieces:
    """What was said of something, after its label, and its effect."""
    labels = min(16, width // 3)
    number = "" if effect is None else f" {share(effect)}"
    body = max(width - labels - 1 - len(number), 4)
    return (
        Piece(text.pad(label, labels) + " ", "dim" if label == "control" else "key"),
        Piece(text.pad(look.prose(said.strip()), body), "dim" if label == "control" else "text"),
        Piece(number, "dim" if effect is None else heat(effect)),
    )


SHOWN = Shown(
    asked,
    lambda task: [" · ".join(differences(task.request))] if differences(task.request) else [],
    seen,
    lines,
    made=lambda task: [f"seed {task.request.seed}"],
)

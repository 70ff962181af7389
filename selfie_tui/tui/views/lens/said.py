"""What was said of a cell: the last run of this session that interprets it."""

from __future__ import annotations

from selfie_tui.records import Cell
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.runs import Run
from selfie_tui.tui.state import AppState


def latest(state: AppState, cell: Cell) -> tuple[Run, int] | None:
    """The last run of this session that reads a cell of the prompt, and the cell's index in it."""
    here = state.selection.prompt, state.stack
    for run in reversed(state.runs.values()):
        if (run.request.prompt, run.request.stack) == here and cell in run.request.cells:
            return run, run.request.cells.index(cell)
    return None


def said_words(state: AppState, cell: Cell, look: Look) -> str:
    """`read: Paris, the capital`: what a cell was last interpreted as; safe text."""
    found = latest(state, cell)
    if found is None:
        return ""
    run, index = found
    words = look.prose(run.text(index)).strip()
    return f"read: {words}" if words or run.finished(index) else "interpreting…"

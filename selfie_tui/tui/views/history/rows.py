"""The runs that were kept as lines: columns, the headings of days, and which lines there are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from selfie_tui import text
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.kept import day, local
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role

PARTLY = "◐"
ROOMY = 70
"""Cells of a line from which on the kind of a run has a column."""

WIDE = 90
"""Cells of a line from which on names of models have twice the cells."""

MODEL_CELLS, KIND_CELLS, DONE_CELLS, ASKED_CELLS = 9, 8, 8, 20


class Line(NamedTuple):
    """A line of the list: a run, or the heading of a day."""

    run: StoredRun | None
    heading: str = ""


def by_day(runs: Iterable[StoredRun], today: datetime | None = None) -> list[Line]:
    """The runs, each day's under its heading."""
    lines: list[Line] = []
    heading = ""
    for run in runs:
        named = day(local(run.began.began), today)
        if named != heading:
            heading = named
            lines.append(Line(None, heading))
        lines.append(Line(run))
    return lines


def done(run: StoredRun) -> str:
    """`90`, or `◐ 12/90` of a run that is not whole."""
    if run.ending == "finished" and run.done == run.cells:
        return str(run.cells)
    return f"{'' if run.ending == 'running' else f'{PARTLY} '}{run.done}/{run.cells}"


def run_pieces(run: StoredRun, width: int, look: Look, *, marked: bool, cursor: Role | None = None) -> Pieces:
    """A run in columns: mark, time, model, kind, cells done, what was asked, prompt; `cursor` is the role of its time.

    Few styles, and a cursor that is a few cells: what a step and a change of view send depends on it.
    """
    kind = f"{run.kind.word:{KIND_CELLS}}" if width >= ROOMY else ""
    model = text.pad(look.prose(_short(run.began.model)), MODEL_CELLS * (2 if width >= WIDE else 1))
    partly = PARTLY in done(run)
    asks = text.pad(look.prose(run.kind.asked(run.began.task)), ASKED_CELLS)
    left = (
        Piece("●" if marked else " ", "good" if marked else "text"),
        Piece(f"{local(run.began.began):%H:%M}", cursor or "text"),
        Piece(f"  {model} {kind}"),
        Piece(f"{done(run):>{DONE_CELLS}}", "warn" if partly else "text"),
        Piece(f"  {asks}  "),
    )
    rest = max(width - sum(text.width(piece.text) for piece in left), 0)
    return (*left, Piece(text.pad(look.prose(run.prompt), rest)))


def _short(model: str) -> str:
    """The last part of a model's name or path."""
    return model.rstrip("/").rsplit("/", 1)[-1] or model


def how_many(count: int, what: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {what}{'' if count == 1 else 's'}"

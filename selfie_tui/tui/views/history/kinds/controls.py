"""Control of a layer in the list of runs: what is said before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from selfie_tui.records import ControlLayer, Kept, LayerControlBegan, LayerControlled
from selfie_tui.results.run_kinds.controls import began_in, done_in, target, texts_of
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces
from selfie_tui.tui.views.history.kinds.kind import Shown

Seen = tuple[LayerControlBegan | None, LayerControlled | None]
"""Where the layer stood, and what came of it."""


def asked(run: StoredRun) -> str:
    """The layer, the target and the training."""
    task = run.began.task
    assert isinstance(task, ControlLayer)
    layer = run.kind.asked(task).partition("→")[0]
    return f"{layer}→ {target(task)} · {task.steps} steps"


def seen(results: Mapping[int, Kept]) -> Seen:
    """Both of it."""
    return began_in(results), done_in(results)


def lines(found: Seen, width: int, look: Look, most: int | None) -> Iterator[Pieces]:
    """How far it came, and what is said before and after."""
    began, done = found
    if done is not None:
        left = f"{done.distance:.1%} of the way left · weights moved by {done.changed:.1%}"
        yield from flow([Piece(left, "strong")], width)
    before = texts_of(began.before) if began else []
    after = texts_of(done.after) if done else [None] * len(before)
    for one, other in list(zip(before, after, strict=True))[:most]:
        yield from flow([Piece("before  ", "key"), Piece(look.prose(one.strip()), "dim")], width)
        if other is not None:
            yield from flow([Piece("after   ", "key"), Piece(look.prose(other.strip()))], width)


SHOWN = Shown(asked, lambda task: [f"weights kept as {task.file}"] if task.file else [], seen, lines)

"""Steered answers in the list of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from selfie_tui.records import Kept, Steer, SteeredSoFar, layer_name
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces
from selfie_tui.tui.views.history.kinds.kind import Shown


def more(task: Steer) -> list[str]:
    """How and where the vector is written."""
    layers = [", ".join(map(layer_name, task.layers))] if task.layers else []
    where = task.where if task.positions is None else f"tokens {','.join(map(str, task.positions))}"
    return [" · ".join([task.mode, *layers, f"on {where}", f"{task.max_new_tokens} tokens"])]


def seen(results: Mapping[int, Kept]) -> SteeredSoFar | None:
    """The answers."""
    return next((value for value in results.values() if isinstance(value, SteeredSoFar)), None)


def lines(found: SteeredSoFar | None, width: int, look: Look, most: int | None) -> Iterator[Pieces]:
    """The plain answer, and so many of the others."""
    if found is not None:
        for name, said in list(answers(found))[: most and most + 1]:
            yield from flow([Piece(f"{name}  ", "key"), Piece(look.prose(said))], width)


def answers(answers: SteeredSoFar) -> Iterator[tuple[str, str]]:
    """The plain answer and the steered ones, each with its strength."""
    yield "plain", "".join(token.text for token in answers.plain)
    for each in answers.steered:
        yield f"× {each.strength:g}", "".join(token.text for token in each.tokens)


SHOWN = Shown(lambda run: run.kind.asked(run.began.task), more, seen, lines)

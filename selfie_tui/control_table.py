"""Control of a layer as a table: a row for each cell, each answer and each retained prompt, before and after."""

from __future__ import annotations

from typing import Any

from selfie_tui.records import LayerControlBegan, LayerControlled


def columns_of(began: LayerControlBegan, done: LayerControlled) -> dict[str, list[Any]]:
    """Equally long lists: `kind`, `prompt`, `before`, `after`, `kl`, `agreement`, `loss_before`, `loss_after`.

    A row is a `reading` of a cell, an `answer`, a `retained` prompt, or one that was `held out`; of the latter two
    `before` and `after` are the next tokens. What a row does not have is None.
    """
    states = began.before, done.after
    token = [each.token.text for each in states[0].interpretations]
    readings = [[each.text for each in state.interpretations] for state in states]
    answers = [[each.text for each in state.answers] for state in states]
    nothing = [None] * (len(token) + len(answers[0]))
    kept = done.retained
    return {
        "kind": [
            *["reading"] * len(token),
            *["answer"] * len(answers[0]),
            *("held out" if each.held_out else "retained" for each in kept),
        ],
        "prompt": [*token, *(each.prompt for each in states[0].answers), *(each.prompt for each in kept)],
        "before": [*readings[0], *answers[0], *(each.next_before for each in kept)],
        "after": [*readings[1], *answers[1], *(each.next_after for each in kept)],
        "kl": [*nothing, *(each.kl for each in kept)],
        "agreement": [*nothing, *(each.agreement for each in kept)],
        "loss_before": [*nothing, *(each.loss_before for each in kept)],
        "loss_after": [*nothing, *(each.loss_after for each in kept)],
    }


def rows_of(began: LayerControlBegan, done: LayerControlled) -> list[dict[str, Any]]:
    """The same as a dictionary a row."""
    columns = columns_of(began, done)
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

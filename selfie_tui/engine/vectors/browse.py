"""A file of many directions looked through: in their order, by likeness to a vector, or by how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.tracking import tracked_token
from selfie_tui.engine.unembed import lens_logits, rows_at_once
from selfie_tui.engine.vectors.compare import tokens_of
from selfie_tui.engine.vectors.directions import ROWS, Directions
from selfie_tui.engine.vectors.vector import Vector, check_fits
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.records import BrowseDirections, Direction

Poll = Callable[[], bool]


def browse(
    model: Model, file: Directions, task: BrowseDirections, like: Vector | None, cancelled: Poll = lambda: False
) -> tuple[Direction, ...]:
    """The directions that a task asks for, in its order, with the tokens that the lens reads in each.

    Raises:
        RequestError: for directions of another width than the model's, a number out of range, or a word without token.
        Cancelled: between parts of the file, once `cancelled` gives true.
    """
    check_fits(model, Vector(torch.zeros(1, file.width), name=file.name), task.stack)
    if task.count < 1 or not 0 <= task.first < file.count:
        raise RequestError(
            f"{file.name} has {file.count:,} directions.", f"Begin at 0 to {file.count - 1}, and show at least one."
        )
    shares = shares_of(model, file, task, cancelled) if task.word else None
    cosines = None if like is None else cosines_with(model, file, like, task.stack, cancelled)
    ordered = shares if shares is not None else cosines
    if ordered is None:
        chosen = list(range(task.first, min(task.first + task.count, file.count)))
    else:
        chosen = ordered.argsort(descending=True)[task.first : task.first + task.count].tolist()
    rows = torch.cat([file.rows(index, index + 1) for index in chosen])
    tokens = tokens_of(model, rows, task.k, task.stack) if task.k else [()] * len(rows)
    return tuple(
        Direction(
            index,
            float(rows[at].norm()),
            tokens[at],
            None if cosines is None else float(cosines[index]),
            None if shares is None else float(shares[index]),
        )
        for at, index in enumerate(chosen)
    )


def cosines_with(model: Model, file: Directions, like: Vector, stack: str, cancelled: Poll) -> torch.Tensor:
    """The cosine of every direction with a vector, `(directions,)`; raises as `browse`."""
    check_fits(model, like, stack)
    wanted = torch.nn.functional.normalize(like.single(), dim=0)
    return torch.cat([torch.nn.functional.normalize(rows, dim=-1) @ wanted for rows in parts(file, cancelled)])


def shares_of(model: Model, file: Directions, task: BrowseDirections, cancelled: Poll) -> torch.Tensor:
    """What the lens gives to a word in every direction, `(directions,)`; raises as `browse`."""
    token = tracked_token(model.tokenizer, task.word).id
    found = []
    for rows in parts(file, cancelled, rows_at_once(model, task.stack)):
        states = rows.to(model.device, model.stream_dtype)
        found.append(lens_logits(model, states, task.stack).softmax(-1)[:, token].cpu())
    return torch.cat(found)


def parts(file: Directions, cancelled: Poll, size: int = ROWS) -> Iterator[torch.Tensor]:
    """All directions, some at a time, `(directions, width)`; raises as `browse`."""
    for _, rows in file.parts(size):
        if cancelled():
            raise Cancelled
        yield rows

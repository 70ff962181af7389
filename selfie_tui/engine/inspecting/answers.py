"""What a model says after a prompt without the edits that stand and with them, token by token, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from selfie_tui.engine.inspecting.continuation import Continuation, opening_of
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.records import Answer, AnswersSoFar


def answer(model: Model, task: Answer, cancelled: Callable[[], bool]) -> Iterator[AnswersSoFar]:
    """Both answers, greedily, an event a token; without an edit that stands only the plain one.

    Raises:
        PromptError: as `opening_of`.
        RequestError: if no token is asked for.
        Cancelled: before any block, once `cancelled` gives true; no edit is left behind that did not stand.
    """
    if task.max_new_tokens < 1:
        raise RequestError("No token would be generated.", "Ask for at least one.")
    opening = opening_of(model, task.prompt, task.max_new_tokens)
    standing = model.edits.now
    plain = Continuation(model, opening, task.max_new_tokens, (), cancelled)
    edited = Continuation(model, opening, task.max_new_tokens, standing, cancelled) if standing else None
    finished = False
    while not finished:
        went_on = [each.step() for each in (plain, edited) if each]
        finished = not any(went_on)
        yield so_far(task.prompt, plain, edited, finished)


def so_far(prompt: str, plain: Continuation, edited: Continuation | None, finished: bool) -> AnswersSoFar:
    """Both answers as they are."""
    both = AnswersSoFar(prompt=prompt, plain=tuple(plain.tokens), finished=finished)
    if edited is None:
        return both
    differs_from = first_difference(plain.ids, edited.ids, plain.ended or finished, edited.ended or finished)
    return replace(both, edited=tuple(edited.tokens), differs_from=differs_from)


def first_difference(one: Sequence[int], other: Sequence[int], one_ended: bool, other_ended: bool) -> int | None:
    """The first token at which two texts differ, None as long as none is known.

    A text that has ended differs from one that goes on.
    """
    for index, pair in enumerate(zip(one, other, strict=False)):
        if pair[0] != pair[1]:
            return index
    shorter, ended = (one, one_ended) if len(one) < len(other) else (other, other_ended)
    return len(shorter) if len(one) != len(other) and ended else None

"""Steering: a model answers with a vector added to its stream, beside its plain answer.

Activation addition adds the difference of two states (Turner et al. 2023, arXiv 2308.10248); contrastive activation
addition that of the means over two sets of prompts (Panickssery et al. 2023, arXiv 2312.06681), as representation
engineering does (Zou et al. 2023, arXiv 2310.01405). A function vector is written over the last token of a prompt
without examples, in place of the state there or added to it (Todd et al. 2023, arXiv 2310.15213; Hendel et al. 2023,
arXiv 2310.15916).

When it misleads: a random direction of the same norm moves answers too, so that what counts is how much further the
vector moves them than random ones do. A vector that is as long as the stream itself leaves the states that texts bring
about, and what comes then is gibberish that may hold the words that were looked for. The layer and the strength that
work are found on the prompts on which they are shown: hold others back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import torch

from selfie_tui.engine.inspecting.answers import first_difference
from selfie_tui.engine.inspecting.continuation import Continuation, Written, opening_of
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_position
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.prompts.tracking import tracked_token
from selfie_tui.engine.steering import Steering, log_odds, steered
from selfie_tui.engine.vectors.lines import line_value
from selfie_tui.engine.vectors.vector import Vector, check_fits, notices_of
from selfie_tui.errors import RequestError
from selfie_tui.modes import mode_named
from selfie_tui.records import Event, Notice, Steer, Steered, SteeredSoFar

ROWS = 16
"""Strengths that are answered in one batch."""

PLAIN_AT_ZERO = ("add", "add-norm", "blend")
"""The modes that write nothing at strength 0: the answer is then the plain one, bit by bit."""


def run(model: Model, task: Steer, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do a `Steer` task; raises as `steer`."""
    vector = line_value(task.line, model, cancelled)
    for notice in notices_of(model, vector):
        yield Notice(text=notice, severity="warning")
    yield from steer(model, task, vector, cancelled)


def steer(model: Model, task: Steer, vector: Vector, cancelled: Callable[[], bool]) -> Iterator[SteeredSoFar]:
    """The plain answer and one for each strength, greedily, an event a token; the strengths are rows of batches.

    Raises:
        RequestError: for a vector that does not fit the model, no layer or strength, and settings out of range.
        PromptError: for a prompt that is empty or, with the answer, too long.
        Cancelled: before any block, once `cancelled` gives true; the model is then as it was.
    """
    steering = checked(model, task, vector)
    words, against = (tuple(tracked_token(model.tokenizer, word).id for word in each) for each in sides(task))
    opening = opening_of(model, task.prompt, task.max_new_tokens)
    plain = Continuation(model, opening, task.max_new_tokens, model.edits.now, cancelled)
    moving = [strength for strength in task.strengths if strength or steering.mode not in PLAIN_AT_ZERO]
    batches = [
        steered(model, opening, steering, moving[start : start + ROWS], task.max_new_tokens, cancelled)
        for start in range(0, len(moving), ROWS)
    ]

    def odds(written: Written) -> float | None:
        logits = written.first_logits
        return None if logits is None or not words else log_odds(logits, words, against)

    finished = False
    while not finished:
        went_on = [plain.step(), *(each.step() for each in batches)]
        finished = not any(went_on)
        answers = chain.from_iterable(zip(each.answers.rows, each.steerer.added(), strict=True) for each in batches)
        found = [
            (*next(answers), strength)
            if strength or steering.mode not in PLAIN_AT_ZERO
            else (plain.rows[0], 0.0, strength)
            for strength in task.strengths
        ]
        yield SteeredSoFar(
            prompt=task.prompt,
            line=task.line,
            layers=tuple(steering.vectors),
            plain=tuple(plain.tokens),
            steered=tuple(
                Steered(strength, tuple(own.tokens), parting(plain, own, finished), added, odds(own))
                for own, added, strength in found
            ),
            log_odds=odds(plain.rows[0]),
            finished=finished,
        )


def parting(plain: Continuation, own: Written, finished: bool) -> int | None:
    """The first token in which an answer differs from the plain one, None as long as none is known."""
    return first_difference(plain.ids, own.ids, plain.ended or finished, own.ended or finished)


def sides(task: Steer) -> tuple[Sequence[str], Sequence[str]]:
    """The words whose log odds are measured, and those against them; raises RequestError where one side is missing."""
    if bool(task.words) != bool(task.against):
        raise RequestError("Log odds need words on both sides.", "Give words, and words against them.")
    return task.words, task.against


def checked(model: Model, task: Steer, vector: Vector) -> Steering:
    """What the answers of all strengths have in common.

    Raises RequestError, and PromptError for a prompt that cannot be read.
    """
    mode = mode_named(task.mode).name
    if not task.strengths or not all(map(math.isfinite, task.strengths)):
        raise RequestError("A strength is missing or not finite.", "Give a number such as 2.")
    if task.max_new_tokens < 1:
        raise RequestError("No token would be generated.", "Ask for at least one.")
    stack = task.stack or model.anatomy.last.name
    check_fits(model, vector, stack)
    if task.positions is not None:
        tokens = source_of(model, task.prompt, stack).tokens
        for position in task.positions:
            check_position(tokens, position)
    vectors = {layer: row.to(model.device) for layer, row in by_layer(model, task, vector, stack).items()}
    return Steering(vectors, mode, task.where, task.positions, stack)


def by_layer(model: Model, task: Steer, vector: Vector, stack: str) -> dict[int, torch.Tensor]:
    """The vector `(width,)` of each layer that is written to; raises RequestError where none is known."""
    for layer in task.layers:
        model.check_layer(layer, stack)
    if len(vector.rows) == 1:
        layers = task.layers or vector.layers
        if not layers:
            raise RequestError(f"“{vector.name}” is of no layer.", "Choose the layers that it is added to.")
        return dict.fromkeys(layers, vector.rows[0])
    return {layer: vector.at(layer).rows[0] for layer in task.layers or vector.layers}


RUNS = {Steer: run}

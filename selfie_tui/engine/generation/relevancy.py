"""Relevancy: the probability of each generated token without injection, by teacher forcing.

Relevancy of generated token `t` is `|P_inj(y_t | y_<t) - P_none(y_t | y_<t)|` (SelfIE, arXiv 2403.10949 §3.3). P_inj
comes from the generation itself; P_none is that of the same prompt and tokens with nothing injected. It depends on the
generated tokens alone, so rows that begin alike share it.

When it misleads: a token that the prompt makes likely has a low relevancy even where the vector would have said it too,
and after a first token that only the vector explains, the rest of a name is likely with or without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from selfie_tui.engine.anatomy.places import BoundUnembedding
from selfie_tui.engine.generation.cache import join_caches, take_rows
from selfie_tui.engine.generation.forwards import rows_at_once
from selfie_tui.engine.generation.prefill import Prefill, after_cached, never
from selfie_tui.engine.generation.teacher_forcing import Ids, TargetToken, gather_probabilities, head_inputs, score_rows
from selfie_tui.engine.model import Model

FORWARD_COST = 64
"""The fixed cost of a forward, in tokens; small forwards use a processor badly."""


def baseline_probabilities(
    model: Model,
    prefill: Prefill,
    rows: Sequence[Sequence[int]],
    cancelled: Callable[[], bool] = never,
    known: Mapping[Ids, Sequence[float]] | None = None,
) -> list[list[float]]:
    """P_none, in [0, 1], of every token of every row.

    `rows` are generated ids; the result has the same lengths. Rows that are `known`, as the control's is from its own
    generation, need no forward.

    Raises:
        Cancelled: before any block of any forward, once `cancelled` gives true.
        OutOfMemory: if the device has no memory for a single row.
    """
    found = dict(known or {})
    distinct = list(dict.fromkeys(tuple(row) for row in rows if row and tuple(row) not in found))
    first = prefill.logits[0].softmax(-1)
    scores = [[float(first[row[0]])] for row in distinct]
    shares = prefill.expandable and not (prefill.masks or prefill.prefix or model.anatomy.last_only)
    (score_by_beginnings if shares else score_rows)(model, prefill, distinct, scores, cancelled)
    found.update(zip(distinct, scores, strict=True))
    return [list(found[tuple(row)]) if row else [] for row in rows]


def score_by_beginnings(
    model: Model, prefill: Prefill, rows: Sequence[Ids], scores: list[list[float]], cancelled: Callable[[], bool]
) -> None:
    """Extend `scores` from each row's second token on, with the prompt's cache and each equal beginning run once."""
    cache = prefill.cache
    index_of: dict[Ids, int] = {(): 0}
    for start, stop in segments(rows):
        longer = [(index, row) for index, row in enumerate(rows) if len(row) > start + 1]
        beginnings = list(dict.fromkeys(row[:stop] for _, row in longer))
        size = rows_at_once(model, len(beginnings), stop - start)
        caches = []
        for first in range(0, len(beginnings), size):
            piece = {beginning: index for index, beginning in enumerate(beginnings[first : first + size])}
            taken = take_rows(cache, [index_of[beginning[:start]] for beginning in piece])
            batch = pad([[*prefill.ids, *beginning] for beginning in piece], len(prefill.ids) + stop)
            states, unembedding = forward(model, batch, taken, len(prefill.ids) + start, cancelled)
            caches.append(taken)
            targets = [
                TargetToken(index, piece[row[:stop]], offset, token)
                for index, row in longer
                if row[:stop] in piece
                for offset, token in enumerate(row[start + 1 : stop + 1])
            ]
            gather_probabilities(model, states, targets, scores, cancelled, unembedding)
        cache = join_caches(caches, len(beginnings))
        index_of = {beginning: index for index, beginning in enumerate(beginnings)}


def segments(rows: Sequence[Ids]) -> list[tuple[int, int]]:
    """All tokens but the last as segments `(start, stop)` of least cost, by dynamic programming.

    A segment costs its length for each different beginning of rows up to its stop, and `FORWARD_COST` more.
    """
    length = max((len(row) for row in rows), default=0) - 1
    alike = [0, *(len({row[:end] for row in rows if len(row) >= end}) for end in range(1, length + 1))]
    best = [(0, 0)]  # least cost up to each end, and the start of its last segment
    for end in range(1, length + 1):
        best.append(min((best[start][0] + alike[end] * (end - start) + FORWARD_COST, start) for start in range(end)))
    found: list[tuple[int, int]] = []
    while length > 0:
        start = best[length][1]
        found.append((start, length))
        length = start
    return found[::-1]


def pad(rows: Sequence[Sequence[int]], length: int) -> list[list[int]]:
    """Rows filled up to one length; the filling is never read, and a causal model's earlier tokens do not see it."""
    return [[*row, *[0] * (length - len(row))] for row in rows]


def forward(
    model: Model, batch: list[list[int]], cache: Any, cached: int, cancelled: Callable[[], bool]
) -> tuple[torch.Tensor, BoundUnembedding | None]:
    """The head's inputs `(rows, tokens, width)` (see `head_inputs`) of the tokens of a batch after those in a cache."""
    inputs = after_cached(model.inputs(batch), cached) | {str(model.feed.cache_name): cache}
    with model.inference(cancelled):
        return head_inputs(model, inputs)

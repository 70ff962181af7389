"""Relevancy: the probability of each generated token without injection, by teacher forcing.

Relevancy of generated token `t` is `|P_inj(y_t | y_<t) - P_none(y_t | y_<t)|` (SelfIE, arXiv 2403.10949 §3.3). P_inj
comes from the generation itself; P_none is that of the same prompt and tokens with nothing injected. It depends on the
generated tokens alone, so rows that begin alike share it.

When it misleads: a token that the prompt makes likely has a low relevancy even where the vector would have said it too,
and after a first token that only the vector explains, the rest of a name is likely with or without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from selfie_tui.engine.anatomy.places import BoundUnembedding
from selfie_tui.engine.generation.beginnings import Beginnings, Ids
from selfie_tui.engine.generation.cache import join_caches, select_rows, take_rows
from selfie_tui.engine.generation.forwards import rows_at_once
from selfie_tui.engine.generation.prefill import Prefill, after_cached, never
from selfie_tui.engine.generation.teacher_forcing import TargetToken, gather_probabilities, head_inputs, score_rows
from selfie_tui.engine.model import Model


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
    tree = Beginnings.of([row[:-1] for row in rows])
    cache = prefill.cache
    index_of: dict[Ids, int] = {(): 0}
    segments = tree.segments()
    for start, stop in segments:
        followers = by_leaf(tree, rows, start, stop)
        caches, ended = [], []
        for piece in pieces_of(model, tree.leaves(start, stop), start):
            taken = take_rows(cache, [index_of[leaf[:start]] for leaf in piece])
            batch = pad([[*prefill.ids, *leaf] for leaf in piece], len(prefill.ids) + len(piece[-1]))
            states, unembedding = forward(model, batch, taken, len(prefill.ids) + start, cancelled)
            targets = [
                TargetToken(index, batch_row, offset, token)
                for batch_row, leaf in enumerate(piece)
                for index in followers[leaf]
                for offset, token in enumerate(rows[index][start + 1 : stop + 1])
            ]
            gather_probabilities(model, states, targets, scores, cancelled, unembedding)
            whole = [index for index, leaf in enumerate(piece) if len(leaf) == stop]
            if whole and stop != segments[-1][1] and select_rows(taken, whole):
                caches.append(taken)
                ended += [piece[index] for index in whole]
        cache = join_caches(caches, range(len(ended))) if caches else None
        index_of = {leaf: index for index, leaf in enumerate(ended)}


def by_leaf(tree: Beginnings, rows: Sequence[Ids], start: int, stop: int) -> dict[Ids, list[int]]:
    """The indices of the rows with tokens to be scored after `start`, by the leaf that holds what comes before them."""
    found: dict[Ids, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if len(row) > start + 1:
            found[tree.leaf_of(row[:-1], stop)].append(index)
    return found


def pieces_of(model: Model, leaves: Sequence[Ids], start: int) -> Iterator[list[Ids]]:
    """Leaves, of which shorter ones come first, in pieces of as many as are run at once from `start` on."""
    piece: list[Ids] = []
    for leaf in leaves:
        if piece and len(piece) >= rows_at_once(model, len(leaves), len(leaf) - start):
            yield piece
            piece = []
        piece.append(leaf)
    if piece:
        yield piece


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

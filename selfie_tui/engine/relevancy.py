"""What the injection changed: the probability of each generated token with no injection, by teacher forcing.

Relevancy of generated token `t` is `|P_inj(y_t | y_<t) - P_none(y_t | y_<t)|` (SelfIE, arXiv 2403.10949 §3.3). P_inj
comes from the generation itself. P_none depends on the generated tokens alone, so rows that begin alike share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from selfie_tui.engine.decoding import Prefilled, can_repeat, never, repeated
from selfie_tui.engine.model import Model

LOGITS_BYTES = 256 * 2**20
"""Memory that one forward's logits may take; longer lists of rows go through in pieces."""

MERGE_WITHIN = 1.25
"""A run of tokens goes through at once while its distinct beginnings grow by no more than this factor."""


def uninjected_probabilities(
    model: Model, plain: Prefilled, rows: Sequence[Sequence[int]], cancelled: Callable[[], bool] = never
) -> list[list[float]]:
    """P_none of every token of every row: `rows` are generated ids, the result has the same lengths."""
    order = sorted((i for i in range(len(rows)) if rows[i]), key=lambda i: tuple(rows[i]))
    result: list[list[float]] = [[] for _ in rows]
    if not order:
        return result
    longest = max(len(row) for row in rows)
    positions = longest if can_repeat(plain.cache) else len(plain.ids) + longest
    per_row = positions * plain.logits.shape[-1] * 4
    size = max(1, LOGITS_BYTES // per_row)
    distinct = list(dict.fromkeys(tuple(rows[i]) for i in order))
    found: dict[tuple[int, ...], list[float]] = {}
    for start in range(0, len(distinct), size):
        piece = distinct[start : start + size]
        found.update(zip(piece, score(model, plain, piece, cancelled), strict=True))
    for i in order:
        result[i] = list(found[tuple(rows[i])])
    return result


def score(
    model: Model, plain: Prefilled, rows: Sequence[tuple[int, ...]], cancelled: Callable[[], bool]
) -> list[list[float]]:
    """P_none of the tokens of distinct rows, each beginning computed once."""
    first = plain.logits[0].softmax(-1)
    scores = [[float(first[row[0]])] for row in rows]
    if can_repeat(plain.cache):
        score_by_beginnings(model, plain, rows, scores, cancelled)
    else:
        score_whole(model, plain, rows, scores, cancelled)
    return scores


def score_by_beginnings(
    model: Model,
    plain: Prefilled,
    rows: Sequence[tuple[int, ...]],
    scores: list[list[float]],
    cancelled: Callable[[], bool],
) -> None:
    """Extend `scores` from the second token on, reusing the prompt's cache and sharing equal beginnings of rows."""
    longest = max(len(row) for row in rows)
    cache = None
    place: dict[tuple[int, ...], int] = {}
    for start, stop in segments(rows, longest - 1):
        beginnings = list(dict.fromkeys(row[:stop] for row in rows if len(row) > start + 1))
        if cache is None:
            cache = repeated(plain.cache, len(beginnings), keep=len(plain.ids))
        else:
            cache.batch_select_indices(torch.tensor([place[beginning[:start]] for beginning in beginnings]))
        batch = pad([beginning[start:stop] for beginning in beginnings], stop - start)
        logits = forward(model, batch, cache, len(plain.ids) + stop, cancelled)
        place = {beginning: index for index, beginning in enumerate(beginnings)}
        for row, scored in zip(rows, scores, strict=True):
            if len(row) > start + 1:
                scored.extend(read_off(logits[place[row[:stop]]], row[start + 1 : stop + 1]))


def segments(rows: Sequence[tuple[int, ...]], length: int) -> list[tuple[int, int]]:
    """Cut the first `length` tokens into runs in which the number of distinct beginnings hardly grows."""
    counts = [len({row[:end] for row in rows if len(row) > end}) for end in range(1, length + 1)]
    cuts = [0]
    for place in range(1, length):
        if counts[place] > MERGE_WITHIN * counts[cuts[-1]]:
            cuts.append(place)
    return list(zip(cuts, [*cuts[1:], length], strict=True)) if length else []


def score_whole(
    model: Model,
    plain: Prefilled,
    rows: Sequence[tuple[int, ...]],
    scores: list[list[float]],
    cancelled: Callable[[], bool],
) -> None:
    """Extend `scores` by running prompt and rows as a whole, for models whose cache cannot be repeated."""
    longest = max(len(row) for row in rows)
    batch = pad([plain.ids + row[:-1] for row in rows], len(plain.ids) + longest - 1)
    logits = forward(model, batch, None, len(plain.ids) + longest - 1, cancelled)
    for row, scored, own in zip(rows, scores, logits, strict=True):
        scored.extend(read_off(own[len(plain.ids) :], row[1:]))


def pad(rows: Sequence[tuple[int, ...]], length: int) -> list[list[int]]:
    """Rows of one length; what follows a row's end is never read, and a causal model never looks at it."""
    return [[*row, *[0] * (length - len(row))] for row in rows]


def forward(
    model: Model, batch: list[list[int]], cache: object, length: int, cancelled: Callable[[], bool]
) -> torch.Tensor:
    """Logits `(rows, positions, vocabulary)` of a batch that continues a cache to `length` tokens."""
    ids = torch.tensor(batch, device=model.device)
    mask = torch.ones((len(batch), length), dtype=torch.long, device=model.device)
    with model.forwards(cancelled):
        output = model.module(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=cache is not None)
    logits: torch.Tensor = output.logits
    return logits


def read_off(logits: torch.Tensor, tokens: Sequence[int]) -> list[float]:
    """The probability of each token at its place, from the first on: `logits` is `(positions, vocabulary)`."""
    wanted = logits[: len(tokens)].float()
    chosen = torch.tensor(tokens, device=logits.device).unsqueeze(-1)
    picked = wanted.gather(-1, chosen).squeeze(-1)
    probabilities: list[float] = (picked - wanted.logsumexp(-1)).exp().tolist()
    return probabilities

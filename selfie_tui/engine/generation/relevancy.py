"""What the injection changed: the probability of each generated token with no injection, by teacher forcing.

Relevancy of generated token `t` is `|P_inj(y_t | y_<t) - P_none(y_t | y_<t)|` (SelfIE, arXiv 2403.10949 §3.3). P_inj
comes from the generation itself. P_none depends on the generated tokens alone, so rows that begin alike share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from selfie_tui.engine.anatomy.places import Unembedding
from selfie_tui.engine.generation.prefill import Prefill, never, repeated
from selfie_tui.engine.generation.teacher_forcing import Ids, TargetToken, gather_probabilities, head_inputs, score_rows
from selfie_tui.engine.model import Model

TOKENS_A_RUN = 64
"""What a forward costs beside its tokens, as a number of tokens; small forwards use a processor badly."""


def baseline_probabilities(
    model: Model, plain: Prefill, rows: Sequence[Sequence[int]], cancelled: Callable[[], bool] = never
) -> list[list[float]]:
    """P_none of every token of every row: `rows` are generated ids, the result has the same lengths."""
    distinct = list(dict.fromkeys(tuple(row) for row in rows if row))
    first = plain.logits[0].softmax(-1)
    scores = [[float(first[row[0]])] for row in distinct]
    shares = plain.expandable and not (plain.masks or plain.prefix or model.anatomy.last_only)
    (score_by_beginnings if shares else score_rows)(model, plain, distinct, scores, cancelled)
    found = dict(zip(distinct, scores, strict=True))
    return [list(found[tuple(row)]) if row else [] for row in rows]


def score_by_beginnings(
    model: Model, plain: Prefill, rows: Sequence[Ids], scores: list[list[float]], cancelled: Callable[[], bool]
) -> None:
    """Extend `scores` from the second token on, reusing the prompt's cache and sharing equal beginnings of rows."""
    cache: Any = None
    place: dict[Ids, int] = {}
    for start, stop in segments(rows):
        beginnings = list(dict.fromkeys(row[:stop] for row in rows if len(row) > start + 1))
        if cache is None:
            cache = repeated(plain.cache, len(beginnings), keep=len(plain.ids))
        else:
            cache.batch_select_indices(torch.tensor([place[beginning[:start]] for beginning in beginnings]))
        batch = pad([beginning[start:stop] for beginning in beginnings], stop - start)
        states, tail = forward(model, batch, cache, len(plain.ids) + stop, cancelled)
        place = {beginning: index for index, beginning in enumerate(beginnings)}
        wanted = [
            TargetToken(index, place[row[:stop]], offset, token)
            for index, row in enumerate(rows)
            if len(row) > start + 1
            for offset, token in enumerate(row[start + 1 : stop + 1])
        ]
        gather_probabilities(model, states, wanted, scores, cancelled, tail)


def segments(rows: Sequence[Ids]) -> list[tuple[int, int]]:
    """All tokens but the last, cut into runs so that the fewest are computed: a run goes through once per beginning.

    The cheapest cuts by dynamic programming; every run costs as much as `TOKENS_A_RUN` tokens beside its own.
    """
    length = max((len(row) for row in rows), default=0) - 1
    alike = [0, *(len({row[:end] for row in rows if len(row) >= end}) for end in range(1, length + 1))]
    best = [(0, 0)]  # least cost up to each end, and where its last run starts
    for end in range(1, length + 1):
        best.append(min((best[start][0] + alike[end] * (end - start) + TOKENS_A_RUN, start) for start in range(end)))
    runs: list[tuple[int, int]] = []
    while length > 0:
        start = best[length][1]
        runs.append((start, length))
        length = start
    return runs[::-1]


def pad(rows: Sequence[Ids], length: int) -> list[list[int]]:
    """Rows of one length; what follows a row's end is never read, and a causal model never looks at it."""
    return [[*row, *[0] * (length - len(row))] for row in rows]


def forward(
    model: Model, batch: list[list[int]], cache: Any, length: int, cancelled: Callable[[], bool]
) -> tuple[torch.Tensor, Unembedding | None]:
    """What `before_head` gives for a batch that continues a cache to `length` tokens."""
    inputs = model.inputs(batch) | {str(model.feed.cache_name): cache}
    inputs["attention_mask"] = torch.ones((len(batch), length), dtype=torch.long, device=model.device)
    with model.inference(cancelled):
        return head_inputs(model, inputs)

"""What the injection changed: the probability of each generated token with no injection, by teacher forcing.

Relevancy of generated token `t` is `|P_inj(y_t | y_<t) - P_none(y_t | y_<t)|` (SelfIE, arXiv 2403.10949 §3.3). P_inj
comes from the generation itself. P_none depends on the generated tokens alone, so rows that begin alike share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.prefilling import Prefilled, never, repeated

LOGITS_BYTES = 128 * 2**20
"""Memory that logits may take at a time; more positions go through the head in pieces."""

TOKENS_A_RUN = 64
"""What a forward costs beside its tokens, as a number of tokens; small forwards use a processor badly."""

Ids = tuple[int, ...]


class Wanted(NamedTuple):
    """A token whose probability is wanted: that of row `row`, as it stands at `place`, `offset` of a forward."""

    row: int
    place: int
    offset: int
    token: int


def uninjected_probabilities(
    model: Model, plain: Prefilled, rows: Sequence[Sequence[int]], cancelled: Callable[[], bool] = never
) -> list[list[float]]:
    """P_none of every token of every row: `rows` are generated ids, the result has the same lengths."""
    distinct = list(dict.fromkeys(tuple(row) for row in rows if row))
    first = plain.logits[0].softmax(-1)
    scores = [[float(first[row[0]])] for row in distinct]
    if plain.masks:
        score_fills(model, plain, distinct, scores, cancelled)
    elif plain.prefix:
        score_answers(model, plain, distinct, scores, cancelled)
    elif plain.repeatable:
        score_by_beginnings(model, plain, distinct, scores, cancelled)
    else:
        score_whole(model, plain, distinct, scores, cancelled)
    found = dict(zip(distinct, scores, strict=True))
    return [list(found[tuple(row)]) if row else [] for row in rows]


def score_by_beginnings(
    model: Model, plain: Prefilled, rows: Sequence[Ids], scores: list[list[float]], cancelled: Callable[[], bool]
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
        states = forward(model, batch, cache, len(plain.ids) + stop, cancelled)
        place = {beginning: index for index, beginning in enumerate(beginnings)}
        wanted = [
            Wanted(index, place[row[:stop]], offset, token)
            for index, row in enumerate(rows)
            if len(row) > start + 1
            for offset, token in enumerate(row[start + 1 : stop + 1])
        ]
        read_off(model, states, wanted, scores, cancelled)


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


def score_whole(
    model: Model, plain: Prefilled, rows: Sequence[Ids], scores: list[list[float]], cancelled: Callable[[], bool]
) -> None:
    """Extend `scores` by running prompt and rows as a whole, for models whose cache cannot be repeated."""
    if not rows:
        return
    length = len(plain.ids) + max(len(row) for row in rows) - 1
    states = forward(model, pad([plain.ids + row[:-1] for row in rows], length), None, length, cancelled)
    read_off(model, states, after_first(rows, len(plain.ids)), scores, cancelled)


def score_answers(
    model: Model, plain: Prefilled, rows: Sequence[Ids], scores: list[list[float]], cancelled: Callable[[], bool]
) -> None:
    """Extend `scores` of an encoder-decoder: the decoder over all rows, with the encoder's states of one prompt."""
    if not rows:
        return
    length = len(plain.prefix) + max(len(row) for row in rows) - 1
    inputs = model.inputs(
        [list(plain.ids)] * len(rows), pad([plain.prefix + row[:-1] for row in rows], length), use_cache=False
    )
    with model.forwards(cancelled):
        states = model.anatomy.logits_in(model.module(**inputs))
    read_off(model, states, after_first(rows, len(plain.prefix)), scores, cancelled)


def score_fills(
    model: Model, plain: Prefilled, rows: Sequence[Ids], scores: list[list[float]], cancelled: Callable[[], bool]
) -> None:
    """Extend `scores` of an encoder: one row for every beginning of fills, its next mask still to be filled."""
    beginnings = list(dict.fromkeys(row[:end] for row in rows for end in range(1, len(row))))
    size = max(1, LOGITS_BYTES // (4 * model.anatomy.vocabulary * len(plain.ids)))
    found: dict[Ids, float] = {}
    for start in range(0, len(beginnings), size):
        chunk = beginnings[start : start + size]
        batch = [list(plain.ids) for _ in chunk]
        for ids, beginning in zip(batch, chunk, strict=True):
            for where, token in zip(plain.masks, beginning, strict=False):
                ids[where] = token
        with model.forwards(cancelled):
            states = model.anatomy.logits_in(model.module(**model.inputs(batch)))
        place = {beginning: index for index, beginning in enumerate(chunk)}
        ends = (row[:end] for row in rows for end in range(2, len(row) + 1))
        longer = list(dict.fromkeys(row for row in ends if row[:-1] in place))
        wanted = [
            Wanted(index, place[row[:-1]], plain.masks[len(row) - 1], row[-1]) for index, row in enumerate(longer)
        ]
        probabilities: list[list[float]] = [[] for _ in longer]
        read_off(model, states, wanted, probabilities, cancelled)
        found.update({row: probability for row, [probability] in zip(longer, probabilities, strict=True)})
    for row, score in zip(rows, scores, strict=True):
        score.extend(found[row[:end]] for end in range(2, len(row) + 1))


def after_first(rows: Sequence[Ids], written: int) -> list[Wanted]:
    """The places of every row's tokens but the first, in forwards over `written` tokens and then the row."""
    return [
        Wanted(index, index, written + offset, token)
        for index, row in enumerate(rows)
        for offset, token in enumerate(row[1:])
    ]


def pad(rows: Sequence[Ids], length: int) -> list[list[int]]:
    """Rows of one length; what follows a row's end is never read, and a causal model never looks at it."""
    return [[*row, *[0] * (length - len(row))] for row in rows]


def forward(
    model: Model, batch: list[list[int]], cache: Any, length: int, cancelled: Callable[[], bool]
) -> torch.Tensor:
    """What the head is given, `(rows, positions, width)`, for a batch that continues a cache to `length` tokens.

    Where the model has no trunk of its own these are its logits.
    """
    inputs = model.inputs(batch, use_cache=cache is not None)
    if cache is not None:
        inputs[str(model.feed.cache_name)] = cache
        inputs["attention_mask"] = torch.ones((len(batch), length), dtype=torch.long, device=model.device)
    trunk = model.anatomy.trunk
    with model.forwards(cancelled):
        output = (trunk or model.module)(**inputs)
    states: torch.Tensor = output.last_hidden_state if trunk else model.anatomy.logits_in(output)
    return states


def read_off(
    model: Model,
    states: torch.Tensor,
    wanted: Sequence[Wanted],
    scores: list[list[float]],
    cancelled: Callable[[], bool],
) -> None:
    """Append the probability of each wanted token to its row's scores, each place read out once."""
    places = {key: index for index, key in enumerate(dict.fromkeys((want.place, want.offset) for want in wanted))}
    index = torch.tensor(list(places), device=states.device).reshape(-1, 2)
    picked = states[index[:, 0], index[:, 1]]  # (distinct places, width)
    of_place: list[list[Wanted]] = [[] for _ in places]
    for want in wanted:
        of_place[places[want.place, want.offset]].append(want)
    size = max(1, LOGITS_BYTES // (4 * model.anatomy.vocabulary))
    found: dict[Wanted, float] = {}
    for start in range(0, len(places), size):
        asked = of_place[start : start + size]
        with model.forwards(cancelled):
            logits = picked[start : start + size]
            tail = model.anatomy.tails[-1]
            logits = tail.read_out(logits) if model.anatomy.trunk and tail else logits.float()
            rows = torch.tensor([row for row, wants in enumerate(asked) for _ in wants], device=logits.device)
            tokens = torch.tensor([want.token for wants in asked for want in wants], device=logits.device)
            probabilities = (logits[rows, tokens] - logits.logsumexp(-1)[rows]).exp().tolist()
        found.update(zip((want for wants in asked for want in wants), probabilities, strict=True))
    for want in wanted:
        scores[want.row].append(found[want])

"""Teacher forcing without a shared cache: texts run from their beginning, without injection, in batches that fit.

A decoder's or encoder-decoder's rows run once each, and one forward gives all their tokens' probabilities. For a model
that gives the logits of one position only, or fills masks in turn, every beginning of a row is a text of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch

from selfie_tui.engine.anatomy.places import BoundUnembedding
from selfie_tui.engine.devices import OutOfMemory, release_memory
from selfie_tui.engine.generation.beginnings import Ids
from selfie_tui.engine.generation.prefill import Prefill
from selfie_tui.engine.head_slices import SlicedLogits, plain_linear
from selfie_tui.engine.logit_reductions import LogSumExp, Picked, sweep
from selfie_tui.engine.model import Model

LOGITS_BYTES = 128 * 2**20
"""Memory that logits may take at a time; more positions go through the head in pieces."""
SLICED_POSITIONS = 256
"""Positions that a head in slices is applied to at a time, so that their logits stay in a processor's cache."""


class TargetToken(NamedTuple):
    """A token to score, of the row `row`: its logits are at row `batch_row` and position `position` of a forward."""

    row: int
    batch_row: int
    position: int
    token: int


def score_rows(
    model: Model, prefill: Prefill, rows: Sequence[Ids], scores: list[list[float]], cancelled: Callable[[], bool]
) -> None:
    """Extend `scores`, the probabilities of each row's tokens, from its second token on; raises `OutOfMemory`."""
    longer = [row for row in rows if len(row) > 1]
    by_beginnings = bool(prefill.masks) or model.anatomy.last_only
    texts = list(dict.fromkeys(row[:end] for row in longer for end in range(1, len(row)))) if by_beginnings else longer
    score = score_next if by_beginnings else score_all
    found: dict[Ids, list[float]] = {}
    for piece in pieces(texts, rows_at_once(model, prefill, texts)):
        found.update(score_or_halve(model, piece, lambda part: score(model, prefill, part, longer, cancelled)))
    for row, own in zip(rows, scores, strict=True):
        if len(row) > 1:
            own += [found[row[: end + 1]][0] for end in range(1, len(row))] if by_beginnings else found[row]


def rows_at_once(model: Model, prefill: Prefill, texts: Sequence[Ids]) -> int:
    """The number of texts whose logits fit into `LOGITS_BYTES`."""
    length = prefill.written + max((len(text) for text in texts), default=0)
    positions = 1 if model.anatomy.last_only or model.base_model else length
    return max(1, LOGITS_BYTES // (4 * model.anatomy.vocabulary * positions))


def pieces(texts: Sequence[Ids], size: int) -> Iterator[Sequence[Ids]]:
    """Texts in batches of at most `size`, shorter ones first, so that a batch's texts are of like length."""
    ordered = sorted(texts, key=len)
    yield from (ordered[start : start + size] for start in range(0, len(ordered), size))


def score_or_halve(
    model: Model, texts: Sequence[Ids], score: Callable[[Sequence[Ids]], dict[Ids, list[float]]]
) -> dict[Ids, list[float]]:
    """The scores of texts by `score`, in halves if the device has no memory for all of them."""
    try:
        return score(texts)
    except OutOfMemory:
        if len(texts) == 1:
            raise
    release_memory(model.device)
    half = len(texts) // 2
    return score_or_halve(model, texts[:half], score) | score_or_halve(model, texts[half:], score)


def score_all(
    model: Model, prefill: Prefill, texts: Sequence[Ids], rows: Sequence[Ids], cancelled: Callable[[], bool]
) -> dict[Ids, list[float]]:
    """The probabilities of every text's tokens but the first, from one forward."""
    length = max(len(text) for text in texts) - 1
    written = [(*text[:-1], *[0] * (length + 1 - len(text))) for text in texts]  # what follows an end is never read
    with model.inference(cancelled):
        states, unembedding = head_inputs(model, inputs_of(model, prefill, written))
    targets = [
        TargetToken(index, index, prefill.written + offset, token)
        for index, text in enumerate(texts)
        for offset, token in enumerate(text[1:])
    ]
    scores: list[list[float]] = [[] for _ in texts]
    gather_probabilities(model, states, targets, scores, cancelled, unembedding)
    return dict(zip(texts, scores, strict=True))


def score_next(
    model: Model, prefill: Prefill, texts: Sequence[Ids], rows: Sequence[Ids], cancelled: Callable[[], bool]
) -> dict[Ids, list[float]]:
    """The probability of each token that follows one of `texts` in a row, by the text with that token."""
    found: dict[Ids, list[float]] = {}
    lengths = sorted({len(text) for text in texts})
    for length in lengths:
        own = [text for text in texts if len(text) == length]
        with model.inference(cancelled):
            logits = model.anatomy.logits_in(model.module(**inputs_of(model, prefill, own)))
        index_of = {text: index for index, text in enumerate(own)}
        longer = list(
            dict.fromkeys(row[: length + 1] for row in rows if len(row) > length and row[:length] in index_of)
        )
        position = prefill.masks[length] if prefill.masks else -1
        targets = [TargetToken(index, index_of[text[:-1]], position, text[-1]) for index, text in enumerate(longer)]
        scores: list[list[float]] = [[] for _ in longer]
        gather_probabilities(model, logits, targets, scores, cancelled)
        found.update(zip(longer, scores, strict=True))
    return found


def inputs_of(model: Model, prefill: Prefill, written: Sequence[Sequence[int]]) -> dict[str, Any]:
    """A forward's arguments for a prompt and the ids written after it, in its answer, or over its masks."""
    if prefill.masks:
        batch = [list(prefill.ids) for _ in written]
        for ids, row in zip(batch, written, strict=True):
            for position, token in zip(prefill.masks, row, strict=False):
                ids[position] = token
        return model.inputs(batch)
    if prefill.prefix:
        prefixes = [[*prefill.prefix, *row] for row in written]
        return model.inputs([list(prefill.ids)] * len(written), prefixes, use_cache=False)
    return model.inputs([[*prefill.ids, *row] for row in written], use_cache=False)


def head_inputs(model: Model, inputs: dict[str, Any]) -> tuple[torch.Tensor, BoundUnembedding | None]:
    """The head's inputs in a forward, `(rows, positions, width)`, and the unembedding that reads them.

    For a model whose head is not apart, logits `(rows, positions, vocabulary)` and None.
    """
    base = model.base_model
    if base is None:
        return model.anatomy.logits_in(model.module(**inputs)), None
    states: torch.Tensor = base(**inputs).last_hidden_state
    return states, model.unembedding(model.anatomy.last.name)


def gather_probabilities(
    model: Model,
    states: torch.Tensor,
    targets: Sequence[TargetToken],
    scores: list[list[float]],
    cancelled: Callable[[], bool],
    unembedding: BoundUnembedding | None = None,
) -> None:
    """Append the probability, in [0, 1], of each target token to its row's scores; each position is unembedded once.

    `states` is `(rows, positions, vocabulary)` logits, or with an `unembedding` its head's inputs `(rows, positions,
    width)`. Raises `OutOfMemory`.
    """
    distinct = dict.fromkeys((target.batch_row, target.position) for target in targets)
    indices = {position: index for index, position in enumerate(distinct)}
    index = torch.tensor(list(indices), dtype=torch.long, device=states.device).reshape(-1, 2)
    picked = states[index[:, 0], index[:, 1]]  # (distinct positions, width)
    by_index: list[list[TargetToken]] = [[] for _ in indices]
    for target in targets:
        by_index[indices[target.batch_row, target.position]].append(target)
    found: dict[TargetToken, float] = {}
    size = positions_at_once(model, unembedding)
    for start in range(0, len(indices), size):
        batch = by_index[start : start + size]
        with model.inference(cancelled):
            rows = torch.tensor([row for row, each in enumerate(batch) for _ in each], device=states.device)
            tokens = torch.tensor([target.token for each in batch for target in each], device=states.device)
            logits = SlicedLogits(picked[start : start + size], unembedding)
            chosen, total = sweep(logits, Picked(rows, tokens), LogSumExp())
            probabilities = (chosen.values - total.values[rows]).exp().tolist()
        found.update(zip((target for each in batch for target in each), probabilities, strict=True))
    for target in targets:
        scores[target.row].append(found[target])


def positions_at_once(model: Model, unembedding: BoundUnembedding | None) -> int:
    """Positions to unembed at a time: as many as fit into `LOGITS_BYTES`, and few where the head is in slices."""
    size = max(1, LOGITS_BYTES // (4 * model.anatomy.vocabulary))
    sliced = model.device.type == "cpu" and unembedding is not None and plain_linear(unembedding.head) is not None
    return SLICED_POSITIONS if sliced else size

"""P_none where no cache can be shared: whole texts run without injection, in pieces that fit into memory.

A decoder's or encoder-decoder's rows run once each, all their tokens read off one forward. Where a model gives the
logits of one place only, or fills masks in turn, every beginning of a row is a text of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch

from selfie_tui.engine.anatomy.places import Unembedding
from selfie_tui.engine.devices import OutOfMemory, release_memory
from selfie_tui.engine.generation.prefill import Prefill
from selfie_tui.engine.model import Model

LOGITS_BYTES = 128 * 2**20
"""Memory that logits may take at a time; more positions go through the head in pieces."""

Ids = tuple[int, ...]


class TargetToken(NamedTuple):
    """A token whose probability is wanted: that of row `row`, as it stands at `place`, `offset` of a forward."""

    row: int
    place: int
    offset: int
    token: int


def score_rows(
    model: Model, plain: Prefill, rows: Sequence[Ids], scores: list[list[float]], cancelled: Callable[[], bool]
) -> None:
    """Extend `scores` from each row's second token on."""
    longer = [row for row in rows if len(row) > 1]
    by_beginnings = bool(plain.masks) or model.anatomy.last_only
    texts = list(dict.fromkeys(row[:end] for row in longer for end in range(1, len(row)))) if by_beginnings else longer
    score = score_next if by_beginnings else score_all
    found: dict[Ids, list[float]] = {}
    for piece in pieces(texts, rows_at_once(model, plain, texts)):
        found.update(score_or_halve(model, piece, lambda part: score(model, plain, part, longer, cancelled)))
    for row, own in zip(rows, scores, strict=True):
        if len(row) > 1:
            own += [found[row[: end + 1]][0] for end in range(1, len(row))] if by_beginnings else found[row]


def rows_at_once(model: Model, plain: Prefill, texts: Sequence[Ids]) -> int:
    """Texts whose logits fit into what they may take."""
    length = plain.written + max((len(text) for text in texts), default=0)
    positions = 1 if model.anatomy.last_only or model.anatomy.trunk else length
    return max(1, LOGITS_BYTES // (4 * model.anatomy.vocabulary * positions))


def pieces(texts: Sequence[Ids], size: int) -> Iterator[Sequence[Ids]]:
    """Texts in runs of at most `size`, shorter ones first, so that a run's texts are of like length."""
    ordered = sorted(texts, key=len)
    yield from (ordered[start : start + size] for start in range(0, len(ordered), size))


def score_or_halve(
    model: Model, texts: Sequence[Ids], score: Callable[[Sequence[Ids]], dict[Ids, list[float]]]
) -> dict[Ids, list[float]]:
    """What `score` finds, of halves where the device has no memory for the whole."""
    try:
        return score(texts)
    except OutOfMemory:
        if len(texts) == 1:
            raise
    release_memory(model.device)
    half = len(texts) // 2
    return score_or_halve(model, texts[:half], score) | score_or_halve(model, texts[half:], score)


def score_all(
    model: Model, plain: Prefill, texts: Sequence[Ids], rows: Sequence[Ids], cancelled: Callable[[], bool]
) -> dict[Ids, list[float]]:
    """The probabilities of every row's tokens but the first, from one forward over the rows as they are."""
    length = max(len(text) for text in texts) - 1
    written = [(*text[:-1], *[0] * (length + 1 - len(text))) for text in texts]  # what follows an end is never read
    with model.inference(cancelled):
        states, tail = head_inputs(model, inputs_of(model, plain, written))
    wanted = [
        TargetToken(index, index, plain.written + offset, token)
        for index, text in enumerate(texts)
        for offset, token in enumerate(text[1:])
    ]
    scores: list[list[float]] = [[] for _ in texts]
    gather_probabilities(model, states, wanted, scores, cancelled, tail)
    return dict(zip(texts, scores, strict=True))


def score_next(
    model: Model, plain: Prefill, texts: Sequence[Ids], rows: Sequence[Ids], cancelled: Callable[[], bool]
) -> dict[Ids, list[float]]:
    """The probability of each token that follows one of `texts` in a row, by the text with that token."""
    found: dict[Ids, list[float]] = {}
    lengths = sorted({len(text) for text in texts})
    for length in lengths:
        own = [text for text in texts if len(text) == length]
        with model.inference(cancelled):
            logits = model.anatomy.logits_in(model.module(**inputs_of(model, plain, own)))
        place = {text: index for index, text in enumerate(own)}
        longer = list(dict.fromkeys(row[: length + 1] for row in rows if len(row) > length and row[:length] in place))
        offset = plain.masks[length] if plain.masks else -1
        wanted = [TargetToken(index, place[text[:-1]], offset, text[-1]) for index, text in enumerate(longer)]
        scores: list[list[float]] = [[] for _ in longer]
        gather_probabilities(model, logits, wanted, scores, cancelled)
        found.update(zip(longer, scores, strict=True))
    return found


def inputs_of(model: Model, plain: Prefill, written: Sequence[Sequence[int]]) -> dict[str, Any]:
    """A forward's arguments for a prompt and what was written: after it, in its answer, or over its masks."""
    if plain.masks:
        batch = [list(plain.ids) for _ in written]
        for ids, row in zip(batch, written, strict=True):
            for where, token in zip(plain.masks, row, strict=False):
                ids[where] = token
        return model.inputs(batch)
    if plain.prefix:
        prefixes = [[*plain.prefix, *row] for row in written]
        return model.inputs([list(plain.ids)] * len(written), prefixes, use_cache=False)
    return model.inputs([[*plain.ids, *row] for row in written], use_cache=False)


def head_inputs(model: Model, inputs: dict[str, Any]) -> tuple[torch.Tensor, Unembedding | None]:
    """What the head is given in a forward and the tail that reads it; logits and None where there is no trunk."""
    trunk = model.anatomy.trunk
    if trunk is None:
        return model.anatomy.logits_in(model.module(**inputs)), None
    states: torch.Tensor = trunk(**inputs).last_hidden_state
    return states, model.anatomy.unembeddings[-1]


def gather_probabilities(
    model: Model,
    states: torch.Tensor,
    wanted: Sequence[TargetToken],
    scores: list[list[float]],
    cancelled: Callable[[], bool],
    tail: Unembedding | None = None,
) -> None:
    """Append the probability of each wanted token to its row's scores, each place read out once.

    `states` `(rows, positions, width)` are logits, or with a `tail` what its head is given.
    """
    places = {key: index for index, key in enumerate(dict.fromkeys((want.place, want.offset) for want in wanted))}
    index = torch.tensor(list(places), dtype=torch.long, device=states.device).reshape(-1, 2)
    picked = states[index[:, 0], index[:, 1]]  # (distinct places, width)
    of_place: list[list[TargetToken]] = [[] for _ in places]
    for want in wanted:
        of_place[places[want.place, want.offset]].append(want)
    size = max(1, LOGITS_BYTES // (4 * model.anatomy.vocabulary))
    found: dict[TargetToken, float] = {}
    for start in range(0, len(places), size):
        asked = of_place[start : start + size]
        with model.inference(cancelled):
            logits = picked[start : start + size]
            logits = tail.head_logits(logits) if tail else logits.float()
            rows = torch.tensor([row for row, wants in enumerate(asked) for _ in wants], device=logits.device)
            tokens = torch.tensor([want.token for wants in asked for want in wants], device=logits.device)
            probabilities = (logits[rows, tokens] - logits.logsumexp(-1)[rows]).exp().tolist()
        found.update(zip((want for wants in asked for want in wants), probabilities, strict=True))
    for want in wanted:
        scores[want.row].append(found[want])

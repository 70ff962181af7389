"""Batched decoding: rows of one prompt, each with its own injected vector, step by step, cancellable inside a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model


def never() -> bool:
    """The answer of a run that nobody can cancel."""
    return False


CROPPABLE = ("DynamicLayer", "DynamicSlidingWindowLayer")
"""Kinds of cache layer whose first tokens can be kept and repeated over rows."""

COMPACT_BELOW = 0.9
"""Share of rows still decoding below which the finished ones leave the batch."""


@dataclass(slots=True)
class Row:
    """One row being decoded: the ids so far, each one's probability, and whether it has ended.

    The token that ends a generation is not part of it.
    """

    ids: list[int] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    done: bool = False
    overflowed: bool = False
    """It ended because the model's logits were no numbers any more."""


@dataclass(frozen=True)
class Limits:
    """When a row ends, and how its tokens are chosen: greedily at temperature 0, else sampled from each row's seed."""

    max_new_tokens: int
    ends: Callable[[Row], bool] = lambda row: False
    temperature: float = 0.0
    seeds: Sequence[int] = ()


@dataclass(frozen=True)
class Prefilled:
    """The interpretation prompt run once without injection: its last logits `(1, vocabulary)` and its cache."""

    ids: tuple[int, ...]
    logits: torch.Tensor
    cache: Any


def prefill_plain(model: Model, ids: Sequence[int], cancelled: Callable[[], bool] = never) -> Prefilled:
    """Run the interpretation prompt once with no injection."""
    with model.forwards(cancelled):
        output = model.module(**model.inputs([list(ids)]), **last_logits(model))
    return Prefilled(tuple(ids), output.logits[:, -1].float(), output.past_key_values)


def last_logits(model: Model) -> dict[str, int]:
    """The argument that keeps the head from running at every position, for models that take one."""
    return {"logits_to_keep": 1} if model.keeps_last_logits else {}


def decode(
    model: Model,
    plain: Prefilled,
    injection: Injection,
    uninjected: int,
    limits: Limits,
    cancelled: Callable[[], bool] = never,
) -> Iterator[tuple[list[Row], int]]:
    """Decode one row for each vector and `uninjected` rows without; yields all rows and the steps done, at each step.

    The vectors are written in the prefill only, which with a cache equals writing them at every step. Rows that have
    ended leave the batch.
    """
    count = injection.vectors.shape[0] + uninjected
    rows = [Row() for _ in range(count)]
    draws = uniform_draws(limits, count)
    logits, cache = prefill_injected(model, plain, injection, count, cancelled)
    active = list(range(count))
    last: list[int] = []
    for step in range(limits.max_new_tokens):
        if step:
            active, last, cache = compact(rows, active, last, cache)
            logits, cache = step_once(model, cache, last, len(plain.ids) + step, cancelled)
        last, probabilities = choose(logits, limits.temperature, None if draws is None else draws[active, step])
        for index, token, probability in zip(active, last, probabilities, strict=True):
            extend(rows[index], token, probability, model.end_tokens, limits)
        yield rows, step + 1
        if all(row.done for row in rows):
            return


def extend(row: Row, token: int, probability: float, end_tokens: frozenset[int], limits: Limits) -> None:
    """Add a token to a row, unless the row has ended or the token ends it."""
    if row.done:
        return
    if token in end_tokens or math.isnan(probability):
        row.done, row.overflowed = True, math.isnan(probability)
        return
    row.ids.append(token)
    row.probabilities.append(probability)
    row.done = limits.ends(row)


def compact(rows: list[Row], active: list[int], last: list[int], cache: Any) -> tuple[list[int], list[int], Any]:
    """Drop the ended rows from the batch once there are enough of them to pay for the copy of the cache."""
    alive = [place for place, index in enumerate(active) if not rows[index].done]
    if len(alive) > COMPACT_BELOW * len(active) or not can_select_rows(cache):
        return active, last, cache
    cache.batch_select_indices(torch.tensor(alive))
    return [active[place] for place in alive], [last[place] for place in alive], cache


def can_select_rows(cache: Any) -> bool:
    """Whether rows can be dropped from a cache; layers with a recurrent state cannot do it."""
    layers = getattr(cache, "layers", ())
    return bool(layers) and all(hasattr(layer, "batch_select_indices") for layer in layers)


def prefill_injected(
    model: Model, plain: Prefilled, injection: Injection, count: int, cancelled: Callable[[], bool] = never
) -> tuple[torch.Tensor, Any]:
    """Run the prompt for `count` rows with the vectors written in: last logits `(count, vocabulary)` and the cache.

    The tokens before the first placeholder are the same in every row and untouched by the injection: their cache is
    repeated rather than computed anew.
    """
    shared = min(injection.positions) if model.prefix_reuse and can_repeat(plain.cache) else 0
    inputs = model.inputs([list(plain.ids)] * count) | last_logits(model)
    if shared:
        inputs["input_ids"] = inputs["input_ids"][:, shared:]
        inputs["past_key_values"] = repeated(plain.cache, count, keep=shared)
        injection = replace(injection, positions=tuple(place - shared for place in injection.positions))
    with model.forwards(cancelled):
        output = tracing.run_injected(model.traced, model.blocks, inputs, injection)
    return output.logits[:, -1].float(), output.past_key_values


def can_repeat(cache: Any) -> bool:
    """Whether a cache's first tokens can be kept and repeated over rows: plain key and value layers, none overflown."""
    layers = getattr(cache, "layers", ())
    return bool(layers) and all(
        type(layer).__name__ in CROPPABLE
        and layer.is_initialized
        and layer.keys.shape[-2] == layer.get_seq_length()
        and layer.get_seq_length() < (getattr(layer, "sliding_window", None) or layer.get_seq_length() + 1)
        for layer in layers
    )


def repeated(cache: Any, rows: int, keep: int) -> Any:
    """A cache of `rows` rows, each the first `keep` tokens of a cache of one row."""
    copy = deepcopy(cache)
    excess = copy.get_seq_length() - keep
    if excess:
        copy.crop(-excess)
    copy.batch_repeat_interleave(rows)
    return copy


def step_once(
    model: Model, cache: Any, tokens: Sequence[int], length: int, cancelled: Callable[[], bool] = never
) -> tuple[torch.Tensor, Any]:
    """One decoding step: each row's newest token in, its next logits `(rows, vocabulary)` out."""
    with model.forwards(cancelled):
        batch = torch.tensor(tokens, device=model.device).unsqueeze(1)  # (rows, 1)
        mask = torch.ones((len(tokens), length), dtype=torch.long, device=model.device)
        output = model.module(input_ids=batch, attention_mask=mask, past_key_values=cache, use_cache=True)
    return output.logits[:, -1].float(), output.past_key_values


def choose(logits: torch.Tensor, temperature: float, draws: torch.Tensor | None) -> tuple[list[int], list[float]]:
    """The next token of each row and its probability (at temperature 1): greedy, or by inverse transform of `draws`."""
    if draws is None:
        chosen = logits.argmax(-1)
    else:
        # on the CPU, as not every device has float64
        wide = logits.cpu().double()
        cumulative = ((wide - wide.max(-1, keepdim=True).values) / temperature).softmax(-1).cumsum(-1)
        reach = draws.unsqueeze(-1) * cumulative[:, -1:]
        chosen = torch.searchsorted(cumulative, reach, right=True).squeeze(-1).clamp_max(logits.shape[-1] - 1)
        chosen = chosen.to(logits.device)
    picked = logits.gather(-1, chosen.unsqueeze(-1)).squeeze(-1)
    probabilities = (picked - logits.logsumexp(-1)).exp()
    return chosen.tolist(), probabilities.tolist()


def uniform_draws(limits: Limits, count: int) -> torch.Tensor | None:
    """Uniform numbers `(rows, steps)` that depend on each row's seed alone, so that batches do not change a text."""
    if not limits.temperature:
        return None
    return torch.stack(
        [
            torch.rand(limits.max_new_tokens, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
            for seed in limits.seeds[:count]
        ]
    )

"""Batched decoding: rows of one prompt, each with its own injected vector, step by step, cancellable within a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch

from selfie_tui.engine.generation.cached import CachedStepper
from selfie_tui.engine.generation.prefill import Prefill, never, prefill_prompt
from selfie_tui.engine.generation.processor import ProcessorOperations
from selfie_tui.engine.generation.steppers import EncoderDecoderStepper, MaskFillStepper, RecomputeStepper, Stepper
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.logit_reductions import Best, Distribution, LogSumExp, Top, sweep
from selfie_tui.engine.model import Model

__all__ = ["Limits", "Prefill", "Row", "decode", "never", "prefill_prompt"]

COMPACT_BELOW = 0.9
"""Share of rows still decoding below which the finished ones leave the batch."""


@dataclass(slots=True)
class Row:
    """A row of a batch: the ids generated so far, the probability of each, and whether it has ended.

    The token that ends a generation is not part of it.
    """

    ids: list[int] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    done: bool = False
    overflowed: bool = False
    """It ended because the model's logits became NaN."""
    lead: float | None = None
    """How far the first token's logit is above the second best's; None where it was sampled or is not finite."""
    entropy: float | None = None
    """The entropy in nats of the first token's distribution at temperature 1; None where it is not finite."""


@dataclass(frozen=True)
class Limits:
    """When a row ends, and how its tokens are chosen: greedily at temperature 0, else sampled from each row's seed."""

    max_new_tokens: int
    ends: Callable[[Row], bool] = lambda row: False
    temperature: float = 0.0
    seeds: Sequence[int] = ()


def decode(
    model: Model,
    prefill: Prefill,
    injection: Injection,
    uninjected: int,
    limits: Limits,
    cancelled: Callable[[], bool] = never,
    operations: ProcessorOperations | None = None,
) -> Iterator[tuple[list[Row], int]]:
    """Decode one row for each of the injection's vectors, then `uninjected` rows without a vector.

    Yields all rows and the number of steps done, at each step. Rows that have ended leave the batch. An encoder ends
    when its masks are filled. Where there are `operations` of the processor, they are used.

    Raises:
        Cancelled: before any block of any step, once `cancelled` gives true.
        OutOfMemory: if the device has no memory for as many rows.
    """
    count = injection.vectors.shape[0] + uninjected
    rows = [Row() for _ in range(count)]
    draws = uniform_draws(limits, count)
    steps = min(limits.max_new_tokens, len(prefill.masks) or limits.max_new_tokens)
    stepper = stepper_for(model, prefill, injection, count, cancelled, steps)
    active = list(range(count))
    last: list[int] = []
    for step in range(steps):
        if step:
            active, last = compact(rows, active, last, stepper)
        with operations or nullcontext():
            logits = stepper.next(last) if step else stepper.first()
            with model.inference(cancelled):
                drawn = None if draws is None else draws[active, step]
                last, probabilities = choose(logits, limits.temperature, drawn, () if step else rows)
        for index, token, probability in zip(active, last, probabilities, strict=True):
            extend(rows[index], token, probability, model.end_tokens, limits)
        yield rows, step + 1
        if all(row.done for row in rows):
            return


def stepper_for(
    model: Model, prefill: Prefill, injection: Injection, count: int, cancelled: Callable[[], bool], steps: int = 1
) -> Stepper:
    """The stepper of this kind of model for `count` rows of a prompt, the first of them injected, and so many steps."""
    if prefill.masks:
        return MaskFillStepper(model, prefill, injection, count, cancelled)
    if not model.cached:
        return RecomputeStepper(model, prefill, injection, count, cancelled)
    if model.kind == "encoder-decoder":
        return EncoderDecoderStepper(model, prefill, injection, count, cancelled)
    return CachedStepper(model, prefill, injection, count, cancelled, steps)


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


def compact(rows: list[Row], active: list[int], last: list[int], stepper: Stepper) -> tuple[list[int], list[int]]:
    """Drop the ended rows from the batch once there are enough of them to pay for the copy of the cache.

    Returns the indices of the rows that are left, and the last token of each.
    """
    alive = [slot for slot, index in enumerate(active) if not rows[index].done]
    if len(alive) > COMPACT_BELOW * len(active) or not stepper.keep_rows(alive):
        return active, last
    return [active[slot] for slot in alive], [last[slot] for slot in alive]


def choose(
    logits: SlicedLogits, temperature: float, draws: torch.Tensor | None, first: Sequence[Row] = ()
) -> tuple[list[int], list[float]]:
    """The next token of each row and its probability at temperature 1: greedy, or by inverse transform of `draws`.

    `logits` are `(rows, vocabulary)`, `draws` `(rows,)` float64 in [0, 1). The rows `first`, whose first token it is,
    take note of its entropy, and of its lead where it is greedy.
    """
    if draws is not None:
        logits = SlicedLogits(logits.whole())
    best, top, total = Best(), Top(2), Distribution() if first else LogSumExp()
    sweep(logits, *((best, total, top) if first else (best, total)))
    chosen, values = best.indices, best.values
    if draws is not None:
        chosen = sample(logits.inputs, temperature, draws)
        values = logits.inputs.gather(-1, chosen.unsqueeze(-1)).squeeze(-1)
    if isinstance(total, Distribution):
        leads = top.values[:, 0] - top.values[:, 1] if draws is None else torch.full_like(values, math.nan)
        note_first(first, leads, total.entropy)
    return chosen.tolist(), total.probabilities(values).tolist()


def sample(logits: torch.Tensor, temperature: float, draws: torch.Tensor) -> torch.Tensor:
    """A token `(rows,)` of each row by inverse transform of `draws` `(rows,)`; `logits` is `(rows, vocabulary)`."""
    # on the CPU, as not every device has float64
    wide = logits.cpu().double()
    cumulative = ((wide - wide.max(-1, keepdim=True).values) / temperature).softmax(-1).cumsum(-1)
    reach = draws.unsqueeze(-1) * cumulative[:, -1:]
    chosen = torch.searchsorted(cumulative, reach, right=True).squeeze(-1).clamp_max(logits.shape[-1] - 1)
    return chosen.to(logits.device)


def note_first(rows: Sequence[Row], leads: torch.Tensor, entropies: torch.Tensor) -> None:
    """Note in each row how far its best first token is ahead, and the entropy; both `(rows,)`."""
    for row, lead, entropy in zip(rows, leads.tolist(), entropies.tolist(), strict=True):
        row.lead = lead if math.isfinite(lead) else None
        row.entropy = max(0.0, entropy) if math.isfinite(entropy) else None


def uniform_draws(limits: Limits, count: int) -> torch.Tensor | None:
    """Uniform numbers `(rows, steps)` float64 in [0, 1), None for greedy decoding.

    A row's depend on its seed alone, so that how rows are batched does not change a text.
    """
    if not limits.temperature:
        return None
    return torch.stack(
        [
            torch.rand(limits.max_new_tokens, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
            for seed in limits.seeds[:count]
        ]
    )

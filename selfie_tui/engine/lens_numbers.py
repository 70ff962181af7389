"""What a lens tells of many cells at once, as tensors, from logits of which one slice is there at a time.

The rows are groups of cells of one position, the last layer's cell being the last of each group: it is the model's own
distribution of the next token, and its best token the model's own answer. Two sweeps over the vocabulary are made: one
over the last layer alone, which finds the answers, and one over all cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.logit_reductions import Best, Divergence, Rank, Stop, Top, sweep


@dataclass(frozen=True)
class Tracked:
    """A token in every cell: its probability `(cells,)`, and its rank `(cells,)` int64, 0 for the first."""

    probabilities: torch.Tensor
    ranks: torch.Tensor


@dataclass(frozen=True)
class LensNumbers:
    """The lens at cells: `top` tokens `(cells, k)` and their `probabilities`, the best first, and more by cell.

    `answers` are the model's own, `(positions,)` int64.
    """

    top: torch.Tensor
    probabilities: torch.Tensor
    entropy: torch.Tensor
    """`(cells,)` in nats."""
    kl: torch.Tensor
    """KL(last layer || cell), `(cells,)` in nats."""
    answers: torch.Tensor
    answer: Tracked
    """The position's answer in every cell."""
    tracked: Tracked | None


def lens_numbers(
    logits: SlicedLogits, size: int, k: int, track: int | None, cancelled: Callable[[], bool]
) -> LensNumbers:
    """The lens of logits whose rows are groups of `size` cells; a token is looked up in all of them if `track` is set.

    Raises:
        Cancelled: between two slices, once `cancelled` returns true.
    """
    best, _ = sweep(logits.every(size), Best(), Stop(cancelled))
    wanted = [best.indices.repeat_interleave(size)]
    if track is not None:
        wanted.append(torch.full_like(wanted[0], track))
    alone = [logits.alone(tokens) for tokens in wanted]
    ranks = [Rank(values, tokens) for values, tokens in zip(alone, wanted, strict=True)]
    top, divergence = Top(k), Divergence(size)
    sweep(logits, top, divergence, *ranks, Stop(cancelled))
    found = [
        tracked_in(divergence, top, tokens, values, rank.values)
        for tokens, values, rank in zip(wanted, alone, ranks, strict=True)
    ]
    distribution = divergence.distribution
    return LensNumbers(
        top=top.indices,
        probabilities=distribution.probabilities(top.values),
        entropy=distribution.entropy,
        kl=divergence.values,
        answers=best.indices,
        answer=found[0],
        tracked=found[1] if track is not None else None,
    )


def tracked_in(
    divergence: Divergence, top: Top, tokens: torch.Tensor, logits: torch.Tensor, ranks: torch.Tensor
) -> Tracked:
    """Where a token of each cell, `(cells,)`, stands; one among the top tokens stands exactly where it is there.

    `logits` are those of `SlicedLogits.alone`, which may differ by rounding from those that the top tokens have.
    """
    here = top.indices == tokens.unsqueeze(1)  # (cells, k)
    among = here.any(1) & ~logits.isnan()
    own = torch.where(here, top.values, -torch.inf).amax(1)
    values = torch.where(among, own, logits)
    above = (top.values > own.unsqueeze(1)).sum(1)
    return Tracked(divergence.distribution.probabilities(values), torch.where(among, above, ranks))

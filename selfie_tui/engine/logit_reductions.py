"""What is kept of logits while their slices go by: the best tokens, sums, entropies, ranks, divergences.

A worked example: the three best tokens of every row and its entropy in nats, from the head's inputs `(rows, width)`:

    logits = SlicedLogits(unembedding.head_inputs(states), unembedding)
    top, distribution = sweep(logits, Top(3), Distribution())
    probabilities = distribution.probabilities(top.values)   # (rows, 3)
    entropy = distribution.entropy                           # (rows,)

Logits that hold NaN or infinity have a sum of exponentials of NaN or infinity, as `torch.logsumexp` gives it; so have
their probabilities and entropies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVarTuple

import torch

from selfie_tui.errors import Cancelled

LOWEST = torch.finfo(torch.float32).min


class Reduction(Protocol):
    """What is kept of logits while their slices go by."""

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in the slice `(rows, tokens)` float32 whose first token is `start`."""


R = TypeVarTuple("R")


def sweep(logits: Iterable[tuple[int, torch.Tensor]], *reductions: *R) -> tuple[*R]:
    """The reductions, once they have taken in all slices `(rows, tokens)` of logits (see `SlicedLogits`)."""
    taking: tuple[Any, ...] = reductions
    for start, part in logits:
        for reduction in taking:
            reduction.take(start, part)
    return reductions


class Top:
    """The `k` largest logits of each row and their tokens, `(rows, k)`, best first; NaN counts as the largest."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.values = torch.empty(0)
        self.indices = torch.empty(0, dtype=torch.long)

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in a slice `(rows, tokens)` (see `Reduction`)."""
        values, indices = logits.topk(min(self.k, logits.shape[1]))
        indices = indices + start
        if start:
            values, indices = torch.cat([self.values, values], 1), torch.cat([self.indices, indices], 1)
            values, order = values.topk(min(self.k, values.shape[1]))
            indices = indices.gather(1, order)
        self.values, self.indices = values, indices


class Best:
    """The largest logit of each row and the first token that has it, `(rows,)`; NaN counts as the largest."""

    def __init__(self) -> None:
        self.values = torch.empty(0)
        self.indices = torch.empty(0, dtype=torch.long)

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in a slice `(rows, tokens)`; the index is searched in rows that the slice has a larger logit for."""
        values = logits.amax(-1)
        if not start:
            self.values, self.indices = values, logits.argmax(-1)
            return
        rows = (~(values <= self.values) & ~self.values.isnan()).nonzero().squeeze(1)
        if len(rows):
            self.values[rows] = values[rows]
            self.indices[rows] = logits[rows].argmax(-1) + start


class LogSumExp:
    """The logarithm of the sum of the exponentials of each row's logits, `(rows,)` as `values`."""

    def __init__(self) -> None:
        self.values = torch.empty(0)

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in a slice `(rows, tokens)` (see `Reduction`)."""
        values = logits.logsumexp(-1)
        self.values = torch.logaddexp(self.values, values) if start else values

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """The probabilities of logits `(rows,)` or `(rows, k)` of the same rows."""
        total = self.values if logits.dim() == 1 else self.values.unsqueeze(1)
        return (logits - total).exp()


class Distribution(LogSumExp):
    """The sum of exponentials, and the entropy of each row's distribution.

    Kept are the largest logit `m`, the sum of `exp(l - m)`, and that of `(l - m) exp(l - m)`: the entropy is the
    logarithm of the first sum less the quotient of the two.
    """

    def __init__(self) -> None:
        super().__init__()
        self.largest = self.total = self.weighted = torch.empty(0)

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in a slice `(rows, tokens)` (see `Reduction`)."""
        largest = logits.amax(-1).clamp_min(LOWEST)  # minus infinity less itself would be NaN
        if start:
            largest = torch.maximum(largest, self.largest)
        below = logits - largest.unsqueeze(1)
        weights = below.exp()
        total = weights.sum(-1)
        weighted = weights.mul_(below.clamp_min_(LOWEST)).sum(-1)
        if start:
            moved = self.largest - largest
            before = moved.exp() * self.total
            weighted = weighted + before * moved + moved.exp() * self.weighted
            total = total + before
        self.largest, self.total, self.weighted = largest, total, weighted
        self.values = total.log() + largest

    @property
    def entropy(self) -> torch.Tensor:
        """The entropy `(rows,)` in nats."""
        return self.total.log() - self.weighted / self.total


class Picked:
    """Logits of given tokens, `(n,)` as `values`: token `tokens[i]` of row `rows[i]`, both `(n,)` int64."""

    def __init__(self, rows: torch.Tensor, tokens: torch.Tensor) -> None:
        self.rows, self.tokens = rows, tokens
        self.values = torch.full(rows.shape, float("nan"), device=rows.device)

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in a slice `(rows, tokens)` (see `Reduction`)."""
        here = ((self.tokens >= start) & (self.tokens < start + logits.shape[1])).nonzero().squeeze(1)
        self.values[here] = logits[self.rows[here], self.tokens[here] - start]


class Rank:
    """For each row the number of tokens whose logit is above a given one, `(rows,)` int64 as `values`.

    `reference` holds the given logits, `(rows,)` (see `SlicedLogits.at`); if it is that of `tokens` `(rows,)`, these do
    not count, whatever the rounding (see `SlicedLogits.alone`). A logit of NaN, and any logit where the given one is
    NaN, counts as above it.
    """

    def __init__(self, reference: torch.Tensor, tokens: torch.Tensor | None = None) -> None:
        self.reference = reference.unsqueeze(1)
        self.tokens = tokens
        self.values = torch.zeros(len(reference), dtype=torch.long, device=reference.device)

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in a slice `(rows, tokens)` (see `Reduction`)."""
        self.values += logits.shape[1] - (logits <= self.reference).sum(-1)
        if self.tokens is not None:
            here = ((self.tokens >= start) & (self.tokens < start + logits.shape[1])).nonzero().squeeze(1)
            own = logits[here, self.tokens[here] - start]
            self.values[here] -= (~(own <= self.reference[here, 0])).long()


class Divergence:
    """The Kullback-Leibler divergence of each row from its reference, KL(reference || row), `(rows,)` in nats.

    The rows are groups of `size`, of each of which the last row is the reference. `distribution` is that of the rows.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.distribution = Distribution()
        self.difference = torch.empty(0)

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in a slice `(rows, tokens)` (see `Reduction`)."""
        before = self.distribution.largest
        self.distribution.take(start, logits)
        largest = self.references(self.distribution.largest)  # (groups, 1)
        grouped = logits.reshape(-1, self.size, logits.shape[1])  # (groups, size, tokens)
        reference = grouped[:, -1:]
        weights = (reference - largest.unsqueeze(2)).exp()  # (groups, 1, tokens)
        apart = (
            (reference - grouped).mul_(weights).masked_fill_(weights == 0, 0.0)
        )  # infinity times zero counts as zero
        difference = apart.sum(-1)  # (groups, size)
        if start:
            difference += (self.references(before) - largest).exp() * self.difference
        self.difference = difference

    def references(self, values: torch.Tensor) -> torch.Tensor:
        """Of values `(rows,)` those of the groups' last rows, `(groups, 1)`."""
        return values.reshape(-1, self.size)[:, -1:]

    @property
    def values(self) -> torch.Tensor:
        """The divergence `(rows,)` in nats."""
        distribution = self.distribution
        normalisers = distribution.values.reshape(-1, self.size) - self.references(distribution.values)
        return (self.difference / self.references(distribution.total) + normalisers).flatten()


class Stop:
    """Ends a sweep between two slices once `cancelled` returns true; raises Cancelled."""

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self.cancelled = cancelled

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in a slice `(rows, tokens)` (see `Reduction`)."""
        if self.cancelled():
            raise Cancelled

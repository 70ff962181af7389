"""Logits that are never there as a whole: the head is applied to one slice of the vocabulary after another.

Logits of many rows over a large vocabulary take more memory than the rest of a forward, and on a processor a head that
is multiplied at once runs at two thirds of the speed of one in slices that stay in its cache. What is asked of logits
(the best tokens, the sum of exponentials, an entropy, a rank) needs no more than a slice at a time.

A worked example: the three best tokens of every row and its entropy in nats, from the head's inputs `(rows, width)`:

    logits = SlicedLogits(unembedding.head_inputs(states), unembedding)
    top, distribution = sweep(logits, Top(3), Distribution())
    probabilities = distribution.probabilities(top.values)   # (rows, 3)
    entropy = distribution.entropy                           # (rows,)

Logits that hold NaN or infinity have a sum of exponentials of NaN or infinity, as `torch.logsumexp` gives it; so have
their probabilities and entropies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVarTuple

import torch
from torch import nn

from selfie_tui.engine.anatomy.places import BoundUnembedding

SLICE = 2048
"""Tokens of the vocabulary at a time on a processor."""

SLICE_BYTES = 128 * 2**20
"""Bytes of float32 logits at a time on other devices, where large products are the fast ones."""

LOWEST = torch.finfo(torch.float32).min


@dataclass(frozen=True)
class SlicedLogits:
    """Logits `(rows, vocabulary)` float32 of which one slice of the vocabulary is computed at a time.

    `inputs` is `(rows, width)`, what the head is applied to; without an `unembedding` it holds the logits themselves,
    `(rows, vocabulary)`. A head that is not a plain linear layer is applied as a whole: it is one slice. A slice has
    the same bits each time that it is computed.
    """

    inputs: torch.Tensor
    unembedding: BoundUnembedding | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.inputs.shape[0]

    @property
    def head(self) -> nn.Linear | None:
        """The head, if it can be applied in slices."""
        return plain_linear(self.unembedding.head) if self.unembedding else None

    def __iter__(self) -> Iterator[tuple[int, torch.Tensor]]:
        """The first token of each slice, and the slice's logits `(rows, tokens)` float32."""
        head = self.head
        if head is None:
            yield 0, self.whole()
            return
        size = slice_size(self.inputs)
        for start in range(0, head.out_features, size):
            yield start, self.slice(head, start, start + size)

    def slice(self, head: nn.Linear, start: int, stop: int) -> torch.Tensor:
        """The logits `(rows, stop - start)` float32 of the tokens from `start` on."""
        assert self.unembedding is not None
        bias = None if head.bias is None else head.bias[start:stop]
        return self.unembedding.post(nn.functional.linear(self.inputs, head.weight[start:stop], bias))

    def whole(self) -> torch.Tensor:
        """The logits `(rows, vocabulary)` float32, all at once."""
        if self.unembedding is None:
            return self.inputs.float()
        head = self.head
        if head is None:
            return self.unembedding.head_logits(self.inputs)
        logits = torch.empty(self.rows, head.out_features, device=self.inputs.device)
        for start, part in self:
            logits[:, start : start + part.shape[1]] = part
        return logits

    def at(self, tokens: torch.Tensor) -> torch.Tensor:
        """The logit `(rows,)` of one token of each row, `(rows,)` int64, from the slice that the token is in."""
        head = self.head
        if head is None:
            return self.whole().gather(1, tokens.unsqueeze(1)).squeeze(1)
        found = torch.empty(self.rows, device=self.inputs.device)
        size = slice_size(self.inputs)
        for start in sorted({token // size * size for token in tokens.tolist()}):
            rows = ((tokens >= start) & (tokens < start + size)).nonzero().squeeze(1)
            found[rows] = self.slice(head, start, start + size)[rows, tokens[rows] - start]
        return found


def plain_linear(head: nn.Module) -> nn.Linear | None:
    """The head if its output is that of a linear layer and of nothing else, so that its rows can be applied alone.

    Quantised layers, adapters, layers whose weights are elsewhere, and layers with hooks are not.
    """
    hooked = head._forward_hooks or head._forward_pre_hooks or hasattr(head, "_hf_hook")
    if type(head) is not nn.Linear or hooked or type(head.weight) is not nn.Parameter or head.weight.is_meta:
        return None
    return head


def slice_size(inputs: torch.Tensor) -> int:
    """Tokens of the vocabulary at a time for inputs `(rows, width)`."""
    return SLICE if inputs.device.type == "cpu" else max(SLICE, SLICE_BYTES // (4 * max(1, inputs.shape[0])))


class Reduction(Protocol):
    """What is kept of logits while their slices go by."""

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in the slice `(rows, tokens)` float32 whose first token is `start`."""


R = TypeVarTuple("R")


def sweep(logits: SlicedLogits, *reductions: *R) -> tuple[*R]:
    """The reductions, once they have taken in all slices of the logits."""
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
        """Take in a slice (see `Reduction`)."""
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
        """Take in a slice (see `Reduction`); the index is searched in rows that the slice has a larger logit for."""
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
        """Take in a slice (see `Reduction`)."""
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
        """Take in a slice (see `Reduction`)."""
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


class Rank:
    """For each row the number of tokens whose logit is above a given one, `(rows,)` int64 as `values`.

    `reference` holds the given logits, `(rows,)` (see `SlicedLogits.at`). A logit of NaN, and any logit where the given
    one is NaN, counts as above it.
    """

    def __init__(self, reference: torch.Tensor) -> None:
        self.reference = reference.unsqueeze(1)
        self.values = torch.zeros(len(reference), dtype=torch.long, device=reference.device)

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in a slice (see `Reduction`)."""
        self.values += logits.shape[1] - (logits <= self.reference).sum(-1)


class Divergence:
    """The Kullback-Leibler divergence of each row from its reference row, KL(reference || row), `(rows,)` in nats.

    `reference` is the index `(rows,)` of each row's reference among the rows; few rows are the reference of many.
    """

    def __init__(self, reference: torch.Tensor) -> None:
        self.reference = reference
        self.groups = [(index, (reference == index).nonzero().squeeze(1)) for index in sorted(set(reference.tolist()))]
        self.distribution = Distribution()
        self.difference = torch.empty(0)

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in a slice (see `Reduction`)."""
        before = self.distribution.largest
        self.distribution.take(start, logits)
        largest = self.distribution.largest
        difference = torch.empty_like(largest)
        for index, rows in self.groups:
            weights = (logits[index] - largest[index]).exp()  # (tokens,)
            apart = (logits[index] - logits[rows]).mul_(weights)  # (rows of this reference, tokens)
            difference[rows] = apart.masked_fill_(weights == 0, 0.0).sum(-1)  # infinity times zero counts as zero
        if start:
            difference += ((before - largest).exp())[self.reference] * self.difference
        self.difference = difference

    @property
    def values(self) -> torch.Tensor:
        """The divergence `(rows,)` in nats."""
        total, values = self.distribution.total[self.reference], self.distribution.values
        return self.difference / total - values[self.reference] + values

"""Logits of two models over the vocabulary that they share, a slice of it at a time.

The rows go in pairs, the other model's before the one's, so that what is kept of slices (`logit_reductions`) can be
kept of both at once: `Divergence(2)` is then KL(one || other) in the first row of each pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from selfie_tui.engine.head_slices import SlicedLogits, slice_size


@dataclass(frozen=True)
class PairedLogits:
    """Logits `(rows, tokens)` float32 of two models, each even row the other's and the row after it the one's.

    Of each only the first `vocabulary` tokens count: a distribution is that over these. Both have as many rows.
    """

    one: SlicedLogits
    other: SlicedLogits
    vocabulary: int

    def __iter__(self) -> Iterator[tuple[int, torch.Tensor]]:
        """The first token of each slice, and the slice's logits `(rows, tokens)` float32, where the one's are."""
        size = slice_size(self.one.inputs)
        slices = zip(self.one.slices(size), self.other.slices(size), strict=False)
        for (start, own), (_, beside) in slices:
            if start >= self.vocabulary:
                return
            width = min(size, self.vocabulary - start)
            pair = torch.stack([beside[:, :width].to(own.device), own[:, :width]], 1)  # (rows, 2, tokens)
            yield start, pair.flatten(0, 1)

"""How far two distributions over the vocabulary are from each other, from logits of which a slice is there at a time.

The Jensen-Shannon divergence is the mean of the divergences of two distributions from the distribution midway between
them (Lin 1991, "Divergence measures based on the Shannon entropy"): `JS(p, q) = (KL(p || m) + KL(q || m)) / 2` with
`m = (p + q) / 2`. It is symmetric, 0 for equal distributions alone, finite always, and in bits at most 1, which it is
where no token has a share in both.
"""

from __future__ import annotations

import math

import torch

LEAST = 4 * torch.finfo(torch.float32).tiny
"""A share below which a token counts for nothing: half of a smaller one could be 0, and the share infinitely more."""


class JensenShannon:
    """The divergence of each even row from the row after it, `(pairs,)` in bits as `values`.

    `normalisers` are the logarithms of the sums of the exponentials of all logits of each row, `(rows,)`. Of logits
    that are not finite it is NaN; of rows with the same bits it is 0 exactly.
    """

    def __init__(self, normalisers: torch.Tensor) -> None:
        self.normalisers = normalisers.unsqueeze(1)
        self.nats = torch.zeros(len(normalisers) // 2, device=normalisers.device)

    def take(self, start: int, logits: torch.Tensor) -> None:
        """Take in the slice `(rows, tokens)` float32 whose first token is `start`."""
        shares = (logits - self.normalisers).exp_().view(-1, 2, logits.shape[1])  # (pairs, 2, tokens)
        shares.masked_fill_(shares < LEAST, 0.0)
        midway = shares.mean(1, keepdim=True)
        parts = shares.div(midway).log_().mul_(shares).masked_fill_(shares == 0, 0.0)
        self.nats += parts.sum((1, 2)) / 2

    @property
    def values(self) -> torch.Tensor:
        """The divergence `(pairs,)` in bits; rounding never takes it out of 0 to 1."""
        return (self.nats / math.log(2)).clamp(0.0, 1.0)

"""Logits that are never there as a whole: the head is applied to one slice of the vocabulary after another.

Logits of many rows over a large vocabulary take more memory than the rest of a forward, and on a processor a head that
is multiplied at once runs at two thirds of the speed of one in slices that stay in its cache. What is asked of logits
(the best tokens, the sum of exponentials, an entropy, a rank) needs no more than a slice at a time.

`logit_reductions` has these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn

from selfie_tui.engine.anatomy.places import BoundUnembedding

SLICE = 2048
"""Tokens of the vocabulary at a time on a processor."""

SLICE_BYTES = 128 * 2**20
"""Bytes of float32 logits at a time on other devices, where large products are the fast ones."""


@dataclass(frozen=True)
class SlicedLogits:
    """Logits `(rows, vocabulary)` float32 of which one slice of the vocabulary is computed at a time.

    `inputs` is `(rows, width)`, what the head is applied to; without an `unembedding` it holds the logits themselves,
    `(rows, vocabulary)`. A head that is not a plain linear layer is applied as a whole, for all slices at once. A slice
    has the same bits each time that it is computed.
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
        return self.slices(slice_size(self.inputs))

    def slices(self, size: int) -> Iterator[tuple[int, torch.Tensor]]:
        """The slices of so many tokens each: the first token, and the logits `(rows, tokens)` float32."""
        head = self.head
        if head is None:
            for number, part in enumerate(torch.split(self.whole(), size, 1)):
                yield number * size, part
            return
        for start in range(0, head.out_features, size):
            yield start, self.slice(head, start, start + size)

    @torch.no_grad()
    def slice(self, head: nn.Linear, start: int, stop: int) -> torch.Tensor:
        """The logits `(rows, tokens)` float32 of the tokens from `start` to before `stop`."""
        assert self.unembedding is not None
        bias = None if head.bias is None else head.bias[start:stop]
        return self.unembedding.post(nn.functional.linear(self.inputs, head.weight[start:stop], bias))

    @torch.no_grad()
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

    @torch.no_grad()
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

    def alone(self, tokens: torch.Tensor) -> torch.Tensor:
        """The logit `(rows,)` of one token of each row, `(rows,)` int64, from the head's weights of these tokens alone.

        It is that of the token's slice but for rounding, and takes no time where few tokens are asked for.
        """
        head = self.head
        if head is None:
            return self.at(tokens)
        assert self.unembedding is not None
        unique, indices = torch.unique(tokens, return_inverse=True)
        bias = None if head.bias is None else head.bias[unique]
        logits = self.unembedding.post(nn.functional.linear(self.inputs, head.weight[unique], bias))
        return logits.gather(1, indices.unsqueeze(1)).squeeze(1)

    def every(self, step: int) -> SlicedLogits:
        """The logits of the last row of every `step` rows."""
        return replace(self, inputs=self.inputs[step - 1 :: step])


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

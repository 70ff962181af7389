"""Weights in the layout that a processor multiplies fastest, copied once for all steps of a run.

A product of a batch with a weight begins by bringing the weight into blocks that fit the processor's registers and
caches. Decoding multiplies with the same weights at every step, so that a copy in blocks pays after some thousand
tokens. Copies are made by operations of PyTorch that are its own (`torch.ops.mkldnn`): where they are missing, refuse a
weight or give other numbers, and on any device but a processor, everything is as without them. No weight is touched:
`processor` answers products from the copies in place of PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from selfie_tui.engine.devices import free_memory, rounding_tolerance
from selfie_tui.engine.model import Model

MOST_BYTES = 2**30
"""Bytes of copies at most; weights that are met later are used as they are."""

SHARE = 0.25
"""Share of the free memory that copies may take."""

FEWEST_TOKENS = 2000
"""Tokens of all rows and steps for which copying the weights pays."""

FEWEST_ROWS = 8
"""Rows of a product for which a weight in blocks is faster."""

DTYPES = (torch.float32, torch.bfloat16)
PLAIN = (torch.Tensor, torch.nn.Parameter)
"""Kinds of tensor that hold their numbers as they are; others, as quantized ones, have no memory of their own."""


class PackedWeights:
    """Copies in blocks of weights `(outputs, width)`, and the products that are taken from them.

    A weight is copied when it is first multiplied with, as long as all copies take at most `most_bytes`.
    """

    def __init__(self, weights: Iterable[torch.Tensor], most_bytes: int) -> None:
        self.storages = {
            weight.untyped_storage().data_ptr()
            for weight in weights
            if type(weight) in PLAIN and weight.device.type == "cpu" and weight.dim() == 2 and weight.dtype in DTYPES
        }
        self.bytes_left = most_bytes
        self.works = True
        self.tried = False
        self.copies: dict[tuple[int, torch.Size, tuple[int, ...]], torch.Tensor | None] = {}

    def product(self, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor | None:
        """`inputs` `(..., width)` by the rows of a `weight` `(outputs, width)`, plus a bias `(outputs,)`.

        None where the product is to be PyTorch's own.
        """
        rows = inputs.numel() // max(1, inputs.shape[-1])
        if rows < FEWEST_ROWS or inputs.dtype != weight.dtype or (bias is not None and bias.shape != weight.shape[:1]):
            return None
        if not self.works or type(weight) not in PLAIN or weight.untyped_storage().data_ptr() not in self.storages:
            return None
        key = (weight.data_ptr(), weight.shape, weight.stride())
        if key not in self.copies:
            self.copies[key] = self.copy(inputs, weight)
        copy = self.copies[key]
        return None if copy is None else multiply(inputs, copy, bias)

    def release(self) -> None:
        """Let go of all copies."""
        self.bytes_left += sum(copy.nbytes for copy in self.copies.values() if copy is not None)
        self.copies.clear()

    def copy(self, inputs: torch.Tensor, weight: torch.Tensor) -> torch.Tensor | None:
        """A copy of a weight `(outputs, width)` in blocks, None where there is no room for it or the first is wrong.

        `inputs` `(..., width)` are what it is tried with.
        """
        if weight.nbytes > self.bytes_left:
            return None
        try:
            packed: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), None)
            if not self.tried and not alike(multiply(inputs, packed, None), inputs @ weight.T):
                raise RuntimeError("a product with a copy in blocks gives other numbers")
        except (AttributeError, RuntimeError, TypeError):  # operations that this build of PyTorch does not have
            self.works = False
            return None
        self.tried = True
        self.bytes_left -= weight.nbytes
        return packed


def multiply(inputs: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """The product `(..., outputs)` of inputs `(..., width)` with a weight in blocks, plus a bias `(outputs,)`."""
    result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(inputs, packed, bias, "none", [], "")
    return result


def alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two products `(..., outputs)` differ by rounding alone."""
    return bool((one - other).abs().max() <= rounding_tolerance(one.dtype) * other.abs().max())


def packed_weights(model: Model, tokens: int) -> PackedWeights | None:
    """Copies, to be made, of a model's weights for a run of `tokens` tokens in all; None where they would not pay.

    That is so on other devices than a processor, and where the memory that is free has no room for them.
    """
    if model.device.type != "cpu" or tokens < FEWEST_TOKENS or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return None
    free = free_memory(model.device)
    most = MOST_BYTES if free is None else min(MOST_BYTES, int(SHARE * free))
    return PackedWeights(model.module.parameters(), most)

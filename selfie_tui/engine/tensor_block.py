"""Tensors that outlive a forward, in one piece of memory.

What is kept of every layer, each a tensor of its own, lies between the temporary tensors of the layers after it: a
C library's heap then keeps the room of these, many times what is kept. One piece, asked for at the first, leaves it
whole.
"""

from __future__ import annotations

import torch


class TensorBlock:
    """Room for `count` tensors of one shape, dtype and device: those of the first that is kept."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._room: torch.Tensor | None = None
        self._used = 0

    def keep(self, tensor: torch.Tensor) -> torch.Tensor:
        """A copy of a tensor `(...)`, in the block; itself where it is unlike the first one, or the room is used."""
        if self._room is None:
            self._room = tensor.new_empty(self._count, *tensor.shape)
        like = self._room[0] if self._used < self._count else None
        if like is None or (tensor.shape, tensor.dtype, tensor.device) != (like.shape, like.dtype, like.device):
            return tensor
        place = self._room[self._used]
        self._used += 1
        return place.copy_(tensor)

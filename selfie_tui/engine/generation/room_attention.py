"""The attention of one new token in every row, as two batched products over all the room of a growing cache.

PyTorch's kernel for a processor takes the rows and heads one at a time: for a single query each, that costs more than
the products. Batched products are fast over tensors that are whole; keys and values of a growing layer are views of
larger ones, of which they would be copied. So the products run over all the room, and the scores of what is unwritten
there are minus infinity. In 16 bits a second product, less the first, gives what the rounding of the first left out:
scores and softmax are float32, and only the weights are rounded, as in PyTorch's kernel.
"""

from __future__ import annotations

import math

import torch

DTYPES = (torch.float32, torch.bfloat16)


@torch.no_grad()
def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor | None:
    """The result `(rows, heads, 1, width)` of `scaled_dot_product_attention` with these arguments.

    None where it is not that of one query for each row over the views of a growing layer, without a mask.
    """
    if attn_mask is not None or dropout_p or is_causal or not is_single(query):
        return None
    keys, values = room_of(key), room_of(value)
    if keys is None or values is None or keys.shape[:3] != values.shape[:3]:
        return None
    rows, heads, tokens, width = key.shape
    if query.shape[0] != rows or (query.shape[1] != heads and not enable_gqa):
        return None
    queries = query.reshape(rows * heads, -1, width)  # the heads that share keys are neighbours
    scores = products(queries, keys.flatten(0, 1).mT)  # (rows * heads, heads that share, room)
    scores *= 1 / math.sqrt(width) if scale is None else scale
    scores[:, :, tokens:] = -math.inf
    weights = scores.softmax(-1).to(query.dtype)
    return torch.bmm(weights, values.flatten(0, 1)).reshape(rows, query.shape[1], 1, -1)


def products(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """The float32 products of matrices `(batch, n, width)` and `(batch, width, m)`, which are summed up in float32."""
    rounded = torch.bmm(one, other)
    if rounded.dtype == torch.float32:
        return rounded
    return rounded.float() + torch.baddbmm(rounded, one, other, beta=-1).float()


def is_single(query: torch.Tensor) -> bool:
    """Whether queries are one for each row and head, `(rows, heads, 1, width)`, on a processor."""
    return query.dim() == 4 and query.shape[2] == 1 and query.dtype in DTYPES and query.device.type == "cpu"


def room_of(states: torch.Tensor) -> torch.Tensor | None:
    """The contiguous tensor `(rows, heads, room, width)` whose first tokens `states` are a view of, None without one.

    `states` is `(rows, heads, tokens, width)`.
    """
    room = states._base
    if room is None or room.dim() != 4 or not room.is_contiguous() or room.shape[2] < states.shape[2]:
        return None
    same = room.data_ptr() == states.data_ptr() and room[:, :, : states.shape[2]].shape == states.shape
    return room if same and room.stride() == states.stride() else None

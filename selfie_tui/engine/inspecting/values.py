"""Statistics of a tensor's numbers, by token and as a whole, however large it is and whatever of it is not finite."""

from __future__ import annotations

import math

import torch

from selfie_tui.records import Values

NUMBERS_AT_ONCE = 2**22
"""Numbers that are looked at together, as float32, at most: one row of more is looked at alone."""


def values_of(numbers: torch.Tensor) -> tuple[Values, ...]:
    """The statistics of each row of numbers `(tokens, width)`, in float32; a row of no numbers has NaN for all."""
    width = max(1, numbers.shape[-1])
    size = max(1, NUMBERS_AT_ONCE // width)
    return tuple(each for part in parts_of(numbers, size, 0) for each in some_values(part)) if len(numbers) else ()


def some_values(numbers: torch.Tensor) -> list[Values]:
    """The statistics of each of a few rows `(tokens, width)`."""
    wide = numbers.float() if numbers.dtype != torch.float64 else numbers
    finite = wide.isfinite()
    count = finite.sum(-1)  # (tokens,)
    kept = torch.where(finite, wide, 0.0)
    mean = kept.sum(-1) / count
    spread = torch.where(finite, wide - mean.unsqueeze(-1), 0.0)
    std = (spread.square().sum(-1) / count).sqrt()
    norm = torch.where(count > 0, kept.norm(dim=-1), math.nan)
    largest = torch.where(count > 0, kept.abs().amax(-1), math.nan) if wide.shape[-1] else norm
    share = count / wide.shape[-1]
    columns = torch.stack([each.cpu().double() for each in (norm, mean, std, largest, share)], -1)
    return [Values(*row) for row in columns.tolist()]


def whole_values(tensor: torch.Tensor) -> Values:
    """The statistics of all numbers of a tensor `(...)`, of parts of it that are put together."""
    flat = tensor.reshape(1, -1)
    if flat.shape[-1] <= NUMBERS_AT_ONCE:
        return some_values(flat)[0]
    parts = [some_values(part)[0] for part in parts_of(flat, NUMBERS_AT_ONCE, 1)]
    counts = [part.finite * size for part, size in zip(parts, sizes(flat.shape[-1]), strict=True)]
    known = [(part, count) for part, count in zip(parts, counts, strict=True) if count]
    total = sum(counts)
    if not known:
        return Values(math.nan, math.nan, math.nan, math.nan, 0.0)
    mean = sum(part.mean * count for part, count in known) / total
    square = sum((part.std**2 + (part.mean - mean) ** 2) * count for part, count in known) / total
    return Values(
        norm=math.sqrt(sum(part.norm**2 for part, _ in known)),
        mean=mean,
        std=math.sqrt(square),
        max=max(part.max for part, _ in known),
        finite=total / flat.shape[-1],
    )


def parts_of(numbers: torch.Tensor, size: int, axis: int) -> list[torch.Tensor]:
    """Numbers `(rows, columns)` in views of `size` rows or columns, the last one of what is left."""
    return [numbers.narrow(axis, at, min(size, numbers.shape[axis] - at)) for at in range(0, numbers.shape[axis], size)]


def sizes(count: int) -> list[int]:
    """The sizes of the parts of so many numbers."""
    return [min(NUMBERS_AT_ONCE, count - start) for start in range(0, count, NUMBERS_AT_ONCE)]

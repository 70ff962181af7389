"""How a vector is written over a hidden state: the table of modes applied to tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from selfie_tui import modes


@dataclass(frozen=True)
class Injection:
    """Vectors for the first rows of a batch, and where and how they are written.

    `vectors` is `(rows, hidden)`: row `i` of the batch gets vector `i` at every one of `positions`, at the output of
    block `layer` (`EMBED`: the input of block 0); as `(rows, positions, hidden)` each position gets its own. Rows
    beyond `vectors` are left as they are. `positions` are in the stack that a prompt runs through first,
    `prefix_positions` in what the decoder of an encoder-decoder has written.
    """

    vectors: torch.Tensor
    positions: tuple[int, ...]
    layer: int
    mode: str = "replace"
    strength: float = 1.0
    prefix_positions: tuple[int, ...] = ()

    @property
    def parts(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Stacks in the order in which they run, empty for the first, each with where is written in it."""
        both = (("", self.positions), ("decoder", self.prefix_positions))
        return tuple((stack, positions) for stack, positions in both if positions)


def inject(state: torch.Tensor, vectors: torch.Tensor, mode: str, strength: float) -> torch.Tensor:
    """The state after injection, `(rows, positions, hidden)`, in the state's own dtype and on its device.

    `state` is `(rows, positions, hidden)`, `vectors` is `(rows, hidden)` or of the state's shape. `mode` is a row of
    `modes.MODES`, which has the formulas. A zero vector has no direction: its direction counts as zero.
    """
    v = vectors.to(state.device, state.dtype)
    v = (v.unsqueeze(1) if v.dim() == 2 else v).expand_as(state)  # (rows, positions, hidden)
    combined: torch.Tensor = modes.MODES[mode].combine(state, v, strength)
    return combined.to(state.dtype)


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors `(..., hidden)` scaled to length one, in at least float32; zero stays zero."""
    scaled: torch.Tensor = modes.unit(vectors)
    return scaled


def bits_of(vectors: torch.Tensor) -> list[bytes]:
    """The bits of each of the vectors `(rows, ...)`, to tell which are the same."""
    rows = vectors.detach().contiguous().cpu().view(torch.uint8)
    return [bytes(row.numpy()) for row in rows]

"""Calls of modules in a forward, and tensors among their inputs and outputs, by path and call number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.stacks import StreamLocation


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """One call of the module at a path, counted from 0 among the calls of that module in a forward."""

    path: str
    call: int


@dataclass(frozen=True, slots=True)
class TensorLocation:
    """Where a tensor of the forward is: in the output of the `call`-th call of the module at a path, or in its input.

    `scale` is the factor by which the block multiplies it before it is added to the stream (Granite's residual
    multiplier). A `flat` tensor has rows and positions on one axis (OPT, experts).
    `order` is its time: a forward reaches locations in that order.
    """

    path: str
    call: int
    stream: StreamLocation
    order: int
    is_input: bool = False
    scale: float = 1.0
    flat: bool = False

    def of(self, value: Any, rows: int) -> torch.Tensor:
        """The tensor inside a module's arguments or result, as a view `(rows, positions, width)`."""
        if self.flat:
            tensor = replace(self.stream, axes=(0, 1), offset=0).of(value)
            return tensor.view(rows, -1, tensor.shape[-1])[:, self.stream.offset :]
        tensor = self.stream.of(value)
        return tensor if tensor.dim() == 3 else tensor.flatten(2)


def is_projection(module: nn.Module) -> bool:
    """Whether a module multiplies by a matrix: a linear layer, or GPT-2's `Conv1D`."""
    weight = getattr(module, "weight", None)
    return isinstance(weight, torch.Tensor) and weight.dim() == 2 and not isinstance(module, nn.Embedding)


@dataclass(frozen=True)
class Activation:
    """A named activation of one layer: the locations whose scaled sum it is and, where it has heads, their columns.

    `columns` is `(heads, head_dim)` int64, indices into the width of the tensor at its one location.
    """

    name: str
    layer: int
    locations: tuple[TensorLocation, ...]
    columns: torch.Tensor | None = None

    def of(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Its value, `(..., width)` or `(..., heads, head_dim)`, of the tensors `(..., width)` at its locations."""
        if self.columns is not None:
            return tensors[0][..., self.columns.to(tensors[0].device)]
        scaled = [
            tensor if location.scale == 1.0 else location.scale * tensor
            for location, tensor in zip(self.locations, tensors, strict=True)
        ]
        return sum(scaled[1:], scaled[0])


@dataclass(frozen=True)
class Patch:
    """Values to write over an activation in some rows of a batch.

    `values` is `(rows, positions, width)`; over `heads` of an activation that has them,
    `(rows, positions, heads, head_dim)`, by default all. Where an activation is the sum of several locations, the
    value is written at the first and zero at the others.
    """

    activation: Activation
    rows: tuple[int, ...]
    positions: tuple[int, ...]
    values: torch.Tensor
    heads: tuple[int, ...] | None = None

    def write(self, location: TensorLocation, state: torch.Tensor) -> None:
        """Write the part of one of the activation's locations over the tensor there, in place.

        `state` is the batch's, `(rows, positions, width)`.
        """
        device = state.device
        values = self.values.to(device, state.dtype)
        rows, positions = torch.tensor(self.rows, device=device), torch.tensor(self.positions, device=device)
        if self.activation.columns is not None:
            columns = self.activation.columns if self.heads is None else self.activation.columns[list(self.heads)]
            state[rows[:, None, None], positions[None, :, None], columns.flatten().to(device)] = values.flatten(2)
            return
        first = location == self.activation.locations[0]
        state[rows[:, None], positions] = values / location.scale if first else torch.zeros_like(values)

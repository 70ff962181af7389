"""Names of places inside of a forward: calls of modules, and tensors that they take and give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.stacks import StreamLocation


@dataclass(frozen=True)
class ModuleCall:
    """One call of a module, counted from 0 among the calls of that module in a forward."""

    path: str
    module: nn.Module
    call: int

    @property
    def key(self) -> tuple[int, int]:
        """What tells it from other calls."""
        return id(self.module), self.call


@dataclass(frozen=True)
class TensorLocation:
    """Where a tensor of the forward is: in what the `call`-th call of a module gives, or takes.

    `scale` is by what the block multiplies it before it is added to the stream (Granite's residual multiplier). A
    `flat` tensor has rows and positions on one axis (OPT, experts).
    `order` is its time: a forward reaches points in that order.
    """

    path: str
    module: nn.Module
    call: int
    flow: StreamLocation
    order: int
    taken: bool = False
    scale: float = 1.0
    flat: bool = False

    def of(self, value: Any, rows: int) -> torch.Tensor:
        """The tensor inside a module's arguments or result, as a view `(rows, positions, width)`."""
        if self.flat:
            tensor = replace(self.flow, axes=(0, 1), offset=0).of(value)
            return tensor.view(rows, -1, tensor.shape[-1])[:, self.flow.offset :]
        tensor = self.flow.of(value)
        return tensor if tensor.dim() == 3 else tensor.flatten(2)


def is_projection(module: nn.Module) -> bool:
    """Whether a module multiplies by a matrix: a linear layer, or GPT-2's `Conv1D`."""
    weight = getattr(module, "weight", None)
    return isinstance(weight, torch.Tensor) and weight.dim() == 2 and not isinstance(module, nn.Embedding)


@dataclass(frozen=True)
class Activation:
    """A named activation of one layer: the points whose scaled sum it is and, where it has heads, their columns.

    `columns` is `(heads, head_dim)`, places in the width of its one point.
    """

    name: str
    layer: int
    points: tuple[TensorLocation, ...]
    columns: torch.Tensor | None = None

    def of(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Its value, of what is at its points: `(..., width)`, or `(..., heads, head_dim)`."""
        if self.columns is not None:
            return tensors[0][..., self.columns.to(tensors[0].device)]
        scaled = [
            tensor if point.scale == 1.0 else point.scale * tensor
            for point, tensor in zip(self.points, tensors, strict=True)
        ]
        return sum(scaled[1:], scaled[0])


@dataclass(frozen=True)
class Patch:
    """Values to write over an activation in some rows of a batch.

    `values` is `(rows, positions, width)`; over `heads` of an activation that has them,
    `(rows, positions, heads, head_dim)`, by default all. Where an activation is the sum of several points, the first
    gets the value and the others zero.
    """

    activation: Activation
    rows: tuple[int, ...]
    positions: tuple[int, ...]
    values: torch.Tensor
    heads: tuple[int, ...] | None = None

    def write(self, point: TensorLocation, state: torch.Tensor) -> None:
        """Write what belongs at one of the activation's points over its tensor `(rows, positions, width)`, in place."""
        device = state.device
        values = self.values.to(device, state.dtype)
        rows, positions = torch.tensor(self.rows, device=device), torch.tensor(self.positions, device=device)
        if self.activation.columns is not None:
            columns = self.activation.columns if self.heads is None else self.activation.columns[list(self.heads)]
            state[rows[:, None, None], positions[None, :, None], columns.flatten().to(device)] = values.flatten(2)
            return
        first = point == self.activation.points[0]
        state[rows[:, None], positions] = values / point.scale if first else torch.zeros_like(values)

"""What is written at a site: the other prompt's values, zero, or the mean over other prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from selfie_tui.engine.anatomy.locations import Activation, TensorLocation


@dataclass(frozen=True)
class Replacement:
    """The values for sites: the source prompt's by default; zero; or means.

    `means` holds by name and layer of an activation its mean, `(width,)` or `(heads, head_dim)`.
    """

    zero: bool = False
    means: Mapping[tuple[str, int], torch.Tensor] | None = None

    @property
    def copies(self) -> bool:
        """Whether the values are the source prompt's."""
        return not self.zero and self.means is None

    def whole(self, activation: Activation, source: torch.Tensor) -> torch.Tensor:
        """The values over an activation at some positions, of the shape of the source's there.

        `source` is `(positions, width)` or `(positions, heads, head_dim)`.
        """
        if self.zero:
            return torch.zeros_like(source)
        if self.means is None:
            return source
        return self.means[activation.name, activation.layer].to(source).expand_as(source)

    def part(
        self, activation: Activation, location: TensorLocation, heads: tuple[int, ...] | None, source: torch.Tensor
    ) -> torch.Tensor:
        """The values over the tensor at one of an activation's locations, of the shape of the source's there.

        `source` is `(positions, width)`, or `(positions, columns)` of those heads. A mean is written at the first of
        several locations, and zero at the others.
        """
        if self.copies:
            return source
        if self.zero or self.means is None or location != activation.locations[0]:
            return torch.zeros_like(source)
        mean = self.means[activation.name, activation.layer]
        if activation.columns is not None and heads is not None:
            mean = mean[list(heads)]
        return (mean.to(source) / location.scale).flatten().expand_as(source)


PATCH = Replacement()
"""The source prompt's values."""

ZERO = Replacement(zero=True)
"""Zero ablation."""

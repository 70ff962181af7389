"""The training of one MLP on a copy of its weights: gradients go through its block alone, as in SelfIE's control.

The loss is what is left of the way from the cells to the target, `mean |h' - t|^2 / |h - t|^2`, plus `keep` times how
far other states are moved, `mean |h' - h|^2 / |h|^2`: those of prompts to retain, and of the prompt's other tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from selfie_tui.engine.control.block_runs import BlockRun
from selfie_tui.engine.control.mlp import LayerMlp
from selfie_tui.engine.model import Model
from selfie_tui.engine.module_state import replacing_parameters
from selfie_tui.errors import SelfieError

RUNS_A_STEP = 2
"""Runs over retained prompts that a step sees, drawn by the seed."""

LEAST_SCALE = 1e-3
"""A root mean square of a tensor for its steps, where its own is less: biases can be zero."""


@dataclass
class Training:
    """Weights in training: float32 copies of those of an MLP, whose module stays as it is.

    `run` is over the prompt whose `cells`, positions of it, are moved towards the target `(cells, width)`.
    """

    model: Model
    mlp: LayerMlp
    run: BlockRun
    cells: tuple[int, ...]
    target: torch.Tensor
    retained: Sequence[BlockRun]
    rate: float
    keep: float
    seed: int = 0
    copies: dict[str, torch.Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.model.inference():
            own = self.mlp.weights(self.model)
            self.copies = {name: wide(tensor).clone().requires_grad_() for name, tensor in own.items()}
            self.dtypes = {name: tensor.dtype for name, tensor in own.items()}
        self.drawn = torch.Generator().manual_seed(self.seed)

    def weights(self) -> dict[str, torch.Tensor]:
        """The weights `(...)` as they are now, in the number format of the module's own."""
        return {name: copy.to(self.dtypes[name]) for name, copy in self.copies.items()}

    def steps(self, count: int, cancelled: Callable[[], bool]) -> Iterator[tuple[float, float]]:
        """Train for so many steps; before each, how much of the way is left and how far other states are moved.

        Raises:
            SelfieError: where the loss is not finite.
            Cancelled: before any block, once `cancelled` gives true.
        """
        scales = {name: float(copy.detach().square().mean().sqrt()) for name, copy in self.copies.items()}
        groups = [
            {"params": [copy], "lr": self.rate * max(scales[name], LEAST_SCALE)} for name, copy in self.copies.items()
        ]
        optimizer = torch.optim.Adam(groups)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / count)
        for _ in range(count):
            distance, drift, gradients = self.gradients(cancelled)
            for copy, gradient in zip(self.copies.values(), gradients, strict=True):
                copy.grad = gradient
            optimizer.step()
            schedule.step()
            yield distance, drift

    def gradients(self, cancelled: Callable[[], bool]) -> tuple[float, float, Sequence[torch.Tensor]]:
        """The two parts of the loss as roots, and its gradients `(...)` in the order of the copies."""
        module, model = self.model.modules[self.mlp.path], self.model
        with model.edits.reading_prompt(), model.inference(cancelled), torch.enable_grad():
            with replacing_parameters(module, self.weights()):
                distance, others = self.way_left()
                moved = [others, *(self.moved(each) for each in self.draw())]
            drift = torch.cat(moved).mean() if sum(map(len, moved)) else torch.zeros_like(distance)
            loss = distance + self.keep * drift
            if not bool(loss.isfinite()):
                raise SelfieError("The training has left the finite numbers.", "Use a lower rate.")
            found = torch.autograd.grad(loss, list(self.copies.values()), allow_unused=True, materialize_grads=True)
        return float(distance.detach().sqrt()), float(drift.detach().sqrt()), found

    def way_left(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The share of the way that is left, squared, and how far the prompt's other tokens are moved, `(tokens,)`."""
        before, after = wide(self.run.output), wide(self.run.again(self.model.modules[self.mlp.block.path]))
        cells = list(self.cells)
        target = self.target.to(before)
        start = (before[0, cells] - target).square().sum(-1)
        left = ((after[0, cells] - target).square().sum(-1) / start).mean()
        others = [at for at in range(before.shape[1]) if at not in self.cells]
        return left, moved_squared(before[0, others], after[0, others])

    def moved(self, run: BlockRun) -> torch.Tensor:
        """How far each state of a run is moved, squared, as a share of its norm, `(states,)`."""
        after = run.again(self.model.modules[self.mlp.block.path])
        return moved_squared(wide(run.output), wide(after)).flatten()

    def draw(self) -> list[BlockRun]:
        """The runs over retained prompts that the next step sees."""
        order = torch.randperm(len(self.retained), generator=self.drawn).tolist()
        return [self.retained[index] for index in order[:RUNS_A_STEP]] if self.keep else []

    def drift(self, cancelled: Callable[[], bool]) -> float:
        """How far all retained states are moved by the weights as they would be applied, as that of a step."""
        module = self.model.modules[self.mlp.path]
        weights = self.weights()
        with self.model.edits.reading_prompt(), self.model.inference(cancelled), replacing_parameters(module, weights):
            moved = [self.moved(run) for run in self.retained]
        return float(torch.cat(moved).mean().sqrt()) if moved else 0.0

    def changed(self) -> float:
        """How far the weights were moved, as a share of their norm."""
        with self.model.inference():
            own = self.mlp.weights(self.model)
            now = self.weights()
            apart = sum(float((wide(now[name]) - wide(tensor)).square().sum()) for name, tensor in own.items())
            return float((apart / sum(float(wide(tensor).square().sum()) for tensor in own.values())) ** 0.5)


def wide(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor `(...)` in at least float32."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def moved_squared(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """How far states `(..., width)` are moved, squared, as a share of their norms: `(...)`."""
    return (after - before).square().sum(-1) / before.square().sum(-1).clamp_min(1e-12)

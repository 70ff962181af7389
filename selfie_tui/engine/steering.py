"""Steering: a vector written into the stream while a model answers, and the answer beside the plain one.

In every forward the states of the chosen tokens become what a mode of the injection makes of them (see `modes`), `add`
by default: `h + s·v`, at the output of one or more blocks. No weight is touched: hooks are put on for a forward and
taken off after it, also where it is cancelled or fails. They run after the edits that stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import tensor_at
from selfie_tui.engine.anatomy.stacks import Block, StreamLocation
from selfie_tui.engine.edits import with_tensor
from selfie_tui.engine.injection import inject
from selfie_tui.engine.inspecting.continuation import Continuation, Opening
from selfie_tui.engine.model import Model
from selfie_tui.records import EMBED

Where = Literal["all", "prompt", "generated", "last"]


@dataclass(frozen=True, eq=False)
class Steering:
    """Vectors `(width,)` by layer, how they are written, and over which tokens.

    `where` is as in the task `Steer`; with `positions` it is these tokens of the prompt. `stack` is the stack that is
    written to, "" for the one that writes the answer.
    """

    vectors: Mapping[int, torch.Tensor]
    strength: float = 1.0
    mode: str = "add"
    where: Where = "all"
    positions: tuple[int, ...] | None = None
    stack: str = ""

    def chosen(self, tokens: range, prompt: int) -> list[int]:
        """Which of the tokens of a forward, by their positions, are steered, where the prompt has so many tokens."""
        if self.positions is not None:
            return [at for at in tokens if at in self.positions and at < prompt]
        wanted = {
            "all": tokens,
            "prompt": range(prompt),
            "generated": range(prompt, tokens.stop),
            "last": range(prompt - 1, prompt),
        }[self.where]
        return [at for at in tokens if at in wanted]


@dataclass
class Steerer:
    """Steers forwards over a prompt of so many tokens and what is generated after it.

    `shares` collects how far each steered state was moved, as a share of its norm.
    """

    model: Model
    steering: Steering
    prompt: int
    shares: list[float] = field(default_factory=list)

    @property
    def added(self) -> float:
        """The median of the shares, 0 without any."""
        return float(torch.tensor(self.shares).median()) if self.shares else 0.0

    @contextmanager
    def open(self, first: int) -> Iterator[None]:
        """While open, forwards of the model whose first token is at position `first` are steered; it is locked."""
        name = self.steering.stack
        stack = self.model.anatomy.stack(name) if name else self.model.anatomy.last
        with self.model.lock, ExitStack() as hooks:
            for layer, vector in self.steering.vectors.items():
                block = stack.blocks[max(layer, 0)]
                calls = sum(other.path == block.path for other in stack.blocks)
                hooks.enter_context(self.hooked(block, layer, calls, vector.to(self.model.device), first))
            yield

    @contextmanager
    def hooked(self, block: Block, layer: int, calls: int, vector: torch.Tensor, first: int) -> Iterator[None]:
        """While open, a vector `(width,)` is written at a block, in the call of its module that is the layer's."""
        location, counter = (block.input if layer == EMBED else block.output), count()

        def change(values: Any) -> Any:
            return self.changed(values, location, vector, first) if next(counter) % calls == block.call else values

        if layer == EMBED:
            entry: nn.Module = self.model.modules[block.entry_path]
            handle = entry.register_forward_pre_hook(lambda _, args, kwargs: change((args, kwargs)), with_kwargs=True)
        else:
            handle = self.model.modules[block.path].register_forward_hook(lambda _, args, output: change(output))
        try:
            yield
        finally:
            handle.remove()

    def changed(self, values: Any, location: StreamLocation, vector: torch.Tensor, first: int) -> Any:
        """Arguments or a result with a vector `(width,)` written into the stream there; the old tensor stays."""
        before = location.of(values)  # (rows, positions, ...)
        chosen = self.steering.chosen(range(first, first + before.shape[1]), self.prompt)
        if not chosen:
            return values
        path = location.tensor_path
        new = with_tensor(values, path, tensor_at(path, values).clone())
        view, columns = location.of(new), [at - first for at in chosen]
        states = before[:, columns].flatten(2)  # (rows, positions, width)
        written = inject(states, vector.expand(len(states), -1), self.steering.mode, self.steering.strength)
        moved = (written - states).float().norm(dim=-1) / states.float().norm(dim=-1).clamp_min(1e-12)
        self.shares += moved.flatten().tolist()
        view[:, columns] = written.reshape(view[:, columns].shape)
        return new


@dataclass
class SteeredContinuation:
    """An answer that is steered, as far as it is, with the edits that stand."""

    continuation: Continuation
    steerer: Steerer

    def step(self) -> bool:
        """Run the model once and take the next token; whether there is one. Raises as `Continuation.step`."""
        with self.steerer.open(self.continuation.reads_from):
            return self.continuation.step()


def steered(
    model: Model, opening: Opening, steering: Steering, max_new_tokens: int, cancelled: Callable[[], bool]
) -> SteeredContinuation:
    """A steered answer to a prompt, not begun."""
    main = steering.stack and steering.stack == model.anatomy.main.name
    prompt = len(opening.ids if main or not opening.prefix else opening.prefix)
    continuation = Continuation(model, opening, max_new_tokens, model.edits.now, cancelled)
    return SteeredContinuation(continuation, Steerer(model, steering, prompt))


def log_odds(logits: torch.Tensor, words: tuple[int, ...], against: tuple[int, ...]) -> float:
    """The log odds of some tokens over others as the next one, of logits `(vocabulary,)`."""
    scores = logits.float()
    return float(scores[list(words)].logsumexp(0) - scores[list(against)].logsumexp(0))

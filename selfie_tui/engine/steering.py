"""Steering: a vector written into the stream while a model answers, and the answer beside the plain one.

In every forward the states of the chosen tokens become what a mode of the injection makes of them (see `modes`), `add`
by default: `h + s·v`, at the output of one or more blocks. Answers with several strengths `s` are rows of one batch. No
weight is touched: hooks are put on for a forward and taken off after it, also where it is cancelled or fails. They run
after the edits that stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import tensor_at
from selfie_tui.engine.anatomy.stacks import Block, StreamLocation
from selfie_tui.engine.edits import with_tensor
from selfie_tui.engine.injection import inject
from selfie_tui.engine.inspecting.continuation import Continuations, Opening, Written
from selfie_tui.engine.model import Model
from selfie_tui.records import EMBED

Where = Literal["all", "prompt", "generated", "last"]


@dataclass(frozen=True, eq=False)
class Steering:
    """Vectors `(width,)` by layer, how they are written, and over which tokens; how strongly is a row's own.

    `where` is as in the task `Steer`; with `positions` it is these tokens of the prompt. `stack` is the stack that is
    written to, "" for the one that writes the answer.
    """

    vectors: Mapping[int, torch.Tensor]
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
    """Steers forwards over a prompt of so many tokens and what is generated after it, a row for each of the strengths.

    `steering` is what the rows have in common. `shares` collects for each row how far each of its steered states was
    moved, as a share of its norm.
    """

    model: Model
    steering: Steering
    strengths: Sequence[float]
    prompt: int

    def __post_init__(self) -> None:
        self.shares: list[list[float]] = [[] for _ in self.strengths]

    def added(self) -> list[float]:
        """The median of the shares of each row, 0 without any."""
        return [float(torch.tensor(shares).median()) if shares else 0.0 for shares in self.shares]

    @contextmanager
    def open(self, first: int, rows: Sequence[int]) -> Iterator[None]:
        """While open, forwards of the model whose first token is at position `first` are steered; it is locked.

        `rows` are those of the batch, by their strengths.
        """
        name = self.steering.stack
        stack = self.model.anatomy.stack(name) if name else self.model.anatomy.last
        with self.model.lock, ExitStack() as hooks:
            for layer, vector in self.steering.vectors.items():
                block = stack.blocks[max(layer, 0)]
                calls = sum(other.path == block.path for other in stack.blocks)
                forward = SteeredForward(self, vector.to(self.model.device), first, rows)
                hooks.enter_context(forward.hooked(block, layer, calls))
            yield


@dataclass(frozen=True)
class SteeredForward:
    """A forward whose first token is at position `first`: a vector `(width,)` is written into these `rows`."""

    steerer: Steerer
    vector: torch.Tensor
    first: int
    rows: Sequence[int]

    @contextmanager
    def hooked(self, block: Block, layer: int, calls: int) -> Iterator[None]:
        """While open, the vector is written at a block, in the call of its module that is the layer's."""
        location, counter = (block.input if layer == EMBED else block.output), count()
        modules = self.steerer.model.modules

        def change(values: Any) -> Any:
            return self.changed(values, location) if next(counter) % calls == block.call else values

        if layer == EMBED:
            entry: nn.Module = modules[block.entry_path]
            handle = entry.register_forward_pre_hook(lambda _, args, kwargs: change((args, kwargs)), with_kwargs=True)
        else:
            handle = modules[block.path].register_forward_hook(lambda _, args, output: change(output))
        try:
            yield
        finally:
            handle.remove()

    def changed(self, values: Any, location: StreamLocation) -> Any:
        """Arguments or a result with the vector written into the stream there; the old tensor stays."""
        steerer, steering = self.steerer, self.steerer.steering
        before = location.of(values)  # (rows, positions, ...)
        chosen = steering.chosen(range(self.first, self.first + before.shape[1]), steerer.prompt)
        if not chosen:
            return values
        path = location.tensor_path
        new = with_tensor(values, path, tensor_at(path, values).clone())
        view, columns = location.of(new), [at - self.first for at in chosen]
        states = before[:, columns].flatten(2)  # (rows, positions, width)
        written = torch.cat(  # a row at a time, as a single one is written
            [
                inject(states[at : at + 1], self.vector[None], steering.mode, steerer.strengths[row])
                for at, row in enumerate(self.rows)
            ]
        )
        moved = (written - states).float().norm(dim=-1) / states.float().norm(dim=-1).clamp_min(1e-12)
        for row, shares in zip(self.rows, moved.tolist(), strict=True):
            steerer.shares[row] += shares
        view[:, columns] = written.reshape(view[:, columns].shape)
        return new


@dataclass
class SteeredAnswers:
    """Answers that are steered, a row for each strength, as far as they are, with the edits that stand."""

    answers: Continuations
    steerer: Steerer

    def step(self) -> bool:
        """Run the model once and take the next token of each; whether there is one. Raises as `Continuations.step`."""
        self.answers.drop_ended()
        with self.steerer.open(self.answers.reads_from, self.answers.active):
            return self.answers.step()


def steered(
    model: Model,
    opening: Opening,
    steering: Steering,
    strengths: Sequence[float],
    max_new_tokens: int,
    cancelled: Callable[[], bool],
) -> SteeredAnswers:
    """Steered answers to a prompt, one for each strength, not begun."""
    main = steering.stack and steering.stack == model.anatomy.main.name
    prompt = len(opening.ids if main or not opening.prefix else opening.prefix)
    rows = [Written() for _ in strengths]
    answers = Continuations(model, opening, max_new_tokens, model.edits.now, cancelled, rows)
    return SteeredAnswers(answers, Steerer(model, steering, strengths, prompt))


def log_odds(logits: torch.Tensor, words: tuple[int, ...], against: tuple[int, ...]) -> float:
    """The log odds of some tokens over others as the next one, of logits `(vocabulary,)`."""
    scores = logits.float()
    return float(scores[list(words)].logsumexp(0) - scores[list(against)].logsumexp(0))

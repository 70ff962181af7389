"""Self-interpretation written out in plain PyTorch, row by row and without a cache: what the engine must equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts import build_prompt
from selfie_tui.engine.stacks import Flow
from selfie_tui.records import EMBED, Cell, Request

Write = Callable[[torch.Tensor], None]


@dataclass
class Answer:
    """One decoded row: ids without the one that ended it, the probability of each, and that without injection."""

    ids: list[int]
    probabilities: list[float]
    none: list[float]

    @property
    def effects(self) -> list[float]:
        return [p - q for p, q in zip(self.probabilities, self.none, strict=True)]


@contextmanager
def at_layer(model: Model, layer: int, use: Write, stack: str = "") -> Iterator[None]:
    """While open, every forward passes the residual stream at a layer, `(1, positions, hidden)`, to `use`."""
    site = model.anatomy.stack(stack).sites[max(layer, 0)]
    calls = 0

    def now(flow: Flow, value: Any) -> None:
        nonlocal calls
        if calls % sharing == site.call:
            use(stream(value, flow))
        calls += 1

    def before(block: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        now(site.taken, (args, kwargs))

    def after(block: Any, args: tuple[Any, ...], output: Any) -> None:
        now(site.given, output)

    module = site.entry if layer == EMBED else site.module
    sharing = sum(other.module is site.module for other in model.anatomy.stack(stack).sites)
    if layer == EMBED:
        handle = module.register_forward_pre_hook(before, with_kwargs=True)
    else:
        handle = module.register_forward_hook(after)
    try:
        yield
    finally:
        handle.remove()


def stream(value: Any, flow: Flow) -> torch.Tensor:
    """The stream inside what a block takes or gives, `(rows, positions, ...)`."""
    for key in flow.slot:
        value = value[key]
    return value.movedim(flow.axes, (0, 1))


def state_at(model: Model, prompt: str, cell: Cell) -> torch.Tensor:
    """The residual state `(hidden,)` at a cell of a source prompt."""
    seen: list[torch.Tensor] = []
    with at_layer(model, cell.layer, lambda hidden: seen.append(hidden[0, cell.position].clone())):
        probabilities(model, model.tokenizer(prompt)["input_ids"])
    return seen[0]


def injected(h: torch.Tensor, v: torch.Tensor, mode: str, s: float) -> torch.Tensor:
    """One state after injection, `(hidden,)`, by the definitions."""
    return {
        "replace": v,
        "blend": s * v + (1 - s) * h,
        "add": h + s * v,
        "replace-norm": v * h.norm() / v.norm(),
        "add-norm": h + s * h.norm() * v / v.norm(),
        "unit": s * v / v.norm(),
    }[mode]


def probabilities(model: Model, ids: list[int]) -> torch.Tensor:
    """Next-token probabilities `(positions, vocabulary)`."""
    with torch.no_grad():
        logits = model.module(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    return logits.float().softmax(-1)


def decoded(model: Model, request: Request, vector: torch.Tensor | None) -> Answer:
    """The greedy answer of the interpretation prompt with a vector written in at every step; None: with nothing."""
    prompt = build_prompt(model.tokenizer, request.preset)
    ids, found = list(prompt.ids), []

    def write(hidden: torch.Tensor) -> None:
        for position in prompt.positions:
            new = injected(hidden[0, position].clone(), vector, request.mode, request.strength)  # type: ignore[arg-type]
            hidden[0, position] = new

    for _ in range(request.max_new_tokens):
        if vector is None:
            row = probabilities(model, ids)[-1]
        else:
            with at_layer(model, request.injection_layer, write):
                row = probabilities(model, ids)[-1]
        token = int(row.argmax())
        if token in model.end_tokens:
            break
        found.append(float(row[token]))
        ids.append(token)
    generated = ids[len(prompt.ids) :]
    table = probabilities(model, ids)
    none = [float(table[len(prompt.ids) - 1 + place, token]) for place, token in enumerate(generated)]
    return Answer(generated, found, none)


def interpreted(model: Model, request: Request, cell: Cell) -> Answer:
    """The answer for one cell of a request."""
    return decoded(model, request, state_at(model, request.prompt, cell))

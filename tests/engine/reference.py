"""Self-interpretation written out in plain PyTorch, row by row and without a cache: what the engine must equal."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.engine.anatomy.stacks import StreamLocation
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import TargetPrompt
from selfie_tui.engine.prompts.target import build_target
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
    block = model.anatomy.stack(stack).blocks[max(layer, 0)]
    calls = 0

    def now(location: StreamLocation, value: Any) -> None:
        nonlocal calls
        if calls % sharing == block.call:
            use(stream(value, location))
        calls += 1

    def before(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        now(block.input, (args, kwargs))

    def after(module: Any, args: tuple[Any, ...], output: Any) -> None:
        now(block.output, output)

    module = model.modules[block.entry_path if layer == EMBED else block.path]
    sharing = calls_in_a_forward(model, module)
    if layer == EMBED:
        handle = module.register_forward_pre_hook(before, with_kwargs=True)
    else:
        handle = module.register_forward_hook(after)
    try:
        yield
    finally:
        handle.remove()


def calls_in_a_forward(model: Model, module: torch.nn.Module) -> int:
    """How often a forward calls a module: more than once where layers share it."""
    calls: list[None] = []
    handle = module.register_forward_hook(lambda *_: calls.append(None))
    try:
        with torch.no_grad():
            model.module(**model.inputs([list(range(5, 13))], use_cache=False))
    finally:
        handle.remove()
    return len(calls)


def stream(value: Any, location: StreamLocation) -> torch.Tensor:
    """The stream inside the arguments or the result of a block, `(rows, positions, ...)`."""
    for key in location.tensor_path:
        value = value[key]
    return value.movedim(location.axes, (0, 1))[:, location.offset :]


def state_at(model: Model, prompt: str, cell: Cell, stack: str = "") -> torch.Tensor:
    """The residual state `(width,)` at a cell of a prompt; an encoder-decoder's may be `[INST]read[/INST]written`."""
    seen: list[torch.Tensor] = []
    with at_layer(model, cell.layer, lambda hidden: seen.append(hidden[0, cell.position].flatten().clone()), stack):
        if model.kind == "encoder-decoder":
            read, _, written = prompt.removeprefix("[INST]").partition("[/INST]")
            prefix = [*model.feed.start, *model.tokenizer(written, add_special_tokens=False)["input_ids"]]
            run(model, model.tokenizer(read)["input_ids"], prefix)
        else:
            run(model, model.tokenizer(prompt)["input_ids"])
    return seen[0]


def run(model: Model, ids: list[int], prefix: list[int] | None = None) -> torch.Tensor:
    """Logits `(positions, vocabulary)` of one text, and of what a decoder has written."""
    inputs = {"input_ids": torch.tensor([ids])}
    if prefix is not None:
        inputs["decoder_input_ids"] = torch.tensor([prefix])
    if "use_cache" in inspect.signature(model.module.forward).parameters:
        inputs["use_cache"] = False
    with torch.no_grad():
        return model.module(**inputs).logits[0].float()


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


def next_probabilities(model: Model, target: TargetPrompt, written: list[int]) -> torch.Tensor:
    """The distribution `(vocabulary,)` of the next token: after a text, in an answer, or at the next mask."""
    if target.masks:
        ids = list(target.ids)
        for position, token in zip(target.masks, written, strict=False):
            ids[position] = token
        logits = run(model, ids)[target.masks[len(written)]]
    elif target.prefix:
        logits = run(model, list(target.ids), [*target.prefix.ids, *written])[-1]
    else:
        logits = run(model, [*target.ids, *written])[-1]
    return logits.softmax(-1)


def decoded(model: Model, request: Request, vector: torch.Tensor | None) -> Answer:
    """The greedy answer of the interpretation prompt with a vector written in at every step; None: with nothing."""
    target = build_target(model, request.preset, request.max_new_tokens)
    written: list[int] = []
    found, none = [], []
    for _ in range(len(target.masks) or request.max_new_tokens):
        without = next_probabilities(model, target, written)
        row = without
        if vector is not None:
            with writing(model, request, target, vector):
                row = next_probabilities(model, target, written)
        token = int(row.argmax())
        if token in model.end_tokens:
            break
        found.append(float(row[token]))
        none.append(float(without[token]))
        written.append(token)
    return Answer(written, found, none)


@contextmanager
def writing(model: Model, request: Request, target: TargetPrompt, vector: torch.Tensor) -> Iterator[None]:
    """While open, every forward gets the vector at the placeholders of its stacks."""

    def writer(positions: tuple[int, ...]) -> Write:
        def write(hidden: torch.Tensor) -> None:
            for position in positions:
                there = hidden[0, position]
                new = injected(there.flatten().clone(), vector, request.mode, request.strength)
                hidden[0, position] = new.reshape(there.shape)

        return write

    with ExitStack() as open_hooks:
        if target.positions:
            open_hooks.enter_context(at_layer(model, request.injection_layer, writer(target.positions)))
        if target.prefix and target.prefix.positions:
            hook = at_layer(model, request.injection_layer, writer(target.prefix.positions), "decoder")
            open_hooks.enter_context(hook)
        yield


def interpreted(model: Model, request: Request, cell: Cell) -> Answer:
    """The answer for one cell of a request."""
    return decoded(model, request, state_at(model, request.prompt, cell, request.stack))

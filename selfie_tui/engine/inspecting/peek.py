"""The values of a module's input or output at every token of a prompt, and beside those of the other layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from selfie_tui.engine.anatomy.stacks import Stack
from selfie_tui.engine.devices import short_name
from selfie_tui.engine.inspecting.capture import Tensors, by_token, catch_in_prompt, find_tensor, source_for, stack_of
from selfie_tui.engine.inspecting.values import values_of, whole_values
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_position
from selfie_tui.engine.prompts.placeholders import token_texts
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.errors import RequestError
from selfie_tui.records import LensToken, ModuleTensor, Peek, Peeked


def peek(model: Model, task: Peek, cancelled: Callable[[], bool]) -> Peeked:
    """The values of a tensor for a prompt, in one forward over it.

    Raises:
        RequestError: for a module, a tensor or a position that is not there.
        PromptError: for a prompt that is empty or too long.
    """
    known = find_tensor(model, task.module)
    source = source_for(model, task.prompt, known.layout, task.stack)
    check_position(source.tokens, task.position)
    layers = same_part(model, known.tensor)

    def keep(key: ModuleTensor, tensor: torch.Tensor) -> torch.Tensor:
        if key == known.tensor:
            return tensor.clone()
        fits = model.layouts[key].fits(tensor)
        return by_token(model.layouts[key], tensor)[task.position].clone() if fits else tensor.new_empty(0)

    found = catch_in_prompt(model, source, {known.tensor, *layers.values()}, keep, cancelled)
    own = caught(found, known.tensor)
    tokens = by_token(known.layout, own) if known.layout.fits(own) else own.new_empty((0, 0))  # (tokens, width)
    states = {**found, known.tensor: tokens[task.position] if len(tokens) else own.new_empty(0)}
    is_stream = is_of_stream(model, known, tokens.shape[-1])
    return Peeked(
        prompt=task.prompt,
        module=known.tensor,
        position=task.position,
        stack=stack_of(model, known.layout, task.stack),
        shape=tuple(own.shape),
        dtype=short_name(own.dtype),
        whole=whole_values(own),
        tokens=values_of(tokens),
        layers=norms_of(layers, states),
        nearest=nearest(model, states[known.tensor], known, task.k) if is_stream else (),
        is_stream=is_stream,
        calls=known.calls,
        tensors=known.count,
    )


def caught(found: Mapping[ModuleTensor, torch.Tensor], tensor: ModuleTensor) -> torch.Tensor:
    """A tensor `(...)` that a forward was watched for.

    Raises:
        RequestError: if its module was not called, as an expert to which no token was sent.
    """
    if tensor not in found:
        raise RequestError(
            f"{tensor.path} was not called for this prompt: it may be one that only some tokens go through.",
            "Choose another module, or another prompt.",
        )
    return found[tensor]


def same_part(model: Model, tensor: ModuleTensor) -> dict[int, ModuleTensor]:
    """The same part of every layer that has it, by layer, its own among them; none of one outside of the layers."""
    for stack in model.anatomy.stacks:
        for block in stack.blocks:
            shared = is_shared(stack)
            if not f"{tensor.path}.".startswith(f"{block.path}.") or (shared and block.call != tensor.call):
                continue
            end = tensor.path[len(block.path) :]
            parts = {
                layer: ModuleTensor(
                    f"{other.path}{end}", tensor.which, tensor.index, other.call if shared else tensor.call
                )
                for layer, other in enumerate(stack.blocks)
            }
            return {layer: part for layer, part in parts.items() if part in model.layouts}
    return {}


def is_shared(stack: Stack) -> bool:
    """Whether layers of a stack are calls of one module."""
    return len({block.path for block in stack.blocks}) < len(stack.blocks)


def norms_of(
    layers: Mapping[int, ModuleTensor], states: Mapping[ModuleTensor, torch.Tensor]
) -> tuple[tuple[int, float], ...]:
    """The norm of the state `(width,)` of each layer's part, by layer, of those that were seen."""
    return tuple(
        (layer, float(states[part].float().norm()))
        for layer, part in layers.items()
        if part in states and len(states[part])
    )


def is_of_stream(model: Model, known: Tensors, width: int) -> bool:
    """Whether a tensor has tokens, and is as wide as the stream of its stack: a state that the lens can read."""
    return known.layout.tokens is not None and width == model.anatomy.stack(stack_of(model, known.layout)).width


def nearest(model: Model, state: torch.Tensor, known: Tensors, k: int) -> tuple[LensToken, ...]:
    """The `k` tokens that the lens sees in a state `(width,)`, with their probabilities; none where it is not finite.

    What a part adds to the stream is read by itself: without the stream it is added to, its norm is another one.
    """
    logits = lens_logits(model, state[None].to(model.device), stack_of(model, known.layout))[0]  # (vocabulary,)
    if not bool(logits.isfinite().all()):
        return ()
    top = logits.softmax(-1).topk(min(k, logits.shape[-1]))
    ids = top.indices.tolist()
    texts = token_texts(model.tokenizer, ids)
    return tuple(LensToken(*each) for each in zip(texts, top.values.tolist(), ids, strict=True))

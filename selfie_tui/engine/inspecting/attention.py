"""Attention patterns: how much each head takes from every token, read from the attention itself in one forward.

The attention is computed eagerly for that forward alone (see `eager`), which takes heads x tokens x tokens numbers a
layer; of these only the window that is asked for is kept, and the forward ends after the layer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch

from selfie_tui.engine.anatomy.calls import tensors_in
from selfie_tui.engine.anatomy.layouts import DEPTH
from selfie_tui.engine.devices import free_memory
from selfie_tui.engine.inspecting.capture import AllSeen, run_prompt
from selfie_tui.engine.inspecting.eager import eager_attention
from selfie_tui.engine.inspecting.tree import full_path
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import Source, source_of
from selfie_tui.engine.sublayers import BlockParts, Part
from selfie_tui.errors import RequestError
from selfie_tui.records import AttentionRead, HeadPattern, ReadAttention, layer_name

COPIES = 3
"""Tensors of heads x tokens x tokens that eager attention holds at once: scores, probabilities, and one in between."""

SUM = 1.02
"""What the probabilities of a query sum to at most, in 16 bits; a sink of its own can make it less."""


@dataclass(frozen=True)
class FoundAttention:
    """An attention, the stack and the layer that it belongs to, and which call of a shared block that layer is."""

    part: Part
    stack: str
    layer: int
    call: int


def attention(model: Model, task: ReadAttention, cancelled: Callable[[], bool]) -> AttentionRead:
    """The patterns of an attention for a prompt, in the window that is asked for.

    Raises:
        RequestError: for a path that is no attention, saying what is there; for heads or a window that are not there;
            for one whose pattern cannot be seen, or that does not fit into memory.
        PromptError: for a prompt that is empty or too long.
    """
    found = find_attention(model, full_path(model.modules, task.path), task.cross)
    name = found.stack if model.kind == "encoder-decoder" else task.stack
    source = source_of(model, task.prompt, name)
    read = len(source.ids) if task.cross else len(source.tokens)
    queries, keys = window(task.queries, len(source.tokens), "query"), window(task.keys, read, "key")
    check_memory(model, found, len(source.tokens) * read)
    pattern = read_pattern(model, source, found, (len(source.tokens), read), cancelled)  # (heads, queries, keys)
    heads = range(len(pattern)) if task.heads is None else task.heads
    if any(not 0 <= head < len(pattern) for head in heads):
        raise RequestError(f"{found.part.path} has {len(pattern)} heads.", f"Choose 0 to {len(pattern) - 1}.")
    shown = pattern[list(heads), slice(*queries), slice(*keys)].float().tolist()
    return AttentionRead(
        prompt=task.prompt,
        path=found.part.path,
        stack=name,
        layer=found.layer,
        heads=len(pattern),
        key_heads=found.part.heads.groups if found.part.heads else 0,
        queries=queries,
        keys=keys,
        patterns=tuple(
            HeadPattern(head, tuple(tuple(row) for row in rows)) for head, rows in zip(heads, shown, strict=True)
        ),
        cross=task.cross,
    )


def find_attention(model: Model, path: str, cross: bool) -> FoundAttention:
    """The attention at a path, around it, or in the layer there.

    Raises:
        RequestError: if there is none, saying what mixes tokens there, or several.
    """
    kind = "cross" if cross else "attention"
    every = [
        FoundAttention(part, stack, block.layer, block.post.call)
        for stack, block, part in parts_of(model)
        if part.kind == kind
    ]
    around = [each for each in every if f"{path}.".startswith(f"{each.part.path}.")]
    inside = [each for each in every if each.part.path.startswith(f"{path}.")]
    found = around[-1:] or inside
    if not found:
        others = f"Choose one of {few(nearest(path, [each.part.path for each in every]))}."
        raise RequestError(
            f"{path} has no {'cross-' if cross else ''}attention{what_instead(model, path)}.",
            others if every else "Look at the values of its modules.",
        )
    if len({(each.stack, each.layer) for each in found}) > 1 and len({each.part.path for each in found}) > 1:
        raise RequestError(f"{path} has several attentions.", f"Choose one of {few([e.part.path for e in found])}.")
    return found[0]


def nearest(path: str, others: Sequence[str]) -> list[str]:
    """Other paths of modules, those first that have most names from the root on in common with a path."""
    names = path.split(".")

    def shared(other: str) -> int:
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(names, other.split("."), strict=False)))

    return sorted(others, key=shared, reverse=True)


def parts_of(model: Model) -> Iterator[tuple[str, BlockParts, Part]]:
    """The sub-layers of all layers, each with its stack's name."""
    return ((each.stack, block, part) for each in model.sublayers for block in each.blocks for part in block.parts)


def what_instead(model: Model, path: str) -> str:
    """What mixes the tokens of the layer at a path without attention; "" where nothing is known to."""
    for _, block, part in parts_of(model):
        near = f"{path}.".startswith(f"{part.path}.") or part.path.startswith(f"{path}.")
        if near and part.kind == "mixer":
            kind = type(model.modules[part.path]).__name__
            return f": {layer_name(block.layer)} mixes its tokens by {kind}, which computes no pattern"
    return ""


def few(paths: Sequence[str]) -> str:
    """The first of some paths, with a sign that there are more."""
    return ", ".join(paths[:3]) + (", …" if len(paths) > 3 else "")


def window(asked: tuple[int, int] | None, length: int, what: str) -> tuple[int, int]:
    """A window on tokens, all for None.

    Raises:
        RequestError: if it is empty or reaches beyond the tokens.
    """
    first, end = asked or (0, length)
    if not 0 <= first < end <= length:
        raise RequestError(f"There are no {what} tokens {first} to {end - 1}.", f"Choose within 0 to {length - 1}.")
    return first, end


def check_memory(model: Model, found: FoundAttention, pairs: int) -> None:
    """Refuse a pattern of so many pairs of tokens that does not fit into the memory that is free.

    Raises:
        RequestError: with what it needs.
    """
    heads = found.part.heads.count if found.part.heads else 1
    needed, free = COPIES * heads * pairs * max(4, model.dtype.itemsize), free_memory(model.device)
    if free is not None and needed > free:
        raise RequestError(
            f"The pattern needs {needed / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} GiB are free.",
            "Shorten the prompt.",
        )


def read_pattern(
    model: Model, source: Source, found: FoundAttention, size: tuple[int, int], cancelled: Callable[[], bool]
) -> torch.Tensor:
    """The pattern of an attention for a prompt, `(heads, queries, keys)`, in a forward that ends with it.

    Raises:
        RequestError: if the attention does not return it.
    """
    module = model.modules[found.part.path]
    seen: list[torch.Tensor] = []
    calls = 0

    def after(part: Any, args: Any, output: Any) -> None:
        nonlocal calls
        calls += 1
        if calls - 1 == found.call:
            seen.extend(pattern_in(output, size))
            raise AllSeen

    with ExitStack() as stack:
        for context in (model.edits.reading_prompt(), model.inference(cancelled), eager_attention(model.module)):
            stack.enter_context(context)
        for part in module.modules():
            if "output_attentions" in inspect.signature(type(part).forward).parameters:
                stack.callback(part.register_forward_pre_hook(asking, with_kwargs=True).remove)
        stack.callback(module.register_forward_hook(after).remove)
        run_prompt(model, source)
    if not seen:
        raise RequestError(
            f"{found.part.path} ({type(module).__name__}) does not return its pattern.",
            "Look at the values of its modules instead.",
        )
    return seen[0]


def asking(part: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A hook that asks an attention for its pattern."""
    return args, {**kwargs, "output_attentions": True}


def pattern_in(output: Any, size: tuple[int, int]) -> list[torch.Tensor]:
    """The tensor `(heads, queries, keys)` of probabilities in an attention's result, none or the last that is one.

    XLNet's has queries and keys before rows and heads.
    """
    four = [tensor for _, tensor in tensors_in(output, DEPTH) if tensor.dim() == 4]
    ordered = [tensor if tuple(tensor.shape[2:]) == size else tensor.permute(2, 3, 0, 1) for tensor in four]
    found = [tensor[0] for tensor in ordered if (1, *size) == (len(tensor), *tensor.shape[2:]) and is_pattern(tensor)]
    return found[-1:]


def is_pattern(tensor: torch.Tensor) -> bool:
    """Whether the numbers of a tensor `(rows, heads, queries, keys)` can be probabilities of keys."""
    return bool((tensor >= 0).all()) and bool((tensor.sum(-1, dtype=torch.float32) <= SUM).all())

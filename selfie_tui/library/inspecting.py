"""Inspecting in a call each: the tree of modules, their values, attention patterns, edits, answers, kept vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from selfie_tui.edits import parse_edit_line
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.inspecting.answers import answer
from selfie_tui.engine.inspecting.attention import attention
from selfie_tui.engine.inspecting.capture import find_tensor, source_for
from selfie_tui.engine.inspecting.peek import peek
from selfie_tui.engine.inspecting.standing import let_stand, set_edits
from selfie_tui.engine.inspecting.states import keep_vector as keep
from selfie_tui.engine.inspecting.states import read_module
from selfie_tui.engine.inspecting.tree import module_nodes
from selfie_tui.engine.inspecting.vector_file import read_vector
from selfie_tui.engine.loading.skeleton import build_skeleton
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_tokens
from selfie_tui.library.arguments import Facade, as_int, as_list, as_model, as_module
from selfie_tui.library.cells import Layer, layer_number, positions_in
from selfie_tui.library.requests import prompt_text
from selfie_tui.parse import from_end
from selfie_tui.records import (
    EMBED,
    Answer,
    AnswersSoFar,
    Cell,
    Edit,
    KeepVector,
    ModuleNode,
    ModuleTensor,
    Peek,
    Peeked,
    ReadAttention,
)

Module = str | ModuleTensor
"""A module by its path or the unique end of one, such as `"layers.5.mlp"`; with `:input` or `:output.1` behind it the
tensor that is meant."""


def module_tree(model: Model | Facade | str) -> tuple[ModuleNode, ...]:
    """The modules of a model, parents before their parts; of a name, from its configuration, before a weight is read.

    Raises:
        LoadError: for a name that stands for no model.
    """
    if isinstance(model, str):
        return module_nodes(build_skeleton(model))
    opened = as_model(model)
    return module_nodes(opened.module, opened.anatomy)


def inspect_module(
    model: Model | Facade, prompt: str, module: Module, position: int = -1, k: int = 8, stack: str = ""
) -> Peeked:
    """The values of a module's output at every token of a prompt; at `position` the lens and the other layers.

    A negative position counts from the end. Raises RequestError for what is not there, with what is.
    """
    opened, text = as_model(model), prompt_text(prompt)
    tensor = as_module(module)
    tokens = source_for(opened, text, find_tensor(opened, tensor).layout, stack).tokens
    index = from_end(as_int(position, "token position"), len(tokens), "token")
    return peek(opened, Peek(text, tensor, index, k, stack), never)


def module_states(model: Model | Facade, prompt: str, module: Module, stack: str = "") -> torch.Tensor:
    """A module's output at every token of a prompt, `(tokens, width)`, in its own dtype and on its device.

    Raises RequestError for a module that is not there, or whose tensor has no tokens.
    """
    return read_module(as_model(model), prompt_text(prompt), as_module(module), stack)[0]


def attention_pattern(
    model: Model | Facade,
    prompt: str,
    path: str,
    heads: int | Sequence[int] | None = None,
    stack: str = "",
    cross: bool = False,
) -> torch.Tensor:
    """How much each head takes from every token of a prompt: `(heads, queries, keys)` float32 on the CPU.

    Args:
        path: an attention, or the block that it is part of: `"layers.5"`.
        heads: from 0, all of them if None.
        cross: of a decoder's attention to what its encoder has read.

    Raises:
        RequestError: for a path without attention, saying what mixes tokens there.
    """
    chosen = None if heads is None else tuple(as_int(head, "head") for head in as_list(heads, "head"))
    task = ReadAttention(prompt_text(prompt), path, heads=chosen, stack=stack, cross=cross)
    return torch.tensor([pattern.rows for pattern in attention(as_model(model), task, never).patterns])


@contextmanager
def edited(model: Model | Facade, edits: str | Edit | Sequence[str | Edit]) -> Iterator[Model]:
    """While open, edits stand in a model in place of others: lines such as `"layers.5.mlp * 0.5 at 9"`, or records.

    Every call of the library then runs the edited model. Raises RequestError for an edit that the model cannot take.
    """
    opened = as_model(model)
    given = [edits] if isinstance(edits, str | Edit) else list(edits)
    ready = [parse_edit_line(each) if isinstance(each, str) else each for each in given]
    before = opened.edits.now
    set_edits(opened, ready)
    try:
        yield opened
    finally:
        let_stand(opened, before)


def answers(
    model: Model | Facade, prompt: str, edits: str | Edit | Sequence[str | Edit] = (), max_new_tokens: int = 12
) -> AnswersSoFar:
    """What a model says after a prompt, greedily, without edits and with them, and the first token where they differ.

    Raises RequestError for an edit that the model cannot take, PromptError for a prompt that is empty or too long.
    """
    with edited(model, edits) as opened:
        *_, last = answer(opened, Answer(prompt_text(prompt), max_new_tokens), never)
    return last


def keep_vector(
    model: Model | Facade,
    prompt: str,
    name: str,
    *,
    positions: int | Sequence[int] = -1,
    layer: Layer = "embed",
    module: Module | None = None,
    stack: str = "",
    overwrite: bool = False,
) -> Path:
    """Keep the mean of states at tokens of a prompt in a safetensors file with where it comes from; returns the file.

    Args:
        name: a word, or the path of a file that ends in `.safetensors`.
        positions: one or more; negative ones count from the end.
        layer: of the stream; with a `module` its output is read instead.

    Raises:
        RequestError: for what is not there, or a file that is, unless `overwrite`.
    """
    opened, text = as_model(model), prompt_text(prompt)
    source = source_tokens(opened, text, stack)
    number = EMBED if module is not None else layer_number(layer)
    cells = tuple(Cell(number, position) for position in positions_in(source, positions))
    tensor = None if module is None else as_module(module)
    return Path(keep(opened, KeepVector(text, cells, name, "", tensor, stack, overwrite), never).file)


def load_vector(name: str) -> torch.Tensor:
    """The vector `(width,)` float32 that was kept under a name or in a file; raises RequestError if there is none."""
    return read_vector(name).vector

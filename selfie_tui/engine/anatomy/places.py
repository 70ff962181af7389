"""The record of a model's anatomy: its residual streams, final norms and head, by paths and call numbers.

It holds no module, so that it can be pickled, sent, and used with any model of the same structure; modules are looked
up where they are needed, in a mapping from paths such as `Model.modules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import TensorPath, tensor_at
from selfie_tui.engine.anatomy.stacks import Stack
from selfie_tui.errors import LoadError, RequestError


@dataclass(frozen=True, slots=True)
class Unembedding:
    """How states at the end of a stack become logits: the modules at `paths` in order, then the head.

    `input_scale` multiplies the input of the head (T5), `logit_scale` and `softcap` change its output:
    `softcap * tanh(head(input_scale * x) * logit_scale / softcap)`.
    """

    paths: tuple[str, ...]
    head: str
    input_scale: float = 1.0
    logit_scale: float = 1.0
    softcap: float | None = None

    def bind(self, modules: Mapping[str, nn.Module]) -> BoundUnembedding:
        """The unembedding of one model, whose modules are given by path."""
        return BoundUnembedding(self, tuple(modules[path] for path in self.paths), modules[self.head])


@dataclass(frozen=True)
class BoundUnembedding:
    """An unembedding with the modules of one model."""

    record: Unembedding
    modules: tuple[nn.Module, ...]
    head: nn.Module

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of residual states at the output of the last block: `(..., hidden)` to `(..., vocabulary)` float32."""
        return self.head_logits(self.head_inputs(hidden))

    def head_inputs(self, hidden: torch.Tensor) -> torch.Tensor:
        """The head's inputs `(..., width)` of residual states `(..., hidden)` at the output of the last block."""
        for module in self.modules:
            hidden = module(hidden)
        return hidden if self.record.input_scale == 1.0 else hidden * self.record.input_scale

    def head_logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits of the head's input: `(..., head's width)` to `(..., vocabulary)` float32.

        A table of embeddings that is the head (FSMT) is a matrix to multiply with, not a function to call.
        """
        if isinstance(self.head, nn.Embedding):
            return self.post(nn.functional.linear(inputs, self.head.weight))
        return self.post(self.head(inputs))

    def post(self, scores: torch.Tensor) -> torch.Tensor:
        """The logits, float32, that the model makes of the head's output `(...)`: its own scale and soft-cap."""
        logits = scores.float()
        if self.record.logit_scale != 1.0:
            logits = logits * self.record.logit_scale
        softcap = self.record.softcap
        return logits if softcap is None else softcap * torch.tanh(logits / softcap)


@dataclass(frozen=True, slots=True)
class Anatomy:
    """The locations in a model that the engine reads and writes.

    `stacks` holds the stack that a prompt runs through first (the only one, or an encoder-decoder's encoder) and then
    the decoder. `unembeddings` say how a stack's last states become logits; a stack without one is read through the
    model itself. `head` is the path of the output head, `base_model` that of the module that returns the head's input,
    None where there is no such module. `logits_path` leads to the logits in the model's output; `last_only` is whether
    they are those of the last position alone.
    """

    stacks: tuple[Stack, ...]
    unembeddings: tuple[Unembedding | None, ...]
    vocabulary: int
    head: str
    base_model: str | None = None
    logits_path: TensorPath = ("logits",)
    last_only: bool = False

    def logits_in(self, output: Any) -> torch.Tensor:
        """The logits `(rows, positions, vocabulary)` in the model's output."""
        logits: torch.Tensor = tensor_at(self.logits_path, output)
        return logits

    @property
    def main(self) -> Stack:
        """The stack that a prompt runs through first."""
        return self.stacks[0]

    @property
    def last(self) -> Stack:
        """The stack whose end becomes the logits."""
        return self.stacks[-1]

    @property
    def block_paths(self) -> tuple[str, ...]:
        """The paths of the blocks of all stacks, each once."""
        return tuple(dict.fromkeys(block.path for stack in self.stacks for block in stack.blocks))

    @property
    def blocks_path(self) -> str:
        """The path of the list of blocks that a prompt runs through first."""
        return self.main.path

    def stack(self, name: str) -> Stack:
        """The stack called `name`; the first one for an empty name.

        Raises:
            RequestError: naming those there are.
        """
        found = next((stack for stack in self.stacks if name in ("", stack.name)), None)
        if found is None:
            names = ", ".join(stack.name for stack in self.stacks)
            raise RequestError(f"This model has no {name}.", f"Choose of: {names}.")
        return found

    def unembedding(self, name: str) -> Unembedding | None:
        """How the states at the end of a stack become logits, None where only the model itself can compute them."""
        return self.unembeddings[self.stacks.index(self.stack(name))]


def embeddings_of(module: Any) -> Any:
    """The table of token embeddings, a module with a weight `(tokens, width)`: the model's own answer, or the first.

    Raises:
        LoadError: if there is none.
    """
    try:
        table = module.get_input_embeddings()
    except (AttributeError, NotImplementedError):
        table = None
    if not isinstance(getattr(table, "weight", None), torch.Tensor):
        table = next((part for part in module.modules() if isinstance(part, nn.Embedding)), None)
    if not isinstance(getattr(table, "weight", None), torch.Tensor):
        raise LoadError("No table of token embeddings was found in the model.", "Load a language model.")
    return table


def text_config(module: Any) -> Any:
    """The configuration of a model's text part, None of a module without any."""
    config = getattr(module, "config", None)
    return getattr(config, "get_text_config", lambda: config)()

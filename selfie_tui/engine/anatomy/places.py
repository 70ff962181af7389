"""Where a transformer keeps its residual streams, final norm and head, found by watching one forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import TensorPath, at
from selfie_tui.engine.anatomy.stacks import Stack, distinct
from selfie_tui.errors import LoadError, RequestError


@dataclass(frozen=True)
class Unembedding:
    """How states at the end of a stack become logits: modules in order, then the head.

    `entry` scales what the head is given (T5), `scale` and `softcap` what it gives:
    `softcap * tanh(head(entry * x) * scale / softcap)`.
    """

    modules: tuple[nn.Module, ...]
    head: nn.Module
    entry: float = 1.0
    scale: float = 1.0
    softcap: float | None = None

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of residual states at the output of the last block: `(..., hidden)` to `(..., vocabulary)` float32."""
        for module in self.modules:
            hidden = module(hidden)
        return self.head_logits(hidden if self.entry == 1.0 else hidden * self.entry)

    def head_logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits float32 of what the head is given: `(..., head's width)` to `(..., vocabulary)`."""
        logits: torch.Tensor = self.head(hidden).float()
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)


@dataclass(frozen=True)
class Anatomy:
    """The places of a model that the engine works on.

    `stacks` holds the stack that a prompt runs through first (the only one, or an encoder-decoder's encoder) and then
    the decoder. `tails` say how a stack's last states become logits; a stack without one is read through the model
    itself. `trunk` is the part of the model that gives the head its input, None where that is no module of its own.
    `logits_slot` is where the logits are in the model's output; `last_only` is whether they are those of the last
    position alone.
    """

    stacks: tuple[Stack, ...]
    unembeddings: tuple[Unembedding | None, ...]
    vocabulary: int
    head: nn.Module
    trunk: nn.Module | None = None
    logits_slot: TensorPath = ("logits",)
    last_only: bool = False

    def logits_in(self, output: Any) -> torch.Tensor:
        """The logits `(rows, positions, vocabulary)` in the model's output."""
        logits: torch.Tensor = at(self.logits_slot, output)
        return logits

    @property
    def main(self) -> Stack:
        """The stack that a prompt runs through first."""
        return self.stacks[0]

    @property
    def last(self) -> Stack:
        """The stack whose end gives the logits."""
        return self.stacks[-1]

    @property
    def blocks(self) -> tuple[nn.Module, ...]:
        """The blocks of all stacks, each once."""
        return distinct(site.module for stack in self.stacks for site in stack.sites)

    @property
    def blocks_path(self) -> str:
        """The attribute path of the list of blocks that a prompt runs through first."""
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

    def tail(self, name: str) -> Unembedding | None:
        """How the states at the end of a stack become logits, None where only the model itself can say."""
        return self.unembeddings[self.stacks.index(self.stack(name))]


def embeddings_of(module: Any) -> Any:
    """The table of token embeddings: what the model says it is, or the first one in it."""
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
    """The configuration of a model's text part; of a module without any, an empty one."""
    config = getattr(module, "config", None)
    return getattr(config, "get_text_config", lambda: config)()

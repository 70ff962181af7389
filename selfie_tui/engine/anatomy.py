"""Where a transformer keeps its blocks, final norm and head, found by structure and by watching one forward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from selfie_tui.errors import LoadError


@dataclass(frozen=True)
class Anatomy:
    """The places of a decoder that the engine works on.

    `blocks_path` is the attribute path of the block list; `tail` are the modules that run between the last block and
    the head, in order (the final norm, and in some models a projection); `trunk` is the part of the model that gives
    the head its input, None where that is no module of its own; `softcap` and `scale` are what the model does to its
    head's output: `softcap * tanh(x * scale / softcap)`.
    """

    blocks_path: str
    blocks: tuple[nn.Module, ...]
    tail: tuple[nn.Module, ...]
    head: nn.Module
    trunk: nn.Module | None = None
    softcap: float | None = None
    scale: float = 1.0

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of residual states at the output of the last block: `(..., hidden)` to `(..., vocabulary)` float32."""
        for module in self.tail:
            hidden = module(hidden)
        return self.read_out(hidden)

    def read_out(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits float32 of what the head is given: `(..., head's width)` to `(..., vocabulary)`."""
        logits: torch.Tensor = self.head(hidden).float()
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)


LOGIT_SCALES: dict[str, Callable[[float], float]] = {
    "logit_scale": lambda value: value,
    "logits_scaling": lambda value: 1.0 / value,
}
"""Config fields by which families scale their logits (Cohere multiplies, Granite divides)."""


def find_anatomy(model: Any) -> Anatomy:
    """Find the blocks, the modules after them, and the head of a causal language model.

    The blocks are the longest `ModuleList` whose children are of one class; what runs between the last block and the
    head is seen in one forward over a single token, so no table of names is needed.

    Raises:
        LoadError: if the model has no repeated block or no output head.
    """
    path, blocks = find_blocks(model)
    head = model.get_output_embeddings()
    if head is None:
        raise LoadError("The model has no output head.", "Load a checkpoint of a causal language model.")
    config = model.config.get_text_config()
    scale = next(
        (
            convert(float(getattr(config, field)))
            for field, convert in LOGIT_SCALES.items()
            if getattr(config, field, None) is not None
        ),
        1.0,
    )
    tail, trunk = watch_tail(model, blocks, head)
    return Anatomy(
        blocks_path=path,
        blocks=blocks,
        tail=tail,
        head=head,
        trunk=trunk,
        softcap=getattr(config, "final_logit_softcapping", None),
        scale=scale,
    )


def find_blocks(model: nn.Module) -> tuple[str, tuple[nn.Module, ...]]:
    """The path and the modules of the longest list of same-class blocks, the outermost and first of equals."""
    lists = [
        (path, tuple(module))
        for path, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len({type(child) for child in module}) == 1 and has_weights(module)
    ]
    if not lists:
        raise LoadError(
            "No stack of transformer blocks was found in the model.", "Load a decoder-only transformer language model."
        )
    return max(lists, key=lambda found: (len(found[1]), -found[0].count(".")))


def has_weights(module: nn.Module) -> bool:
    """Whether there is any parameter in a module: lists of bare functions are no stacks of blocks."""
    return any(True for _ in module.parameters())


def watch_tail(
    model: Any, blocks: tuple[nn.Module, ...], head: nn.Module
) -> tuple[tuple[nn.Module, ...], nn.Module | None]:
    """What runs after the last block and before the head, outermost modules in order; and the trunk.

    The trunk is the model's base model if the head was given exactly what that gave back.
    """
    order: list[nn.Module] = []
    seen: dict[str, Any] = {}
    inside = {id(module) for block in blocks for module in block.modules()}

    def note(module: nn.Module, args: Any, output: Any) -> None:
        if module is blocks[-1]:
            seen["last block"] = True
        elif module is head:
            seen["head"] = args[0]
        elif module is model.base_model:
            seen["trunk"] = getattr(output, "last_hidden_state", None)
        if "last block" in seen and "head" not in seen and module is not model and id(module) not in inside:
            order.append(module)

    watched = [blocks[-1], *(module for module in model.modules() if id(module) not in inside)]
    handles = [module.register_forward_hook(note) for module in watched]
    try:
        with torch.no_grad():
            device = model.get_input_embeddings().weight.device
            model(input_ids=torch.zeros((1, 1), dtype=torch.long, device=device))
    finally:
        for handle in handles:
            handle.remove()
    after = [module for module in order if not encloses(module, blocks[-1])]
    tail = tuple(module for module in after if not any(encloses(other, module) for other in after))
    given, gave = seen.get("head"), seen.get("trunk")
    same = isinstance(given, torch.Tensor) and isinstance(gave, torch.Tensor) and torch.equal(given, gave)
    return tail, model.base_model if same else None


def encloses(module: nn.Module, part: nn.Module) -> bool:
    """Whether `part` is somewhere inside `module`, which is not itself."""
    return module is not part and any(child is part for child in module.modules())

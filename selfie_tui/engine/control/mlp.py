"""The MLP of a layer whose weights can be trained, and its weights as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from selfie_tui.engine.anatomy.locations import is_projection
from selfie_tui.engine.anatomy.stacks import Block
from selfie_tui.engine.model import Model
from selfie_tui.engine.sublayers import BlockParts, Part
from selfie_tui.errors import RequestError
from selfie_tui.records import EMBED

PLAIN = (torch.Tensor, nn.Parameter)
"""Kinds of tensor that hold their numbers as they are; others are quantized ones."""

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class LayerMlp:
    """The MLP of a layer: the block, the path of the module, and the names of its parameters there.

    Of an MLP without a module of its own (OPT, BERT) the module is the block, and the parameters are those of its
    matrices that are in no other part.
    """

    layer: int
    block: Block
    path: str
    names: tuple[str, ...]

    def weights(self, model: Model) -> dict[str, torch.Tensor]:
        """The parameters `(...)` by name, not copied: those that an edit lets stand, where one does."""
        parameters = dict(model.modules[self.path].named_parameters())
        return {name: parameters[name].detach() for name in self.names}


def find_mlp(model: Model, layer: int, stack: str = "") -> LayerMlp:
    """The MLP of a layer.

    Raises:
        RequestError: for a layer that is not there, has no MLP, shares its weights with others, or is quantized.
    """
    model.check_layer(layer, stack)
    if layer == EMBED:
        raise RequestError("The embeddings have no MLP to train.", "Choose layer 0 or a later one.")
    blocks = model.anatomy.stack(stack).blocks
    block, name = blocks[layer], model.anatomy.stack(stack).name
    if block.entry_path != block.path or sum(other.path == block.path for other in blocks) > 1:
        raise RequestError(
            f"Layer {layer} of {model.name} has no module of its own, so that it cannot be trained alone.",
            "Steer it, or use a model whose layers share no weights.",
        )
    parts = next(each for each in model.sublayers if each.stack == name).blocks[layer]
    mlp = parts.part("mlp")
    if mlp is None:
        raise RequestError(
            f"No MLP was found in layer {layer} of {model.name}{f': {parts.lacking}' if parts.lacking else ''}.",
            "Choose another layer, or steer this one.",
        )
    path, names = parameters_of(model, block, parts, mlp)
    parameters = dict(model.modules[path].named_parameters())
    check_trainable(model, path, [parameters[name] for name in names], model.modules[mlp.path].buffers())
    return LayerMlp(layer, block, path, names)


def parameters_of(model: Model, block: Block, parts: BlockParts, mlp: Part) -> tuple[str, tuple[str, ...]]:
    """The path of the module of an MLP and the names of its parameters there (see `LayerMlp`)."""
    module = model.modules[mlp.path]
    if sum(each.dim() > 1 for each in module.parameters()) != 1:  # what has one alone is the last of several matrices
        return mlp.path, tuple(name for name, _ in module.named_parameters())
    others = [part.path for part in parts.parts if part is not mlp]
    names = []
    for name, part in model.modules[block.path].named_modules(prefix=block.path):
        inside = any(name == other or name.startswith(f"{other}.") for other in others)
        if is_projection(part) and not inside:
            own = name.removeprefix(block.path).removeprefix(".")
            names += [f"{own}.{each}" for each, _ in part.named_parameters(recurse=False)]
    return block.path, tuple(names)


def check_trainable(
    model: Model, path: str, parameters: Sequence[torch.Tensor], buffers: Iterable[torch.Tensor]
) -> None:
    """Refuse parameters `(...)` that are quantized, not in memory, or none; raises RequestError."""
    plain = all(type(each) in PLAIN and each.dtype in DTYPES for each in parameters)
    packed = any(not each.is_floating_point() and each.dim() > 1 for each in buffers)  # GPTQ keeps its codes there
    if not parameters or not plain or packed:
        raise RequestError(
            f"The weights of {path} in {model.name} are quantized and cannot be trained.",
            "Load the model in fp32 or bf16.",
        )
    if any(each.device.type == "meta" for each in parameters):
        raise RequestError(
            f"The weights of {path} in {model.name} are not in memory.", "Load the model on one device that holds it."
        )

"""The anatomy of a model without its weights: found on a small random twin, then scaled to the model's real depth.

The twin has the class and the switches of the model and a few narrow layers, so that its anatomy is found in a
fraction of a second and without a download. What is found are paths and call numbers; the real model's paths come from
a skeleton of it on the meta device, which has modules but no numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.finding import find_anatomy, logit_scale, softcap
from selfie_tui.engine.anatomy.inputs import input_builder
from selfie_tui.engine.anatomy.places import Anatomy, Unembedding, embeddings_of, text_config
from selfie_tui.engine.anatomy.shrink import randomise, small_config
from selfie_tui.engine.anatomy.shrink_rules import WEIGHTS, WEIGHTS_OF
from selfie_tui.engine.anatomy.stacks import Block, Stack, StreamLocation, block_lists, interned
from selfie_tui.errors import LoadError

REMEDY = "Load the model itself: its anatomy is then found on it."


def anatomy_by_twin(model_class: Any, config: Any, dtype: torch.dtype = torch.float32) -> Anatomy:
    """The anatomy that the model `model_class(config)` has in a number format, without building its weights.

    `model_class` is a class of transformers' models, such as `LlamaForCausalLM`.

    Raises:
        LoadError: if no anatomy is found on the twin, or it cannot be scaled to the model's depth.
    """
    twin = build_twin(model_class, config).to(dtype)
    found = find_anatomy(twin, input_builder(twin), torch.device("cpu"))
    with torch.device("meta"):
        skeleton = model_class(config)
    return scale_anatomy(found, twin, skeleton)


def build_twin(model_class: Any, config: Any, seed: int = 0) -> Any:
    """A small random model of a class in float32 on the CPU, with the structure that a configuration says."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        twin = model_class(small_config(config)).float().eval()
        randomise(twin, WEIGHTS_OF.get(config.model_type, WEIGHTS))
    return twin


def scale_anatomy(found: Anatomy, twin: Any, model: Any) -> Anatomy:
    """The anatomy of a twin as that of a model of the same structure, which may be on the meta device.

    Raises:
        LoadError: if the model's modules are not those of the twin but for the number of blocks.
    """
    stacks = tuple(scale_stack(stack, twin, model) for stack in found.stacks)
    unembeddings = tuple(
        None if each is None else scale_unembedding(each, stack, model)
        for each, stack in zip(found.unembeddings, stacks, strict=True)
    )
    paths = {found.head, *(path for each in unembeddings if each for path in each.paths)}
    paths |= set() if found.base_model is None else {found.base_model}
    missing = sorted(paths - dict(model.named_modules()).keys())
    if missing:
        raise LoadError(f"The model has no {missing[0]}, which its small twin has.", REMEDY)
    return replace(found, stacks=stacks, unembeddings=unembeddings, vocabulary=scale_vocabulary(found, twin, model))


def scale_stack(stack: Stack, twin: Any, model: Any) -> Stack:
    """A twin's stack with the blocks and the width of the model."""
    small, real = (hidden_size(each, stack.name) for each in (twin, model))
    return replace(stack, blocks=interned(scale_blocks(stack, twin, model)), width=stack.width * real // small)


def scale_blocks(stack: Stack, twin: Any, model: Any) -> tuple[Block, ...]:
    """The blocks of a twin's stack in the model: those of the same list, or more calls of the one that is shared."""
    blocks, inner = stack.blocks, stack.blocks[1:-1] or stack.blocks
    if len(blocks) > 1 and len({block.path for block in blocks}) == 1:
        layers, (middle, *_) = int(text_config(model).num_hidden_layers), inner
        more = (replace(middle, call=call) for call in range(1, layers - 1))
        return (blocks[0], *more, replace(blocks[-1], call=layers - 1))
    small, real = (dict(block_lists(each)).get(stack.path, []) for each in (twin, model))
    if [(block.entry_path, block.path) for block in blocks] != small or not real:
        raise LoadError(f"The layers of {stack.path} are not one call of each of its modules in order.", REMEDY)
    twins, parts = dict(twin.named_modules()), dict(model.named_modules())
    locations: dict[type, set[tuple[StreamLocation, StreamLocation]]] = {}
    for block in inner:
        locations.setdefault(type(twins[block.path]), set()).add((block.input, block.output))
    for block in (blocks[0], blocks[-1]):  # for a class of block that is at an end alone
        locations.setdefault(type(twins[block.path]), {(block.input, block.output)})
    scaled = []
    for entry_path, path in real:
        known = locations.get(type(parts[path]), set())
        if len(known) != 1:
            raise LoadError(f"The twin does not show where the stream is in {path}.", REMEDY)
        ((resid_pre, resid_post),) = known
        scaled.append(Block(path, entry_path, 0, resid_pre, resid_post))
    scaled[0] = replace(scaled[0], input=blocks[0].input)
    scaled[-1] = replace(scaled[-1], output=blocks[-1].output)
    return tuple(scaled)


def scale_unembedding(found: Unembedding, stack: Stack, model: Any) -> Unembedding:
    """A twin's unembedding with the factors of the model."""
    config = text_config(model)
    input_scale = 1.0 if found.input_scale == 1.0 else stack.width**-0.5
    return replace(found, input_scale=input_scale, logit_scale=logit_scale(config), softcap=softcap(config))


def scale_vocabulary(found: Anatomy, twin: Any, model: Any) -> int:
    """The number of the model's logits: the rows of its head or of its embeddings, whichever are the twin's logits."""
    for small, real in (
        (twin.get_submodule(found.head), model.get_submodule(found.head)),
        (embeddings_of(twin), embeddings_of(model)),
    ):
        if rows_of_weight(small) == found.vocabulary:
            return rows_of_weight(real)
    raise LoadError("The twin does not show how many logits the model has.", REMEDY)


def rows_of_weight(module: nn.Module) -> int:
    """The rows of a module's matrix, 0 where it has none."""
    weight = getattr(module, "weight", None)
    return int(weight.shape[0]) if isinstance(weight, torch.Tensor) else 0


def hidden_size(model: Any, stack: str) -> int:
    """The width that the configuration of a stack says.

    Raises:
        LoadError: if it says none.
    """
    config = getattr(model.config, stack, None)
    size = getattr(config if hasattr(config, "hidden_size") else text_config(model), "hidden_size", None)
    if not isinstance(size, int):
        raise LoadError("The model's configuration has no hidden size.", REMEDY)
    return size

"""The tree of a model's modules as records, and modules found by what a user writes of their paths.

The modules may be on the meta device: no number of theirs is read. Of equal siblings in a list only the first has nodes
below it, so that a model of 61 layers with 256 experts each has no more nodes than one of a layer and an expert, but
for one node a sibling.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from torch import nn

from selfie_tui.engine.anatomy.places import Anatomy
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.records import EMBED, ModuleNode

LISTS = (nn.ModuleList, nn.Sequential, nn.ModuleDict)

Layers = Mapping[str, tuple[str, int]]
"""Stack and layer by the path of a block."""

Signature = int
"""A number that is equal for modules of equal class, weights and parts."""


def module_nodes(root: nn.Module, anatomy: Anatomy | None = None) -> tuple[ModuleNode, ...]:
    """The modules below a model, parents before their parts; with an `anatomy` they say which layer they are in."""
    layers = block_layers(anatomy) if anatomy else {}
    signatures = Signatures()
    return tuple(
        node for name, part in root.named_children() for node in nodes_below(part, name, signatures, layers, ("", None))
    )


def block_layers(anatomy: Anatomy) -> dict[str, tuple[str, int]]:
    """Stack and layer by the path of a block; the first layer of a block that several share."""
    found: dict[str, tuple[str, int]] = {}
    for stack in anatomy.stacks:
        for layer, block in enumerate(stack.blocks):
            found.setdefault(block.path, (stack.name, layer))
    return found


def nodes_below(
    module: nn.Module, path: str, signatures: Signatures, layers: Layers, within: tuple[str, int | None], like: str = ""
) -> Iterator[ModuleNode]:
    """The node of a module and, unless it is `like` another one, those of its parts."""
    stack, layer = layers.get(path, within)
    yield ModuleNode(
        path=path,
        kind=type(module).__name__,
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        shape=weight_shape(module),
        note=note_of(module),
        like=like,
        layer=layer,
        stack=stack,
    )
    if like:
        return
    firsts: dict[Signature, str] = {}
    for name, part in module.named_children():
        own = f"{path}.{name}"
        first = firsts.setdefault(signatures.of(part), own) if isinstance(module, LISTS) else own
        yield from nodes_below(part, own, signatures, layers, (stack, layer), "" if first == own else first)


def layer_around(model: Model, path: str) -> int:
    """The layer that a module is or is inside of, `EMBED` for one outside of the blocks."""
    found = (layer for block, (_, layer) in block_layers(model.anatomy).items() if f"{path}.".startswith(f"{block}."))
    return next(found, EMBED)


class Signatures:
    """Numbers modules so that those that are equal but for their weights' values have the same number."""

    def __init__(self) -> None:
        self.known: dict[tuple[object, ...], Signature] = {}
        self.of_module: dict[int, Signature] = {}

    def of(self, module: nn.Module) -> Signature:
        """The signature of a module."""
        if id(module) not in self.of_module:
            weights = tuple((name, tuple(each.shape)) for name, each in module.named_parameters(recurse=False))
            parts = tuple((name, self.of(part)) for name, part in module.named_children())
            self.of_module[id(module)] = self.known.setdefault((type(module), weights, parts), len(self.known))
        return self.of_module[id(module)]


def weight_shape(module: nn.Module) -> tuple[int, ...]:
    """The shape of a module's own weight, () without one."""
    weight = getattr(module, "weight", None)
    return tuple(weight.shape) if isinstance(weight, nn.Parameter) else ()


def note_of(module: Any) -> str:
    """What a module is in a few characters: `576 → 576` of a projection, `9 heads / 3` of an attention; "" of others.

    The second number of heads is that of keys and values, where it is another one.
    """
    shape = weight_shape(module)
    if isinstance(getattr(module, "in_features", None), int) and isinstance(getattr(module, "out_features", None), int):
        return f"{module.in_features} → {module.out_features}"
    if type(module).__name__ == "Conv1D" and len(shape) == 2:  # GPT-2's projection, whose matrix is the other way round
        return f"{shape[0]} → {shape[1]}"
    if shape:
        return " × ".join(str(size) for size in shape)
    return heads_of(module)


def heads_of(module: Any) -> str:
    """The heads that an attention says it has: its own numbers, or those of its configuration; "" of other modules."""
    config = getattr(module, "config", None) if hasattr(module, "head_dim") else None
    count = first_int((module, config), ("num_heads", "num_attention_heads", "n_heads", "n_head"))
    groups = getattr(module, "num_key_value_groups", None)
    if count is None:
        return ""
    keys = count // groups if isinstance(groups, int) and groups else count
    return f"{count} heads" if keys == count else f"{count} heads / {keys}"


def first_int(owners: Iterable[Any], names: Iterable[str]) -> int | None:
    """The first attribute of these names that is a whole number."""
    names = tuple(names)
    found = (getattr(owner, name, None) for owner in owners if owner is not None for name in names)
    return next((value for value in found if isinstance(value, int) and not isinstance(value, bool)), None)


def full_path(modules: Mapping[str, nn.Module], written: str) -> str:
    """The path of the module that a user means: a path, or a unique ending of one, such as `layers.5.mlp`.

    Raises:
        RequestError: for one that is no module, or several, naming some.
    """
    text = written.strip().strip(".")
    if text and text in modules:
        return text
    found = [path for path in modules if text and path.endswith(f".{text}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise RequestError(
            f"“{text}” is the end of {len(found)} modules: {', '.join(found[:3])}{', …' if found[3:] else ''}.",
            "Write more of the path.",
        )
    close = get_close_matches(text, [path for path in modules if path], n=3, cutoff=0.4)
    hint = f"The nearest are {', '.join(close)}." if close else "The tree of modules has all of them."
    raise RequestError(f"No module “{text}” in this model.", hint)

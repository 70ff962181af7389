"""What a module in hand may bring that a run must mind, and what a run changes of it for as long as it lasts.

Its mode, its configurations' wishes, a user's own hooks; other weights in place of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

NOTING = "transformers.utils.output_capturing"
"""The module of transformers whose hooks only note what a module returns."""


def hooks_on(modules: Mapping[str, nn.Module], paths: Iterable[str]) -> frozenset[tuple[str, int]]:
    """The forward hooks of modules: the path and the id of each.

    Those by which transformers notes hidden states and attentions are left out: once asked for they stay, and change
    nothing.
    """
    return frozenset(
        (path, number)
        for path in paths
        for hooks in (modules[path]._forward_hooks, modules[path]._forward_pre_hooks)
        for number, hook in hooks.items()
        if getattr(hook, "__module__", "") != NOTING
    )


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """While open, a module in training is in evaluation mode: a user may read between two epochs."""
    training = [part for part in module.modules() if part.training] if module.training else []
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def configs_of(module: Any) -> tuple[Any, ...]:
    """The configurations of a module and its parts, each once."""
    found = (getattr(part, "config", None) for part in module.modules())
    return tuple({id(config): config for config in found if hasattr(config, "return_dict")}.values())


@contextmanager
def returning_mappings(configs: Sequence[Any]) -> Iterator[None]:
    """While open, forwards return their outputs by name also where `config.return_dict` is False.

    An argument would not do: families whose base model asks its own configuration (Llama, GPT-2) fail on its tuple.
    """
    changed = [config for config in configs if config.return_dict is False]
    for config in changed:
        config.return_dict = True
    try:
        yield
    finally:
        for config in changed:
            config.return_dict = False


@contextmanager
def replacing_parameters(module: nn.Module, tensors: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """While open, parameters of a module, by their names in it, are other tensors of their shapes `(...)`.

    Nothing is copied and no number is written: afterwards the module holds the same parameters as before.
    """
    before: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for name, tensor in tensors.items():
            path, _, own = name.rpartition(".")
            held: dict[str, Any] = module.get_submodule(path)._parameters
            before.append((held, own, held[own]))
            held[own] = tensor
        yield
    finally:
        for held, own, parameter in reversed(before):
            held[own] = parameter

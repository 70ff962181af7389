"""One watched forward over a few tokens: which modules were called, in which order, with which tensors.

The residual stream is found from this record and not from a table of names: a stack is a list of modules of which each
is called with what the one before it returned.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from traceback import walk_tb
from typing import Any

import torch
from torch import nn

TensorPath = tuple[int | str, ...]
"""Indices and names that lead to a tensor inside arguments or a result; empty where the result is the tensor."""

MODEL_ERRORS = (RuntimeError, TypeError, ValueError, IndexError, AttributeError, KeyError, AssertionError)
"""The errors that the code of a model raises where it does not support what is asked of it."""

DEPTH = 2
"""Levels of tuples, lists and mappings in which tensors are looked for."""

OWN = str(Path(__file__).parents[2]) + os.sep
CALLS_OF_MODULES = str(Path(nn.modules.module.__file__))
"""The folder of this package, and the file through which every module is called: where an error was raised."""


class ModelFailed(Exception):  # noqa: N818 - the model's failure, and not an error of ours
    """An error of the model's own code; its message is one line."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")


@contextmanager
def model_code() -> Iterator[None]:
    """While open, errors of the model's own code become `ModelFailed`; those of this package stay as they are.

    Raises:
        ModelFailed: if code of the model raises one of `MODEL_ERRORS`.
    """
    try:
        yield
    except MODEL_ERRORS as error:
        if not is_of_model(error):
            raise
        raise ModelFailed(error) from error


def is_of_model(error: BaseException) -> bool:
    """Whether an error was raised within a module's call, with no frame of this package further in (a hook)."""
    files = [frame.f_code.co_filename for frame, _ in walk_tb(error.__traceback__)]
    last = max((index for index, file in enumerate(files) if file.startswith(OWN)), default=-1)
    return CALLS_OF_MODULES in files[last + 1 :]


@dataclass(frozen=True)
class Call:
    """One call of a module, with copies of its floating-point tensors.

    `number` counts the calls of that module in the forward from 0. `start` and `end` are its times on a clock that
    ticks at every start and end of a call. `inputs` are paths into `(args, kwargs)`, `outputs` paths into the result.
    """

    path: str
    module: nn.Module
    number: int
    start: int
    end: int
    inputs: Mapping[TensorPath, torch.Tensor]
    outputs: Mapping[TensorPath, torch.Tensor]

    def encloses(self, other: Call) -> bool:
        """Whether another call was made within this one."""
        return self.start < other.start and other.end < self.end


@dataclass(frozen=True)
class ForwardCalls:
    """The calls of one forward, in the order in which they began, and the model's output."""

    calls: tuple[Call, ...]
    output: Any

    @cached_property
    def by_path(self) -> dict[str, tuple[Call, ...]]:
        """The calls of every module that was called."""
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            found.setdefault(call.path, []).append(call)
        return {path: tuple(calls) for path, calls in found.items()}

    def of(self, path: str) -> tuple[Call, ...]:
        """The calls of the module at a path."""
        return self.by_path.get(path, ())


def paths_of(model: nn.Module) -> dict[int, str]:
    """The path of every module by its id; of a module that is registered twice, the first."""
    return {id(module): path for path, module in model.named_modules()}


def watch(model: nn.Module, run: Callable[[], Any], chosen: Callable[[nn.Module], bool]) -> ForwardCalls:
    """The calls of the chosen modules during `run`, a forward of `model`."""
    open_calls: list[tuple[nn.Module, int, int, dict[TensorPath, torch.Tensor]]] = []
    calls: list[Call] = []
    counts: dict[int, int] = {}
    paths, clock = paths_of(model), 0

    def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nonlocal clock
        clock += 1
        number = counts.get(id(module), 0)
        counts[id(module)] = number + 1
        # copied, as blocks may write into their inputs
        inputs = {path: tensor.clone() for path, tensor in tensors_in((args, kwargs), DEPTH + 1)}
        open_calls.append((module, number, clock, inputs))

    def after(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        nonlocal clock
        clock += 1
        while open_calls:
            opened, number, start, inputs = open_calls.pop()
            if opened is module:
                outputs = {path: tensor.clone() for path, tensor in tensors_in(output)}
                calls.append(Call(paths[id(module)], module, number, start, clock, inputs, outputs))
                return

    handles = []
    for module in model.modules():
        if chosen(module):
            handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
            handles.append(module.register_forward_hook(after, with_kwargs=True))
    try:
        with torch.no_grad():
            output = run()
    finally:
        for handle in handles:
            handle.remove()
    return ForwardCalls(tuple(sorted(calls, key=lambda call: call.start)), output)


def tensor_at(path: TensorPath, value: Any) -> Any:
    """The part of arguments or of a result that a path leads to."""
    for key in path:
        value = value[key]
    return value


def tensors_in(value: Any, depth: int = DEPTH) -> Iterator[tuple[TensorPath, torch.Tensor]]:
    """The floating-point tensors `(...)` inside tuples, lists and mappings, each with its path."""
    if isinstance(value, torch.Tensor):
        if value.is_floating_point():
            yield (), value
    elif depth:
        for key, part in parts_of(value):
            for path, tensor in tensors_in(part, depth - 1):
                yield (key, *path), tensor


def parts_of(value: Any) -> list[tuple[int | str, Any]]:
    """The items of a tuple, list or mapping, by index or name."""
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, (tuple, list)) else []


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors `(...)` of any shapes are equal, number by number; NaN equals NaN."""
    if one.shape != other.shape:
        return False
    return torch.equal(one, other) or (
        bool(one.isnan().any()) and torch.allclose(one, other.to(one), rtol=0, atol=0, equal_nan=True)
    )

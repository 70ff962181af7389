"""Edits: numbers written over a module's output or input in every forward, for as long as they stand.

No weight is written to, also where a module computes with other weights in place of its own. While a forward runs, the
body of an edited module is wrapped, so that whoever reads its output, a hook or a trace, sees what the next module
gets; afterwards nothing is left on it. Editing an activation and running on is an intervention in the sense of causal
tracing (Meng et al. 2022, arXiv 2202.05262 §2) and ablation.

When it misleads: a state that no text brings about can break what reads it, so that a changed answer need not mean that
the module held what the answer lacks (Zhang and Nanda 2024, arXiv 2309.16042). Zero is such a state where a module's
mean is not zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import TensorPath, tensor_at, tensors_in
from selfie_tui.engine.anatomy.layouts import DEPTH, Layout
from selfie_tui.engine.module_state import replacing_parameters
from selfie_tui.engine.tracing import changing_body
from selfie_tui.records import Edit


@dataclass(frozen=True)
class ReadyEdit:
    """An edit with the layout of the tensor that it changes, and what is in its file.

    That is a vector `(width,)`, or weights `(...)` by their names in the module.
    """

    edit: Edit
    layout: Layout
    vector: torch.Tensor | None = None
    weights: Mapping[str, torch.Tensor] | None = None


@dataclass
class Position:
    """Where a forward is: whether it is one over the prompt that is read, and the position of its first token.

    `rows` are those of the batch.
    """

    of_prompt: bool
    first: int = 0
    rows: int = 1


@dataclass(eq=False)
class StandingEdits:
    """The edits that stand in a model, and whether forwards now are over the prompt that is read.

    What is computed of a model and kept must be dropped where `now` is another one.
    """

    now: tuple[ReadyEdit, ...] = ()
    reads_prompt: bool = False
    is_open: bool = False
    """Whether the edits are being made: not once more within."""

    @property
    def records(self) -> tuple[Edit, ...]:
        """The edits as they were asked for."""
        return tuple(ready.edit for ready in self.now)

    @property
    def by_position(self) -> bool:
        """Whether what an edit does depends on a token's position in the prompt."""
        return any(edit.positions is not None or edit.action == "noise" for edit in self.records)

    @contextmanager
    def replaced(self, edits: Sequence[ReadyEdit]) -> Iterator[None]:
        """While open, these edits stand in place of those that do."""
        before, self.now = self.now, tuple(edits)
        try:
            yield
        finally:
            self.now = before

    @contextmanager
    def reading_prompt(self, reads: bool = True) -> Iterator[None]:
        """While open, forwards are over the prompt that is read: edits at positions are made in these alone."""
        before, self.reads_prompt = self.reads_prompt, reads
        try:
            yield
        finally:
            self.reads_prompt = before

    @contextmanager
    def making(self, root: nn.Module, modules: Mapping[str, nn.Module]) -> Iterator[None]:
        """While open, the edits are made in every forward of `root`, in their order; `modules` are its own by path."""
        if self.is_open or not self.now:
            yield
            return
        position = Position(self.reads_prompt)
        self.is_open = True
        with ExitStack() as stack:
            stack.callback(setattr, self, "is_open", False)
            hook = root.register_forward_pre_hook(lambda _, args, kwargs: locate(position, kwargs), with_kwargs=True)
            stack.callback(hook.remove)
            for ready in self.now:
                stack.enter_context(made(ready, position, modules[ready.edit.path]))
            yield


@contextmanager
def made(ready: ReadyEdit, position: Position, module: nn.Module) -> Iterator[None]:
    """While open, an edit is made at every call of its module."""
    if ready.weights is not None:
        with replacing_parameters(module, ready.weights):
            yield
        return
    if ready.edit.which == "output":
        with changing_body(module, lambda output: changed(ready, position, output)):
            yield
        return
    handle = module.register_forward_pre_hook(
        lambda _, args, kwargs: changed(ready, position, (args, kwargs)), with_kwargs=True
    )
    try:
        yield
    finally:
        handle.remove()


def locate(position: Position, kwargs: Mapping[str, Any]) -> None:
    """Note where a forward is, by its arguments: how many rows it has, and how many tokens its cache holds."""
    ids = [value for value in kwargs.values() if isinstance(value, torch.Tensor) and value.dim() == 2]
    position.rows = ids[0].shape[0] if ids else 1
    length = getattr(kwargs.get("past_key_values"), "get_seq_length", lambda: 0)
    position.first = int(length())


def changed(ready: ReadyEdit, position: Position, values: Any) -> Any:
    """Arguments or a result with the tensor of an edit changed; the same object where the edit does not reach it."""
    edit = ready.edit
    if edit.positions is not None and not position.of_prompt:
        return values
    found = list(tensors_in(values, DEPTH))
    if edit.index >= len(found):
        return values
    path, tensor = found[edit.index]
    return with_tensor(values, path, edited(ready, position, tensor))


def edited(ready: ReadyEdit, position: Position, tensor: torch.Tensor) -> torch.Tensor:
    """The tensor `(...)` after an edit, as another one: the old one may be the input of something else."""
    edit, layout = ready.edit, ready.layout
    if not layout.fits(tensor):
        return tensor if edit.positions is not None else written(ready, tensor[None, None], (0,))[0, 0]
    new = tensor.clone()
    view = layout.by_token(new, position.rows, cached=position.first > 0)  # (rows, tokens, ...)
    tokens = range(position.first, position.first + view.shape[1])
    chosen = tokens if edit.positions is None else [at for at in edit.positions if at in tokens]
    columns = [at - position.first for at in chosen]
    if columns:
        view[:, columns] = written(ready, view[:, columns], chosen)
    return new


def written(ready: ReadyEdit, numbers: torch.Tensor, positions: Sequence[int]) -> torch.Tensor:
    """The numbers `(rows, tokens, ...)` of the tokens at positions after an edit."""
    edit = ready.edit
    if edit.action == "zero":
        return torch.zeros_like(numbers)
    if edit.action == "scale":
        return numbers * edit.value
    if edit.action == "noise":
        return numbers + edit.value * noise(edit.seed, positions, numbers.shape[2:]).to(numbers)
    value = torch.full_like(numbers, edit.value)
    if ready.vector is not None:
        value = value * ready.vector.to(numbers).reshape(numbers.shape[2:])
    return value if edit.action == "set" else numbers + value


def noise(seed: int, positions: Sequence[int], shape: Sequence[int]) -> torch.Tensor:
    """Normal numbers `(tokens, ...)` of a shape for the token at each position, by seed and position alone.

    They do not depend on the device, on the batch, or on whether a token is read with others or alone.
    """
    seeds = ((seed * 1_000_003 + position) % 2**63 for position in positions)
    return torch.stack([torch.randn(*shape, generator=torch.Generator().manual_seed(each)) for each in seeds])


def with_tensor(values: Any, path: TensorPath, tensor: torch.Tensor) -> Any:
    """Arguments or a result with another tensor `(...)` at a path; what holds it is copied, and nothing else."""
    if not path:
        return tensor
    key, *rest = path
    part = with_tensor(tensor_at((key,), values), tuple(rest), tensor)
    if isinstance(values, tuple):
        items = [part if index == key else item for index, item in enumerate(values)]
        return values._make(items) if hasattr(values, "_make") else type(values)(items)
    new = copy(values)
    new[key] = part
    return new

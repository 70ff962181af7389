"""Tensors of any modules, caught by hooks in a forward over a prompt that ends once all of them were seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch

from selfie_tui.engine.anatomy.calls import tensors_in
from selfie_tui.engine.anatomy.layouts import DEPTH, Layout, noting
from selfie_tui.engine.inspecting.tree import full_path
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import Source, source_of
from selfie_tui.errors import RequestError
from selfie_tui.records import ModuleTensor, Side

Keep = Callable[[ModuleTensor, torch.Tensor], torch.Tensor]
"""What is kept of a tensor `(...)`: a copy of all or of a part of it."""


class AllSeen(Exception):  # noqa: N818 - ends a forward, and is no error
    """Every tensor that was wanted has been seen."""


@dataclass
class Catch:
    """Tensors that are wanted of a forward, and what was kept of those that were seen."""

    wanted: frozenset[ModuleTensor]
    keep: Keep
    found: dict[ModuleTensor, torch.Tensor] = field(default_factory=dict)

    def note(self, path: str, which: Side, call: int, values: Any) -> None:
        """Take what is wanted of a call's arguments or result."""
        for index, (_, tensor) in enumerate(tensors_in(values, DEPTH)):
            key = ModuleTensor(path, which, index, call)
            if key in self.wanted:
                self.found[key] = self.keep(key, tensor)

    @contextmanager
    def open(self, model: Model) -> Iterator[None]:
        """While open, forwards of a model are watched; calls are counted from here."""
        with noting(model.module, {tensor.path for tensor in self.wanted}, self.note):
            yield


@dataclass
class FinalCatch(Catch):
    """Tensors that are all that is wanted of a forward, which ends once they were seen."""

    def note(self, path: str, which: Side, call: int, values: Any) -> None:
        """Take what is wanted; raises `AllSeen` with the last of it."""
        super().note(path, which, call, values)
        if self.wanted <= self.found.keys():
            raise AllSeen


def catch_in_prompt(
    model: Model, source: Source, wanted: Iterable[ModuleTensor], keep: Keep, cancelled: Callable[[], bool]
) -> dict[ModuleTensor, torch.Tensor]:
    """What is kept of the tensors that are wanted of one forward over a prompt, as far as they were seen.

    Each is `(...)` as `keep` makes it. Edits that stand are made, those at positions too.
    """
    catch = FinalCatch(frozenset(wanted), keep)
    with model.edits.reading_prompt(), model.inference(cancelled), catch.open(model):
        run_prompt(model, source)
    return catch.found


def run_prompt(model: Model, source: Source) -> None:
    """One forward over a prompt, as far as a hook that raises `AllSeen`."""
    inputs = model.inputs([list(source.ids)], None if source.prefix is None else [list(source.prefix)], use_cache=False)
    with suppress(AllSeen):
        model.module(**inputs)


@dataclass(frozen=True)
class Tensors:
    """What is known of a module's tensors on one side before any prompt is run.

    `tensor` is the one that is meant, by its full path, `layout` its axes; `calls` and `count` are the numbers of calls
    in a forward and of tensors on that side.
    """

    tensor: ModuleTensor
    layout: Layout
    calls: int
    count: int


def find_tensor(model: Model, asked: ModuleTensor) -> Tensors:
    """The tensor that a user means, whose path may be the unique ending of one.

    Raises:
        RequestError: for a module that is not there, is not called, or has no such tensor, saying which it has.
    """
    path = full_path(model.modules, asked.path)
    calls = {each.call for each in model.layouts if each.path == path}
    if not calls:
        raise RequestError(
            f"{path} is not run as a module in a forward over text.", "Choose the module that it is part of."
        )
    if asked.call not in calls:
        often = "once" if len(calls) == 1 else f"{len(calls)} times"
        raise RequestError(f"{path} is called {often} in a forward.", f"Choose a call of 0 to {max(calls)}.")
    place = (path, asked.which, asked.call)
    own = {each.index: layout for each, layout in model.layouts.items() if (each.path, each.which, each.call) == place}
    if asked.index not in own:
        other = "output" if asked.which == "input" else "input"
        has = f"tensors 0 to {max(own)}" if len(own) > 1 else "one tensor" if own else "no tensor of numbers"
        raise RequestError(
            f"The {asked.which} of {path} has {has}.", "Choose one of these." if own else f"Choose its {other}."
        )
    tensor = ModuleTensor(path, asked.which, asked.index, asked.call)
    return Tensors(tensor, own[asked.index], len(calls), len(own))


def stack_of(model: Model, layout: Layout, stack: str = "") -> str:
    """The stack whose tokens a tensor has: the decoder's where they are those that it has written, else as asked."""
    if model.kind != "encoder-decoder":
        return stack
    return "decoder" if layout.written else model.anatomy.main.name


def source_for(model: Model, prompt: str, layout: Layout, stack: str = "") -> Source:
    """A prompt with the tokens that a tensor has; raises as `source_of`."""
    return source_of(model, prompt, stack_of(model, layout, stack))


def by_token(layout: Layout, tensor: torch.Tensor) -> torch.Tensor:
    """The numbers `(tokens, width)` of a tensor `(...)` of a forward over one row that fits its layout."""
    return layout.by_token(tensor)[0].flatten(1)

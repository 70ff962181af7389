"""What inspecting shows and changes: modules, tensors among their inputs and outputs, attention patterns, and edits."""

from __future__ import annotations

from typing import Literal

from selfie_tui.records.base import Record

Side = Literal["output", "input"]
"""Which tensors of a module are meant: those of its result, or those among its arguments."""


class ModuleTensor(Record, frozen=True):
    """A tensor of a forward: the `index`-th floating-point tensor of a module's output or input.

    Tensors are counted from 0, in tuples, lists and mappings in their order; of the input, positional arguments come
    before those by name. `call` counts the calls of a module that layers share (ALBERT).
    """

    path: str
    which: Side = "output"
    index: int = 0
    call: int = 0

    def __str__(self) -> str:
        index = f" {self.index}" if self.index else ""
        call = f" of call {self.call}" if self.call else ""
        return f"{self.path} {self.which}{index}{call}"


class Edit(Record, frozen=True):
    """A change to a module's output or input that stands until it is taken off.

    `set` writes `value` over every number, `scale` multiplies by it, `zero` writes 0, `add` adds it, and `noise` adds
    normal noise of standard deviation `value`, which depends on the `seed` and the token's position alone. With
    `vector`, the path of a file with one vector, `set` and `add` take `value` times that vector. `weights` lets the
    module compute with those of the file `weights` in place of its own, at every token.

    `positions` are tokens of the prompt that is read: only in forwards over that prompt the edit is made, at these. Of
    None it is made at every token of every forward: prompt, interpretation prompt and generated tokens. `index` is that
    of `ModuleTensor`; every call of a shared module is changed.
    """

    path: str
    action: Literal["set", "scale", "zero", "add", "noise", "weights"]
    value: float = 1.0
    positions: tuple[int, ...] | None = None
    seed: int = 0
    which: Side = "output"
    index: int = 0
    vector: str = ""
    weights: str = ""


class ModuleNode(Record, frozen=True):
    """A module of a model: its class, the number of its own and its parts' parameters, and its weight's shape.

    `shape` is () where it has no `weight` of its own; `note` says the same in words, such as `576 → 576`. A module
    equal in everything below to an earlier one in the same list has no nodes of its own below it: `like` is the path of
    that one. `layer` and `stack` are those of the block that it is or is inside of, None and "" outside of blocks and
    before the model is loaded.
    """

    path: str
    kind: str
    parameters: int
    shape: tuple[int, ...] = ()
    note: str = ""
    like: str = ""
    layer: int | None = None
    stack: str = ""


class Values(Record, frozen=True):
    """Statistics of the numbers at a token, or of a whole tensor.

    `norm` is Euclidean, `std` that of the numbers themselves (not of a sample), `max` the largest absolute value; all
    are of the finite numbers alone, NaN where there is none. `finite` is their share.
    """

    norm: float
    mean: float
    std: float
    max: float
    finite: float = 1.0


class HeadPattern(Record, frozen=True):
    """The attention of one head: for each query in the window, its probability of each key in the window."""

    head: int
    rows: tuple[tuple[float, ...], ...]

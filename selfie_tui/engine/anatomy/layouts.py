"""Which axes of a module's tensors count rows and tokens: seen from two forwards over texts of other sizes.

A tensor `(2, 7, 64)` of a forward over two rows of 7 tokens says little by itself: 7 may be a number of heads. The same
tensor of a forward over 3 rows of 30 tokens is `(3, 30, 64)`, and so its first axis counts rows and its second tokens.

    model.layers.0.mlp          output 0   (2, 7, 64)    (3, 30, 64)     rows 0, tokens 1
    model.layers.0.self_attn    output 1   (2, 4, 7, 7)  (3, 4, 30, 30)  rows 0, tokens 2
    model.decoder.layers.0.fc1  output 0   (14, 96)      (90, 96)        tokens 0, of all rows in a row (OPT)
    model.rotary_emb            output 0   (1, 7, 16)    (1, 30, 16)     no rows, tokens 1

Of two axes that count tokens the first one is that of the tensor's own tokens: queries before keys. A tensor without
such an axis, as what an expert computes for the tokens that are sent to it, has no tokens that could be told apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import torch
from torch import nn

from selfie_tui.engine.anatomy.calls import paths_of, tensors_in
from selfie_tui.engine.anatomy.inputs import InputBuilder
from selfie_tui.records import ModuleTensor, Side

ROWS, TOKENS, WRITTEN = (2, 3), (7, 30), (5, 24)
"""Rows, tokens and, for the decoder of an encoder-decoder, tokens that it has written, of either forward.

Their differences are primes that are no numbers of heads: rows times heads (BLOOM) are not taken for tokens.
"""

DEPTH = 3
"""Levels of tuples, lists and mappings in which tensors are looked for."""

Note = Callable[[str, Side, int, Any], None]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The axes of a tensor of `dims` axes that count rows and tokens.

    `tokens` is None where none does, `rows` where all rows share the tensor. A `flat` tensor has rows and tokens on one
    axis. `offset` counts tokens that the model puts before the prompt's own. `written` is true where the tokens are
    those that the decoder of an encoder-decoder has written. `width` counts the numbers of a token, 0 where that is not
    the same for every text.
    """

    dims: int
    rows: int | None = None
    tokens: int | None = None
    flat: bool = False
    offset: int = 0
    written: bool = False
    width: int = 0

    def fits(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor `(...)` has an axis of tokens: a step of some caches leaves it out."""
        return self.tokens is not None and tensor.dim() == self.dims

    def by_token(self, tensor: torch.Tensor, rows: int = 1, cached: bool = False) -> torch.Tensor:
        """A tensor `(...)` that `fits`, as a view `(rows, tokens, ...)`; rows are one where all share it.

        A forward that continues a cache, `cached`, has no tokens before its own.
        """
        assert self.tokens is not None
        if self.flat:
            shape = tensor.shape
            apart = tensor.view(*shape[: self.tokens], rows, -1, *shape[self.tokens + 1 :])
            view = apart.movedim((self.tokens, self.tokens + 1), (0, 1))
        elif self.rows is None:
            view = tensor.movedim(self.tokens, 0).unsqueeze(0)
        else:
            view = tensor.movedim((self.rows, self.tokens), (0, 1))
        return view if cached else view[:, self.offset :]


Layouts = Mapping[ModuleTensor, Layout]
"""The layouts of a model's tensors, those of calls that both forwards made."""


def find_layouts(module: Any, builder: InputBuilder, device: torch.device) -> Layouts:
    """The layouts of all tensors of a model, by two forwards over a few tokens; `device` is that of token ids."""
    one, other = (shapes_of(module, arguments(builder, device, size)) for size in (0, 1))
    return {tensor: layout_of(shape, other[tensor]) for tensor, shape in one.items() if tensor in other}


def arguments(builder: InputBuilder, device: torch.device, size: int) -> dict[str, Any]:
    """The arguments of the first or the second forward."""
    rows = [[(7 * (row + column)) % 50 + 3 for column in range(TOKENS[size])] for row in range(ROWS[size])]
    start = list(builder.start)
    written = [[*start, *row][: WRITTEN[size]] for row in rows] if builder.kind == "encoder-decoder" else None
    return builder.build(rows, device, written, use_cache=False)


def shapes_of(module: nn.Module, inputs: Mapping[str, Any]) -> dict[ModuleTensor, Shape]:
    """The shapes of all tensors of a forward."""
    found: dict[ModuleTensor, Shape] = {}

    def note(path: str, which: Side, call: int, values: Any) -> None:
        for index, (_, tensor) in enumerate(tensors_in(values, DEPTH)):
            found[ModuleTensor(path, which, index, call)] = tuple(tensor.shape)

    with torch.no_grad(), noting(module, paths_of(module).values(), note):
        module(**inputs)
    return found


@contextmanager
def noting(model: nn.Module, paths: Iterable[str], note: Note) -> Iterator[None]:
    """While open, every call of the modules at paths is noted: path, side, number of the call, arguments or result.

    Calls are counted from when this is opened; arguments are `(args, kwargs)`.
    """
    calls: Counter[str] = Counter()
    handles = []

    def before(path: str, args: Any, kwargs: Any) -> None:
        note(path, "input", calls[path], (args, kwargs))

    def after(path: str, output: Any) -> None:
        calls[path] += 1
        note(path, "output", calls[path] - 1, output)

    for path in paths:
        part = model.get_submodule(path)
        hook = partial(lambda path, part, args, kwargs: before(path, args, kwargs), path)
        handles.append(part.register_forward_pre_hook(hook, with_kwargs=True))
        handles.append(part.register_forward_hook(partial(lambda path, part, args, output: after(path, output), path)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def layout_of(one: Shape, other: Shape) -> Layout:
    """The layout of a tensor by its shape in either forward."""
    dims, pairs = len(one), list(zip(one, other, strict=False))
    if dims != len(other):
        return Layout(dims)
    rows = next((axis for axis, pair in enumerate(pairs) if pair == ROWS), None)
    for sizes, written in ((TOKENS, False), (WRITTEN, True)):
        flat = (ROWS[0] * sizes[0], ROWS[1] * sizes[1])
        if flat in pairs:
            axis = pairs.index(flat)
            return Layout(dims, None, axis, flat=True, written=written, width=width_of(pairs, axis))
        found = counting(pairs, sizes)
        if found is not None:
            offset, width = pairs[found][0] - sizes[0], width_of(pairs, rows, found)
            return Layout(dims, rows, found, offset=offset, written=written, width=width)
    return Layout(dims, rows)


def width_of(pairs: Sequence[tuple[int, int]], *axes: int | None) -> int:
    """The product of the sizes of all other axes, 0 where one of them is not the same in both forwards."""
    sizes = [pair for axis, pair in enumerate(pairs) if axis not in axes]
    return prod(one for one, _ in sizes) if all(one == other for one, other in sizes) else 0


def counting(pairs: Sequence[tuple[int, int]], sizes: tuple[int, int]) -> int | None:
    """The first axis that counts tokens, else one that counts as many before them in both forwards; None without."""
    if sizes in pairs:
        return pairs.index(sizes)
    more = (axis for axis, (one, two) in enumerate(pairs) if two - one == sizes[1] - sizes[0] and one > sizes[0])
    return next(more, None)

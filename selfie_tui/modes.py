"""The one table of injection modes: what is written over the state at a placeholder.

In every formula `h` is the state in place, `v` the vector that is written, and `s` the strength; `|v|` is the Euclidean
norm. A row names the mode, says its formula in words of the screen, and computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from selfie_tui.errors import RequestError

Tensor = Any
"""A torch tensor; torch itself is not needed to know the modes by name."""

TINY = 1.1754943508222875e-38
"""The smallest normal float32, under which a norm counts as zero."""


class Mode(NamedTuple):
    """An injection mode.

    `combine(h, v, s)` gives the state after the injection, from `h` and `v` `(..., hidden)` of one dtype and the
    strength `s`; its result may be of a wider dtype. `alias` is the name that SelfIE and NNsight Selfie give to it.
    """

    name: str
    formula: str
    combine: Callable[[Tensor, Tensor, float], Tensor]
    alias: str = ""


def wide(state: Tensor) -> Tensor:
    """A state in at least float32."""
    return state if state.dtype.itemsize >= 4 else state.float()


def norm(state: Tensor) -> Tensor:
    """Euclidean norms `(..., 1)` of states `(..., hidden)`, in at least float32."""
    length: Tensor = wide(state).norm(dim=-1, keepdim=True)
    return length


def unit(vectors: Tensor) -> Tensor:
    """Vectors `(..., hidden)` scaled to length one, in at least float32; zero stays zero."""
    return wide(vectors) / norm(vectors).clamp_min(TINY)


MODES: dict[str, Mode] = {
    mode.name: mode
    for mode in (
        Mode("replace", "v in place of h", lambda h, v, s: v),
        Mode("blend", "s·v + (1−s)·h", lambda h, v, s: s * v + (1 - s) * h, alias="normalized"),
        Mode("add", "h + s·v", lambda h, v, s: h + s * v, alias="addition"),
        Mode("replace-norm", "v at the norm of h, in place of h", lambda h, v, s: unit(v) * norm(h)),
        Mode("add-norm", "h + s·|h|·v/|v|", lambda h, v, s: h + (s * norm(h) * unit(v)).to(h.dtype)),
        Mode("unit", "s·v/|v| in place of h", lambda h, v, s: s * unit(v)),
    )
}
"""All of them by name, the default first."""


def mode_named(name: str) -> Mode:
    """The mode of that name or alias.

    Raises:
        RequestError: naming the modes there are, if it is none of them.
    """
    found = MODES.get(name) or next((mode for mode in MODES.values() if mode.alias and mode.alias == name), None)
    if found is None:
        raise RequestError(f"Unknown injection mode “{name}”.", f"Use one of: {', '.join(MODES)}.")
    return found

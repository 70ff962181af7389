"""Every nnsight block of the project, each tiny: read residual states, and run a prompt with vectors written into it.

The body of a `with model.trace(...)` block is captured as source and interleaved with the real forward; modules must be
touched in forward order, and only values given to `nnsight.save` come back.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import nnsight
import torch
from nnsight import CONFIG, NNsight

from selfie_tui.engine.injection import Injection, inject
from selfie_tui.records import EMBED

CONFIG.APP.REMOTE_LOGGING = False


def wrap(module: Any) -> Any:
    """An nnsight model around a torch module."""
    return NNsight(module)


def envoys(traced: Any, path: str) -> list[Any]:
    """The nnsight counterparts of the blocks at an attribute path of the wrapped module."""
    return list(reduce(getattr, path.split("."), traced))


def hidden_of(output: Any) -> torch.Tensor:
    """The residual stream in a block's output, which is a tensor in most families and a tuple in some."""
    hidden: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return hidden


def read_residuals(
    traced: Any, blocks: Sequence[Any], inputs: dict[str, Any], layers: Sequence[int], positions: Sequence[int]
) -> dict[int, torch.Tensor]:
    """Residual states by layer, each `(positions, hidden)`, of the first row of `inputs`, in one forward.

    The forward stops after the last block that is needed: norm and head never run.
    """
    wanted = sorted(set(layers))
    found: dict[int, torch.Tensor]
    places = list(positions)
    with torch.no_grad(), traced.trace(**inputs) as tracer:
        found = nnsight.save({})
        for layer in wanted:
            if layer == EMBED:
                found[layer] = blocks[0].input[0, places].clone()
            else:
                found[layer] = hidden_of(blocks[layer].output)[0, places].clone()
        tracer.stop()
    return found


def run_injected(traced: Any, blocks: Sequence[Any], inputs: dict[str, Any], injection: Injection) -> Any:
    """The model's output for a batch in whose first rows the injection's vectors are written."""
    vectors, places, layer = injection.vectors, list(injection.positions), injection.layer
    rows, mode, strength = vectors.shape[0], injection.mode, injection.strength
    with torch.no_grad(), traced.trace(**inputs):
        hidden = blocks[0].input if layer == EMBED else hidden_of(blocks[layer].output)
        hidden[:rows, places] = inject(hidden[:rows, places], vectors, mode, strength)
        output: Any = nnsight.save(traced.output)
    return output


def read_block_ends(
    traced: Any, blocks: Sequence[Any], inputs: dict[str, Any]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The input and the output of every block, each `(rows, positions, hidden)`: `resid_pre` and `resid_post`."""
    ends: list[tuple[torch.Tensor, torch.Tensor]]
    with torch.no_grad(), traced.trace(**inputs) as tracer:
        ends = nnsight.save([])
        for block in blocks:
            before = block.input.clone()
            ends.append((before, hidden_of(block.output).clone()))
        tracer.stop()
    return ends

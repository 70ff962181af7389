"""The layers below an injection, run once for all rows: up to there nothing tells one row from another.

A vector is written at the output of the injection layer. What the blocks up to it make of the interpretation prompt is
the same in every row, and is that of the prompt without injection: their keys and values are in its cache, and the
stream that leaves the last of them is computed for one row. All other rows skip these blocks.

Whether a model can do without its lower blocks is tried, not assumed: its later blocks may use more of the earlier ones
than the stream (keys and values of another layer, or values of the first).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.anatomy.calls import ModelFailed, model_code
from selfie_tui.engine.devices import rounding_tolerance
from selfie_tui.engine.generation.prefill import Prefill
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.model import Model


@dataclass(frozen=True)
class LowerLayers:
    """The outputs of the first blocks for one row, as the blocks return them."""

    outputs: tuple[Any, ...] = ()

    def expanded(self, rows: int) -> list[Any]:
        """The outputs for `rows` rows, whose tensors can be written into."""
        return [repeated(output, rows) for output in self.outputs]


NONE = LowerLayers()


def read_lower_layers(model: Model, inputs: dict[str, Any], layer: int, cancelled: Callable[[], bool]) -> LowerLayers:
    """The blocks up to `layer` as they run in a forward of one row."""
    with model.inference(cancelled):
        return LowerLayers(tuple(tracing.read_outputs(model.traced, inputs, layer + 1)))


def may_skip(model: Model, prefill: Prefill, layer: int) -> bool:
    """Whether the blocks up to `layer` are modules of their own, each with one layer of the prompt's cache."""
    blocks = model.anatomy.main.blocks[: layer + 1]
    alone = all(
        block.call == 0 and block.entry_path == block.path and block.output.axes == (0, 1) and not block.output.offset
        for block in blocks
    )
    return bool(blocks) and alone and prefill.expandable and len(prefill.cache.layers) == len(model.anatomy.main.blocks)


def can_skip(model: Model, layer: int, run: Callable[[bool], SlicedLogits]) -> bool:
    """Whether one row has the same logits with the blocks up to `layer` skipped and without; kept with the model.

    `run` gives them, skipping where it is given true.
    """
    if layer not in model.skips_blocks:
        model.skips_blocks[layer] = False
        with suppress(ModelFailed), model_code():
            model.skips_blocks[layer] = close(run(True).whole(), run(False).whole(), model.dtype)
    return model.skips_blocks[layer]


def close(one: torch.Tensor, other: torch.Tensor, dtype: torch.dtype) -> bool:
    """Whether two tensors `(rows, vocabulary)` are equal but for rounding, relative to the largest; NaN is not."""
    return bool((one - other).abs().max() <= rounding_tolerance(dtype) * other.abs().max())


def repeated(value: Any, rows: int) -> Any:
    """A block's output for one row as that of many: each tensor `(1, ...)` in it becomes `(rows, ...)`."""
    if isinstance(value, torch.Tensor):
        return value.expand(rows, *value.shape[1:]).clone() if value.dim() and value.shape[0] == 1 else value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return type(value)([repeated(part, rows) for part in value])  # type: ignore[call-arg]
    return value

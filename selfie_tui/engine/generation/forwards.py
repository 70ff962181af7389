"""Forwards of a batch up to the head, whose logits are left to be computed in slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.generation.prefill import cache_of, last_logits
from selfie_tui.engine.head_slices import SlicedLogits, plain_linear
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model

PIECE = 256
"""Tokens, over all rows, that a processor runs at a time: what a block makes of them stays in its cache."""


@dataclass(frozen=True)
class Forward:
    """The logits `(rows, vocabulary)` after each row's last token, and the model's cache, None where it keeps none."""

    logits: SlicedLogits
    cache: Any


def run_rows(
    model: Model, inputs: dict[str, Any], injection: Injection | None = None, skipped: Sequence[Any] = ()
) -> Forward:
    """Run a batch, with an injection if there is one; `skipped` is as in `tracing.run_injected`.

    The model is run without its head where the head can be applied in slices, and else as a whole. To be called while
    `Model.inference` is open.
    """
    path = path_before_head(model)
    arguments = inputs | ({} if path else last_logits(model))
    if injection is None:
        output = (model.modules[path] if path else model.module)(**arguments)
    else:
        output = tracing.run_injected(model.traced, arguments, injection, path or "", skipped)
    if path is None:
        return Forward(SlicedLogits(model.anatomy.logits_in(output)[:, -1]), cache_of(model, output))
    states = output.last_hidden_state[:, -1]  # (rows, width)
    return Forward(SlicedLogits(states, model.unembedding(model.anatomy.last.name)), cache_of(model, output))


def path_before_head(model: Model) -> str | None:
    """The path of the module that returns the head's input, None where the model is to be run with its head.

    So it is where the head is more than a linear layer, and where a hook on the model itself wants to see its output.
    """
    path = model.anatomy.base_model
    unembedding = model.unembedding(model.anatomy.last.name)
    hooked = model.module._forward_hooks or model.module._forward_pre_hooks
    if path is None or unembedding is None or plain_linear(unembedding.head) is None or hooked:
        return None
    return path


def joined_logits(parts: Sequence[SlicedLogits], rows: Sequence[int]) -> SlicedLogits:
    """The logits `(rows, vocabulary)` of the rows `rows` of several batches of one model, counted through all."""
    return SlicedLogits(torch.cat([part.inputs for part in parts])[list(rows)], parts[0].unembedding)


def rows_at_once(model: Model, rows: int, tokens: int) -> int:
    """How many of `rows` rows of `tokens` tokens to run at a time; all on devices where large batches are fast."""
    return max(1, PIECE // tokens) if model.device.type == "cpu" else rows

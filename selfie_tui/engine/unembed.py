"""Residual states as logits, by the model's own norm and head, or through the model itself."""

from __future__ import annotations

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.head_slices import SlicedLogits, plain_linear
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model

ROWS = 768
"""Rows of the lens at a time on a processor, of which there are a few tensors of one slice."""

WHOLE_BYTES = 64 * 2**20
"""Bytes of logits at a time where the head can only be applied as a whole."""


def lens_logits(model: Model, states: torch.Tensor, stack: str = "") -> torch.Tensor:
    """Logits `(rows, vocabulary)` float32 of residual states `(rows, hidden)`: `post(head(norm(h)))`.

    `post` is the model's own soft-cap or scale, so that at the last block these are the model's logits. An
    encoder-decoder's encoder has its own norm and is read with the decoder's head.
    """
    unembedding = model.unembedding(stack)
    if unembedding is None:
        return logits_through_the_model(model, states)
    with model.inference():
        return unembedding.logits(states.unsqueeze(0))[0]


def lens_slices(model: Model, states: torch.Tensor, stack: str = "") -> SlicedLogits:
    """The logits of states `(rows, hidden)`, a slice of the vocabulary at a time; swept inside `model.inference()`."""
    unembedding = model.unembedding(stack)
    if unembedding is None:
        return SlicedLogits(logits_through_the_model(model, states))
    with model.inference():
        return SlicedLogits(unembedding.head_inputs(states.unsqueeze(0))[0], unembedding)


def rows_at_once(model: Model, stack: str = "") -> int:
    """How many rows `lens_slices` should get at a time, so that what is computed of them takes some 30 to 60 MB.

    On other devices than a processor large products are the fast ones, so that there may be more.
    """
    unembedding = model.unembedding(stack)
    if unembedding is None or plain_linear(unembedding.head) is None:
        return max(1, WHOLE_BYTES // (4 * model.anatomy.vocabulary))
    return ROWS if model.device.type == "cpu" else 8 * ROWS


def logits_through_the_model(model: Model, states: torch.Tensor) -> torch.Tensor:
    """Logits `(rows, vocabulary)` float32 of states `(rows, hidden)`, written over the last block's output.

    Each state is written into a prompt of one token. This is the logit lens of any model, as what comes after the last
    block sees one position only.
    """
    last = len(model.anatomy.last.blocks) - 1
    prefixes = [[model.feed.start[0]]] * len(states) if model.feed.start else None
    inputs = model.inputs([[0]] * len(states), prefixes, use_cache=False)
    injection = Injection(states, () if prefixes else (0,), last, prefix_positions=(0,) if prefixes else ())
    with model.inference():
        return model.anatomy.logits_in(tracing.run_injected(model.traced, inputs, injection))[:, 0].float()

"""Residual states as logits, by the model's own norm and head, or through the model itself."""

from __future__ import annotations

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model


def lens_logits(model: Model, states: torch.Tensor, stack: str = "") -> torch.Tensor:
    """Logits `(rows, vocabulary)` float32 of residual states `(rows, hidden)`: `post(head(norm(h)))`.

    `post` is the model's own soft-cap or scale, so that at the last block this is what the model itself says. An
    encoder-decoder's encoder has its own norm and is read with the decoder's head.
    """
    tail = model.anatomy.tail(stack)
    if tail is None:
        return logits_through_the_model(model, states)
    with model.inference():
        return tail.logits(states.unsqueeze(0))[0]


def logits_through_the_model(model: Model, states: torch.Tensor) -> torch.Tensor:
    """Logits of states by writing them over the last block's output of one-token prompts.

    It is the logit lens of any model, as what comes after the last block looks at one position only.
    """
    last = len(model.anatomy.last.sites) - 1
    prefixes = [[model.feed.start[0]]] * len(states) if model.feed.start else None
    inputs = model.inputs([[0]] * len(states), prefixes, use_cache=False)
    place = Injection(states, () if prefixes else (0,), last, prefix_positions=(0,) if prefixes else ())
    with model.inference():
        return model.anatomy.logits_in(tracing.run_injected(model.traced, inputs, place))[:, 0].float()

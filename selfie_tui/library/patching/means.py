"""Means of activations over prompts, for mean ablation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.plain import activations_of
from selfie_tui.engine.patching.sites import Intervention
from selfie_tui.library.patching.prompts import rows_of


def mean_values(
    model: Model, prompts: Any, mask: Any, interventions: Sequence[Intervention]
) -> Mapping[tuple[str, int], torch.Tensor]:
    """The means of the activations of sites over all tokens of prompts, `(width,)` or `(heads, head_dim)` float32.

    By the name and the layer of each activation; the prompts are read one by one, without their padding.
    """
    chosen = activations_of(model, interventions)
    sums: dict[tuple[str, int], torch.Tensor] = {}
    tokens = 0
    for ids in rows_of(model, prompts, mask).ids:
        with model.edits.reading_prompt(), model.inference():
            states = tracing.read_activations(
                model.traced, model.inputs([list(ids)], use_cache=False), list(chosen.values())
            )
        tokens += len(ids)
        for activation, state in zip(chosen.values(), states, strict=True):
            key = activation.name, activation.layer
            added = state[0].to(torch.promote_types(state.dtype, torch.float32)).sum(0)
            sums[key] = sums[key] + added if key in sums else added
    return {key: total / tokens for key, total in sums.items()}

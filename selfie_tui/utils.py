"""Helpers around `ModelAgnosticSelfie`: batches over prompts, similarity, aggregation, grids of cells, devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from selfie_tui.library.agnostic import ModelAgnosticSelfie
from selfie_tui.library.batches import batch_process_interpretations, create_token_grid
from selfie_tui.library.device_report import get_optimal_device, print_device_info
from selfie_tui.library.sequences import Prompt
from selfie_tui.library.vectors import aggregate_activations, compute_activation_similarity

__all__ = [
    "aggregate_activations",
    "batch_process_interpretations",
    "compute_activation_similarity",
    "create_token_grid",
    "get_optimal_device",
    "interpret_vectors",
    "print_device_info",
]


def interpret_vectors(
    selfie: ModelAgnosticSelfie,
    vectors: torch.Tensor | Sequence[torch.Tensor],
    interpretation_prompt: Prompt,
    **settings: Any,
) -> list[str]:
    """`ModelAgnosticSelfie.interpret_vectors` as a function."""
    return selfie.interpret_vectors(vectors, interpretation_prompt, **settings)

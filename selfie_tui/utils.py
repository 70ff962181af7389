"""Helpers around `ModelAgnosticSelfie`: batches over prompts, similarity, aggregation, grids of cells, devices."""

from __future__ import annotations

from typing import Any

from selfie_tui.engine.model import Model
from selfie_tui.library.arguments import as_model
from selfie_tui.library.batches import batch_process_interpretations, create_token_grid
from selfie_tui.library.devices import get_optimal_device, print_device_info
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.library.interpretation_prompt import Prompt
from selfie_tui.library.vectors import Vectors, aggregate_activations, compute_activation_similarity

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
    selfie: ModelAgnosticSelfie | Model,
    vectors: Vectors,
    interpretation_prompt: Prompt,
    **settings: Any,
) -> list[str]:
    """`ModelAgnosticSelfie.interpret_vectors` as a function, of a facade or a `Model`."""
    facade = selfie if isinstance(selfie, ModelAgnosticSelfie) else ModelAgnosticSelfie(as_model(selfie))
    return facade.interpret_vectors(vectors, interpretation_prompt, **settings)

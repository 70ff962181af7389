"""How long a run will take, about: from the runs before, else from the size of the model."""

from __future__ import annotations

from collections.abc import Iterable

from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.records import ModelInfo
from selfie_tui.tui.runs import Run

MANY = 500
"""Cells above which a run is confirmed."""

PROMPT_TOKENS = 32
"""Tokens of an interpretation prompt, about."""

SPEED = {"cpu": 5e10, "mps": 1e12}
GPU_SPEED = 1e13
"""Floating-point operations in a second, about, while many cells are decoded together."""


def seconds_for(cells: int, settings: InterpretSettings, model: ModelInfo, runs: Iterable[Run]) -> float:
    """Seconds for so many cells: as the last finished run of this model took for each of its tokens, else a guess.

    The guess is two operations for each parameter, token and pass; with relevancy there are two passes.
    """
    for run in reversed(list(runs)):
        if run.state == "finished" and run.model == model.name and run.seconds > 0:
            per_token = run.seconds / (len(run.request.cells) * run.request.max_new_tokens)
            return per_token * cells * settings.max_new_tokens
    passes = 2 if settings.relevancy else 1
    tokens = passes * (PROMPT_TOKENS + settings.max_new_tokens)
    return cells * tokens * 2.0 * model.parameters / SPEED.get(model.device.partition(":")[0], GPU_SPEED)


def about(seconds: float) -> str:
    """`about 40 s`, `about 4 min`, `about 2 h`."""
    if seconds < 60:
        return f"about {max(round(seconds), 1)} s"
    if seconds < 3600:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600)} h"

"""The scores of interventions: how far each goes from one prompt's number to the other's, as they are found."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.metrics import Metric, MetricName, metric_of, normalised
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.replacement import PATCH, Replacement
from selfie_tui.engine.patching.runs import Runs, patching_runs
from selfie_tui.engine.patching.sites import Intervention


@dataclass(frozen=True)
class Scored:
    """The numbers of some interventions: their indices, the metric `values`, `scores`, both `(interventions,)` float64.

    `logits` are the patched runs' at the last position, None where they are the target's own.
    """

    indices: tuple[int, ...]
    values: torch.Tensor
    scores: torch.Tensor
    logits: SlicedLogits | None


@dataclass(frozen=True)
class PatchScores:
    """Interventions on a pair of prompts, with the metric by which they are scored.

    A score is 0 where a run is as the target's own and 1 where it is as the source's, whichever of the two is clean.
    """

    runs: Runs
    metric: Metric

    @cached_property
    def target(self) -> float:
        """The metric of the target prompt, as it is."""
        return float(self.metric.of_sliced(self.runs.target)[0])

    @cached_property
    def source(self) -> float:
        """The metric of the source prompt."""
        return float(self.metric.of_sliced(self.runs.source)[0])

    def __iter__(self) -> Iterator[Scored]:
        return self.of()

    def of(self, done: Collection[int] = ()) -> Iterator[Scored]:
        """The scores, a batch at a time; one of which all indices are `done` is left out."""
        for outcome in self.runs.outcomes(done):
            if outcome.logits is None:
                values = torch.full((len(outcome.indices),), self.target, dtype=torch.float64)
            else:
                values = self.metric.of_sliced(outcome.logits).cpu()
            scores = normalised(values, self.target, self.source)
            yield Scored(outcome.indices, values, scores, outcome.logits)

    def all(self) -> tuple[torch.Tensor, torch.Tensor]:
        """All metric values and all scores in order, `(interventions,)` float64."""
        count = len(self.runs.interventions)
        values, scores = (torch.full((count,), math.nan, dtype=torch.float64) for _ in range(2))
        for found in self:
            values[list(found.indices)], scores[list(found.indices)] = found.values, found.scores
        return values, scores


def patch_scores(
    model: Model,
    pair: PromptPair,
    interventions: Sequence[Intervention],
    correct: int,
    wrong: int = 0,
    metric: MetricName = "logit_difference",
    noise: bool = False,
    replacement: Replacement = PATCH,
    cancelled: Callable[[], bool] = never,
) -> PatchScores:
    """The scores of interventions; `correct` and `wrong` are tokens, `noise` is whether the target is the clean prompt.

    Raises:
        RequestError: as `patching_runs`.
    """
    runs = patching_runs(model, pair, interventions, replacement, cancelled)
    return PatchScores(runs, metric_of(metric, correct, wrong, runs.target if noise else runs.source))

"""The scores of interventions: how far each goes from one prompt's number to the other's, as they are found."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import torch

from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.metrics import Metric, MetricName, metric_of, normalised
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.path_forward import Ways
from selfie_tui.engine.patching.paths import Path, PathRuns
from selfie_tui.engine.patching.plain import Outcome
from selfie_tui.engine.patching.replacement import PATCH, Replacement
from selfie_tui.engine.patching.runs import Runs, patching_runs
from selfie_tui.engine.patching.sites import Intervention


class AnyRuns(Protocol):
    """Interventions or paths on a pair of prompts, as `PlainRuns` and `PathRuns` are."""

    @property
    def interventions(self) -> Sequence[object]:
        """What is run, in order."""
        ...

    @property
    def target(self) -> SlicedLogits:
        """The target's own logits at the last position, `(1, vocabulary)`."""
        ...

    @property
    def source(self) -> SlicedLogits:
        """The source's own logits at the last position, `(1, vocabulary)`."""
        ...

    def outcomes(self, done: Collection[int] = ()) -> Iterator[Outcome]:
        """The outcomes, a batch at a time; one of which all indices are `done` is left out."""
        ...


R = TypeVar("R", bound=AnyRuns)


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
class PatchScores(Generic[R]):
    """Interventions or paths on a pair of prompts, with the metric by which they are scored.

    A score is 0 where a run is as the target's own and 1 where it is as the source's, whichever of the two is clean.
    """

    runs: R
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
) -> PatchScores[Runs]:
    """The scores of interventions; `correct` and `wrong` are tokens, `noise` is whether the target is the clean prompt.

    Raises:
        RequestError: as `patching_runs`.
    """
    runs = patching_runs(model, pair, interventions, replacement, cancelled)
    return PatchScores(runs, metric_of(metric, correct, wrong, runs.target if noise else runs.source))


def path_scores(
    model: Model,
    pair: PromptPair,
    paths: Sequence[Path],
    correct: int,
    wrong: int = 0,
    metric: MetricName = "logit_difference",
    noise: bool = False,
    replacement: Replacement = PATCH,
    ways: Ways | None = None,
    cancelled: Callable[[], bool] = never,
) -> PatchScores[PathRuns]:
    """The scores of paths (see `paths`): how far what a sender tells its receivers carries the answer over.

    Raises:
        RequestError: for senders and receivers that a model does not have, or that cannot send or receive.
    """
    runs = PathRuns(model, pair, paths, replacement, ways, cancelled)
    return PatchScores(runs, metric_of(metric, correct, wrong, runs.target if noise else runs.source))

"""What is measured of a run's last logits, and how far a patched run goes from one prompt's number to the other's.

The logit difference `logit(correct) - logit(wrong)` is linear in what reaches the head, and tells one answer from the
other where both rise; a probability saturates; the divergence from the clean run's distribution takes all tokens in
(Zhang and Nanda 2024, arXiv 2309.16042).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.logit_reductions import LogSumExp, sweep

MetricName = Literal["logit_difference", "logit", "probability", "kl"]

METRICS: dict[MetricName, str] = {
    "logit_difference": "the logit of the correct answer less that of the wrong one",
    "logit": "the logit of the correct answer",
    "probability": "the probability of the correct answer",
    "kl": "the divergence of the clean run's distribution from this one, as a negative number",
}
"""The metrics, each larger the more a run is like the clean one."""

NEAR = 1e-4
"""A difference of two numbers smaller than this share of the larger one, and of 1, is near zero."""


@dataclass(frozen=True)
class Metric:
    """A number of a run's logits at the last position, `(rows, vocabulary)`.

    `correct` and `wrong` are tokens; `clean` is the clean run's log-probabilities `(vocabulary,)`, for `kl`.
    """

    name: MetricName
    correct: int = 0
    wrong: int = 0
    clean: torch.Tensor | None = None

    def of(self, logits: torch.Tensor) -> torch.Tensor:
        """The number of each row, `(rows,)`, of logits `(rows, vocabulary)`; gradients flow through."""
        if self.name == "logit_difference":
            return logits[:, self.correct] - logits[:, self.wrong]
        if self.name == "logit":
            return logits[:, self.correct]
        if self.name == "probability":
            return logits.log_softmax(-1)[:, self.correct].exp()
        assert self.clean is not None
        own = logits.log_softmax(-1)
        clean = self.clean.to(own)
        return (clean.exp() * (own - clean)).sum(-1)

    @torch.no_grad()
    def of_sliced(self, logits: SlicedLogits) -> torch.Tensor:
        """The number of each row, `(rows,)` float64; of the answers' rows of the head alone where these are enough."""
        if logits.unembedding is None:
            return self.of(logits.inputs.double())
        if self.name == "kl":
            return self.of(logits.whole().double())
        correct = alone(logits, self.correct)
        if self.name == "logit":
            return correct
        if self.name == "logit_difference":
            return correct - alone(logits, self.wrong)
        return (correct - sweep(logits, LogSumExp())[0].values.double()).exp()


def alone(logits: SlicedLogits, token: int) -> torch.Tensor:
    """The logit of one token in each row, `(rows,)` float64."""
    return logits.alone(torch.full((logits.rows,), token, device=logits.inputs.device)).double()


def metric_of(name: MetricName, correct: int, wrong: int, clean: SlicedLogits) -> Metric:
    """A metric; `clean` are the clean run's logits `(1, vocabulary)`."""
    return Metric(name, correct, wrong, clean.whole().double().log_softmax(-1)[0] if name == "kl" else None)


def is_near_zero(one: float, other: float) -> bool:
    """Whether two numbers are too near for what lies between them to be measured."""
    return not abs(one - other) > NEAR * max(1.0, abs(one), abs(other))


def normalised(values: torch.Tensor, zero: float, one: float) -> torch.Tensor:
    """How far values `(...)` are on the way from `zero`, the target's own number, to `one`, that of the source.

    Denoising, `zero` is the corrupt prompt's and `one` the clean one's; noising, the other way round. All are NaN where
    the two are too near.
    """
    if is_near_zero(zero, one):
        return torch.full_like(values, math.nan)
    return (values - zero) / (one - zero)

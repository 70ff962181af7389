"""An affine map from the states of one model to those of another, fitted on pairs of states of the same text.

`y = mean_y + (x - mean_x) W`, with `W` the least-squares solution with a penalty (ridge regression):
`W = (X'X + r I)^-1 X'Y` for centred states, or equally `X' (X X' + r I)^-1 Y`, which is the smaller system where there
are fewer pairs than the states are wide. The penalty `r` is `ridge` times the mean variance of the states times their
number; of `RIDGES` the one is taken that does best on passages that the fit has not seen, and how good the map is is
told on passages that neither has.

When it misleads: pairs of one passage are alike, so that passages are held out as wholes and not tokens. A map between
any two layers explains what the token itself and the mean state explain; what is left of that is seen where `matched`
is near 1 over states of tokens that occur more than once. Outlier dimensions hold most of the variance of many models:
`explained` can then be near 1 while everything else is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from selfie_tui.errors import RequestError

RIDGES = (1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Penalties that are tried, as shares of the states' mean variance."""

EVERY = 5
"""One passage in so many is held out; of the others one in so many chooses the penalty."""


@dataclass(frozen=True)
class AffineMap:
    """`source_mean` is `(width,)`, `target_mean` `(other width,)`, `weight` `(width, other_width)`, all float64."""

    source_mean: torch.Tensor
    target_mean: torch.Tensor
    weight: torch.Tensor
    ridge: float

    def apply(self, states: torch.Tensor) -> torch.Tensor:
        """States `(cells, width)` in the other space, `(cells, other_width)` float64 on the CPU."""
        return self.target_mean + (states.double().cpu() - self.source_mean) @ self.weight


@dataclass(frozen=True)
class Quality:
    """What a map is worth on pairs that it was not fitted on (see `records.SpaceMap`)."""

    explained: float
    cosine: float
    matched: float


@dataclass(frozen=True)
class Fitted:
    """A map, one that was fitted on shuffled pairs, what each is worth, and on how many pairs that was seen."""

    map: AffineMap
    shuffled: AffineMap
    quality: Quality
    shuffled_quality: Quality
    fitted: int
    held_out: int


def fit(source: Sequence[torch.Tensor], target: Sequence[torch.Tensor], seed: int = 0) -> Fitted:
    """The map from states of passages to those of another model, each `(pairs, width)` and `(pairs, other_width)`.

    Raises:
        RequestError: for fewer passages than `EVERY`, or states that are not finite.
    """
    kept = [(one.double().cpu(), other.double().cpu()) for one, other in zip(source, target, strict=True) if len(one)]
    check_count(len(kept))
    if not all(bool(part.isfinite().all()) for pair in kept for part in pair):
        raise RequestError("The states are not finite.", "Load both models in bf16 or fp32.")
    is_held_out = [index % EVERY == EVERY - 1 for index in range(len(kept))]
    held_out = joined([pair for pair, out in zip(kept, is_held_out, strict=True) if out])
    rest = [pair for pair, out in zip(kept, is_held_out, strict=True) if not out]
    source_states, target_states = joined(rest)
    is_tried = torch.cat([torch.full((len(one),), index % EVERY != EVERY - 2) for index, (one, _) in enumerate(rest)])
    choice = choice_of(source_states, is_tried)
    order = torch.randperm(len(source_states), generator=torch.Generator().manual_seed(seed))
    found, shuffled = choice.fit(target_states), choice.fit(target_states[order])
    return Fitted(
        found, shuffled, quality(found, *held_out), quality(shuffled, *held_out), len(order), len(held_out[0])
    )


def check_count(passages: int) -> None:
    """Refuse to fit on so few passages that none could be held out; raises RequestError."""
    if passages < EVERY:
        raise RequestError(
            f"A map is fitted on {EVERY} texts at least, one in {EVERY} of which is held out: both models read "
            f"{passages}.",
            "Give more texts, such as the lines of a page.",
        )


Pairs = tuple[torch.Tensor, torch.Tensor]
"""States `(pairs, width)` of one model, and those of the other, `(pairs, other_width)`."""


def joined(passages: Sequence[Pairs]) -> Pairs:
    """The pairs of several passages, `(pairs, width)` and `(pairs, other_width)`."""
    return torch.cat([one for one, _ in passages]), torch.cat([other for _, other in passages])


@dataclass(frozen=True)
class System:
    """States with their mean taken off, `(pairs, width)`, that mean `(width,)`, and their smaller product.

    `product` is `X'X`, `(width, width)`, or where there are fewer pairs than the states are wide `XX'`,
    `(pairs, pairs)`: it is the dear part of a fit, and the same for every penalty and every target.
    """

    mean: torch.Tensor
    centred: torch.Tensor
    product: torch.Tensor

    @property
    def is_of_pairs(self) -> bool:
        """Whether the product is that of pairs."""
        return self.centred.shape[0] < self.centred.shape[1]

    def solve(self, target: torch.Tensor, ridge: float) -> AffineMap:
        """The map of the states to those of a target `(pairs, other_width)` for a penalty."""
        target_mean = target.mean(0)
        wanted = target - target_mean
        penalty = max(ridge * float(self.centred.square().mean()) * len(target), torch.finfo(torch.float64).tiny)
        system = self.product + penalty * torch.eye(len(self.product), dtype=torch.float64)
        if self.is_of_pairs:
            weight = self.centred.T @ torch.linalg.solve(system, wanted)
        else:
            weight = torch.linalg.solve(system, self.centred.T @ wanted)
        return AffineMap(self.mean, target_mean, weight, ridge)


def system_of(source: torch.Tensor) -> System:
    """The system of states `(pairs, width)`."""
    mean = source.mean(0)
    centred = source - mean
    pairs, width = centred.shape
    return System(mean, centred, centred @ centred.T if pairs < width else centred.T @ centred)


@dataclass(frozen=True)
class Choice:
    """The system of all pairs, that of those that are fitted to try a penalty, and which they are, `(pairs,)` bool."""

    all: System
    tried: System
    is_tried: torch.Tensor
    source: torch.Tensor
    """All states, `(pairs, width)`."""

    def fit(self, target: torch.Tensor) -> AffineMap:
        """The map of all pairs, with the penalty that explains most of those of `(pairs, other_width)` left out."""
        trying, left = target[self.is_tried], target[~self.is_tried]
        beside = self.source[~self.is_tried]
        best = max(RIDGES, key=lambda ridge: explained(self.tried.solve(trying, ridge), beside, left))
        return self.all.solve(target, best)


def choice_of(source: torch.Tensor, is_tried: torch.Tensor) -> Choice:
    """What is needed of states `(pairs, width)` to fit any target, with those that are tried, `(pairs,)` bool."""
    return Choice(system_of(source), system_of(source[is_tried]), is_tried, source)


def explained(found: AffineMap, source: torch.Tensor, target: torch.Tensor) -> float:
    """The share of the variance of states `(pairs, other_width)` about the map's mean that it explains; at most 1."""
    left = (target - found.apply(source)).square().sum()
    return float(1 - left / (target - found.target_mean).square().sum())


def quality(found: AffineMap, source: torch.Tensor, target: torch.Tensor) -> Quality:
    """What a map is worth on pairs `(pairs, width)` and `(pairs, other_width)` that it was not fitted on."""
    mapped = torch.nn.functional.normalize(found.apply(source) - found.target_mean, dim=-1)
    own = torch.nn.functional.normalize(target - found.target_mean, dim=-1)
    cosines = mapped @ own.T  # (pairs, pairs)
    matched = cosines.diagonal() >= cosines.amax(1)
    return Quality(explained(found, source, target), float(cosines.diagonal().mean()), float(matched.double().mean()))

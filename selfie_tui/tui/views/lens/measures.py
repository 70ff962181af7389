"""What a map of the lens can be coloured by: measures of one cell, as shares from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from selfie_tui.records import LensRow

MOST_KL = 10.0
"""Nats of divergence that are drawn as the most there is."""


class Measure(NamedTuple):
    """A measure: its name, what its lowest and highest bar stand for, what it is, a row's share of the most there is.

    The share may depend on the number of tokens in the vocabulary.

    `needs` is what there must be beside the lens: a tracked token, or a pair.
    """

    name: str
    scale: str
    words: str
    share: Callable[[LensRow, int], float | None]
    needs: Literal["", "track", "pair"] = ""

    def legend(self, vocabulary: int) -> tuple[str, str]:
        """The scale with its numbers, and what it measures."""
        nats = math.log(max(vocabulary, 2))
        return self.scale.format(nats=f"{nats:.1f}", last=f"{vocabulary:,}", kl=f"{MOST_KL:g}"), self.words


def _rank_share(rank: int | None, vocabulary: int) -> float | None:
    """1 for the first rank, 0 for the last of the vocabulary, by the logarithm of the rank."""
    return None if rank is None else 1 - math.log(rank + 1) / math.log(max(vocabulary, 2))


def _top(row: LensRow, vocabulary: int) -> float | None:
    return row.top[0].probability if row.top else None


def _of_two(row: LensRow, vocabulary: int) -> float | None:
    """Nothing: how far two prompts differ is measured of two rows, see `Distances`."""
    return None


MEASURES = (
    Measure("probability", "▁ 0 … █ 1", "probability of the top token", _top),
    Measure(
        "entropy",
        "▁ 0 … █ {nats} nats",
        "of entropy",
        lambda row, vocabulary: row.entropy / math.log(max(vocabulary, 2)),
    ),
    Measure(
        "rank of the answer",
        "▁ {last} … █ 1",
        "rank of the model's own answer",
        lambda row, vocabulary: _rank_share(row.answer_rank, vocabulary),
    ),
    Measure("tracked", "▁ 0 … █ 1", "probability of the tracked token", lambda row, _: row.tracked, "track"),
    Measure(
        "rank of the tracked",
        "▁ {last} … █ 1",
        "rank of the tracked token",
        lambda row, vocabulary: _rank_share(row.tracked_rank, vocabulary),
        "track",
    ),
    Measure("distance", "▁ 0 … █ {kl} nats", "or more from the last layer (KL)", lambda row, _: row.kl / MOST_KL),
    Measure("difference", "▁ 0 … █ 1 bit", "Jensen-Shannon · here|A · = the same · – not in A", _of_two, "pair"),
)
"""All of them, in the order in which they follow each other."""

PROBABILITY, TRACKED, DIFFERENCE = MEASURES[0], MEASURES[3], MEASURES[6]


def settled_from(ranks: list[tuple[int, int]], most: int) -> int | None:
    """The first layer from which on every rank, the first being 0, is below `most`; None where the last one is not."""
    found = None
    for layer, rank in reversed(ranks):
        if rank >= most:
            break
        found = layer
    return found

"""Texts that begin alike, as a tree: what of them must be run so that every token of each has been run once.

Of texts sorted by their ids, each is compared with the next one: if that one goes on from where the text ends, or is
the same up to a bound, what the text needs is run with it. The others are the leaves of the tree up to that bound.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

Ids = tuple[int, ...]

FORWARD_COST = 64
"""The fixed cost of a forward, in tokens; small forwards use a processor badly."""


@dataclass(frozen=True)
class Beginnings:
    """Distinct texts in the order of their ids."""

    texts: Sequence[Ids]

    @classmethod
    def of(cls, texts: Sequence[Ids]) -> Beginnings:
        """The beginnings of texts in any order, of which some may be equal or empty."""
        return cls(sorted(set(texts)))

    @cached_property
    def shared(self) -> list[int]:
        """How many ids each text has in common with the next one."""
        return [*map(common, self.texts, self.texts[1:]), 0]

    def is_leaf(self, index: int, stop: int) -> bool:
        """Whether no later text is the same as the text at `index` up to `stop`, or up to its end."""
        return self.shared[index] < min(stop, len(self.texts[index]))

    def leaves(self, start: int, stop: int) -> list[Ids]:
        """The beginnings up to `stop` that hold all those of texts longer than `start`, shorter ones first."""
        longer = (index for index, text in enumerate(self.texts) if len(text) > start)
        return sorted((self.texts[index][:stop] for index in longer if self.is_leaf(index, stop)), key=len)

    def leaf_of(self, text: Ids, stop: int) -> Ids:
        """The leaf up to `stop` that holds the beginning of one of the texts, which is not empty."""
        index = bisect_left(self.texts, text)
        while not self.is_leaf(index, stop):
            index += 1
        return self.texts[index][:stop]

    def segments(self) -> list[tuple[int, int]]:
        """All texts in segments `(start, stop)` of least cost, by dynamic programming.

        A segment costs the tokens that its leaves have in it, and `FORWARD_COST` more.
        """
        length = max(map(len, self.texts), default=0)
        best = [(0.0, 0)] + [(math.inf, 0)] * length  # least cost up to each stop, and the start of its last segment
        for start in range(length):
            for stop, tokens in enumerate(self.tokens_from(start, length), start + 1):
                best[stop] = min(best[stop], (best[start][0] + tokens + FORWARD_COST, start))
        found: list[tuple[int, int]] = []
        while length > 0:
            start = best[length][1]
            found.append((start, length))
            length = start
        return found[::-1]

    def tokens_from(self, start: int, length: int) -> list[int]:
        """The tokens after `start` of the leaves up to each stop, from `start + 1` to `length`."""
        leaves = [(shared, len(text)) for shared, text in zip(self.shared, self.texts, strict=True)]
        leaves = [(max(shared, start), end) for shared, end in leaves if end > max(shared, start)]
        apart, ends = Counter(shared for shared, _ in leaves), Counter(end for _, end in leaves)
        found, tokens, running = [], 0, 0
        for stop in range(start + 1, length + 1):
            new = apart[stop - 1]  # part from the next text with this token, so that all of them is run
            running += new - ends[stop - 1]
            tokens += running + new * (stop - 1 - start)
            found.append(tokens)
        return found


def common(one: Ids, other: Ids) -> int:
    """How many ids two texts have in common from their beginning on."""
    length = min(len(one), len(other))
    return next((index for index in range(length) if one[index] != other[index]), length)

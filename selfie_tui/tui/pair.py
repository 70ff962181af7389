"""A pair of prompts: the one that was put aside as the source, A, beside the one that is typed, B."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

from selfie_tui.records import Token

ORIGIN = "pair"
"""Who asks for the tokens of the source with another model."""

MOST_COMPARED = 4_000_000
"""Pairs of tokens, one of each prompt, that are looked at between what both begin and end with."""


class Source(NamedTuple):
    """The prompt that was put aside, the stack that it was read in, and its tokens; none while they are to come."""

    prompt: str
    stack: str
    tokens: tuple[Token, ...]


class Alignment(NamedTuple):
    """Which token of A each token of B is compared with; None for those that A has none for."""

    counterparts: tuple[int | None, ...] = ()
    by_position: bool = True
    """Whether both prompts have as many tokens, so that each is compared with the one in its place."""

    def of(self, position: int) -> int | None:
        """The position in A that a position of B is compared with."""
        return self.counterparts[position] if position < len(self.counterparts) else None

    def here(self, there: int) -> int | None:
        """The position in B that a position of A is compared with."""
        return self.counterparts.index(there) if there in self.counterparts else None

    def words(self) -> str:
        """`5 of 6 tokens aligned`; nothing where each is compared with the one in its place."""
        aligned = sum(there is not None for there in self.counterparts)
        return "" if self.by_position else f"{aligned:,} of {len(self.counterparts):,} tokens aligned"


@lru_cache(maxsize=4)
def aligned(here: tuple[Token, ...], there: tuple[Token, ...]) -> Alignment:
    """The tokens of B beside those of A.

    Of prompts with equally many tokens each has the one in its place. Else the tokens that both begin with are side by
    side, counted from the start, and those that both end with, counted from the end; between them those that are found
    in both in the same order, and where as many tokens of B stand between two of these as of A, these one by one. All
    other tokens have no counterpart.
    """
    if len(here) == len(there):
        return Alignment(tuple(range(len(here))))
    counterparts: list[int | None] = [None] * len(here)
    ours, theirs = [token.id for token in here], [token.id for token in there]
    start = _common(ours, theirs)
    end = _common(ours[start:][::-1], theirs[start:][::-1])
    stop, their_stop = len(ours) - end, len(theirs) - end
    stretches = [(0, start, 0, start), (stop, len(ours), their_stop, len(theirs))]
    stretches += _between(ours, (start, stop), theirs, (start, their_stop))
    for first, after, their_first, _ in stretches:
        counterparts[first:after] = range(their_first, their_first + after - first)
    return Alignment(tuple(counterparts), by_position=False)


def _common(one: list[int], other: list[int]) -> int:
    pairs = zip(one, other, strict=False)
    return next((index for index, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


def _between(
    ours: list[int], part: tuple[int, int], theirs: list[int], their_part: tuple[int, int]
) -> Iterator[tuple[int, int, int, int]]:
    """The stretches of equal length that are side by side in parts of two texts; none where these are too long."""
    (start, stop), (their_start, their_stop) = part, their_part
    if (stop - start) * (their_stop - their_start) > MOST_COMPARED:
        return
    matcher = SequenceMatcher(None, theirs[their_start:their_stop], ours[start:stop], autojunk=False)
    for _, their_first, their_after, first, after in matcher.get_opcodes():
        if after - first == their_after - their_first:
            yield start + first, start + after, their_start + their_first, their_start + their_after

"""Which token of a pair's source each token is compared with."""

from __future__ import annotations

import random

import pytest

from selfie_tui.records import Token
from selfie_tui.tui import pair
from selfie_tui.tui.pair import aligned
from tests.tui.fake_engine import words


@pytest.mark.parametrize(
    ("here", "there", "expected", "said"),
    [
        ("The capital of Italy is", "The capital of France is", [0, 1, 2, 3, 4], ""),
        ("a b c", "c b a", [0, 1, 2], ""),
        ("The capital of Italy is not", "The capital of France is", [0, 1, 2, 3, 4, None], "5 of 6 tokens aligned"),
        ("The big red city of", "The city of", [0, None, None, 1, 2], "3 of 5 tokens aligned"),
        ("The city of", "The big red city of", [0, 3, 4], "3 of 3 tokens aligned"),
        ("x y The city", "z The city", [None, None, 1, 2], "2 of 4 tokens aligned"),
        ("a b", "c d e", [None, None], "0 of 2 tokens aligned"),
        ("a a a", "a a", [0, 1, None], "2 of 3 tokens aligned"),
    ],
)
def test_tokens_are_aligned_where_that_is_sound_and_how_many_are_is_said(here, there, expected, said):
    found = aligned(words(here), words(there))
    assert list(found.counterparts) == expected
    assert found.words() == said


def test_counterparts_are_in_order_each_used_once_and_those_of_what_both_begin_and_end_with():
    dice = random.Random(0)
    for _ in range(300):
        here, there = (
            tuple(Token(at, dice.randrange(6), "x") for at in range(dice.randrange(1, 24))) for _ in range(2)
        )
        found = aligned(here, there).counterparts
        used = [other for other in found if other is not None]
        assert len(found) == len(here)
        assert used == sorted(set(used))
        assert all(0 <= other < len(there) for other in used)
        common = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a.id != b.id), len(used))
        assert list(found[:common]) == list(range(common))[: len(found)]


def test_prompts_that_are_too_long_to_match_are_compared_where_they_begin_and_end_alike(monkeypatch):
    monkeypatch.setattr(pair, "MOST_COMPARED", 3)
    pair.aligned.cache_clear()
    assert aligned(words("The x of y z end"), words("The w of v end")).counterparts == (0, None, None, None, None, 4)
    pair.aligned.cache_clear()


def test_a_position_outside_has_no_counterpart():
    assert aligned(words("a b"), words("a b c")).of(7) is None

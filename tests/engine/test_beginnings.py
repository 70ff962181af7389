"""The tree of texts that begin alike, against what a search among all their beginnings gives."""

from __future__ import annotations

import random

import pytest

from selfie_tui.engine.generation import forwards
from selfie_tui.engine.generation.beginnings import FORWARD_COST, Beginnings, Ids
from selfie_tui.engine.generation.prefill import prefill_prompt
from selfie_tui.engine.generation.relevancy import baseline_probabilities
from selfie_tui.engine.model import Model
from tests.engine.zoo import FAMILIES, build, prompt_ids

VOCABULARY = 40


def random_texts(seed: int, most: int = 12, length: int = 8) -> list[Ids]:
    """Texts whose first tokens are few, so that many begin alike."""
    chance = random.Random(seed)
    return [
        tuple(chance.randrange(2 if index < length // 2 else VOCABULARY) for index in range(chance.randrange(length)))
        for _ in range(chance.randrange(most))
    ]


def maximal(texts: list[Ids], start: int, stop: int) -> set[Ids]:
    beginnings = {text[:stop] for text in texts if len(text) > start}
    return {one for one in beginnings if not any(one != other == (*one, *other[len(one) :]) for other in beginnings)}


def segments_of(length: int) -> list[tuple[int, int]]:
    return [(start, stop) for start in range(length) for stop in range(start + 1, length + 1)]


@pytest.mark.parametrize("seed", range(60))
def test_leaves_are_the_beginnings_that_no_other_goes_on_from(seed: int) -> None:
    texts = random_texts(seed)
    tree, length = Beginnings.of(texts), max(map(len, texts), default=0)
    for start, stop in segments_of(length):
        leaves, expected = tree.leaves(start, stop), maximal(texts, start, stop)
        assert set(leaves) == expected
        assert [len(leaf) for leaf in leaves] == sorted(len(leaf) for leaf in expected)
        assert tree.tokens_from(start, length)[stop - start - 1] == sum(len(leaf) - start for leaf in expected)
        for text in texts:
            if len(text) > start:
                assert tree.leaf_of(text, stop)[: len(text)] == text[:stop]
                assert tree.leaf_of(text, stop) in expected


@pytest.mark.parametrize("seed", range(20))
def test_segments_are_those_of_least_cost(seed: int) -> None:
    texts = [text * 9 for text in random_texts(seed, 30)]  # long enough for a cut to pay
    tree, length = Beginnings.of(texts), max(map(len, texts), default=0)
    costs = {
        (start, stop): sum(len(leaf) - start for leaf in maximal(texts, start, stop)) + FORWARD_COST
        for start, stop in segments_of(length)
    }
    least = [0.0]
    for stop in range(1, length + 1):
        least.append(min(least[start] + costs[start, stop] for start in range(stop)))
    found = tree.segments()
    assert [place for start, stop in found for place in range(start, stop)] == list(range(length))
    assert sum(costs[segment] for segment in found) == least[-1]


def test_texts_that_begin_alike_are_cut_where_they_part() -> None:
    assert Beginnings.of([tuple(range(20)) + (row,) * 20 for row in range(90)]).segments()[0] == (0, 20)
    assert Beginnings.of([tuple(range(40))]).segments() == [(0, 40)]
    assert Beginnings.of([]).segments() == Beginnings.of([()]).segments() == []


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Model:
    return build(request.param)


def test_scores_of_texts_together_are_those_of_each_alone(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for seed in range(5) for row in random_texts(seed, 12, 9) if row]
    assert len({len(row) for row in rows}) > 4
    prefill = prefill_prompt(model, prompt_ids(3))
    expected = [baseline_probabilities(model, prefill, [row])[0] for row in rows]
    for cost, piece in ((64, 256), (0, 256), (0, 6), (64, 9)):
        monkeypatch.setattr("selfie_tui.engine.generation.beginnings.FORWARD_COST", cost)
        monkeypatch.setattr(forwards, "PIECE", piece)
        found = baseline_probabilities(model, prefill, rows)
        for one, other in zip(found, expected, strict=True):
            assert one == pytest.approx(other, abs=1e-5)

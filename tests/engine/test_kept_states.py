"""States kept around the place that was read last: the same as those of a forward, and dropped where they are not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from selfie_tui.engine import kept_states
from selfie_tui.engine.inspecting.standing import set_edits
from selfie_tui.engine.kept_states import read_around, window_around
from selfie_tui.engine.methods import lens
from selfie_tui.engine.model import Model
from selfie_tui.errors import Cancelled
from selfie_tui.records import EMBED, Edit, ReadLens
from tests.engine.test_identities_of_kinds import STREAMS, stream
from tests.engine.zoo import FAMILIES, build, prompt_ids

LAYERS = (EMBED, 1)


@contextmanager
def counted(model: Model) -> Iterator[list[int]]:
    """The tokens of each forward of the first block while open."""
    lengths: list[int] = []

    def count(module: Any, args: Any, kwargs: Any) -> None:
        tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
        lengths.append(tensors[0].shape[1])

    handle = model.blocks[0].register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield lengths
    finally:
        handle.remove()


def assert_states(model: Model, ids: list[int], positions: list[int], prefix: list[int] | None = None) -> None:
    expected = model.read(ids, LAYERS, positions, prefix=prefix)
    found = read_around(model, ids, LAYERS, positions, prefix=prefix)
    assert list(found) == list(LAYERS)
    assert all(torch.equal(found[layer], expected[layer]) for layer in LAYERS)


@pytest.mark.parametrize("family", FAMILIES)
def test_states_nearby_are_those_of_a_forward_and_need_none(family: str):
    model, ids = build(family), prompt_ids()
    assert_states(model, ids, [2])
    with counted(model) as forwards:
        for positions in ([0], [5, 3], list(range(len(ids)))):
            read_around(model, ids, LAYERS, positions)
    assert forwards == []
    for positions in ([0], [5, 3], list(range(len(ids)))):
        assert_states(model, ids, positions)


@pytest.mark.parametrize("param", STREAMS, ids=lambda param: "-".join(param[1:]))
def test_streams_of_other_kinds_are_kept_apart(param: Any):
    text = stream(*param)
    for written in (None, text.prefix, None):
        assert_states(text.model, list(text.ids), [1, 0], list(written) if written else None)


def test_another_prompt_and_other_edits_are_read_anew():
    model, ids = build("llama"), prompt_ids()
    before = read_around(model, ids, LAYERS, [1])
    assert_states(model, [*ids[1:], 7], [1])
    set_edits(model, (Edit("model.layers.1.mlp", "zero"),))
    try:
        assert_states(model, ids, [1])
        assert not torch.equal(read_around(model, ids, LAYERS, [1])[1], before[1])
    finally:
        set_edits(model, ())
    assert torch.equal(read_around(model, ids, LAYERS, [1])[1], before[1])


def test_two_prompts_that_are_compared_are_both_kept_and_a_third_takes_the_place_of_the_older():
    model, ids = build("llama"), prompt_ids()
    kept_states._kept.pop(model, None)
    prompts = [ids, [*ids[1:], 7], [*ids[2:], 7, 8]]
    with counted(model) as forwards:
        for prompt in (*prompts[:2], *prompts[:2]):
            read_around(model, prompt, LAYERS, [1])
        assert len(forwards) == 2
        for prompt in (prompts[2], prompts[1]):
            read_around(model, prompt, LAYERS, [1])
        assert len(forwards) == 3
        read_around(model, prompts[0], LAYERS, [1])
        assert len(forwards) == 4
    assert len(kept_states._kept[model]) == 2


def test_no_more_is_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch):
    model, ids = build("gpt2"), prompt_ids() * 4
    one = kept_states.bytes_of(model, range(EMBED, model.layers))
    monkeypatch.setattr(kept_states, "MOST_BYTES", 6 * one + 1)
    with counted(model) as forwards:
        read_around(model, ids, LAYERS, [10])
        kept, *_ = kept_states._kept[model]
        assert sum(states.nbytes for states in kept.states.values()) == 6 * one
        assert kept.first <= 10 < kept.first + 6
        read_around(model, ids, LAYERS, [kept.first, kept.first + 5])
        assert len(forwards) == 1
        read_around(model, ids, LAYERS, [kept.first + 6])
        assert len(forwards) == 2
        read_around(model, ids, LAYERS, list(range(7)))
        assert len(forwards) == 3, "too many to keep"
    for positions in ([0], [len(ids) - 1], list(range(9)), [3, 8]):
        assert_states(model, ids, positions)


@pytest.mark.parametrize(
    ("positions", "length", "most", "expected"),
    [
        ([3], 10, 20, range(10)),
        ([3], 10, 10, range(10)),
        ([0], 100, 8, range(8)),
        ([99], 100, 8, range(92, 100)),
        ([50], 100, 9, range(46, 55)),
        ([53, 50], 100, 4, range(50, 54)),
        ([50, 54], 100, 4, None),
        ([0], 100, 0, None),
    ],
)
def test_the_window_has_what_is_read_in_its_middle(positions: list[int], length: int, most: int, expected: range):
    assert window_around(positions, length, most) == expected


def test_a_step_of_the_lens_runs_the_head_alone(monkeypatch: pytest.MonkeyPatch):
    model = build("qwen3")
    prompt = "the city of Paris is"
    first = list(lens.run(model, ReadLens(prompt, (1,)), lambda: False))
    with counted(model) as forwards:
        beside = list(lens.run(model, ReadLens(prompt, (2, 3)), lambda: False))
        again = list(lens.run(model, ReadLens(prompt, (1,)), lambda: False))
    assert forwards == []
    assert again == first
    kept_states._kept.pop(model)
    assert list(lens.run(model, ReadLens(prompt, (2, 3)), lambda: False)) == beside


def test_a_cancelled_reading_keeps_nothing():
    model, ids = build("llama"), prompt_ids()
    kept_states._kept.pop(model, None)
    with pytest.raises(Cancelled):
        read_around(model, ids, LAYERS, [1], lambda: True)
    assert not kept_states._kept.get(model)

"""Maps between the spaces of two models: found again where there is one, and nothing where pairs are shuffled."""

from __future__ import annotations

from functools import partial
from itertools import islice

import pytest
import torch

from selfie_tui.demo.corpus import documents
from selfie_tui.engine.comparing import mapped
from selfie_tui.engine.comparing.space_map import EVERY, fit, quality, system_of
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.model import Model
from selfie_tui.engine.service import METHODS_OF_TWO
from selfie_tui.errors import RequestError
from selfie_tui.presets import PRESETS
from selfie_tui.records import (
    CellsCompared,
    CellsMapped,
    CompareModels,
    Event,
    LoadModel,
    ReadingsCompared,
    ReadingsMapped,
    Request,
)
from tests.engine.comparing.rotated import rotated
from tests.engine.zoo import build

EIFFEL = "The Eiffel Tower is located in the city of"
TEXTS = tuple(islice(documents(7), 60))
REQUEST = Request(prompt="", cells=(), preset=PRESETS[0], max_new_tokens=8)
WORDS = "the Eiffel Tower is located in city of Paris a man with hat".split()  # noqa: SIM905 - read as a sentence


def done(model: Model, other: Model, prompt: str, positions: tuple[int, ...], **more: object) -> list[Event]:
    task = CompareModels(LoadModel("demo"), prompt, positions, **more)  # type: ignore[arg-type]
    return list(METHODS_OF_TWO[CompareModels](model, other, task, never))


def pairs_of(count: int, noise: float = 0.0, seed: int = 0) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Passages of 20 states 12 wide, and what an affine map makes of them, 7 wide, with noise."""
    generator = torch.Generator().manual_seed(seed)
    weight, bias = torch.randn(12, 7, generator=generator), torch.randn(7, generator=generator)
    source = [3 + torch.randn(20, 12, generator=generator) for _ in range(count)]
    return source, [each @ weight + bias + noise * torch.randn(20, 7, generator=generator) for each in source]


def test_an_affine_map_is_found_again() -> None:
    source, target = pairs_of(20)
    found = fit(source, target)
    assert found.quality.explained == pytest.approx(1, abs=1e-6)
    assert found.quality.cosine == pytest.approx(1, abs=1e-6)
    assert found.quality.matched == 1
    assert (found.fitted, found.held_out) == (16 * 20, 4 * 20)
    assert found.map.apply(source[0]) == pytest.approx(target[0].double(), abs=1e-3)


def test_noise_takes_its_share_of_what_is_explained_and_shuffled_pairs_explain_nothing() -> None:
    source, target = pairs_of(60, noise=2.0)
    found = fit(source, target)
    spread = torch.cat(target).var(0).sum()
    assert found.quality.explained == pytest.approx(1 - float(7 * 4 / spread), abs=0.05)
    assert -0.1 < found.shuffled_quality.explained < 0.05
    assert abs(found.shuffled_quality.cosine) < 0.15
    assert found.shuffled_quality.matched < 0.1 < found.quality.matched


def test_what_is_held_out_is_not_fitted() -> None:
    """Where the passages that are held out are of another map, none of them is explained."""
    source, target = pairs_of(20)
    target = [-each if index % EVERY == EVERY - 1 else each for index, each in enumerate(target)]
    assert fit(source, target).quality.explained < 0


@pytest.mark.parametrize("count", [6, 40])
def test_the_smaller_of_two_systems_gives_the_same_map(count: int) -> None:
    """`(X'X + r I)^-1 X'Y` by its definition, with fewer states than they are wide and with more."""
    generator = torch.Generator().manual_seed(1)
    source = torch.randn(count, 12, generator=generator, dtype=torch.float64)
    target = torch.randn(count, 7, generator=generator, dtype=torch.float64)
    found = system_of(source).solve(target, 0.1)
    centred, wanted = source - source.mean(0), target - target.mean(0)
    penalty = 0.1 * centred.square().mean() * count
    expected = torch.linalg.inv(centred.T @ centred + penalty * torch.eye(12, dtype=torch.float64)) @ centred.T @ wanted
    assert found.weight == pytest.approx(expected, abs=1e-9)
    assert quality(found, source, target).explained < 1


def test_states_that_are_not_finite_and_too_few_texts_are_refused() -> None:
    source, target = pairs_of(4)
    with pytest.raises(RequestError, match="fitted on 5 texts at least"):
        fit(source, target)
    source, target = pairs_of(6)
    source[2][3, 1] = float("nan")
    with pytest.raises(RequestError, match="not finite"):
        fit(source, target)


def test_a_model_in_another_basis_reads_the_states_of_the_first_as_its_own(demo: Model) -> None:
    """The same function, its stream turned: without a map another's states are nothing, through it its own."""
    other = rotated(demo)
    layers = (-1, 2, 5, 7)
    events = done(demo, other, EIFFEL, (2, 3, 9), layers=layers, request=REQUEST, texts=TEXTS)
    maps = [event for event in events if isinstance(event, CellsMapped)]
    assert [event.map.layer for event in maps] == list(layers)
    for event in maps:
        assert event.map.explained > 0.99
        assert event.map.matched == 1
        assert event.map.shuffled_explained < 0.05
        assert event.map.shuffled_matched < 0.05
        assert max(cell.bits for cell in event.cells) < 1e-3
        assert min(cell.shuffled_bits for cell in event.cells) > 0.5
    readings = {each.pair: each for event in events if isinstance(event, ReadingsCompared) for each in event.readings}
    (through,) = [event.readings for event in events if isinstance(event, ReadingsMapped)]
    assert len(through) == len(readings) == 12
    for each in through:
        assert each.reading.text == readings[each.pair].other.text == readings[each.pair].reading.text
        assert each.reading.token == readings[each.pair].other.token
    assert sum(each.shuffled.text == each.reading.text for each in through) <= 1


def test_a_model_beside_itself_is_mapped_onto_itself(demo: Model) -> None:
    other = load("demo", device="cpu", dtype="fp32")
    events = done(demo, other, EIFFEL, (3, 9), layers=(4,), request=REQUEST, texts=TEXTS)
    (event,) = [event for event in events if isinstance(event, CellsMapped)]
    compared = [cell for found in events if isinstance(found, CellsCompared) for cell in found.cells]
    assert event.map.explained == pytest.approx(1, abs=1e-5)
    for cell, own in zip(event.cells, compared, strict=True):
        assert cell.top[0].text == own.other_top[0].text
    (through,) = [event.readings for event in events if isinstance(event, ReadingsMapped)]
    readings = {each.pair: each for found in events if isinstance(found, ReadingsCompared) for each in found.readings}
    assert [each.reading.text for each in through] == [readings[each.pair].reading.text for each in through]


def sentences(count: int) -> tuple[str, ...]:
    generator = torch.Generator().manual_seed(3)
    drawn = torch.randint(len(WORDS), (count, 12), generator=generator).tolist()
    return tuple(" ".join(WORDS[index] for index in row) for row in drawn)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "opt"])
def test_embeddings_of_one_vocabulary_are_mapped_whatever_the_families(family: str) -> None:
    """At `embed` a state is its token's alone (with its place in GPT-2 and OPT), which a map of few tokens finds."""
    one, two = build("llama"), build(family, seed=9)
    found = [
        event
        for event in done(one, two, "a man with hat", (1, 3), texts=sentences(60))
        if isinstance(event, CellsMapped)
    ]
    first, last = found[0].map, found[-1].map
    assert first.explained > (0.95 if family in ("llama", "gemma2") else 0.4)
    assert first.explained > last.explained
    assert first.shuffled_explained < 0.05
    assert all(event.map.explained > event.map.shuffled_explained for event in found)


def test_layers_are_read_in_parts_where_the_texts_are_long(demo: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    other = rotated(demo)
    whole = done(demo, other, EIFFEL, (3,), layers=(1, 2, 3), texts=TEXTS[:20])
    calls: list[list[int]] = []
    read = mapped.PairedTexts.read

    def counted(self: mapped.PairedTexts, *asked: object) -> mapped.States:
        calls.append(asked[1][0])  # type: ignore[index]
        return read(self, *asked)  # type: ignore[arg-type]

    monkeypatch.setattr(mapped.PairedTexts, "read", counted)
    monkeypatch.setattr(mapped, "MOST_BYTES", 1)
    parts = done(demo, other, EIFFEL, (3,), layers=(1, 2, 3), texts=TEXTS[:20])
    assert calls == [[1], [2], [3]]
    assert parts == whole


def test_the_first_token_and_special_ones_are_left_out() -> None:
    one = build("gpt2")
    texts = mapped.pair_texts(one, build("llama"), ["the man with hat"] * 5)
    tokens = texts.prompts[0].here.tokens
    assert [token.special for token in tokens] == [True, False, False, False, False]
    assert texts.positions[0] == ((1, 1), (2, 2), (3, 3), (4, 4))
    assert texts.count == 20
    with pytest.raises(RequestError, match="both models read 2"):
        mapped.pair_texts(one, build("llama"), ["the man with hat"] * 2)


def test_both_models_are_as_they_were_after_maps(demo: Model) -> None:
    other = rotated(demo)
    before = {name: weight.clone() for name, weight in other.module.state_dict().items()}
    run = partial(done, demo, other, EIFFEL, (3,), layers=(2,), texts=TEXTS[:10])
    assert run() == run()
    assert all(weight.equal(before[name]) for name, weight in other.module.state_dict().items())

"""Two models over the same cells, against plain computation; a model beside itself differs by nothing."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator

import pytest
import torch

from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.service import METHODS_OF_TWO, EngineService
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.errors import Cancelled, LoadError, PromptError, RequestError
from selfie_tui.paths import model_path
from selfie_tui.presets import PRESETS
from selfie_tui.records import (
    NEEDS,
    Cell,
    CellFinished,
    CellsCompared,
    ComparedCell,
    CompareModels,
    ComparisonBegan,
    Event,
    LoadModel,
    Notice,
    ReadingsCompared,
    Request,
)
from tests.engine.zoo import FAMILIES, build

PROMPT = "the man with hat is in Paris"
EIFFEL = "The Eiffel Tower is located in the city of"
REQUEST = Request(prompt="", cells=(), preset=PRESETS[0], max_new_tokens=8)


def asked(prompt: str = PROMPT, positions: tuple[int, ...] = (1, 7), **more: object) -> CompareModels:
    return CompareModels(LoadModel("demo"), prompt, positions, **more)  # type: ignore[arg-type]


def done(model: Model, other: Model, task: CompareModels) -> list[Event]:
    return list(METHODS_OF_TWO[CompareModels](model, other, task, never))


def cells_of(events: list[Event]) -> tuple[list[ComparedCell], list[ComparedCell]]:
    found = [event for event in events if isinstance(event, CellsCompared)]
    return [cell for event in found for cell in event.cells], [cell for event in found for cell in event.next]


def log_shares(model: Model, cell: Cell) -> torch.Tensor:
    states = model.read(source_of(model, PROMPT).ids, [cell.layer], [cell.position])[cell.layer]
    return lens_logits(model, states).double().log_softmax(-1)[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_cells_have_the_lens_of_each_model_and_what_lies_between_them(family: str) -> None:
    one, two = build("gpt2"), build(family, layers=6, seed=5)
    cells, following = cells_of(done(one, two, asked(layers=(-1, 1, 3), k=3)))
    assert [cell.pair.cell for cell in cells] == [Cell(layer, at) for at in (1, 7) for layer in (-1, 1, 3)]
    assert [cell.pair.other.layer for cell in cells] == [-1, 2, 5] * 2
    for cell in cells:
        own, beside = log_shares(one, cell.pair.cell), log_shares(two, cell.pair.other)
        midway = ((own.exp() + beside.exp()) / 2).log()
        apart = sum(float((each.exp() * (each - midway)).sum()) for each in (own, beside)) / 2 / math.log(2)
        assert cell.bits == pytest.approx(apart, abs=1e-5)
        assert cell.kl == pytest.approx(float((own.exp() * (own - beside)).sum()), rel=1e-4, abs=1e-5)
        assert cell.entropy == pytest.approx(float(-(own.exp() * own).sum()), abs=1e-4)
        assert cell.other_entropy == pytest.approx(float(-(beside.exp() * beside).sum()), abs=1e-4)
        assert [token.id for token in cell.top] == own.topk(3).indices.tolist()
        assert [token.probability for token in cell.other_top] == pytest.approx(
            beside.topk(3).values.exp().tolist(), rel=1e-4
        )
        assert cell.differs == (int(own.argmax()) != int(beside.argmax()))
    ids = torch.tensor([source_of(one, PROMPT).ids])
    own, beside = (model.module(ids).logits[0].detach().double().log_softmax(-1) for model in (one, two))
    for cell, position in zip(following, (1, 7), strict=True):
        expected = float((own[position].exp() * (own[position] - beside[position])).sum())
        assert cell.kl == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_bundled_model_differs_from_itself_by_exactly_nothing(demo: Model) -> None:
    other = load("demo", device="cpu", dtype="fp32")
    assert other.module is not demo.module
    positions = tuple(range(1, 10))
    events = done(demo, other, asked(EIFFEL, positions, request=REQUEST))
    cells, following = cells_of(events)
    assert len(cells) == 9 * 9
    assert {(cell.bits, cell.kl, cell.differs) for cell in [*cells, *following]} == {(0.0, 0.0, False)}
    assert all(cell.top == cell.other_top for cell in cells)
    readings = [each for event in events if isinstance(event, ReadingsCompared) for each in event.readings]
    assert len(readings) == 9 * 9
    assert all(each.reading == each.other for each in readings)


def test_readings_are_those_of_each_model_alone_with_its_own_layers() -> None:
    one, two = build("gpt2"), build("llama", layers=6, seed=5)
    task = asked(layers=(0, 3), request=Request(prompt="", cells=(), preset=PRESETS[0], injection_layer=3))
    readings = [
        each for event in done(one, two, task) if isinstance(event, ReadingsCompared) for each in event.readings
    ]
    cells = [Cell(layer, at) for at in (1, 7) for layer in (0, 3)]
    others = [Cell(layer, at) for at in (1, 7) for layer in (1, 5)]
    own = alone(one, Request(prompt=PROMPT, cells=tuple(cells), preset=PRESETS[0], injection_layer=3))
    beside = alone(two, Request(prompt=PROMPT, cells=tuple(others), preset=PRESETS[0], injection_layer=5))
    by_cell = {each.pair.cell: each for each in readings}
    assert [by_cell[cell].reading for cell in cells] == own
    assert [by_cell[cell].other for cell in cells] == beside


def alone(model: Model, request: Request) -> list[object]:
    found = {
        event.index: event.interpretation for event in interpret(model, request) if isinstance(event, CellFinished)
    }
    return [found[index] for index in sorted(found)]


def test_a_changed_layer_shows_from_there_on_and_not_before(demo: Model) -> None:
    other = load("demo", device="cpu", dtype="fp32")
    with torch.no_grad():
        other.blocks[4].mlp.down_proj.weight.zero_()
    cells, following = cells_of(done(demo, other, asked(EIFFEL, (3, 9))))
    before = [cell for cell in cells if cell.pair.cell.layer < 4]
    after = [cell for cell in cells if cell.pair.cell.layer >= 4]
    assert {cell.bits for cell in before} == {0.0}
    assert min(cell.bits or 0 for cell in after) > 0
    assert all((cell.kl or 0) > 0 for cell in following)


def test_a_cancelled_comparison_leaves_both_models_as_they_were(demo: Model) -> None:
    other = load("demo", device="cpu", dtype="fp32")
    before = {name: weight.clone() for name, weight in other.module.state_dict().items()}
    with pytest.raises(Cancelled):
        list(METHODS_OF_TWO[CompareModels](demo, other, asked(EIFFEL, (3,)), lambda: True))
    assert all(weight.equal(before[name]) for name, weight in other.module.state_dict().items())
    assert not any(block._forward_hooks or block._forward_pre_hooks for block in other.blocks)


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        (asked(positions=()), RequestError, "No token is chosen"),
        (asked(positions=(40,)), RequestError, "Token 40 is out of range"),
        (asked(layers=(4,)), RequestError, "Layer 4 is out of range"),
        (asked(other_layers=(1,)), RequestError, "There are 5 layers of random-gpt2 and 1 of random-llama"),
        (asked(prompt=""), PromptError, "The prompt is empty"),
        (
            asked(request=Request(prompt="", cells=(), preset=PRESETS[0], max_new_tokens=200)),
            PromptError,
            "takes 128",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_before_any_forward(
    task: CompareModels, error: type[Exception], words: str
) -> None:
    one, two = build("gpt2"), build("llama", seed=1)
    with pytest.raises(error, match=words):
        next(METHODS_OF_TWO[CompareModels](one, two, task, never))


def served(model: Model, task: CompareModels, posted: list[Event]) -> Iterator[Event]:
    return EngineService(model, threads=1).run(task, never, posted.append)


def test_the_service_says_what_memory_the_other_model_takes_and_lets_it_go(demo: Model) -> None:
    posted: list[Event] = []
    events = list(served(demo, asked(EIFFEL, (9,), layers=(7,)), posted))
    (told,) = [event.text for event in posted if isinstance(event, Notice)]
    size = (model_path() / "model.safetensors").stat().st_size
    assert told.startswith(f"demo, beside demo: {NEEDS}{size / 2**20:.0f} MiB, and cpu has ")
    (began,) = [event for event in events if isinstance(event, ComparisonBegan)]
    assert (began.model.dtype, began.other.dtype, began.same_vocabulary) == ("fp32", "bf16", True)
    (cell,), _ = cells_of(events)
    assert 0 < (cell.bits or 0) < 0.01


@pytest.mark.parametrize("ending", ["whole", "cancelled", "refused", "closed"])
def test_the_other_model_is_let_go_however_the_comparison_ends(
    demo: Model, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    loaded: list[weakref.ref[object]] = []

    def remembered(name: str, **options: object) -> Model:
        other = load(name, **options)  # type: ignore[arg-type]
        loaded.append(weakref.ref(next(other.module.parameters())))
        return other

    monkeypatch.setattr("selfie_tui.engine.service.load", remembered)
    positions = (90,) if ending == "refused" else (9,)
    task = asked(EIFFEL, positions, layers=(7,))
    events = EngineService(demo, threads=1).run(
        task, lambda: ending == "cancelled" and bool(loaded), lambda event: None
    )
    if ending == "whole":
        list(events)
    elif ending == "closed":
        next(events)
        events.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises((Cancelled, RequestError)):
            list(events)
    assert [each() for each in loaded] == [None]


def test_another_model_that_there_is_no_room_for_is_refused(demo: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfie_tui.engine.loading.placement.free_memory", lambda device: 1_000_000)
    posted: list[Event] = []
    with pytest.raises(LoadError, match=r"The weights need .* GiB and cpu has .* GiB free"):
        list(served(demo, asked(EIFFEL, (9,)), posted))
    assert [event for event in posted if isinstance(event, Notice)]

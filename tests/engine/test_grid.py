"""A grid of cells: the first words of all come first, a cell says what it says alone, and its baselines stand by it.

The families are small and random with randomised norms; batches of five rows take turns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest
import torch
from msgspec.structs import replace

from selfie_tui.engine.generation import plan as planning
from selfie_tui.engine.generation.plan import COARSE_STEPS
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.target import build_target
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.errors import Cancelled, RequestError
from selfie_tui.measures import agreement, most_agreed
from selfie_tui.records import (
    EMBED,
    Cell,
    CellFinished,
    Control,
    ControlFinished,
    Earlier,
    Event,
    Interpretation,
    Notice,
    PartialTexts,
    Preset,
    Progress,
    Request,
)
from selfie_tui.results.run_kinds.readings import is_whole
from tests.engine.records_compared import assert_same
from tests.engine.reference import decoded, state_at
from tests.engine.test_interpreting import NO_MEMORY, Flag, Forwards, some_ends
from tests.engine.zoo import build

PROMPT = "the Eiffel Tower is located in Paris"
PRESET = Preset("test", "the man in _ _ is located in the city of")
GRID = tuple(Cell(layer, position) for layer in (EMBED, 0, 1) for position in range(1, 7))
LATE = tuple(cell for cell in GRID if cell.layer != EMBED)
REQUEST = Request(PROMPT, GRID, PRESET, max_new_tokens=6)


@pytest.fixture(scope="module")
def llama() -> Model:
    return build("llama", layers=2)


@pytest.fixture
def five_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "rows_that_fit", lambda *_: 5)


def found_in(events: Iterator[Event] | list[Event]) -> list[Interpretation]:
    """The interpretations in the order of the cells."""
    found = {event.index: event.interpretation for event in events if isinstance(event, CellFinished)}
    return [found[index] for index in sorted(found)]


def until_cancelled(model: Model, request: Request, when: Callable[[Event], bool]) -> list[Event]:
    """The events of a run that is cancelled once `when` is true of one of them."""
    events: list[Event] = []
    flag = Flag()

    def run() -> None:
        for event in interpret(model, request, flag):
            events.append(event)
            flag.set |= when(event)

    with pytest.raises(Cancelled):
        run()
    return events


# Coarse to fine -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "family", ["gpt2", "llama", "neox", "gemma2", "qwen3", "opt", "bloom", "falcon", "mpt", "jamba"]
)
def test_a_cell_of_a_grid_says_what_it_says_alone(family: str, five_at_a_time: None) -> None:
    model = build(family, layers=2)
    grid = found_in(interpret(model, REQUEST))
    assert len({each.text for each in grid}) > 1
    for index, cell in enumerate(GRID):
        (alone,) = found_in(interpret(model, replace(REQUEST, cells=(cell,))))
        assert alone.text == grid[index].text
        assert [token.id for token in alone.tokens] == [token.id for token in grid[index].tokens]
        assert_same(alone, grid[index])


def test_all_cells_have_their_first_words_before_any_has_more(llama: Model, five_at_a_time: None) -> None:
    seen: dict[int, str] = {}
    widths: list[int] = []
    with Forwards(llama) as forwards:
        for event in interpret(llama, replace(REQUEST, relevancy=False)):
            if isinstance(event, PartialTexts):
                seen |= dict(event.texts)
            if isinstance(event, CellFinished):
                break
        widths = [tokens for _, tokens in forwards.shapes[2:]]
    assert {*range(len(GRID))} <= seen.keys()
    batches = math.ceil(len(GRID) / 5)
    first = [*([widths[0]] + [1] * (COARSE_STEPS - 1)) * batches]
    assert widths[: len(first)] == first
    assert widths[len(first) :] == [1] * (REQUEST.max_new_tokens - COARSE_STEPS)


def test_without_memory_for_all_caches_groups_of_batches_take_turns(
    llama: Model, five_at_a_time: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = found_in(interpret(llama, REQUEST))
    monkeypatch.setattr(planning, "rows_that_wait", lambda *_: 10)
    finished: list[int] = []
    before_first: set[int] = set()
    for event in interpret(llama, REQUEST):
        if isinstance(event, PartialTexts) and not finished:
            before_first |= {index for index, _ in event.texts if index >= 0}
        if isinstance(event, CellFinished):
            finished.append(event.index)
    assert before_first == {*range(10)}
    assert finished == [*range(len(GRID))]
    assert_same(found_in(interpret(llama, REQUEST)), expected)


def test_out_of_memory_while_batches_take_turns_changes_no_record(llama: Model, five_at_a_time: None) -> None:
    expected = list(interpret(llama, REQUEST))
    calls = 0

    def second_batch(shape: tuple[int, int]) -> bool:
        nonlocal calls
        calls += (matching := shape[0] == 5 and shape[1] > 1)
        return matching and calls == 1

    with Forwards(llama, limit=4, error=NO_MEMORY["cuda"]) as forwards:
        forwards.only = second_batch
        events = list(interpret(llama, REQUEST))
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "Out of memory with 18 cells at once: going on with 5."
    ]
    assert_same(found_in(events), found_in(expected))
    (control,) = [event.control for event in events if isinstance(event, ControlFinished)]
    assert control.tokens


def test_a_cancelled_grid_keeps_the_ended_answers_of_all_batches(
    llama: Model, five_at_a_time: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama.module.generation_config, "eos_token_id", some_ends(llama))
    expected = found_in(interpret(llama, REQUEST))
    work = 6 + 2
    events = until_cancelled(
        llama, REQUEST, lambda event: isinstance(event, Progress) and event.steps_done >= len(GRID) * COARSE_STEPS
    )
    kept = {event.index: event.interpretation for event in events if isinstance(event, CellFinished)}
    ended = {index for index, each in enumerate(expected) if len(each.tokens) < COARSE_STEPS}
    assert ended
    assert ended == kept.keys()
    assert any(index >= 5 for index in ended), "some are of batches that waited"
    assert all(kept[index].text == expected[index].text for index in ended)
    assert max(event.steps for event in events if isinstance(event, Progress)) == len(GRID) * work


@pytest.mark.parametrize("settings", [{}, {"samples": 3, "temperature": 1.5, "seed": 4}], ids=str)
@pytest.mark.parametrize("after", [1, 7, 10])
def test_a_grid_that_stopped_goes_on_to_the_end_of_one_that_did_not(
    llama: Model, five_at_a_time: None, settings: dict[str, float], after: int
) -> None:
    """Identity 23: what is whole is kept with its baselines and samples, the rest is decoded."""
    request = replace(REQUEST, cells=(*LATE, *GRID[:2]), **settings)
    whole = list(interpret(llama, request))
    count = 0

    def enough(event: Event) -> bool:
        nonlocal count
        count += isinstance(event, CellFinished)
        return count >= after

    stopped = until_cancelled(llama, request, enough)
    (control,) = [event.control for event in stopped if isinstance(event, ControlFinished)]
    kept = tuple(
        (event.index, event.interpretation)
        for event in stopped
        if isinstance(event, CellFinished) and is_whole(event.interpretation, request)
    )
    assert after <= len(kept) < len(request.cells)
    resumed = list(interpret(llama, request, earlier=Earlier("a:1", control, kept)))
    assert_same(found_in(resumed), found_in(whole))
    last = [event for event in resumed if isinstance(event, Progress)][-1]
    assert (last.cells_done, last.steps_done) == (len(request.cells), last.steps)


# Baselines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2", "opt", "bloom"])
def test_the_bare_embedding_says_what_the_cell_at_embed_does(family: str, five_at_a_time: None) -> None:
    model = build(family, layers=2)
    grid = {each.cell: each for each in found_in(interpret(model, REQUEST))}
    for each in grid.values():
        assert each.bare == grid[Cell(EMBED, each.cell.position)].text
    assert_same(found_in(interpret(model, replace(REQUEST, cells=LATE))), [grid[cell] for cell in LATE])


def test_cells_finish_in_the_requests_order_but_for_those_at_embed_that_others_stand_beside(
    llama: Model, five_at_a_time: None
) -> None:
    def order(cells: tuple[Cell, ...]) -> list[Cell]:
        events = interpret(llama, replace(REQUEST, cells=cells))
        return [event.interpretation.cell for event in events if isinstance(event, CellFinished)]

    by_token = tuple(Cell(layer, position) for position in range(1, 7) for layer in (EMBED, 0, 1))
    assert order(GRID) == [*GRID]
    assert order(by_token) == [*by_token]
    assert order((*LATE, *GRID[:6]))[:4] == [GRID[0], LATE[0], GRID[1], LATE[1]]


def test_every_distinct_embedding_is_decoded_once_and_none_where_the_run_reads_it(llama: Model) -> None:
    def rows(prompt: str, cells: tuple[Cell, ...], **settings: bool) -> int:
        with Forwards(llama) as forwards:
            list(interpret(llama, replace(REQUEST, prompt=prompt, cells=cells, relevancy=False, **settings)))
        return forwards.shapes[2][0] - 1  # the control

    assert rows(PROMPT, GRID) == len(GRID)
    assert rows(PROMPT, LATE) == len(LATE) + 6
    assert rows(PROMPT, LATE, baselines=False) == len(LATE)
    ids = llama.tokenizer("the man the man the man")["input_ids"]
    cells = tuple(Cell(1, position) for position in range(1, len(ids)))
    assert len(set(ids[1:])) < len(cells)
    assert rows("the man the man the man", cells) == len(cells) + len(set(ids[1:]))


def test_a_model_with_learned_positions_has_a_bare_embedding_for_each_position() -> None:
    model = build("gpt2", layers=2)
    ids = model.tokenizer("the man the man")["input_ids"]
    cells = tuple(Cell(1, position) for position in range(len(ids)))
    with Forwards(model) as forwards:
        list(interpret(model, replace(REQUEST, prompt="the man the man", cells=cells, relevancy=False)))
    assert len(set(ids)) < len(ids)
    assert forwards.shapes[2][0] == 2 * len(ids) + 1


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox", "gemma2", "qwen3", "opt", "falcon", "mpt"])
def test_the_lens_beside_a_reading_is_the_logit_lens_of_its_state(family: str, five_at_a_time: None) -> None:
    model = build(family, layers=2)
    for each in found_in(interpret(model, replace(REQUEST, max_new_tokens=1))):
        probabilities = lens_logits(model, state_at(model, PROMPT, each.cell).unsqueeze(0))[0].softmax(-1)
        assert each.lens is not None
        assert each.lens.probability == pytest.approx(float(probabilities.max()), abs=1e-5)
        assert each.lens.text in {model.tokenizer.decode([int(probabilities.argmax())]), "�"}


def test_at_the_last_layer_the_lens_is_the_models_own_prediction(llama: Model) -> None:
    """Identity 4, through a run."""
    ids = llama.tokenizer(PROMPT)["input_ids"]
    with torch.no_grad():
        logits = llama.module(torch.tensor([ids])).logits[0]
    for each in found_in(interpret(llama, replace(REQUEST, cells=GRID[-6:]))):
        own = logits[each.cell.position].softmax(-1)
        assert each.lens is not None
        assert each.lens.probability == pytest.approx(float(own.max()), abs=1e-5)


def test_without_baselines_there_are_none_and_the_words_are_the_same(llama: Model) -> None:
    plain = found_in(interpret(llama, replace(REQUEST, cells=LATE, baselines=False)))
    assert [(each.lens, each.bare) for each in plain] == [(None, None)] * len(LATE)
    beside = found_in(interpret(llama, replace(REQUEST, cells=LATE)))
    assert_same([replace(each, lens=None, bare=None) for each in beside], plain)
    assert is_whole(plain[0], replace(REQUEST, baselines=False))
    assert not is_whole(plain[0], REQUEST)
    assert not is_whole(replace(beside[0], bare=None), REQUEST)


# Entropy and samples ------------------------------------------------------------------------------------------------


def test_the_entropy_is_that_of_the_first_tokens_distribution(llama: Model) -> None:
    target = build_target(llama, PRESET, 6)
    with torch.no_grad():
        plain = llama.module(torch.tensor([target.ids])).logits[0, -1].double().log_softmax(-1)
    expected = float(-(plain.exp() * plain).sum())
    silent = replace(REQUEST, mode="add", strength=0.0, cells=GRID[:3])
    assert [each.entropy for each in found_in(interpret(llama, silent))] == pytest.approx([expected] * 3, abs=1e-4)
    injected = found_in(interpret(llama, REQUEST))
    assert len({round(each.entropy or 0, 3) for each in injected}) > 6
    assert all(0 < (each.entropy or 0) < math.log(160) for each in injected)
    assert [each.first_probability for each in injected] == [each.tokens[0].probability for each in injected]


def test_samples_are_decoded_from_seeds_of_their_own_and_the_text_is_the_one_most_agree_with(
    llama: Model, five_at_a_time: None
) -> None:
    request = replace(REQUEST, samples=4, temperature=1.2, seed=9)
    one = [each.text for each in found_in(interpret(llama, replace(request, samples=1)))]
    sampled = found_in(interpret(llama, request))
    for each, first in zip(sampled, one, strict=True):
        assert len(each.samples) == 4
        assert each.samples[0] == first
        assert len(set(each.samples)) > 1
        assert each.text == each.samples[most_agreed(each.samples)]
        assert "".join(token.text for token in each.tokens).strip() == each.text
        assert agreement(each) in (0.25, 0.5, 0.75, 1.0)
        assert all(token.effect is not None for token in each.tokens)


def test_samples_at_a_low_temperature_all_agree(llama: Model) -> None:
    greedy = [each.text for each in found_in(interpret(llama, REQUEST))]
    cold = found_in(interpret(llama, replace(REQUEST, samples=3, temperature=1e-6)))
    assert [each.text for each in cold] == greedy
    assert {agreement(each) for each in cold} == {1.0}


def test_samples_at_temperature_zero_are_refused_with_what_to_do(llama: Model) -> None:
    with Forwards(llama) as forwards, pytest.raises(RequestError, match="would be the same text") as refused:
        list(interpret(llama, replace(REQUEST, samples=5)))
    assert "temperature" in refused.value.remedy
    assert not forwards.shapes
    with pytest.raises(RequestError, match="No text"):
        list(interpret(llama, replace(REQUEST, samples=0)))


def test_a_sampled_grid_is_whole_only_with_all_of_its_samples(llama: Model) -> None:
    request = replace(REQUEST, samples=2, temperature=1.0)
    (each,) = found_in(interpret(llama, replace(request, cells=GRID[:1])))
    assert is_whole(each, request)
    assert not is_whole(replace(each, samples=()), request)
    assert not is_whole(each, replace(request, samples=3))


def test_the_controls_text_is_known_to_every_batch(llama: Model, five_at_a_time: None) -> None:
    silent = replace(REQUEST, mode="add", strength=0.0)
    events = list(interpret(llama, silent))
    assert all(each.equals_control for each in found_in(events))
    expected = decoded(llama, silent, None)
    (control,) = [event.control for event in events if isinstance(event, ControlFinished)]
    assert isinstance(control, Control)
    assert [token.id for token in control.tokens] == expected.ids

"""A run from request to records: against a plain reference, and when memory, the user or the request is in the way."""

from __future__ import annotations

import copy
import itertools
import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config

from selfie_tui.ascii_json import decode_json, encode_ascii
from selfie_tui.engine.generation import decode as decoding
from selfie_tui.engine.generation import plan as planning
from selfie_tui.engine.generation.cache import is_expandable
from selfie_tui.engine.generation.decode import prefill_prompt
from selfie_tui.engine.generation.texts import answer
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.prompts.checks import source_tokens
from selfie_tui.engine.prompts.target import build_target
from selfie_tui.errors import Cancelled, PlaceholderError, PromptError, RequestError, SelfieError
from selfie_tui.marks import NOT_READ, mark_of
from selfie_tui.modes import MODES
from selfie_tui.records import (
    EMBED,
    Cell,
    CellFinished,
    Control,
    ControlFinished,
    Event,
    Interpretation,
    Notice,
    Preset,
    Progress,
    Request,
)
from tests.engine.records_compared import CLOSE, assert_same
from tests.engine.reference import decoded, interpreted, state_at
from tests.engine.tokenizers_zoo import tokenizer_of
from tests.engine.zoo import LLAMA_LIKE, build, byte_tokenizer, randomise

PROMPT = "the Eiffel Tower is located in Paris"
PRESET = Preset("test", "the man in _ _ is located in the city of")
CELLS = tuple(Cell(layer, position) for layer in (EMBED, 0, 1) for position in (1, 3, 5))
REQUEST = Request(PROMPT, CELLS, PRESET, max_new_tokens=8)


@pytest.fixture(scope="module")
def llama() -> Model:
    return build("llama", layers=2)


@pytest.fixture
def ending(llama: Model, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model for which some of the answers to `REQUEST` end early, at tokens of their own, and others do not."""
    monkeypatch.setattr(llama.module.generation_config, "eos_token_id", some_ends(llama))
    return llama


def some_ends(model: Model) -> list[int]:
    """Tokens that end some of the answers to `REQUEST` in different steps."""
    rows = [
        [token.id for token in interpretation.tokens] for interpretation in interpretations(interpret(model, REQUEST))
    ]
    return [rows[0][3], rows[4][5], rows[7][2]]


# The events of a run ------------------------------------------------------------------------------------------------


def interpretations(events: Iterator[Event] | list[Event]) -> list[Interpretation]:
    """The interpretations in the order of the cells."""
    found = {event.index: event.interpretation for event in events if isinstance(event, CellFinished)}
    return [found[index] for index in sorted(found)]


def control_of(events: list[Event]) -> Control:
    """The one control of a run."""
    (control,) = [event.control for event in events if isinstance(event, ControlFinished)]
    return control


def notices_of(events: list[Event]) -> list[Notice]:
    return [event for event in events if isinstance(event, Notice)]


def changed(**fields: Any) -> Request:
    """`REQUEST` with other fields."""
    return msgspec.structs.replace(REQUEST, **fields)


class Forwards:
    """Counts the forwards of a model while open: rows and tokens of each; `limit` raises in those with more rows."""

    def __init__(self, model: Model, limit: int | None = None, error: Exception | None = None) -> None:
        self.model, self.limit, self.error = model, limit, error
        self.shapes: list[tuple[int, int]] = []
        self.only: Callable[[tuple[int, int]], bool] = lambda shape: True

    def note(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        shape = tuple((args[0] if args else kwargs["input_ids"]).shape)
        self.shapes.append(shape)  # type: ignore[arg-type]
        if self.limit is not None and shape[0] > self.limit and self.only(shape):  # type: ignore[arg-type]
            assert self.error is not None
            raise self.error

    def __enter__(self) -> Forwards:
        self.handle = self.model.module.register_forward_pre_hook(self.note, with_kwargs=True)
        return self

    def __exit__(self, *error: object) -> None:
        self.handle.remove()


def hooks_on(model: Model) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.module.modules())


@contextmanager
def unchanged(model: Model) -> Iterator[None]:
    """Check that what happens inside leaves weights and hooks of a model as they are."""
    before, hooks = copy.deepcopy(model.module.state_dict()), hooks_on(model)
    yield
    after = model.module.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert hooks_on(model) == hooks


# A run equals the reference -----------------------------------------------------------------------------------------


def assert_is_the_reference(model: Model, request: Request) -> None:
    """Every interpretation and the control of a run are what plain PyTorch gives row by row."""
    events = list(interpret(model, request))
    control = control_of(events)
    expected = decoded(model, request, None)
    assert [token.id for token in control.tokens] == expected.ids
    assert [token.probability for token in control.tokens] == pytest.approx(expected.probabilities, abs=CLOSE)
    for cell, interpretation in zip(request.cells, interpretations(events), strict=True):
        expected = interpreted(model, request, cell)
        assert [token.id for token in interpretation.tokens] == expected.ids
        assert [token.probability for token in interpretation.tokens] == pytest.approx(
            expected.probabilities, abs=CLOSE
        )
        assert [token.effect for token in interpretation.tokens] == pytest.approx(expected.effects, abs=CLOSE)
        blank = [not token.text.strip() for token in interpretation.tokens]
        shown = range(blank.index(False), len(blank) - blank[::-1].index(False)) if not all(blank) else ()
        effects = [abs(expected.effects[index]) for index in shown]
        assert interpretation.treatment_effect == pytest.approx(
            sum(effects) / len(effects) if effects else None, abs=CLOSE
        )
        assert interpretation.text == answer(model.tokenizer, expected.ids, ())
        assert interpretation.norm == pytest.approx(float(state_at(model, request.prompt, cell).norm()), rel=1e-5)
        assert interpretation.equals_control == (interpretation.text == control.text)


@pytest.mark.parametrize("family", ["gpt2", "gemma2", "bloom", "falcon", "neox"])
def test_a_run_is_what_plain_hooks_give_row_by_row(family: str) -> None:
    assert_is_the_reference(build(family, layers=2), changed(cells=CELLS[::2], injection_layer=EMBED))


@pytest.mark.parametrize("layer", [EMBED, 0])
@pytest.mark.parametrize("mode", MODES)
def test_each_mode_is_its_definition(llama: Model, mode: str, layer: int) -> None:
    assert_is_the_reference(llama, changed(cells=CELLS[::3], mode=mode, strength=0.7, injection_layer=layer))


def test_relevancy_and_answer_stop_before_the_token_that_ends_them(ending: Model) -> None:
    lengths = {len(interpretation.tokens) for interpretation in interpretations(interpret(ending, REQUEST))}
    assert len(lengths) > 1
    assert_is_the_reference(ending, REQUEST)


@pytest.mark.parametrize("window", [6, 14, 18])
def test_a_sliding_window_shorter_than_prompt_or_answer_changes_nothing(window: int) -> None:
    """The prompt has 13 tokens: the window is overrun by the prompt alone, by prompt and answer, or is not."""
    torch.manual_seed(3)
    config = Gemma2Config(
        num_hidden_layers=2, head_dim=16, sliding_window=window, query_pre_attn_scalar=16, **LLAMA_LIKE
    )
    module = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    randomise(module)
    model = adopt(module, byte_tokenizer(), "windowed")
    prefill = prefill_prompt(model, tuple(byte_tokenizer()(PRESET.text)["input_ids"]))
    assert is_expandable(prefill.cache) == (len(prefill.ids) < window)
    assert_is_the_reference(model, changed(cells=CELLS[::4]))
    assert_is_the_reference(model, changed(prompt=PROMPT + PROMPT, cells=(Cell(1, 12),)))


def test_a_cell_equals_the_control_exactly_where_its_text_does(llama: Model) -> None:
    events = list(interpret(llama, changed(mode="add", strength=0.0)))
    assert [interpretation.equals_control for interpretation in interpretations(events)] == [True] * len(CELLS)
    events = list(interpret(llama, REQUEST))
    marks = [interpretation.equals_control for interpretation in interpretations(events)]
    assert marks == [interpretation.text == control_of(events).text for interpretation in interpretations(events)]
    assert not all(marks)


def test_the_demo_model_answers_for_every_cell_and_no_effect_exceeds_one() -> None:
    model = load("demo")
    tokens = source_tokens(model, "The Eiffel Tower is in Paris.")
    cells = tuple(Cell(layer, len(tokens) - 1) for layer in range(EMBED, model.layers))
    preset = Preset("test", "This _ _ _ represents the concept of")
    events = list(interpret(model, Request("The Eiffel Tower is in Paris.", cells, preset, random_control=True)))
    found = interpretations(events)
    assert [interpretation.cell for interpretation in found] == list(cells)
    assert all(abs(token.effect or 0) <= 1 and 0 <= token.probability <= 1 for each in found for token in each.tokens)
    assert all(
        interpretation.random is not None and interpretation.random.cell == interpretation.cell
        for interpretation in found
    )


# Bad requests -------------------------------------------------------------------------------------------------------

BAD = {
    "an empty prompt": (changed(prompt=""), PromptError, "empty"),
    "a blank prompt": (changed(prompt=" \n\t "), PromptError, "empty"),
    "a prompt past the context": (changed(prompt=PROMPT * 40), PromptError, "takes 128"),
    "a layer after the last": (changed(cells=(Cell(2, 1),)), RequestError, "Layer 2 is out of range"),
    "a layer before embed": (changed(cells=(Cell(-2, 1),)), RequestError, "Layer -2 is out of range"),
    "a position after the last": (changed(cells=(Cell(0, 99),)), RequestError, "Token 99 is out of range"),
    "a position before the first": (changed(cells=(Cell(0, -1),)), RequestError, "Token -1 is out of range"),
    "an injection layer after the last": (changed(injection_layer=2), RequestError, "Layer 2 is out of range"),
    "no cells": (changed(cells=()), RequestError, "No cell"),
    "no tokens to generate": (changed(max_new_tokens=0), RequestError, "No token would be generated"),
    "an unknown mode": (changed(mode="average"), RequestError, "Unknown injection mode “average”"),
    "a strength that is no number": (changed(strength=math.nan), RequestError, "finite"),
    "an infinite strength": (changed(strength=math.inf), RequestError, "finite"),
    "a negative temperature": (changed(temperature=-1.0), RequestError, "temperature"),
    "a preset without placeholder": (changed(preset=Preset("p", "the city of")), PlaceholderError, "placeholder"),
    "a preset past the context": (changed(preset=Preset("p", "of _ " * 70)), PromptError, "takes 128"),
    "an answer past the context": (changed(max_new_tokens=120), PromptError, "Generate fewer tokens"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_refused_before_any_forward(llama: Model, case: str) -> None:
    request, kind, message = BAD[case]
    with Forwards(llama) as forwards, unchanged(llama), pytest.raises(kind, match=message) as caught:
        list(interpret(llama, request))
    assert not forwards.shapes
    assert caught.value.remedy
    assert "\n" not in caught.value.cause
    assert len(interpretations(interpret(llama, changed(cells=CELLS[:1], max_new_tokens=1)))) == 1


def test_an_answer_that_just_fits_the_context_is_given(llama: Model) -> None:
    new_tokens = llama.context - len(llama.tokenizer(PRESET.text)["input_ids"])
    events = list(interpret(llama, changed(cells=CELLS[:1], max_new_tokens=new_tokens)))
    assert len(control_of(events).tokens) == new_tokens


# Memory -------------------------------------------------------------------------------------------------------------

NO_MEMORY = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "cpu": RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried"),
    "mps": RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"),
}


@pytest.mark.parametrize("device", NO_MEMORY)
@pytest.mark.parametrize("where", ["prefill", "step"])
def test_without_memory_the_batch_is_halved_and_the_records_are_the_same(llama: Model, device: str, where: str) -> None:
    unlimited = list(interpret(llama, REQUEST))
    with Forwards(llama, limit=4, error=NO_MEMORY[device]) as forwards, unchanged(llama):
        forwards.only = lambda shape: (shape[1] == 1) == (where == "step")
        events = list(interpret(llama, REQUEST))
    assert_same(interpretations(events), interpretations(unlimited))
    assert_same(control_of(events), control_of(unlimited))
    halved = notices_of(events)
    assert [notice.severity for notice in halved] == ["warning"] * len(halved)
    assert halved[0].text == "Out of memory with 9 cells at once: going on with 4."
    assert [event.interpretation.cell for event in events if isinstance(event, CellFinished)] == list(CELLS)


@pytest.mark.parametrize("device", NO_MEMORY)
def test_without_memory_for_one_row_the_error_is_clear_and_the_model_usable(llama: Model, device: str) -> None:
    with (
        Forwards(llama, limit=1, error=NO_MEMORY[device]),
        unchanged(llama),
        pytest.raises(SelfieError, match="no memory for even one cell") as caught,
    ):
        list(interpret(llama, REQUEST))
    assert "smaller" in caught.value.remedy
    assert len(interpretations(interpret(llama, REQUEST))) == len(CELLS)


@pytest.mark.parametrize("device", NO_MEMORY)
def test_without_memory_for_the_prompts_themselves_the_error_is_clear(llama: Model, device: str) -> None:
    with (
        Forwards(llama, limit=0, error=NO_MEMORY[device]),
        unchanged(llama),
        pytest.raises(SelfieError, match="not enough memory") as caught,
    ):
        list(interpret(llama, REQUEST))
    assert "shorten the prompts" in caught.value.remedy


def test_other_errors_of_a_forward_are_not_taken_for_a_lack_of_memory(llama: Model) -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with Forwards(llama, limit=4, error=error), unchanged(llama), pytest.raises(RuntimeError, match="shapes"):
        list(interpret(llama, REQUEST))


@pytest.mark.parametrize("rows", [1, 2, 4, 100])
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_how_memory_splits_the_batch_changes_no_record(
    llama: Model, rows: int, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = changed(random_control=True, temperature=temperature, seed=7)
    unsplit = list(interpret(llama, request))
    monkeypatch.setattr(planning, "rows_that_fit", lambda *_: rows)
    with Forwards(llama) as forwards:
        split = list(interpret(llama, request))
    assert_same(interpretations(split), interpretations(unsplit))
    assert_same(control_of(split), control_of(unsplit))
    prefills = [rows for rows, tokens in forwards.shapes[2:] if tokens == forwards.shapes[2][1]]
    assert max(prefills) <= 2 * max(1, rows // 2) + 1


def test_the_control_is_decoded_once_however_often_the_batch_is_split(
    llama: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "rows_that_fit", lambda *_: 3)
    with Forwards(llama) as forwards:
        events = list(interpret(llama, changed(relevancy=False)))
    assert sum(isinstance(event, ControlFinished) for event in events) == 1
    prefills = [rows for rows, tokens in forwards.shapes[2:] if tokens > 1]
    assert prefills == [4, 3, 3]


@pytest.fixture
def holed(llama: Model) -> Iterator[int]:
    """A model whose embedding of a token of `PROMPT` is NaN, and the position of that token; `PRESET` is without it."""
    ids = llama.tokenizer(PROMPT)["input_ids"]
    used = build_target(llama, PRESET, 1).ids
    position = next(index for index, token in enumerate(ids) if ids.count(token) == 1 and token not in used)
    weight = llama.module.get_input_embeddings().weight
    before = weight[ids[position]].detach().clone()
    with torch.no_grad():
        weight[ids[position]] = torch.nan
        yield position
        weight[ids[position]] = before


def test_a_state_that_is_not_finite_is_a_result_that_says_so_and_the_others_are_read(llama: Model, holed: int) -> None:
    cells = (Cell(0, holed), Cell(EMBED, holed - 1), Cell(1, holed + 1), Cell(EMBED, holed + 1))
    events = list(interpret(llama, changed(cells=cells)))
    found = {event.index: event.interpretation for event in events if isinstance(event, CellFinished)}
    assert sorted(found) == [0, 1, 2, 3]
    for unread in (found[0], found[2]):
        assert (unread.text, unread.tokens, unread.problem) == ("", (), "the state is not finite in fp32")
        assert not math.isfinite(unread.norm)
        assert mark_of(unread) == NOT_READ
    alone = interpretations(interpret(llama, changed(cells=(cells[1], cells[3]))))
    assert [found[1], found[3]] == alone
    assert all(each.text and not each.problem for each in alone)
    (warning,) = [notice.text for notice in notices_of(events)]
    assert warning == "2 states are not finite in fp32: see the model's verdict."
    done = [event for event in events if isinstance(event, Progress)][-1]
    assert (done.cells_done, done.steps_done) == (4, done.steps)


def test_a_run_of_states_that_are_all_not_finite_ends_with_their_results(llama: Model, holed: int) -> None:
    (unread,) = interpretations(interpret(llama, changed(cells=(Cell(EMBED, holed),))))
    assert unread.problem == "the state is not finite in fp32"


def test_a_result_that_is_not_finite_is_kept_and_read_back(llama: Model, holed: int) -> None:
    (unread,) = interpretations(interpret(llama, changed(cells=(Cell(EMBED, holed),))))
    kept = decode_json(encode_ascii(unread), Interpretation)
    assert repr(kept) == repr(unread)


def test_answers_that_overflow_end_and_say_so_and_no_record_holds_a_number_that_is_none(llama: Model) -> None:
    events = list(interpret(llama, changed(mode="add", strength=3e38)))
    assert [len(interpretation.tokens) for interpretation in interpretations(events)][-3:] == [0, 0, 0]
    assert any("overflow fp32" in notice.text for notice in notices_of(events))
    for event in events:
        assert msgspec.json.decode(msgspec.json.encode(event), type=type(event)) == event
    assert control_of(events).tokens


# Cancelling ---------------------------------------------------------------------------------------------------------


class Flag:
    """A cancel flag that counts its calls and is set by itself after `after` of them."""

    def __init__(self, after: int = sys.maxsize) -> None:
        self.after, self.calls, self.set = after, 0, False

    def __call__(self) -> bool:
        self.calls += 1
        return self.set or self.calls > self.after


def count_calls(model: Model) -> int:
    """The number of times that a run calls the flag."""
    flag = Flag()
    list(interpret(model, REQUEST, flag))
    return flag.calls


def run_until_cancelled(
    model: Model, request: Request, flag: Flag, handle: Callable[[Event], None] = lambda event: None
) -> list[Event]:
    """The events of a run that is cancelled; `handle` is called with each as it comes."""
    events: list[Event] = []

    def run() -> None:
        for event in interpret(model, request, flag):
            events.append(event)
            handle(event)

    with pytest.raises(Cancelled):
        run()
    return events


def test_a_cancel_ends_the_run_wherever_it_comes_and_leaves_the_model_as_it_was(llama: Model) -> None:
    """The flag is called before every block of every forward: each of these moments is tried."""
    expected = list(interpret(llama, REQUEST))
    count = count_calls(llama)
    assert count >= llama.layers * (REQUEST.max_new_tokens + 3)  # source, plain prompt, every step, relevancy
    for after in {*range(8), *range(8, count, 3), count - 1}:
        flag = Flag(after)
        with unchanged(llama):
            run_until_cancelled(llama, REQUEST, flag)
        assert flag.calls == after + 1
    again = list(interpret(llama, REQUEST))
    assert interpretations(again) == interpretations(expected)
    assert control_of(again) == control_of(expected)


@pytest.mark.parametrize("step", [0, 1, 4, 6])
def test_a_cancel_between_two_steps_begins_no_other_step(llama: Model, step: int) -> None:
    flag, steps = Flag(), itertools.count()

    def handle(event: Event) -> None:
        if isinstance(event, Progress) and next(steps) == step:
            flag.set = True
            forwards.shapes.clear()

    with Forwards(llama) as forwards:
        run_until_cancelled(llama, REQUEST, flag, handle)
    assert len(forwards.shapes) <= 1  # the forward whose first block heard it


def test_answers_that_had_ended_are_kept_when_a_run_is_cancelled(ending: Model) -> None:
    expected = interpretations(interpret(ending, REQUEST))
    flag = Flag()

    def handle(event: Event) -> None:
        flag.set |= isinstance(event, Progress) and event.steps_done == 6 * len(CELLS)

    kept = [event for event in run_until_cancelled(ending, REQUEST, flag, handle) if isinstance(event, CellFinished)]
    ended = [index for index, interpretation in enumerate(expected) if len(interpretation.tokens) < 6]
    assert 0 < len(ended) < len(CELLS)
    assert [event.index for event in kept] == ended
    for event in kept:
        assert event.interpretation.text == expected[event.index].text
        assert event.interpretation.treatment_effect is None


def test_all_answers_are_kept_when_relevancy_is_cancelled(llama: Model) -> None:
    expected = list(interpret(llama, REQUEST))
    events = run_until_cancelled(llama, REQUEST, Flag(count_calls(llama) - 1))
    assert [interpretation.text for interpretation in interpretations(events)] == [
        interpretation.text for interpretation in interpretations(expected)
    ]
    assert [interpretation.equals_control for interpretation in interpretations(events)] == [
        interpretation.equals_control for interpretation in interpretations(expected)
    ]
    assert_same(control_of(events), control_of(expected))


@pytest.mark.parametrize("relevancy", [True, False])
def test_progress_grows_and_is_at_its_end_with_the_last_cell_and_no_sooner(
    llama: Model, relevancy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scoring the texts is work too: a run whose texts are all decoded and not scored is not at its end."""
    monkeypatch.setattr(planning, "rows_that_fit", lambda *_: 4)
    shares = []
    for event in interpret(llama, changed(relevancy=relevancy)):
        if isinstance(event, Progress):
            shares.append(event.steps_done / event.steps)
            ended = event.cells_done == event.cells
            assert (event.steps_done == event.steps) is ended or not relevancy
            unknown = len(shares) == 1  # until a second step has been measured
            assert (event.seconds_left is None) is (unknown or event.steps_done == event.steps)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_cells_of_earlier_batches_are_kept_with_relevancy(llama: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "rows_that_fit", lambda *_: 4)
    flag, finished = Flag(), itertools.count(1)

    def handle(event: Event) -> None:
        flag.set |= isinstance(event, CellFinished) and next(finished) == 4

    kept = interpretations(run_until_cancelled(llama, REQUEST, flag, handle))
    assert [interpretation.cell for interpretation in kept] == list(CELLS[:4])
    assert all(interpretation.treatment_effect is not None for interpretation in kept)


# Ends, samples and random directions ---------------------------------------------------------------------------------


def test_answers_that_have_ended_leave_the_batch(ending: Model) -> None:
    with Forwards(ending) as forwards:
        found = interpretations(interpret(ending, changed(relevancy=False)))
    steps = [rows for rows, tokens in forwards.shapes[2:] if tokens == 1]
    control = len(decoded(ending, REQUEST, None).ids)
    lengths = [len(interpretation.tokens) for interpretation in found] + [control]
    alive = [sum(length > step for length in lengths) for step in range(len(steps))]
    assert all(rows <= max(1, left / decoding.COMPACT_BELOW) for rows, left in zip(steps, alive, strict=True))
    assert steps[-1] < steps[0]


def test_a_text_is_cut_at_the_first_stop_and_its_row_ends_there(llama: Model) -> None:
    free = list(interpret(llama, REQUEST))
    (first, *_), control = interpretations(free), control_of(free).text
    stop = next(token.text.strip() for token in first.tokens[2:] if token.text.strip() and token.text not in control)
    request = changed(stop=("never said", stop), cells=CELLS[:1], relevancy=False)
    with Forwards(llama) as forwards:
        events = list(interpret(llama, request))
    (stopped,) = interpretations(events)
    assert stopped.text == first.text[: first.text.find(stop)].strip() != first.text
    assert "".join(token.text for token in stopped.tokens).strip() == stopped.text
    assert control_of(events).text == control
    steps = [rows for rows, tokens in forwards.shapes[3:]]
    assert steps == sorted(steps, reverse=True)
    assert steps.count(2) <= len(stopped.tokens)
    assert steps[-1] == 1  # the control alone goes on


def test_an_empty_stop_text_stops_nothing(llama: Model) -> None:
    assert interpretations(interpret(llama, changed(stop=("",)))) == interpretations(interpret(llama, REQUEST))


def test_a_character_of_several_tokens_is_one_character_of_the_text() -> None:
    tokenizer = tokenizer_of("gpt2")
    for text in ("日本 café", "😀 and naïve"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert answer(tokenizer, ids, ()) == text
        assert answer(tokenizer, ids, (" ",)) == text.split(" ")[0]


def test_a_sample_depends_on_the_seed_and_on_nothing_else(llama: Model) -> None:
    request = changed(temperature=2.0, seed=3)
    one, other = list(interpret(llama, request)), list(interpret(llama, request))
    assert interpretations(one) == interpretations(other)
    assert control_of(one) == control_of(other)
    texts = {
        tuple(
            interpretation.text
            for interpretation in interpretations(interpret(llama, changed(temperature=2.0, seed=seed)))
        )
        for seed in (3, 4, -1, 2**70)
    }
    assert len(texts) == 4
    assert {tuple(interpretation.text for interpretation in interpretations(interpret(llama, REQUEST)))}.isdisjoint(
        texts
    )


def test_samples_that_end_early_leave_the_others_as_they_are(llama: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    request = changed(temperature=2.0, seed=5, relevancy=False)
    free = interpretations(interpret(llama, request))
    ends = [free[index].tokens[step].id for index, step in ((0, 1), (3, 2), (6, 4))]
    monkeypatch.setattr(llama.module.generation_config, "eos_token_id", ends)
    with Forwards(llama) as forwards:
        ended = interpretations(interpret(llama, request))
    assert forwards.shapes[-1][0] < len(CELLS)
    for uncut, cut in zip(free, ended, strict=True):
        ids = [token.id for token in uncut.tokens]
        length = next((index for index, token in enumerate(ids) if token in ends), len(ids))
        assert [token.id for token in cut.tokens] == ids[:length]


def test_cells_of_one_vector_are_sampled_apart(llama: Model) -> None:
    twice = interpretations(interpret(llama, changed(cells=(CELLS[0], CELLS[0]), temperature=2.0)))
    assert twice[0].text != twice[1].text


@pytest.mark.parametrize("temperature", [1e-310, 1e-6])
def test_a_temperature_near_zero_is_greedy(llama: Model, temperature: float) -> None:
    cold = interpretations(interpret(llama, changed(temperature=temperature)))
    assert [interpretation.text for interpretation in cold] == [
        interpretation.text for interpretation in interpretations(interpret(llama, REQUEST))
    ]


def test_samples_follow_the_models_probabilities(llama: Model) -> None:
    """4,000 first tokens of one vector: frequencies within five standard deviations of the probabilities."""
    prefill = prefill_prompt(llama, llama.tokenizer(PRESET.text)["input_ids"])
    draws = torch.rand(4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    chosen, _ = decoding.choose(SlicedLogits(prefill.logits.expand(4000, -1)), 1.0, draws)
    counts = torch.bincount(torch.tensor(chosen), minlength=prefill.logits.shape[-1]).double() / 4000
    expected = prefill.logits[0].double().softmax(-1)
    assert bool(((counts - expected).abs() <= 5 * (expected * (1 - expected) / 4000).sqrt() + 1e-3).all())


def injected_vectors(model: Model, request: Request, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """The vectors that the first batch of a run writes, `(rows, hidden)`."""
    seen: list[torch.Tensor] = []
    real = decoding.stepper_for

    def note(model: Model, prefill: Any, injection: Injection, *rest: Any) -> Any:
        seen.append(injection.vectors)
        return real(model, prefill, injection, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "stepper_for", note)
        list(interpret(model, request))
    return seen[0]


def test_a_random_direction_has_its_cells_norm_and_is_the_seeds_and_the_cells_own(
    llama: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = changed(random_control=True, max_new_tokens=1)
    vectors = injected_vectors(llama, request, monkeypatch)
    cells, randoms = vectors[: len(CELLS)], vectors[len(CELLS) :]
    torch.testing.assert_close(randoms.norm(dim=-1), cells.norm(dim=-1), rtol=1e-5, atol=0)
    cosines = torch.nn.functional.cosine_similarity(randoms.unsqueeze(0), randoms.unsqueeze(1), dim=-1)
    assert float(cosines.fill_diagonal_(0).abs().max()) < 0.6  # 64 dimensions: 5 standard deviations
    assert float(torch.nn.functional.cosine_similarity(randoms, cells, dim=-1).abs().max()) < 0.6
    assert torch.equal(injected_vectors(llama, request, monkeypatch), vectors)
    other = injected_vectors(llama, changed(random_control=True, max_new_tokens=1, seed=1), monkeypatch)
    assert not torch.equal(other[len(CELLS) :], randoms)


def test_a_random_control_is_the_interpretation_of_its_direction(llama: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    request = changed(random_control=True)
    randoms = injected_vectors(llama, request, monkeypatch)[len(CELLS) :]
    for interpretation, vector in zip(interpretations(interpret(llama, request)), randoms, strict=True):
        assert interpretation.random is not None
        assert [token.id for token in interpretation.random.tokens] == decoded(llama, request, vector).ids


# Threads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("families", [("llama", "llama"), ("llama", "gpt2")])
def test_two_threads_give_what_each_gives_alone(families: tuple[str, str]) -> None:
    models = [build(family, layers=2) for family in families]
    requests = [REQUEST, changed(prompt="a man with hat", cells=CELLS[::3], random_control=True)]
    expected = [interpretations(interpret(model, request)) for model, request in zip(models, requests, strict=True)]
    assert all(expected)
    found: list[list[list[Interpretation]]] = [[], []]

    def work(index: int) -> None:
        for _ in range(5):
            found[index].append(interpretations(interpret(models[index], requests[index])))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        threads = [threading.Thread(target=work, args=(index,)) for index in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert found == [[expected[0]] * 5, [expected[1]] * 5]

"""Calibration: what it counts is what readings say, wherever it stops it goes on, and its proposal holds elsewhere."""

from __future__ import annotations

import time
from functools import cache, reduce
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from selfie_tui.engine.anatomy.shrink_rules import VOCABULARY
from selfie_tui.engine.generation.plan import Plan, plan_run
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.known_passages import BUILT_IN, Passage
from selfie_tui.engine.known_words import (
    KnownWord,
    KnownWords,
    answered_texts,
    depths,
    is_plain,
    known_words,
    masked,
)
from selfie_tui.engine.methods.calibrate import STOP, SURVIVORS, calibrate, kinds_read, parts_of, settings_for
from selfie_tui.engine.methods.interpret import interpret
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.prompts.target import build_target
from selfie_tui.engine.read_back import counted, curve_of, lens_texts, names, other_text
from selfie_tui.engine.service import METHODS
from selfie_tui.engine.unembed import lens_logits
from selfie_tui.errors import Cancelled, PlaceholderError, PromptError, RequestError
from selfie_tui.presets import PRESETS, preset_called
from selfie_tui.records import (
    EMBED,
    Calibrate,
    Calibrated,
    Calibration,
    CalibrationRow,
    Cell,
    CellFinished,
    ControlFinished,
    Edit,
    InjectionSetting,
    Preset,
    Progress,
    ReadBack,
    Request,
    SetEdits,
)
from selfie_tui.records.calibration import KINDS, added
from tests.engine.held_out import PASSAGES, held_out_words, sweep
from tests.engine.reference import run, state_at
from tests.engine.zoo import FAMILIES, build
from tests.sweep.small import small
from tests.sweep.sweep import mask_tokenizer

SHORT = Passage("The king of France is old. A market is in Paris.", ("king", "France", "old", "market", "Paris"))
IN_ZOO = Passage("the Eiffel Tower is located in the city of Paris", ("Eiffel", "Tower", "located", "city", "Paris"))
CONCEPT = preset_called("concept")
WORDS = [word for passage in BUILT_IN for word in passage.words]


def found_in(events: list[object]) -> Calibration:
    """The last calibration among some events."""
    return [event.calibration for event in events if isinstance(event, Calibrated)][-1]


@pytest.fixture(scope="module")
def short(demo: Model) -> Calibration:
    """The bundled model calibrated on a short passage."""
    return found_in(list(calibrate(demo, Calibrate(CONCEPT), passages=(SHORT,))))


# Which words, and which states ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_a_words_state_is_that_of_plain_hooks_at_its_last_token(family: str) -> None:
    model = build(family)
    known = known_words(model, (IN_ZOO,))
    own = [(word, state) for word, state in zip(known.words, known.vectors, strict=True) if word.kind == "own"]
    assert {word.word for word, _ in own} == set(IN_ZOO.words)
    assert sorted({word.layer for word, _ in own}) == [EMBED, 0, 1], "embed, and 30 and 50 % of four layers"
    ids = model.tokenizer(IN_ZOO.text)["input_ids"]
    for word, state in own:
        assert model.tokenizer.decode([ids[word.position]]).strip() == word.word
        torch.testing.assert_close(state, state_at(model, IN_ZOO.text, Cell(word.layer, word.position)))


def test_a_word_of_several_tokens_is_read_at_its_last_one(demo: Model) -> None:
    known = known_words(demo, (SHORT,))
    lengths = {word.word: word.tokens for word in known.words if word.kind == "own"}
    assert lengths == {"king": 1, "France": 1, "old": 1, "market": 2, "Paris": 1}
    ids = demo.tokenizer(SHORT.text)["input_ids"]
    (at,) = {word.position for word in known.words if word.word == "market"}
    assert demo.tokenizer.decode(ids[at - 1 : at + 1]) == " market"


def test_a_next_word_is_the_models_own_and_another_than_the_one_that_stands_there(demo: Model) -> None:
    following = [word for word in known_words(demo, BUILT_IN[:1]).words if word.kind == "next"]
    ids = demo.tokenizer(BUILT_IN[0].text)["input_ids"]
    said = run(demo, ids).argmax(-1).tolist()
    assert len({word.position for word in following}) >= 10
    assert sorted({word.layer for word in following}) == [5, 6], "70 and 90 % of eight layers"
    for word in following:
        assert demo.tokenizer.decode([said[word.position]]).strip() == word.word
        assert demo.tokenizer.decode([ids[word.position]]).strip().lower() != word.word.lower()


def test_depths_are_shares_of_the_layers() -> None:
    assert depths(30, (0.0, 0.3, 0.5, 0.7, 0.9)) == [EMBED, 8, 14, 20, 26]
    assert depths(1, (0.0, 0.3, 0.5)) == [EMBED, 0]


def test_a_plain_word_begins_at_a_space_and_says_something() -> None:
    assert [text for text in (" king", "king", " the", " It", " 12", " qu’", "\nParis") if is_plain(text)] == [
        " king",
        "\nParis",
    ]


# What is counted ------------------------------------------------------------------------------------------------------


def words(*texts: str, tokens: int = 1) -> list[KnownWord]:
    return [KnownWord(text, "own", 3, index, tokens) for index, text in enumerate(texts)]


def test_words_of_one_token_and_longer_ones_are_counted_apart() -> None:
    found = counted([*words("king", "old"), *words("market", tokens=2)], ["The King.", "older", "a market"], "")
    assert (found.words, found.named, found.longer, found.longer_named) == (2, 1, 1, 1)


def test_controls_are_words_that_nothing_or_another_words_text_names() -> None:
    found = counted(words("king", "old", "Paris", "city"), ["Paris", "old", "king", "x"], "the city of Paris")
    assert (found.named, found.control) == (1, 2)
    assert found.others == 2, "king in the text of Paris, and Paris in that of king"


def test_a_word_that_is_said_with_nothing_injected_is_never_read_back() -> None:
    found = counted(
        [*words("king", "old"), *words("market", tokens=2)], ["a king", "old", "a market"], "the king’s market"
    )
    assert (found.words, found.named, found.longer, found.longer_named, found.control) == (2, 1, 1, 0, 1)


def test_the_other_text_is_never_that_of_the_same_word() -> None:
    pairs = [("king", "a"), ("old", "b"), ("King", "c"), ("king", "d")]
    assert [other_text(pairs, index) for index in range(4)] == ["b", "d", "b", "b"]
    assert other_text([("king", "a"), ("king", "b")], 0) == ""


def test_a_word_is_named_as_a_whole_in_any_case_and_next_to_any_mark() -> None:
    assert names("“KING”, he said", "king")
    assert not names("kingdom", "king")
    assert not names("viking", "king")


def test_a_row_counts_what_readings_with_its_settings_name(demo: Model, short: Calibration) -> None:
    """The readings are made anew, by the method that users call, of the same cells of the passage."""
    everything = known_words(demo, (SHORT,))
    own = [word for word in everything.words if word.kind == "own"]
    assert list(everything.words[: len(own)]) == own
    for row in (short.rows[0], short.rows[SURVIVORS[3]], short.rows[SURVIVORS[2]], short.rows[-1]):
        setting = row.setting
        request = Request(
            SHORT.text, tuple(Cell(word.layer, word.position) for word in own), CONCEPT, mode=setting.mode,
            injection_layer=setting.layer, strength=setting.strength, stop=STOP, max_new_tokens=6,
        )  # fmt: skip
        events = list(interpret(demo, msgspec.structs.replace(request, relevancy=False)))
        texts = {event.index: event.interpretation.text for event in events if isinstance(event, CellFinished)}
        (control,) = [event.control.text for event in events if isinstance(event, ControlFinished)]
        known = KnownWords(tuple(own), torch.empty(len(own), 0))
        rounds = [{index: texts[index] for index in part if index in texts} for part in parts_of(everything)]
        curves = [curve_of(known, tried, control) for tried in rounds[: row.round + 1]]
        assert tuple(each for each in row.curve if each.kind == "own") == reduce(added, curves)


def test_the_lens_beside_it_is_the_top_token_of_every_state(demo: Model) -> None:
    known = known_words(demo, (SHORT,))
    tops = lens_logits(demo, known.vectors).argmax(-1).tolist()
    assert [lens_texts(demo, known)[index] for index in range(len(tops))] == [
        demo.tokenizer.decode([token]) for token in tops
    ]


# The run --------------------------------------------------------------------------------------------------------------


def test_every_setting_is_tried_and_the_best_of_them_on_all_words(demo: Model, short: Calibration) -> None:
    settings = settings_for(demo, build_target(demo, CONCEPT, 6))
    assert {setting.layer for setting in settings} == {EMBED, 0, 2, 5}, "8 is no layer of 8, thirds are 2 and 5"
    assert {row.setting for row in short.rows} == set(settings)
    assert len(settings) == SURVIVORS[0], "so many that the first round leaves none out"
    assert [row.round for row in short.rows] == [4] * SURVIVORS[3] + [3] * 1 + [2] * 4 + [1] * 8
    for before, after in pairwise(short.rows):
        assert before.round > after.round or before.score >= after.score
    assert short.finished
    assert short.proposal == short.rows[0].setting


def test_a_layer_of_a_single_word_has_it_in_the_first_round() -> None:
    lone = KnownWords((KnownWord("king", "next", 5, 0, 1),), torch.empty(1, 4))
    assert parts_of(lone) == ([0], [], [], [], [])


def test_the_first_round_has_a_sixteenth_of_every_layers_words_and_other_words_at_another_layer(demo: Model) -> None:
    known = known_words(demo)
    parts = parts_of(known)
    first, last = parts[0], parts[-1]
    assert sorted(index for part in parts for index in part) == list(range(len(known.words)))
    inside = [layer for layer in known.layers() if known.words[layer[0]].layer != EMBED]
    assert len(inside) == 4
    for layer in inside:
        shares = [len(set(layer) & set(part)) / len(layer) for part in parts]
        assert shares == pytest.approx([1 / 16, 1 / 16, 1 / 8, 1 / 4, 1 / 2], abs=0.03)
    low, high = ({known.words[index].word for index in set(first) & set(layer)} for layer in inside[:2])
    assert not low & high
    embedded = {index for index, word in enumerate(known.words) if word.layer == EMBED}
    assert len(embedded) == len(BUILT_IN[0].words), "of the first passage alone"
    assert embedded <= set(last)


def test_words_of_a_kind_that_no_setting_reads_two_of_are_tried_no_further(demo: Model, short: Calibration) -> None:
    assert {row.kinds for row in short.rows} == {("own",)}
    best, known = short.rows[0], known_words(demo, (SHORT,))
    tried = {kind: sum(each.words + each.longer for each in best.curve if each.kind == kind) for kind in KINDS}
    first = [index for index in parts_of(known)[0] if known.words[index].kind == "next"]
    assert tried["own"] == sum(word.kind == "own" for word in known.words)
    assert tried["next"] == len(first) > 0
    assert sum(word.kind == "next" for word in known.words) > len(first)


def test_a_single_word_that_is_read_is_luck() -> None:
    def row(layer: int, **named: int) -> CalibrationRow:
        curve = tuple(ReadBack(layer, kind, words=9, named=named.get(kind, 0)) for kind in KINDS)
        return CalibrationRow(InjectionSetting(0), curve)

    assert kinds_read([row(3, own=2, next=1), row(3, own=1, next=1)]) == ("own",)
    assert kinds_read([row(3, own=1, next=1), row(3, next=2)]) == ("next",)
    assert kinds_read([row(3, own=2, next=1), row(3, own=1, next=2)]) == KINDS
    assert kinds_read([row(3, own=1), row(EMBED, own=9)]) == ("own",), "of nothing that is read, own words"


def cancelled_after(rows: int, model: Model) -> Calibration:
    """A calibration that is cancelled once so many rows are there."""
    found: list[Calibration] = []
    events = calibrate(model, Calibrate(CONCEPT), lambda: len(found) > rows, passages=(SHORT,))
    with pytest.raises(Cancelled):
        found.extend(event.calibration for event in events if isinstance(event, Calibrated))
    return found[-1]


@pytest.mark.parametrize("rows", [0, 3, 18, 36, 43, 46])
def test_what_was_cancelled_goes_on_and_ends_as_if_it_had_not_been(demo: Model, short: Calibration, rows: int) -> None:
    stopped = cancelled_after(rows, demo)
    assert not stopped.finished
    assert stopped.proposal is None
    events = list(calibrate(demo, Calibrate(CONCEPT, earlier=stopped), passages=(SHORT,)))
    assert found_in(events) == short
    tried = sum(1 + row.round for row in short.rows) - sum(1 + row.round for row in stopped.rows)
    assert len([event for event in events if isinstance(event, Progress)]) == tried, "nothing is tried twice"


def test_the_time_that_is_left_is_told_from_what_was_tried_since_it_went_on(demo: Model) -> None:
    events = calibrate(demo, Calibrate(CONCEPT, earlier=cancelled_after(16, demo)), passages=(SHORT,))
    next(events)
    began = time.monotonic()
    first = next(event for event in events if isinstance(event, Progress))
    seconds = time.monotonic() - began
    second = next(event for event in events if isinstance(event, Progress))
    assert first.seconds_left is not None
    a_reading = seconds / (second.steps_done - first.steps_done)
    assert first.seconds_left > 0.9 * a_reading * (first.steps - first.steps_done)


def test_all_settings_share_one_forward_of_the_prompt_without_injection(
    demo: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[object] = []

    def counting(*args: Any) -> Plan:
        plans.append(args)
        return plan_run(*args)

    monkeypatch.setattr("selfie_tui.engine.methods.calibrate.plan_run", counting)
    assert found_in(list(calibrate(demo, Calibrate(CONCEPT), passages=(SHORT,)))).finished
    assert len(plans) == 1


def test_progress_ends_at_all_readings(demo: Model) -> None:
    events = list(calibrate(demo, Calibrate(CONCEPT), passages=(SHORT,)))
    steps = [(event.steps_done, event.steps) for event in events if isinstance(event, Progress)]
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]


def test_what_cannot_be_calibrated_is_refused_before_any_forward(demo: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(*arguments: object, **options: object) -> None:
        raise AssertionError("a forward")

    monkeypatch.setattr(Model, "read", forward)
    with pytest.raises(PlaceholderError):
        next(calibrate(demo, Calibrate(Preset("none", "no placeholder"))))
    edits = SetEdits((Edit("model.layers.2.mlp", "zero"),))
    list(METHODS[SetEdits](demo, edits, never))
    try:
        with pytest.raises(RequestError, match="edits off"):
            next(calibrate(demo, Calibrate(CONCEPT)))
    finally:
        list(METHODS[SetEdits](demo, SetEdits(()), never))
    monkeypatch.undo()
    assert next(calibrate(demo, Calibrate(CONCEPT), passages=(SHORT,)))


# Other kinds of model -------------------------------------------------------------------------------------------------


def of_kind(kind: str, model_type: str) -> Model:
    return adopt(small(kind, model_type), mask_tokenizer(), name=f"random-{model_type}")


@cache
def word_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of at most 160 pieces that writes the built-in passage and prompts without unknown ones."""
    backend = Tokenizer(BPE(unk_token="<pad>"))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", "<mask>"]
    trainer = BpeTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False)
    backend.train_from_iterator([*(each.text for each in BUILT_IN), *(preset.text for preset in PRESETS)], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>", mask_token="<mask>"
    )


@pytest.mark.parametrize(
    ("kind", "model_type"), [("causal", "gpt2"), ("seq2seq", "t5"), ("seq2seq", "bart"), ("masked", "bert")]
)
def test_every_kind_of_model_is_calibrated_on_the_built_in_passage_and_a_random_one_is_proposed_nothing(
    kind: str, model_type: str
) -> None:
    model = adopt(small(kind, model_type), word_tokenizer(), name=f"random-{model_type}")
    for preset in ("identity-arrow", "meaning-spaced"):
        found = found_in(list(calibrate(model, Calibrate(preset_called(preset), max_new_tokens=2))))
        assert found.finished
        assert sum(each.words + each.longer for each in found.rows[0].curve) >= 2 * len(WORDS)
        assert found.proposal is None


def test_a_model_whose_tokens_show_few_of_the_words_is_refused_with_their_number() -> None:
    with pytest.raises(PromptError, match="This model's tokens show 1 of the 164 English words"):
        next(calibrate(of_kind("seq2seq", "t5"), Calibrate(preset_called("identity"))))


@pytest.mark.parametrize(("kind", "model_type"), [("seq2seq", "t5"), ("seq2seq", "bart"), ("masked", "bert")])
def test_the_same_call_calibrates_every_kind_of_model(kind: str, model_type: str) -> None:
    model = of_kind(kind, model_type)
    preset = Preset("say", "[INST]the city of _[/INST] is")
    found = found_in(list(calibrate(model, Calibrate(preset, max_new_tokens=2), passages=(IN_ZOO,))))
    assert found.finished
    assert {row.setting.layer for row in found.rows} >= {EMBED, 0}
    assert found.rows[0].words >= len(IN_ZOO.words)
    stacks = {each.stack for each in found.rows[0].curve}
    assert stacks <= ({""} if kind == "masked" else {"encoder", "decoder"})


def test_the_states_of_an_encoders_upper_layers_are_those_of_masks() -> None:
    model = of_kind("masked", "bert")
    mask = model.tokenizer.mask_token
    texts = answered_texts(model, IN_ZOO)
    assert sum(text.count(mask) for text in texts) == len(IN_ZOO.words)
    assert masked(IN_ZOO, ("city",), "#") == "the Eiffel Tower is located in the # of Paris"


def test_a_decoders_next_words_are_read_where_it_has_written_the_passage() -> None:
    model = of_kind("seq2seq", "t5")
    assert answered_texts(model, IN_ZOO) == [f"[INST]{IN_ZOO.text}[/INST] {IN_ZOO.text}"]


# What it is worth -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["summarize", "entity"])
def test_its_proposal_reads_unseen_words_nearly_as_well_as_the_best_of_a_full_sweep(demo: Model, preset: str) -> None:
    """On 68 words; entity is read at L5 at the norm of what was there, where the default reads fewer."""
    assert not {word for passage in PASSAGES for word in passage.words} & set(WORDS)
    found = found_in(list(calibrate(demo, Calibrate(preset_called(preset)))))
    rows = sweep(demo, preset_called(preset), [row.setting for row in found.rows], held_out_words(demo))
    assert found.proposal is not None
    assert found.rows[0].kinds == KINDS
    proposed, best = rows[found.proposal], max(rows.values(), key=lambda row: row.score)
    assert proposed.score >= 0.9 * best.score
    assert proposed.control <= 0.05
    default = rows[InjectionSetting(EMBED)]
    assert (preset == "entity") <= (proposed.score > default.score)

"""Interpretation prompts made from pieces, templates and presets overwrite what they show."""

from __future__ import annotations

from typing import Any

import pytest

from selfie_tui.engine.prompts.placeholders import build_prompt
from selfie_tui.errors import PlaceholderError, RequestError
from selfie_tui.library.facade import ModelAgnosticSelfie
from selfie_tui.library.interpretation_prompt import InterpretationPrompt
from selfie_tui.presets import preset_called
from tests.engine.tokenizers_zoo import tokenizer_of


@pytest.fixture(scope="module")
def gpt2() -> Any:
    return tokenizer_of("gpt2")


def overwritten(prompt: InterpretationPrompt) -> list[str]:
    return [prompt.tokens[position] for position in prompt.insert_locations]


def test_a_sequence_of_five_placeholders_is_the_prompt_of_selfie(gpt2: Any) -> None:
    sequence = ["[INST]", 0, 0, 0, 0, 0, "[/INST] Sure, I will summarize the message:"]
    made = InterpretationPrompt(gpt2, sequence)
    assert made.preset.text == preset_called("summarize").text
    expected = build_prompt(gpt2, preset_called("summarize"))
    assert (made.text, made.ids, made.tokens) == (expected.text, expected.ids, expected.tokens)
    assert made.insert_locations == list(expected.positions)


@pytest.mark.parametrize("placeholder", [0, 1, None, InterpretationPrompt.PLACEHOLDER, object()])
def test_anything_but_a_string_is_a_placeholder(gpt2: Any, placeholder: Any) -> None:
    made = InterpretationPrompt(gpt2, ["This ", placeholder, placeholder, "means"])
    assert made.text == "This _ _ means"
    assert overwritten(made) == [" _", " _"]


def test_a_placeholder_after_a_word_stands_apart_from_it(gpt2: Any) -> None:
    made = InterpretationPrompt(gpt2, ["The word", 0, "means"])
    assert made.text == "The word _ means"
    assert overwritten(made) == [" _"]


def test_a_placeholder_at_the_end_leaves_no_space_behind_and_a_texts_own_stays(gpt2: Any) -> None:
    assert InterpretationPrompt(gpt2, ["This means ", 0]).text == "This means _"
    assert InterpretationPrompt(gpt2, [0, "means "]).text == "_ means "


def test_underscores_in_a_sequences_text_are_text(gpt2: Any) -> None:
    made = InterpretationPrompt(gpt2, ["a _ b ", 0, "means"])
    assert made.text == "a _ b ? means"
    assert overwritten(made) == [" ?"]


def test_a_template_and_the_presets_have_their_placeholders(gpt2: Any) -> None:
    assert overwritten(InterpretationPrompt(gpt2, "Say _ or _")) == [" _", " _"]
    assert InterpretationPrompt.create_simple_prompt(gpt2).text == "This means _"
    assert InterpretationPrompt.create_simple_prompt(gpt2, "It is _ !").text == "It is _ !"
    made = {
        "This _ _ _ _ _ represents the concept of": InterpretationPrompt.create_concept_prompt(gpt2),
        "This expresses the sentiment of _ _ _ _ _": InterpretationPrompt.create_sentiment_prompt(gpt2),
        "This refers to the entity _ _ _ _ _": InterpretationPrompt.create_entity_prompt(gpt2),
    }
    for text, prompt in made.items():
        assert prompt.text == prompt.interpretation_prompt == text
        assert overwritten(prompt) == [" _"] * 5
        assert len(prompt.ids) == len(prompt.tokens)


def test_the_published_positions_are_off_where_tokens_merge(gpt2: Any) -> None:
    published = InterpretationPrompt.create_concept_prompt(gpt2, compat="selfie")
    exact = InterpretationPrompt.create_concept_prompt(gpt2)
    assert overwritten(published) == [" _"] * 4 + [" represents"]
    assert published.insert_locations != exact.insert_locations
    assert published.ids == exact.ids


def test_a_prompt_shows_which_tokens_it_overwrites(gpt2: Any) -> None:
    assert repr(InterpretationPrompt(gpt2, ["So ", 0, "is"])) == "InterpretationPrompt(custom: <s>So«·_»·is)"
    published = InterpretationPrompt.create_concept_prompt(gpt2, compat="selfie")
    assert repr(published).endswith("·_«·_»«·_»«·_»«·_»«·represents»·the·concept·of, compat='selfie')")


def test_prompts_that_cannot_be_are_refused(gpt2: Any) -> None:
    for bad in ("no placeholder", ["no placeholder"], [], "", "snake_case"):
        with pytest.raises(PlaceholderError):
            InterpretationPrompt(gpt2, bad)
    with pytest.raises(PlaceholderError, match="stand for a placeholder"):
        InterpretationPrompt(gpt2, ["_?*#@~^+=%&$ ", 0])
    with pytest.raises(RequestError, match="selfie"):
        InterpretationPrompt(gpt2, "This _", compat="exact")


def test_a_prompt_made_with_another_tokenizer_is_built_anew(gpt2: Any, selfie: ModelAgnosticSelfie) -> None:
    made = InterpretationPrompt.create_concept_prompt(gpt2)
    own = InterpretationPrompt.create_concept_prompt(selfie.model.tokenizer)
    assert made.ids != own.ids
    question = "The Eiffel Tower is in Paris", [(6, 2)]
    assert (
        selfie.interpret(question[0], made, question[1])["interpretation"]
        == selfie.interpret(question[0], own, question[1])["interpretation"]
    )

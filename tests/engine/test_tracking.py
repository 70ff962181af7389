"""The token that a typed word stands for, under tokenizers of every spelling."""

from __future__ import annotations

import pytest

from selfie_tui.engine.prompts.tokens import token_texts
from selfie_tui.engine.prompts.tracking import tracked_token
from selfie_tui.errors import RequestError
from selfie_tui.records import TrackedToken
from tests.engine.tokenizers_zoo import tokenizer_of

SPACED = ("gpt2", "gpt2_prefixed", "llama3", "llama2", "mistral", "normalising")
"""Kinds whose tokens of words inside a text begin with a space."""


def of(kind: str, word: str) -> TrackedToken:
    tokenizer = tokenizer_of(kind)
    found = tracked_token(tokenizer, word)
    (text,) = token_texts(tokenizer, [found.id])
    assert text == found.text
    return found


@pytest.mark.parametrize("kind", SPACED)
def test_a_word_means_the_token_that_it_is_inside_a_text(kind: str) -> None:
    assert of(kind, "the") == of(kind, " the")
    assert (of(kind, "the").text, of(kind, "the").pieces) == (" the", 1)


@pytest.mark.parametrize("kind", [kind for kind in SPACED if kind != "normalising"])
def test_a_word_in_quotes_means_the_token_without_the_space(kind: str) -> None:
    assert (of(kind, '"the"').text, of(kind, '"the"').pieces) == ("the", 1)


@pytest.mark.parametrize("kind", ["bert", "words_between_spaces"])
def test_where_tokens_have_no_spaces_a_word_is_itself(kind: str) -> None:
    assert of(kind, "the") == of(kind, '"the"') == of(kind, " the")
    assert of(kind, "the").text == "the"


@pytest.mark.parametrize("kind", [*SPACED, "gemma", "superword"])
def test_a_word_of_several_tokens_means_the_first_of_them_that_is_seen(kind: str) -> None:
    found = of(kind, "zebra")
    assert found.text.strip() == "z"
    assert found.pieces > 1


@pytest.mark.parametrize("kind", ["gpt2", "llama2"])
def test_a_letter_of_several_bytes_is_tracked_by_its_first(kind: str) -> None:
    assert of(kind, "É").text == "<0xC3>"


@pytest.mark.parametrize(
    ("kind", "word", "cause"),
    [
        ("bert", "鯨", "has no token"),
        ("words_between_spaces", "zebra", "has no token"),
        ("gpt2", "", "cannot be tracked"),
        ("gpt2", "\ud800", "cannot be tracked"),
    ],
)
def test_what_no_token_stands_for_is_refused(kind: str, word: str, cause: str) -> None:
    with pytest.raises(RequestError, match=cause) as refused:
        tracked_token(tokenizer_of(kind), word)
    assert refused.value.remedy

"""Measures of interpretations: agreement in words, and what a number is of a text that says nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from selfie_tui.ascii_json import decode_json, encode_ascii
from selfie_tui.measures import (
    MEASURES,
    agree,
    agreement,
    bare_agreement,
    content_words,
    control_agreement,
    most_agreed,
    said_with,
    shared,
    tracking,
    whole_word,
)
from selfie_tui.records import Cell, Control, GeneratedToken, Interpretation, LensToken, Token

READING = Interpretation(
    Cell(5, 9),
    Token(9, 7, " of"),
    "Paris, the capital of France.",
    (GeneratedToken("Paris", 3, 0.75, 0.5), GeneratedToken(",", 4, 0.5, 0.25)),
    4.5,
    0.375,
    entropy=1.25,
    lens=LensToken(" Paris", 0.5),
    bare="a word of a sentence",
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Paris, the capital of France.", {"paris", "capital", "france"}),
        ("the of a", {"the", "of", "a"}),
        ("PARIS paris", {"paris"}),
        ("Москва-река 12", {"москва", "река", "12"}),
        ("東京タワー", {"東", "京", "タ", "ワ", "ー"}),
        (" .,_", set()),
        ("", set()),
    ],
)
def test_content_words_are_the_words_that_say_something(text, words):
    assert content_words(text) == words


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Paris", "Paris, the capital of France.", True),
        ("the capital of France", "a capital of Italy", False),
        ("the name of a man", "the name of a city", False),
        ("a tower in Paris", "the Eiffel Tower, Paris", True),
        ("the", "the capital", False),
        ("", "", True),
        ("", "Paris", False),
        ("...", "", True),
    ],
)
def test_texts_agree_where_more_than_half_of_the_shorter_ones_words_are_in_the_other(one, other, same):
    assert agree(one, other) is agree(other, one) is same


@given(st.text(max_size=40), st.text(max_size=40))
def test_agreement_is_symmetric_and_every_text_agrees_with_itself(one, other):
    assert agree(one, other) == agree(other, one)
    assert agree(one, one)
    assert shared(one, one) == 1.0
    assert 0.0 <= shared(one, other) <= 1.0


def test_agreement_is_the_frequency_of_the_commonest_answer():
    samples = ("a man", "Paris", "Paris, the capital of France", "London", "Paris in France")
    assert most_agreed(samples) == 1
    cell = replace(READING, text=samples[1], samples=samples)
    assert agreement(cell) == pytest.approx(0.6)
    assert agreement(READING) is None
    assert most_agreed(("one", "two")) == 0


def test_agreement_with_the_control_is_the_share_of_the_texts_own_words():
    control = Control("none", "The message is about the capital.")
    assert control_agreement(READING, control) == pytest.approx(1 / 3)
    assert control_agreement(READING, replace(control, text=READING.text)) == 1.0
    assert control_agreement(READING, None) is None
    assert control_agreement(replace(READING, text=" "), control) is None
    assert bare_agreement(READING) == 0.0
    assert bare_agreement(replace(READING, bare=None)) is None


def test_every_measure_has_a_number_of_a_whole_reading_and_none_of_one_that_could_not_be_read():
    whole = replace(READING, samples=("Paris", "Paris", "London"))
    control = Control("none", "nothing")
    assert [measure.value(whole, control) for measure in MEASURES] == [
        0.375, 0.5, 0.75, 1.25, 0.0, 0.0, pytest.approx(2 / 3),
    ]  # fmt: skip
    unread = Interpretation(READING.cell, READING.token, "", (), 4.5, problem="the state is not finite in fp16")
    assert [measure.value(unread, control) for measure in MEASURES] == [None] * len(MEASURES)


def test_what_is_new_of_an_interpretation_is_written_and_read_back_and_missing_in_older_lines():
    assert decode_json(encode_ascii(READING), Interpretation) == READING
    old = b'{"type":"Interpretation","cell":{"layer":5,"position":9},"token":{"position":9,"id":7,"text":"x"},'
    found = decode_json(old + b'"text":"Paris","tokens":[],"norm":1.0}', Interpretation)
    assert (found.entropy, found.samples, found.lens, found.bare) == (None, (), None, None)


@pytest.mark.parametrize(
    ("text", "word", "there"),
    [
        ("Paris, the capital", "paris", True),
        ("a Parisian", "Paris", False),
        ("the capital of France.", "capital of", True),
        ("a party", "art", False),
        ("art", " art ", True),
        ("snake_art, yes", "art", True),
        ("costs $5.", "$5", True),
        ("costs $50", "$5", False),
        ("エッフェル塔です", "塔", True),
        ("東京都に", "京都", True),
        ("日本art", "art", True),
        ("a (b", "(b", True),
        ("Ελλάδα", "ελλάδα", True),
    ],
)
def test_a_word_is_found_as_a_whole_where_words_have_spaces_between_them(text, word, there):
    assert (whole_word(word).search(text) is not None) is there


def test_a_tracked_word_has_the_probability_of_the_token_that_it_begins_with():
    assert said_with(READING, "Paris") == 0.75
    assert said_with(READING, ",") == 0.5
    assert said_with(READING, "Rome") is None
    assert said_with(READING, "capital") == 1.0, "its tokens do not go on so far"
    inside = (GeneratedToken("Pa", 1, 0.25), GeneratedToken("ris", 2, 0.5), GeneratedToken(" of", 3, 0.125))
    reading = replace(READING, text="Paris of", tokens=inside)
    assert (said_with(reading, "Paris"), said_with(reading, "of")) == (0.25, 0.125)
    measure = tracking("of")
    assert (measure.name, measure.value(reading, None)) == ("track of", 0.125)


@given(st.text(max_size=12), st.text(min_size=1, max_size=4))
def test_any_word_can_be_looked_for_in_any_text(text, word):
    if whole_word(word).search(text):
        assert word.strip().casefold() in text.casefold() or word.strip().lower() in text.lower()
    assert said_with(replace(READING, text=text, tokens=()), word) in (None, 1.0)

"""The number behind a reading is of what is seen of it."""

from __future__ import annotations

import pytest

from selfie_tui.records import Cell, GeneratedToken, Interpretation, Token, treatment_effect, without_blank_ends


def generated(text: str, effect: float | None) -> GeneratedToken:
    return GeneratedToken(text, 0, 0.5, effect)


def test_blank_tokens_at_the_ends_do_not_carry_a_readings_number():
    tokens = (
        generated("\n", 0.9),
        generated(" Paris", -0.2),
        generated("\n", 0.4),
        generated(".", 0.3),
        generated(" ", 1),
    )
    assert [token.text for token in without_blank_ends(tokens)] == [" Paris", "\n", "."]
    assert treatment_effect(tokens) == pytest.approx(0.3)


def test_without_seen_tokens_or_without_relevancy_there_is_no_number():
    assert treatment_effect((generated("\n", 0.9), generated("", 0.9))) is None
    assert treatment_effect((generated("Paris", None),)) is None
    assert treatment_effect((generated("Paris", None), generated("!", 0.5))) == 0.5


@pytest.mark.parametrize(("text", "empty"), [("", True), (" \n\t", True), ("0", False)])
def test_a_reading_is_empty_where_its_text_is_white_space_at_most(text, empty):
    assert Interpretation(Cell(0, 0), Token(0, 0, "a"), text, (), 1.0).is_empty is empty

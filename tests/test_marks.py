"""Marks of interpretations."""

from __future__ import annotations

import pytest

from selfie_tui.marks import MEANINGS, mark_of
from selfie_tui.records import Cell, Interpretation, Token


def interpretation(text: str, *, equals_control: bool) -> Interpretation:
    return Interpretation(Cell(3, 1), Token(1, 5, " of"), text, (), 1.0, equals_control=equals_control)


@pytest.mark.parametrize(
    ("text", "equals_control", "mark"),
    [("Paris", False, "+"), ("nothing", True, "="), ("", False, "∅"), (" \n\t", False, "∅"), ("", True, "∅")],
)
def test_an_empty_text_says_nothing_whatever_the_control_says(text, equals_control, mark):
    assert mark_of(interpretation(text, equals_control=equals_control)) == mark
    assert MEANINGS[mark].startswith("says")

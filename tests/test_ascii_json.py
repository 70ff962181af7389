"""JSON in printable ASCII: nothing that a terminal obeys leaves, nothing is lost."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfie_tui.ascii_json import decode_json, encode_ascii
from selfie_tui.records import Cell, GeneratedToken, Interpretation, Token


class Note(msgspec.Struct):
    text: str
    number: float = 0.0
    numbers: tuple[float, ...] = ()
    maybe: float | None = None


@given(
    st.text(st.characters(exclude_categories=[])), st.floats(allow_nan=False), st.none() | st.floats(allow_nan=False)
)
def test_any_text_and_number_is_written_in_printable_ascii_and_read_back(text, number, maybe):
    note = Note(text, number, (number,), maybe)
    line = encode_ascii(note)
    assert all(32 <= byte < 127 for byte in line)
    assert decode_json(line, Note) == note
    assert json.loads(line)["text"] == text


def test_controls_that_json_lets_through_are_escaped():
    assert encode_ascii("\x7f\x85\u202e\x1b😀") == rb'"\u007f\u0085\u202e\u001b\ud83d\ude00"'


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_lacks_is_written_as_a_text_and_read_back(number):
    token = GeneratedToken(" null", 3, number, None)
    reading = Interpretation(Cell(0, 0), Token(0, 1, "nan"), "inf", (token,), number, number)
    line = encode_ascii(reading)
    assert json.loads(line)["norm"] == str(number)
    found = decode_json(line, Interpretation)
    assert (repr(found.norm), repr(found.tokens[0].probability)) == (repr(number), repr(number))
    assert (found.text, found.token.text, found.tokens[0].effect) == ("inf", "nan", None)


def test_a_line_that_is_not_a_record_is_an_error():
    for line in (b"{", b'{"text": 3}', b'{"text": 3, "number": "nan"}', b'{"text": "\\ud800"'):
        with pytest.raises(msgspec.DecodeError):
            decode_json(line, Note)

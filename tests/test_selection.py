"""Selections as typed stand for the numbers that they name, or are refused in the user's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfie_tui.errors import RequestError
from selfie_tui.parse import parse_layers, parse_mode, parse_positions
from selfie_tui.records import EMBED


@given(st.sets(st.integers(EMBED, 11), min_size=1))
def test_layers_written_one_by_one_are_read_back(layers: set[int]) -> None:
    written = ",".join("embed" if layer == EMBED else str(layer) for layer in layers)
    assert parse_layers(written, 12) == tuple(sorted(layers))


@given(st.integers(0, 11), st.integers(0, 11))
def test_a_range_holds_both_of_its_ends(first: int, last: int) -> None:
    if first <= last:
        assert parse_positions(f"{first}-{last}", 12) == tuple(range(first, last + 1))
    else:
        with pytest.raises(RequestError, match="backwards"):
            parse_positions(f"{first}-{last}", 12)


def test_all_layers_begin_with_the_embeddings_and_negatives_count_from_the_end() -> None:
    assert parse_layers("all", 3) == (EMBED, 0, 1, 2)
    assert parse_layers("embed-1,-1", 8) == (EMBED, 0, 1, 7)
    assert parse_positions("all", 3) == (0, 1, 2)
    assert parse_positions("-1, 0", 9) == (0, 8)


@pytest.mark.parametrize("text", ["", "x", "1-", "embed", "3,,4", "12", "-13", "1--2"])
def test_what_is_no_token_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse_positions(text, 12)
    assert refused.value.remedy


def test_the_published_names_of_modes_are_accepted() -> None:
    assert parse_mode("normalized") == "blend"
    assert parse_mode("addition") == "add"
    with pytest.raises(RequestError, match="replace-norm"):
        parse_mode("paint")

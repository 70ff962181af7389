"""What is typed after `:` is read as it was meant, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfie_tui.errors import RequestError
from selfie_tui.records import EMBED, layer_name
from selfie_tui.tui.go_to import Destination, marked, matching, parse_destination

layers = st.integers(EMBED, 120)
positions = st.integers(0, 9999)
spaces = st.sampled_from(["", " "])


@given(st.none() | layers, st.none() | positions, spaces, st.booleans())
def test_a_cell_is_read_as_it_is_written_everywhere(layer, position, space, lower):
    parts = [*([layer_name(layer)] if layer is not None else []), *([str(position)] if position is not None else [])]
    typed = space + f",{space}".join(parts) + space
    expected = Destination(position, layer) if parts else Destination()
    assert parse_destination(typed.lower() if lower else typed) == expected


@given(st.text())
def test_any_text_is_exactly_one_of_cell_marks_and_name(typed):
    found = parse_destination(typed)
    kinds = [found.position is not None or found.layer is not None, bool(found.marks), bool(found.name)]
    assert sum(kinds) == bool(typed.strip())
    assert found.name in ("", typed.strip())


def outcome(marks: str, numbers: tuple[int, ...], what: str) -> tuple[tuple[int, ...], str]:
    """The numbers that are marked, and the cause where they are refused."""
    try:
        return marked(marks, numbers, what), ""
    except RequestError as error:
        return (), error.cause


@given(st.text(alphabet="0123456789,- Llembed", max_size=12), st.integers(1, 40))
def test_marks_are_some_of_the_numbers_or_are_refused_with_what_there_is(marks, count):
    for numbers, what in ((tuple(range(count)), "token"), ((EMBED, *range(count)), "layer")):
        found, refusal = outcome(marks, numbers, what)
        assert bool(found) != bool(refusal)
        assert set(found) <= set(numbers)
        assert list(found) == sorted(set(found))
        assert not refusal or refusal.startswith(f"Invalid {what} “{marks.strip()}”: this ")


@given(st.data(), st.integers(1, 40), st.booleans())
def test_marks_written_from_numbers_stand_for_those_numbers(data, count, of_layers):
    numbers = ((EMBED,) if of_layers else ()) + tuple(range(count))
    chosen = data.draw(st.sets(st.sampled_from(numbers), min_size=1))
    written = ",".join(layer_name(number) if of_layers else str(number) for number in chosen)
    assert marked(written, numbers, "layer" if of_layers else "token") == tuple(sorted(chosen))
    start = data.draw(st.sampled_from(numbers[-count:]))
    assert marked(f"{start}-", numbers, "layer" if of_layers else "token") == numbers[numbers.index(start) :]


@pytest.mark.parametrize(
    ("marks", "numbers", "what", "cause"),
    [
        ("L9", (EMBED, *range(8)), "layer", "Invalid layer “L9”: this model has embed and L0 to L7."),
        ("3-12", tuple(range(9)), "token", "Invalid token “3-12”: this prompt has tokens 0 to 8."),
        ("1", (0,), "token", "Invalid token “1”: this prompt has token 0 only."),
    ],
)
def test_a_refusal_has_what_there_is(marks, numbers, what, cause):
    with pytest.raises(RequestError) as refused:
        marked(marks, numbers, what)
    assert refused.value.cause == cause
    assert refused.value.remedy


@given(st.lists(st.text(min_size=1), unique_by=str.casefold), st.data())
def test_a_known_name_in_any_case_is_that_name(known, data):
    if known:
        name = data.draw(st.sampled_from(known))
        assert matching(name, known) == (name,)
        assert name in matching(name.casefold(), known)

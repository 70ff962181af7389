"""The line of an edit: what is typed is read as it is meant, and refused in the user's terms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfie_tui.edits import FORMS, WEIGHTS_FORM, edit_text, parse_edit, positions_text
from selfie_tui.errors import RequestError
from selfie_tui.records import Edit, ModuleTensor

MLP = ModuleTensor("layers.5.mlp")


@pytest.mark.parametrize(
    ("typed", "edit"),
    [
        ("zero", Edit("layers.5.mlp", "zero")),
        ("  zero  ", Edit("layers.5.mlp", "zero")),
        ("* 0.5", Edit("layers.5.mlp", "scale", 0.5)),
        ("*.5", Edit("layers.5.mlp", "scale", 0.5)),
        ("× -2", Edit("layers.5.mlp", "scale", -2.0)),
        ("= 3.0", Edit("layers.5.mlp", "set", 3.0)),
        ("= vec:paris", Edit("layers.5.mlp", "set", 1.0, vector="paris")),
        ("= vec:of@L5 at 9", Edit("layers.5.mlp", "set", 1.0, (9,), vector="of@L5")),
        ("+ 0.5", Edit("layers.5.mlp", "add", 0.5)),
        ("- 0.5", Edit("layers.5.mlp", "add", -0.5)),
        ("+ vec:x-at-3.safetensors", Edit("layers.5.mlp", "add", 1.0, vector="x-at-3.safetensors")),
        ("+ 2 vec:paris", Edit("layers.5.mlp", "add", 2.0, vector="paris")),
        ("+ 2 * vec:paris", Edit("layers.5.mlp", "add", 2.0, vector="paris")),
        ("+ noise 0.1 seed 3", Edit("layers.5.mlp", "noise", 0.1, seed=3)),
        ("+ noise 0.1", Edit("layers.5.mlp", "noise", 0.1)),
        ("zero at 9", Edit("layers.5.mlp", "zero", positions=(9,))),
        ("* 0.5 at 3,5-7", Edit("layers.5.mlp", "scale", 0.5, (3, 5, 6, 7))),
        ("* 0.5 at all", Edit("layers.5.mlp", "scale", 0.5)),
        ("+ noise 0.1 seed 3 at 0", Edit("layers.5.mlp", "noise", 0.1, (0,), 3)),
        ("= weights:rome", Edit("layers.5.mlp", "weights", weights="rome")),
        ("=weights: ~/x y.safetensors", Edit("layers.5.mlp", "weights", weights="~/x y.safetensors")),
    ],
)
def test_a_line_is_read_as_it_is_meant(typed: str, edit: Edit) -> None:
    assert parse_edit(typed, MLP, 10) == edit


def test_an_edit_is_of_the_side_and_the_tensor_that_are_looked_at() -> None:
    edit = parse_edit("zero", ModuleTensor("layers.5", "input", 1), 10)
    assert (edit.path, edit.which, edit.index) == ("layers.5", "input", 1)


@pytest.mark.parametrize(
    ("typed", "cause"),
    [
        ("", "There is no edit yet."),
        ("at 9", "There is no edit yet."),
        ("half", "Invalid edit “half”."),
        ("zero 3", "Invalid edit “zero 3”."),
        ("* half", "Invalid factor “half”."),
        ("*", "Invalid factor “”."),
        ("= nan", "Invalid value “nan”."),
        ("= vec:", "There is no name after “vec:”."),
        ("+ noise", "Invalid amount of noise “”."),
        ("= weights:", "There is no name after “weights:”."),
        ("= weights:rome at 3", "Weights are the same for all tokens."),
        ("+ weights:rome", "Invalid number “weights:rome”."),
        ("+ noise -1", "Invalid amount of noise “-1”."),
        ("+ noise 1 seed x", "Invalid seed “x”."),
        ("+ x vec:paris", "Invalid factor “x”."),
        ("zero at", "There are no tokens after “at”."),
        ("zero at 10", "Token 10 is out of range: there are 10."),
        ("zero at x", "Invalid token “x”."),
        ("zero at 5-3", "“5-3” runs backwards."),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_write_instead(typed: str, cause: str) -> None:
    with pytest.raises(RequestError) as raised:
        parse_edit(typed, MLP, 10)
    assert raised.value.cause == cause
    assert raised.value.remedy


def test_the_examples_that_a_refusal_gives_are_edits() -> None:
    actions = [parse_edit(form, MLP, 10).action for form in (*FORMS, WEIGHTS_FORM)]
    assert actions == ["zero", "scale", "set", "set", "add", "add", "noise", "weights"]


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.from_regex(r"[a-z][a-z0-9@._-]{0,9}", fullmatch=True)
POSITIONS = st.none() | st.sets(st.integers(0, 30), min_size=1, max_size=6).map(lambda some: tuple(sorted(some)))
EDITS = st.one_of(
    st.builds(Edit, st.just("m"), st.just("zero"), positions=POSITIONS),
    st.builds(Edit, st.just("m"), st.sampled_from(["scale", "set", "add"]), NUMBERS, POSITIONS),
    st.builds(Edit, st.just("m"), st.just("set"), st.just(1.0), POSITIONS, vector=NAMES),
    st.builds(Edit, st.just("m"), st.just("add"), NUMBERS, POSITIONS, vector=NAMES),
    st.builds(Edit, st.just("m"), st.just("weights"), weights=NAMES),
    st.builds(Edit, st.just("m"), st.just("noise"), NUMBERS.map(math.fabs), POSITIONS, st.integers(0, 1 << 40)),
)


@given(EDITS)
def test_what_an_edit_is_written_as_is_read_as_that_edit(edit: Edit) -> None:
    assert parse_edit(edit_text(edit), ModuleTensor("m"), 31) == edit


@given(st.text(max_size=30))
def test_whatever_is_typed_is_an_edit_or_refused(typed: str) -> None:
    try:
        edit = parse_edit(typed, MLP, 10)
    except RequestError:
        return
    assert math.isfinite(edit.value)
    assert parse_edit(edit_text(edit), MLP, 10) == edit


def test_neighbouring_positions_are_written_as_a_run() -> None:
    assert positions_text((0, 1, 2, 5, 7, 8)) == "0-2,5,7-8"

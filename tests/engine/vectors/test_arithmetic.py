"""Lines computed: the numbers are those of plain tensors, layers and widths are looked after, the model is known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from selfie_tui.engine.vectors.arithmetic import evaluate_line
from selfie_tui.engine.vectors.compare import aligned, cosines, projections
from selfie_tui.engine.vectors.vector import Vector, check_fits, notices_of
from selfie_tui.errors import RequestError
from selfie_tui.records import Edit
from selfie_tui.vector_line import Name
from tests.engine.zoo import build

torch.manual_seed(0)
A, B, C = (torch.randn(6) for _ in range(3))
SEVERAL = torch.randn(3, 6)
KNOWN = {
    "a": Vector(A[None], (2,), "a"),
    "b": Vector(B[None], (2,), "b"),
    "far": Vector(C[None], (5,), "far"),
    "loose": Vector(C[None], (), "loose"),
    "formal": Vector(SEVERAL, (1, 2, 3), "formal"),
    "other": Vector(SEVERAL * 2, (1, 2, 3), "other"),
    "gap": Vector(SEVERAL, (1, 2, 4), "gap"),
    "wide": Vector(torch.ones(1, 7), (2,), "wide"),
    "of-city": Vector(B[None] * 3, (2,), "of-city"),
}


def lookup(name: Name) -> Vector:
    found = KNOWN[name.name]
    return found if name.layer is None else found.at(name.layer)


def value(line: str) -> Vector:
    return evaluate_line(line, list(KNOWN), lookup)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a - b", A - B),
        ("a − b + 0.5 * a", 1.5 * A - B),
        ("-a * 2", -2 * A),
        ("a / (2 + 2)", A / 4),
        ("(2 - 1 * 3) * a", -A),
        ("-2 * -a", 2 * A),
        ("mean(a b)", (A + B) / 2),
        ("sum(a, a, b)", 2 * A + B),
        ("unit(a)", A / A.norm()),
        ("project(a, b)", A @ B / (B @ B) * B),
        ("without(a, b) + project(a, b)", A),
        ("formal@2 + a", SEVERAL[1] + A),
        ("of-city - a", 3 * B - A),
    ],
)
def test_a_line_is_what_plain_tensors_give(line: str, expected: torch.Tensor) -> None:
    found = value(line)
    torch.testing.assert_close(found.rows[0], expected)
    assert found.layers == (2,)
    assert (found.name, found.notices) == (line, ())


def test_vectors_of_several_layers_are_computed_layer_by_layer() -> None:
    found = value("other - 0.5 * formal")
    torch.testing.assert_close(found.rows, 1.5 * SEVERAL)
    assert found.layers == (1, 2, 3)
    torch.testing.assert_close(value("unit(formal)").rows.norm(dim=-1), torch.ones(3))
    torch.testing.assert_close(value("mean(formal other)").rows, 1.5 * SEVERAL)


def test_layers_that_differ_are_said_and_one_that_is_not_known_is_taken_along() -> None:
    mixed = value("a - far")
    assert mixed.layers == ()
    assert "a of L2, far of L5" in mixed.notices[0]
    assert value("a - loose").layers == (2,)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2 + 3", "is the number 5, not a vector"),
        ("a + 2", "A number and a vector cannot be added"),
        ("a * b", "Vectors cannot be multiplied with each other"),
        ("2 / a", "Vectors cannot be divided by a vector"),
        ("a / 0", "Division by 0 at character 3"),
        ("a / 1e-45 * 1e300", "is not finite"),
        ("mean(a 2)", "takes vectors, not numbers"),
        ("a + wide", "a is 6 wide, and wide is 7 wide"),
        ("formal + a", "formal is of L1 to L3, and a is of L2"),
        ("formal + gap", "formal is of L1 to L3, and gap is of L1, L2, L4"),
        ("formal@7", "no vector for L7"),
    ],
)
def test_what_cannot_be_computed_is_refused(line: str, says: str) -> None:
    with pytest.raises(RequestError) as error:
        value(line)
    assert says in error.value.cause
    assert error.value.remedy


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=5))
def test_sums_of_multiples_are_linear(factors: list[float]) -> None:
    line = " + ".join(f"{factor:.17f} * {name}" for factor, name in zip(factors, "abab", strict=False))
    expected = sum(factor * {"a": A, "b": B}[name] for factor, name in zip(factors, "abab", strict=False))
    torch.testing.assert_close(value(line.replace("-", "−")).rows[0], expected, rtol=1e-4, atol=1e-4)


def test_a_vector_meets_a_model_that_it_fits_and_says_where_it_is_from() -> None:
    model = build("llama")
    info = replace(model.info(), revision="one")
    vector = Vector(torch.ones(1, 64), (2,), "v", info)
    check_fits(model, vector)
    assert "v is of" in notices_of(model, vector)[0]
    own = Vector(torch.ones(1, 64), (2,), "v", model.info())
    assert notices_of(model, own) == ()
    edited = Vector(torch.ones(1, 64), (2,), "v", replace(model.info(), edits=(Edit("x", "zero"),)))
    assert edited.edited
    assert "with edits that do not stand" in notices_of(model, edited)[0]
    with pytest.raises(RequestError, match=r"v is of .* 6 wide, and the states of .* are 64 wide"):
        check_fits(model, Vector(A[None], (2,), "v", info))
    with pytest.raises(RequestError, match="Layer 9 is out of range"):
        check_fits(model, Vector(torch.ones(1, 64), (9,), "v"))


def test_cosines_and_projections_are_those_of_their_definitions() -> None:
    rows = aligned([KNOWN["a"], KNOWN["b"], KNOWN["formal"]])
    assert rows.shape == (3, 3, 6)
    found = cosines(rows)
    torch.testing.assert_close(found[0, 1], (A @ B / A.norm() / B.norm()).expand(3))
    torch.testing.assert_close(found[2, 0, 1], SEVERAL[1] @ A / SEVERAL[1].norm() / A.norm())
    torch.testing.assert_close(found.diagonal(dim1=0, dim2=1), torch.ones(3, 3))
    torch.testing.assert_close(projections(rows)[0, 1, 0], A @ B / B.norm())
    shifted = torch.stack([A, B, C]) + 100
    torch.testing.assert_close(cosines(shifted, True), cosines(torch.stack([A, B, C]), True), atol=1e-4, rtol=1e-3)
    assert float(cosines(shifted).min()) > 0.99
    with pytest.raises(RequestError, match="formal is of L1 to L3, and gap is of L1, L2, L4"):
        aligned([KNOWN["formal"], KNOWN["gap"]])

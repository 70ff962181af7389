"""Lines of vectors computed: sums, multiples, means and projections, with widths and layers checked.

The field's first example is `king - man + woman` (Mikolov et al. 2013, arXiv 1301.3781), there of word embeddings. Of
hidden states it holds less often: a state has the position, the neighbours and the layer's own mean in it besides the
word, which a difference of two takes off and a sum does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from selfie_tui.engine.vectors.vector import Vector
from selfie_tui.errors import RequestError
from selfie_tui.records import ModelInfo
from selfie_tui.text import prose
from selfie_tui.vector_line import Call, Expression, Name, Negative, Number, Operation, State, parse_line
from selfie_tui.vector_line_tokens import LineError

Lookup = Callable[[Name | State], Vector]
"""The vector of a name, or the state of a text; raises RequestError."""

Value = Vector | float


def evaluate_line(line: str, names: Sequence[str], lookup: Lookup) -> Vector:
    """What a line is, its name the line itself, where vectors of some `names` are known.

    Raises:
        RequestError: for a line that cannot be read or is a number, vectors that do not fit each other, a vector that
            is not there, or a result that is not finite.
    """
    found = evaluate(parse_line(line, names), lookup)
    if not isinstance(found, Vector):
        raise RequestError(f"“{prose(line.strip())}” is the number {found:g}, not a vector.", "Write a vector's name.")
    if not bool(found.rows.isfinite().all()):
        raise RequestError(f"“{prose(line.strip())}” is not finite.", "Divide by something else than 0.")
    return replace(found, name=line.strip())


def evaluate(expression: Expression, lookup: Lookup) -> Value:
    """The value of an expression; raises as `evaluate_line`."""
    match expression:
        case Number(value=value):
            return value
        case Name() | State():
            return lookup(expression)
        case Negative(operand=operand):
            return scaled(evaluate(operand, lookup), -1.0)
        case Operation(sign="+" | "-"):
            return added(expression, evaluate(expression.left, lookup), evaluate(expression.right, lookup))
        case Operation():
            return multiplied(expression, evaluate(expression.left, lookup), evaluate(expression.right, lookup))
        case Call():
            return called(expression, [evaluate(each, lookup) for each in expression.arguments])


def scaled(value: Value, factor: float) -> Value:
    """A number or a vector times a number."""
    return replace(value, rows=value.rows * factor, origin=None) if isinstance(value, Vector) else value * factor


def added(operation: Operation, left: Value, right: Value) -> Value:
    """The sum or the difference of two vectors or two numbers; raises LineError."""
    sign = -1.0 if operation.sign == "-" else 1.0
    if isinstance(left, Vector) and isinstance(right, Vector):
        one, other = matched([left, right], operation.at)
        return combined([one, other], one.rows + sign * other.rows)
    if isinstance(left, Vector) or isinstance(right, Vector):
        raise LineError(
            f"A number and a vector cannot be added (at character {operation.at + 1}).",
            "Write a vector's name on either side.",
            operation.at,
        )
    return left + sign * right


def multiplied(operation: Operation, left: Value, right: Value) -> Value:
    """The product or the quotient of two numbers, or of a vector and a number; raises LineError."""
    by = operation.sign == "/"
    if isinstance(right, Vector) and (by or isinstance(left, Vector)):
        what = "divided by a vector" if by else "multiplied with each other"
        raise LineError(
            f"Vectors cannot be {what} (at character {operation.at + 1}).",
            "project(a, b) is the part of one along another.",
            operation.at,
        )
    if by:
        if right == 0:
            raise LineError(f"Division by 0 at character {operation.at + 1}.", "Use another number.", operation.at)
        return scaled(left, 1 / float(right))  # type: ignore[arg-type]  # a vector was refused above
    return scaled(right, left) if not isinstance(left, Vector) else scaled(left, float(right))  # type: ignore[arg-type]


def called(call: Call, values: Sequence[Value]) -> Vector:
    """What a function of vectors gives; raises LineError."""
    if not all(isinstance(value, Vector) for value in values):
        raise LineError(f"{call.function}() takes vectors, not numbers.", "Write names in it.", call.at)
    vectors = matched([value for value in values if isinstance(value, Vector)], call.at)
    rows = torch.stack([vector.rows for vector in vectors])  # (vectors, rows, width)
    return combined(vectors, FUNCTIONS[call.function](rows))


def along(rows: torch.Tensor) -> torch.Tensor:
    """The part of the first of two vectors `(2, rows, width)` along the second, `(rows, width)`."""
    direction = torch.nn.functional.normalize(rows[1], dim=-1)
    return (rows[0] * direction).sum(-1, keepdim=True) * direction


FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda rows: rows.mean(0),
    "sum": lambda rows: rows.sum(0),
    "unit": lambda rows: torch.nn.functional.normalize(rows[0], dim=-1),
    "project": along,
    "without": lambda rows: rows[0] - along(rows),
}
"""The functions of a line, of `(vectors, rows, width)`."""


def matched(vectors: Sequence[Vector], at: int) -> Sequence[Vector]:
    """Vectors that can be computed with each other.

    Raises:
        LineError: for other widths, or layers of which one has several.
    """
    first = vectors[0]
    for other in vectors[1:]:
        if other.width != first.width:
            raise LineError(
                f"{prose(first.name)} is {first.width} wide, and {prose(other.name)} is {other.width} wide.",
                "Use vectors of one model.",
                at,
            )
        if first.layers != other.layers and max(len(first.rows), len(other.rows)) > 1:
            several = first if len(first.rows) > 1 else other
            raise LineError(
                f"{prose(first.name)} is of {first.where}, and {prose(other.name)} is of {other.where}.",
                f"Choose a layer: {prose(several.name)}@{several.layers[0]}.",
                at,
            )
    return vectors


def combined(vectors: Sequence[Vector], rows: torch.Tensor) -> Vector:
    """A vector computed of others, `(rows, width)`: of their layer and their model where these are the same."""
    layers = {vector.layers for vector in vectors if vector.layers}
    notices = [notice for vector in vectors for notice in vector.notices]
    if len(layers) > 1:
        places = ", ".join(dict.fromkeys(f"{prose(vector.name)} of {vector.where}" for vector in vectors))
        notices.append(f"Vectors of several layers were mixed: {places}. Directions of layers differ.")
    name = " ".join(vector.name for vector in vectors)
    return Vector(
        rows, layers.pop() if len(layers) == 1 else (), name, model_of(vectors), tuple(dict.fromkeys(notices))
    )


def model_of(vectors: Sequence[Vector]) -> ModelInfo | None:
    """The model that vectors come from, None where it is not one or not known; one with edits before one without."""
    known = [vector.model for vector in vectors if vector.model is not None]
    if len({(model.name, model.revision) for model in known}) != 1:
        return None
    return next((model for model in known if model.edits), known[0])

"""A user's vectors: converted for a model, compared, and aggregated over layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from selfie_tui.engine.model import Model
from selfie_tui.engine.vectors.vector import Vector
from selfie_tui.errors import RequestError
from selfie_tui.library.arguments import as_list, describe
from selfie_tui.library.cells import Layer, layer_number
from selfie_tui.library.notices import warn_of_equal
from selfie_tui.records import EMBED

METRICS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "cosine": lambda a, b: torch.nn.functional.cosine_similarity(a, b, dim=0),
    "l2": lambda a, b: (a - b).norm(),
    "dot": torch.dot,
}
METHODS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda stacked: stacked.mean(0),
    "sum": lambda stacked: stacked.sum(0),
    "max": lambda stacked: stacked.amax(0),
    "last": lambda stacked: stacked[-1],
}

Vectors = torch.Tensor | NDArray[Any] | Sequence[Any] | Vector
"""`(n, hidden)`, or several of `(hidden,)`, `(1, hidden)` or `(1, 1, hidden)`; `(hidden,)`, or numbers, are one. What
`vector` and `mean_vector` give is one for each of its layers."""


def as_tensor(value: object, name: str) -> torch.Tensor:
    """A detached floating-point tensor `(...)` of the value's shape, from a tensor, an array or numbers.

    Raises:
        RequestError: for anything else, such as the dictionary that `get_activations` gives.
    """
    if isinstance(value, Mapping):
        raise RequestError(
            f"{name} is a dictionary, as get_activations gives it.", "Choose a layer of it, such as states[6]."
        )
    try:
        tensor = torch.as_tensor(value).detach()
    except (TypeError, ValueError, RuntimeError):
        raise RequestError(
            f"{name} is {describe(value)}, not a tensor.", "Give a tensor, an array, or a list of numbers."
        ) from None
    if tensor.is_complex():
        raise RequestError(f"{name} is complex, and states are real.", "Take its real part, or its absolute value.")
    return tensor if tensor.is_floating_point() else tensor.float()


def stack_vectors(model: Model, vectors: Vectors) -> torch.Tensor:
    """Vectors (see `Vectors`) as one tensor `(n, hidden)` in the dtype of the model's states and on its device.

    Raises:
        RequestError: without any, or if one has another width, is more than one vector or is not finite.
    """
    rows = [as_tensor(row, f"Vector {index}") for index, row in enumerate(rows_of(vectors))]
    if not rows:
        raise RequestError("The list of vectors is empty.", "Give at least one.")
    for index, row in enumerate(rows):
        check_vector(model, row, f"Vector {index}")
    return torch.stack([to_model(model, row.reshape(-1), f"Vector {index}") for index, row in enumerate(rows)])


def rows_of(vectors: Any) -> list[Any]:
    """Vectors one by one: rows `(hidden,)` of an array, or the items of a list; a list of numbers is one vector.

    A `Vector` is one for each of its layers, in a list too.
    """
    if isinstance(vectors, Mapping):
        return [as_tensor(vectors, "The list of vectors")]
    if isinstance(vectors, Vector):
        return list(vectors.rows)
    if isinstance(vectors, torch.Tensor | np.ndarray):
        return [vectors] if vectors.ndim < 2 else list(vectors)
    rows = as_list(vectors, "vector")
    if rows and all(isinstance(row, Real) for row in rows):
        return [rows]
    return [part for row in rows for part in (row.rows if isinstance(row, Vector) else [row])]


def stack_activation(model: Model, activation: object, positions: int) -> torch.Tensor:
    """One activation for several positions, `(1, hidden)`, or one for each, `(1, positions, hidden)`.

    Raises:
        RequestError: if it has another width or number of rows, or is not finite.
    """
    tensor = as_tensor(activation, "The activation")
    if tensor.dim() and tensor.shape[-1] == model.hidden and tensor.numel() == positions * model.hidden > model.hidden:
        return to_model(model, tensor.reshape(1, positions, model.hidden), "The activation")
    check_vector(model, tensor, "The activation")
    return to_model(model, tensor.reshape(1, model.hidden), "The activation")


def check_vector(model: Model, vector: torch.Tensor, name: str) -> None:
    """Refuse what is not one vector of the model's width, `(hidden,)` with any axes of length one before it.

    Raises:
        RequestError: for another width, or several vectors.
    """
    width = vector.shape[-1] if vector.dim() else 1
    if width != model.hidden:
        raise RequestError(
            f"{name} is {width} wide, and the states of {model.name} are {model.hidden} wide.",
            "Take it from this model, or one of the same width.",
        )
    if vector.numel() != width:
        raise RequestError(
            f"{name} has the shape {tuple(vector.shape)}: expected one vector.",
            "Choose one token of it, such as states[:, 3, :].",
        )


def to_model(model: Model, vector: torch.Tensor, name: str) -> torch.Tensor:
    """A vector `(..., hidden)` in the dtype of the model's states and on its device.

    Raises:
        RequestError: if it is not finite there.
    """
    moved = vector.to(model.device, model.stream_dtype)
    if not bool(moved.isfinite().all()):
        finite = bool(vector.isfinite().all())
        raise RequestError(
            f"{name} overflows {model.info().dtype}." if finite else f"{name} is not finite.",
            "Scale it down, or load the model in a wider number format."
            if finite
            else "Look for NaN or infinity in what it was made of.",
        )
    return moved


def compute_activation_similarity(
    a: torch.Tensor | NDArray[Any], b: torch.Tensor | NDArray[Any], metric: str = "cosine"
) -> float:
    """The similarity, a scalar, of two activations of one shape `(...)`, flattened, in float32.

    Args:
        metric: `cosine` similarity, `l2` for the Euclidean distance (0 is equal, larger is less alike), `dot` product.

    Raises:
        RequestError: if the shapes differ, if one is not a tensor, or for an unknown metric.
    """
    measure = lookup(METRICS, metric, "metric")
    one, other = as_tensor(a, "The first activation"), as_tensor(b, "The second activation")
    if one.shape != other.shape:
        raise RequestError(
            f"The activations have the shapes {tuple(one.shape)} and {tuple(other.shape)}.",
            "Compare the same cells of both.",
        )
    if one.data_ptr() != other.data_ptr() and one.dtype == other.dtype and torch.equal(one, other.to(one.device)):
        warn_of_equal(2)
    return float(measure(one.flatten().float().cpu(), other.flatten().float().cpu()))


def aggregate_activations(
    activations: Mapping[int, torch.Tensor] | torch.Tensor | Sequence[torch.Tensor], method: str = "mean"
) -> torch.Tensor:
    """Activations of several layers as one tensor of the shape `(...)` of a layer's.

    Args:
        activations: by layer, as `get_activations` gives them, or one after another, as a list or `(layers, ...)`.
        method: `mean`, `sum` or `max` of each entry over the layers, or `last` for the deepest layer's.

    Raises:
        RequestError: without any, if their shapes differ, or for an unknown method.
    """
    aggregate = lookup(METHODS, method, "method")
    items = (
        [activations[layer] for layer in sorted(activations, key=number_of_key)]
        if isinstance(activations, Mapping)
        else as_list(activations, "activation")
    )
    if not items:
        raise RequestError("The activations to aggregate are empty.", "Give those of at least one layer.")
    if isinstance(items[0], Mapping):
        raise RequestError(
            "These are the activations of several prompts.",
            "Aggregate each: [aggregate_activations(states) for states in ...].",
        )
    layers = [as_tensor(layer, "A layer's activation") for layer in items]
    if len({layer.shape for layer in layers}) > 1:
        raise RequestError("The layers' activations differ in shape.", "Take all of them from the same prompt.")
    return aggregate(torch.stack(layers))


def number_of_key(layer: Layer) -> int:
    """The number of a layer among the keys of `get_activations`, in which the embeddings are `EMBED`."""
    return EMBED if layer == EMBED else layer_number(layer)


def lookup(known: Mapping[str, Callable[..., torch.Tensor]], name: str, what: str) -> Callable[..., torch.Tensor]:
    """The function called `name`, of tensors `(...)` or `(layers, ...)`.

    Raises:
        RequestError: for an unknown one, with the names there are.
    """
    if not isinstance(name, str) or name not in known:
        raise RequestError(f"Unknown {what} {describe(name)}.", f"Use one of: {', '.join(known)}.")
    return known[name]

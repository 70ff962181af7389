"""Vectors in the user's hand: made ready for a model, compared, and aggregated over layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError

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


def stack_vectors(model: Model, vectors: torch.Tensor | Sequence[torch.Tensor]) -> torch.Tensor:
    """Vectors as the model takes them: `(n, hidden)`, of its number format and on its device.

    Given are `(n, hidden)`, or a sequence of `(hidden,)`, `(1, hidden)` or `(1, 1, hidden)`; `(hidden,)` is one vector.

    Raises:
        RequestError: if there is none, or if one has another width, is no single vector or is not finite.
    """
    single = isinstance(vectors, torch.Tensor) and vectors.dim() < 2
    rows = [torch.as_tensor(vector).detach() for vector in ([vectors] if single else vectors)]
    if not rows:
        raise RequestError("There is no vector to interpret.", "Give at least one.")
    for place, row in enumerate(rows):
        check_vector(model, row, f"Vector {place}")
    return torch.stack([ready(model, row.reshape(-1), f"Vector {place}") for place, row in enumerate(rows)])


def stack_activation(model: Model, activation: torch.Tensor, positions: int) -> torch.Tensor:
    """One activation for all of several positions, `(1, hidden)`, or one for each, `(1, positions, hidden)`.

    Raises:
        RequestError: if it has another width or number of rows, or is not finite.
    """
    given = torch.as_tensor(activation).detach()
    if given.dim() and given.shape[-1] == model.hidden and given.numel() == positions * model.hidden > model.hidden:
        return ready(model, given.reshape(1, positions, model.hidden), "The activation")
    check_vector(model, given, "The activation")
    return ready(model, given.reshape(1, model.hidden), "The activation")


def check_vector(model: Model, vector: torch.Tensor, name: str) -> None:
    """Refuse what is not one vector of the model's width."""
    width = vector.shape[-1] if vector.dim() else 1
    if width != model.hidden:
        raise RequestError(
            f"{name} is {width} wide, and the states of {model.name} are {model.hidden} wide.",
            "Take it from this model, or one of the same width.",
        )
    if vector.numel() != width:
        raise RequestError(
            f"{name} has the shape {tuple(vector.shape)}, which is not that of one vector.",
            "Choose one token of it, such as states[:, 3, :].",
        )


def ready(model: Model, vector: torch.Tensor, name: str) -> torch.Tensor:
    """A vector of the model's number format on its device, refused if it is not finite there."""
    moved = vector.to(model.device, model.dtype)
    if not bool(moved.isfinite().all()):
        finite = bool(vector.isfinite().all())
        raise RequestError(
            f"{name} overflows {model.info().dtype}." if finite else f"{name} is not finite.",
            "Scale it down, or load the model in a wider number format."
            if finite
            else "Look for NaN or infinity in what it was made of.",
        )
    return moved


def compute_activation_similarity(a: torch.Tensor, b: torch.Tensor, metric: str = "cosine") -> float:
    """How alike two activations of one shape are, flattened, in float32.

    Args:
        metric: `cosine` similarity, `l2` for the Euclidean distance (0 is equal, larger is less alike), `dot` product.

    Raises:
        RequestError: if the shapes differ or there is no such metric.
    """
    if metric not in METRICS:
        raise RequestError(f"There is no metric “{metric}”.", f"Use one of: {', '.join(METRICS)}.")
    if a.shape != b.shape:
        raise RequestError(
            f"The activations have the shapes {tuple(a.shape)} and {tuple(b.shape)}.", "Compare the same cells of both."
        )
    one, other = (side.detach().flatten().float().cpu() for side in (a, b))
    return float(METRICS[metric](one, other))


def aggregate_activations(activations: Mapping[int, torch.Tensor] | torch.Tensor, method: str = "mean") -> torch.Tensor:
    """Activations of several layers as one tensor of the shape of a layer's.

    Args:
        activations: by layer, as `get_activations` gives them, or `(layers, ...)`.
        method: `mean`, `sum` or `max` of each entry over the layers, or `last` for the deepest layer's.

    Raises:
        RequestError: if there are none, if their shapes differ, or if there is no such method.
    """
    if method not in METHODS:
        raise RequestError(f"There is no method “{method}”.", f"Use one of: {', '.join(METHODS)}.")
    if not len(activations):
        raise RequestError("There are no activations to aggregate.", "Give those of at least one layer.")
    if isinstance(activations, torch.Tensor):
        return METHODS[method](activations)
    layers = [activations[layer] for layer in sorted(activations)]
    if len({layer.shape for layer in layers}) > 1:
        raise RequestError("The layers' activations differ in shape.", "Take all of them from the same prompt.")
    return METHODS[method](torch.stack(layers))

"""Edits made ready to stand: each checked against the model, with the vector or the weights of its file read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import torch

from selfie_tui.engine.anatomy.layouts import Layout
from selfie_tui.engine.edits import ReadyEdit
from selfie_tui.engine.inspecting.capture import find_tensor
from selfie_tui.engine.inspecting.tree import full_path
from selfie_tui.engine.inspecting.vector_file import read_vector
from selfie_tui.engine.inspecting.weights_file import read_weights
from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.records import Edit, ModelInfo, ModuleTensor
from selfie_tui.text import prose


def set_edits(model: Model, edits: Sequence[Edit]) -> None:
    """Make these the edits that stand in a model; none of them if one is refused.

    Raises:
        RequestError: for a module or tensor that is not there, positions where it has no tokens, a number that is not
            finite, a vector that does not fit.
    """
    let_stand(model, [ready_edit(model, edit) for edit in edits])


def let_stand(model: Model, edits: Sequence[ReadyEdit]) -> None:
    """Make edits that were checked the ones that stand; what was measured with others is forgotten."""
    model.edits.now = tuple(edits)
    model.relevancy_floor = model.padding_invariant = None
    model.skips_blocks.clear()


def ready_edit(model: Model, edit: Edit) -> ReadyEdit:
    """An edit by the full path of its module, checked; raises as `set_edits`."""
    path = full_path(model.modules, edit.path)
    known = find_tensor(model, ModuleTensor(path, edit.which, edit.index))
    if not math.isfinite(edit.value):
        raise RequestError(f"The value of an edit is {edit.value}.", "Give a finite number.")
    if edit.action == "noise" and edit.value < 0:
        raise RequestError("A standard deviation is not negative.", "Give 0 or more.")
    if edit.positions is not None and known.layout.tokens is None:
        raise RequestError(
            f"The {known.tensor} has no tokens that could be told apart.", "Edit it at all tokens, or its module."
        )
    full = msgspec.structs.replace(edit, path=path)
    if edit.action == "weights":
        return ReadyEdit(full, known.layout, weights=fitting_weights(model, full))
    return ReadyEdit(full, known.layout, fitting_vector(model, full, known.layout) if edit.vector else None)


def fitting_vector(model: Model, edit: Edit, layout: Layout) -> torch.Tensor:
    """The vector of an edit's file, `(width,)`.

    Raises:
        RequestError: if the tensor has no tokens, or another width.
    """
    if edit.action not in ("set", "add"):
        raise RequestError(f"A vector cannot be used to {edit.action}.", "Set it, or add it.")
    vector = read_vector(edit.vector).vector
    width = layout.width
    if layout.tokens is None or width != len(vector):
        raise RequestError(
            f"The vector in {edit.vector} is {len(vector)} wide, and the {edit.which} of {edit.path} "
            f"{f'is {width} wide' if layout.tokens is not None else 'has no tokens'}.",
            "Choose a vector of that width, or another module.",
        )
    return vector.to(model.device)


def fitting_weights(model: Model, edit: Edit) -> dict[str, torch.Tensor]:
    """The weights `(...)` of an edit's file by name, each in the number format and on the device of the module's own.

    Raises:
        RequestError: for an edit of some tokens or of an input, and weights of another model or module.
    """
    if edit.positions is not None or edit.which != "output":
        raise RequestError("Weights are of a module, not of tokens or an input.", "Edit its output, at all tokens.")
    own = dict(model.modules[edit.path].named_parameters())
    found, origin = read_weights(edit.weights, own, edit.path)
    if not is_same_model(origin.model, model.info()):
        raise RequestError(
            f"The weights {prose(edit.weights)} were trained on another model, {origin.model.title}.",
            "Load that model, or train them on this one.",
        )
    return {name: tensor.to(own[name].device, own[name].dtype) for name, tensor in found.items()}


def is_same_model(one: ModelInfo, other: ModelInfo) -> bool:
    """Whether two models have the same weights, as far as their revisions, adapters or names say."""
    if one.revision and other.revision:
        return (one.revision, one.adapter) == (other.revision, other.adapter)
    return (one.name, one.adapter) == (other.name, other.adapter)


def weights_edit(model: Model, path: str, weights: Mapping[str, torch.Tensor], name: str = "") -> ReadyEdit:
    """An edit by which the module at a path computes with weights `(...)` by name, of the file `name` if of any."""
    layout = find_tensor(model, ModuleTensor(path)).layout
    return ReadyEdit(Edit(path, "weights", weights=name), layout, weights=dict(weights))

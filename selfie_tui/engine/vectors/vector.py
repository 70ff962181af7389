"""A vector with the layers that it is of, and what a model must have for it to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from selfie_tui.engine.model import Model
from selfie_tui.errors import RequestError
from selfie_tui.records import EMBED, ModelInfo, Origin, layer_name
from selfie_tui.text import prose


@dataclass(frozen=True, eq=False)
class Vector:
    """One vector, or one for each of several layers: `rows` is `(rows, width)` float32 on the CPU.

    `layers` are those of the rows; () of a single vector whose layer is not known. `model` is what it was taken from,
    with its edits, and `origin` all that is known of that, each None where it is not known. `notices` are what a user
    should know of how it came about.
    """

    rows: torch.Tensor
    layers: tuple[int, ...] = ()
    name: str = ""
    model: ModelInfo | None = None
    notices: tuple[str, ...] = ()
    origin: Origin | None = None

    @property
    def width(self) -> int:
        """Numbers of a row."""
        return self.rows.shape[-1]

    @property
    def norm(self) -> float:
        """The mean of the norms of the rows."""
        return float(self.rows.norm(dim=-1).mean())

    @property
    def edited(self) -> bool:
        """Whether it comes from a model with edits."""
        return self.model is not None and bool(self.model.edits)

    @property
    def where(self) -> str:
        """The layers that it is of, in words of the screen: `L12`, `L8 to L14`, `no layer`."""
        return layers_text(self.layers)

    def at(self, layer: int) -> Vector:
        """The vector of one of its layers; raises RequestError for another."""
        if layer not in self.layers:
            raise RequestError(
                f"{prose(self.name)} has no vector for {layer_name(layer)}: it is of {self.where}.",
                "Choose one of its layers.",
            )
        index = self.layers.index(layer)
        return replace(self, rows=self.rows[index : index + 1], layers=(layer,), name=f"{self.name}@{layer}")

    def single(self) -> torch.Tensor:
        """Its one row, `(width,)`.

        Raises:
            RequestError: if it has several, saying how to choose one.
        """
        if len(self.rows) == 1:
            return self.rows[0]
        raise RequestError(
            f"{prose(self.name)} has a vector for each of {self.where}, and one is needed.",
            f"Choose a layer of it: {prose(self.name)}@{self.layers[len(self.layers) // 2]}.",
        )


def layers_text(layers: Sequence[int]) -> str:
    """Layers in words: `L12`, `embed`, `L8 to L14` where they have no gaps, `L3, L5`, `no layer`."""
    if not layers:
        return "no layer"
    if len(layers) > 2 and list(layers) == list(range(layers[0], layers[-1] + 1)):
        return f"{layer_name(layers[0])} to {layer_name(layers[-1])}"
    return ", ".join(map(layer_name, layers))


def check_fits(model: Model, vector: Vector, stack: str = "") -> None:
    """Refuse a vector of another width than a stack of a model, or of layers that it does not have.

    Raises:
        RequestError: with both widths, or the layer.
    """
    width = model.anatomy.stack(stack).width
    if vector.width != width:
        of = f" of {vector.model.title}" if vector.model else ""
        raise RequestError(
            f"{prose(vector.name)} is{of} {vector.width} wide, and the states of {model.name} are {width} wide.",
            "Take it from this model, or one of the same width.",
        )
    for layer in vector.layers:
        if not EMBED <= layer < len(model.anatomy.stack(stack).blocks):
            model.check_layer(layer, stack)


def notices_of(model: Model, vector: Vector) -> tuple[str, ...]:
    """What a user should know of a vector that meets a model: what it says itself, and that it is of another model."""
    of, here = vector.model, model.info()
    if of is None:
        return vector.notices
    found = list(vector.notices)
    if (of.revision, of.adapter) != (here.revision, here.adapter) or (not of.revision and of.name != here.name):
        found.append(f"{prose(vector.name)} is of {of.title}, and the model is {here.title}: directions differ.")
    elif of.edits != here.edits:
        how = "with edits that do not stand now" if of.edits else "without the edits that stand now"
        found.append(f"{prose(vector.name)} was taken {how}.")
    return tuple(found)

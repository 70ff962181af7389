"""A tuned lens: an affine translator a layer, trained so that norm and head read from there what the model will say.

Belrose et al. 2023, "Eliciting Latent Predictions from Transformers with the Tuned Lens", arXiv 2303.08112. Read is the
folder that the package tuned-lens saves: `config.json` beside `params.pt`, which holds the weight `(width, width)` and
the bias `(width,)` of translator `i`, to be applied to `hidden_states[i]` as `h + weight h + bias`. So translator 0 is
that of the embeddings and translator `l + 1` that of the output of block `l`; the last block has none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from selfie_tui.engine.model import Model, last_part
from selfie_tui.errors import RequestError, summary
from selfie_tui.records import EMBED

CONFIG, PARAMETERS = "config.json", "params.pt"
KIND = "linear_tuned_lens"
PREFIX = "layer_translators."
"""What stands before a translator's number in files of early versions."""

SUMMARISED = 1000
"""Entries above which numpy prints the corners of a matrix, three rows and columns of each."""

EDGE = 4
"""More rows and columns at each edge than that."""


@dataclass(frozen=True)
class TunedLens:
    """Translators by layer: a weight `(width, width)` and a bias `(width,)`, or None, each on the CPU."""

    folder: Path
    translators: Mapping[int, tuple[torch.Tensor, torch.Tensor | None]]

    def translate(self, states: torch.Tensor, layer: int) -> torch.Tensor:
        """States `(..., width)` of a layer as ones of the last layer, in float32; those of the last as they are."""
        if layer not in self.translators:
            return states
        weight, bias = (None if part is None else part.to(states.device).float() for part in self.translators[layer])
        assert weight is not None
        return states.float() + torch.nn.functional.linear(states.float(), weight, bias)


_loaded: WeakKeyDictionary[Model, tuple[object, TunedLens]] = WeakKeyDictionary()


def tuned_lens_of(model: Model, folder: str) -> TunedLens:
    """The tuned lens in a folder, for a model; read again only when its files have changed.

    Raises:
        RequestError: for a folder without one, for files that cannot be read, or for a lens of another model.
    """
    path = Path(folder).expanduser()
    key = (path, *(changed(path / name) for name in (CONFIG, PARAMETERS)))
    known = _loaded.get(model)
    if known is None or known[0] != key:
        known = _loaded[model] = (key, load_tuned_lens(model, path))
    return known[1]


def changed(path: Path) -> int:
    """When a file was changed last, in nanoseconds; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def load_tuned_lens(model: Model, folder: Path) -> TunedLens:
    """The tuned lens in a folder, for a model; raises as `tuned_lens_of`."""
    if len(model.anatomy.stacks) > 1 or model.kind != "decoder":
        raise RequestError(f"A tuned lens is of a decoder, and {model.name} is an {model.kind}.", "Read without it.")
    config = read_config(folder)
    check_is_of(model, config, folder)
    parameters = read_parameters(folder)
    width = model.hidden
    translators = {}
    for index in range(model.layers):
        weight, bias = parameters.get(f"{index}.weight"), parameters.get(f"{index}.bias")
        shapes = (getattr(weight, "shape", None), getattr(bias, "shape", (width,)))
        if weight is None or shapes != ((width, width), (width,)):
            raise RequestError(
                f"{PARAMETERS} of the tuned lens in {folder} has no translator {index} of width {width}.",
                "Save it with a recent version of tuned-lens.",
            )
        translators[EMBED + index] = (weight, bias)
    return TunedLens(folder, translators)


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a tuned lens of the one kind that is read; raises RequestError."""
    for name in (CONFIG, PARAMETERS):
        if not (folder / name).is_file():
            raise RequestError(
                f"There is no tuned lens in {folder}: it has no {name}.",
                "Give the folder that tuned-lens saved, or that of your model on its hub space.",
            )
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise unreadable(folder, CONFIG, error) from error
    if not isinstance(config, dict) or not all(
        type(config.get(key)) is int for key in ("d_model", "num_hidden_layers")
    ):
        raise RequestError(
            f"{CONFIG} in {folder} is not that of a tuned lens: it does not say d_model and num_hidden_layers.",
            "Save the lens with a recent version of tuned-lens.",
        )
    if (kind := config.get("lens_type", KIND)) != KIND:
        raise RequestError(f"The lens in {folder} is of the kind “{kind}”.", f"Give one of the kind “{KIND}”.")
    return config


def check_is_of(model: Model, config: dict[str, Any], folder: Path) -> None:
    """Refuse a lens of another width, of another number of layers, or of a model of another name and another head."""
    base = str(config.get("base_model_name_or_path") or "another model")
    its = (config["d_model"], config["num_hidden_layers"])
    if its != (model.hidden, model.layers):
        raise RequestError(
            f"The tuned lens in {folder} is for {base}, of width {its[0]} and {its[1]} layers; {model.name} has width "
            f"{model.hidden} and {model.layers} layers.",
            "Give the lens of this model.",
        )
    names = {last_part(name).lower() for name in (model.name, model.base, getattr(model.module, "name_or_path", ""))}
    its_hash = config.get("unembed_hash")
    if last_part(base).lower() not in names and not (its_hash and its_hash == head_hash(model)):
        raise RequestError(
            f"The tuned lens in {folder} is for {base}, and the model is {model.name}.",
            f"Give the lens of this model, or write its name into {CONFIG} as base_model_name_or_path.",
        )


def head_hash(model: Model) -> str:
    """The hash by which tuned-lens knows a head: that of what numpy prints of its weight; "" where it has no matrix.

    Of a large matrix numpy prints the corners, so that no more of it is looked at.
    """
    weight = getattr(model.modules[model.anatomy.head], "weight", None)
    if not isinstance(weight, torch.Tensor) or weight.dim() != 2 or weight.is_meta:
        return ""
    is_large = weight.numel() > SUMMARISED
    shown = edges_of(edges_of(weight.detach(), 0), 1) if is_large else weight.detach()
    with np.printoptions(threshold=0 if is_large else SUMMARISED):
        printed = np.array_str(shown.float().cpu().numpy(), precision=1)
    return hashlib.sha256(printed.encode()).hexdigest()


def edges_of(matrix: torch.Tensor, axis: int) -> torch.Tensor:
    """The first and the last `EDGE` rows or columns of a matrix `(rows, columns)`; all of one that is no larger."""
    size = matrix.shape[axis]
    if size <= 2 * EDGE:
        return matrix
    return torch.cat([matrix.narrow(axis, 0, EDGE), matrix.narrow(axis, size - EDGE, EDGE)], axis)


def read_parameters(folder: Path) -> dict[str, torch.Tensor]:
    """The translators' weights `(width, width)` and biases `(width,)` by `number.weight` and `number.bias`.

    They stay on the disk until they are used. Nothing but tensors is read from the pickle, so that it cannot run code;
    raises RequestError.
    """
    try:
        found = torch.load(folder / PARAMETERS, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, UnpicklingError) as error:
        raise unreadable(folder, PARAMETERS, error) from error
    if not isinstance(found, Mapping):
        raise unreadable(folder, PARAMETERS, ValueError("it holds no translators"))
    return {
        str(name).removeprefix(PREFIX): tensor for name, tensor in found.items() if isinstance(tensor, torch.Tensor)
    }


def unreadable(folder: Path, name: str, error: Exception) -> RequestError:
    """The refusal of a file that cannot be read."""
    return RequestError(f"{name} of the tuned lens in {folder} cannot be read ({summary(error)}).", "Save it again.")

"""Weights of a controlled layer in a file: safetensors with the parameters of one module, and where they come from.

The tensors have the names that they have in the module. The metadata are texts: `format` is `selfie-tui weights 1`,
and `source` a JSON object of `WeightsOrigin`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from selfie_tui.ascii_json import decode_json, encode_ascii
from selfie_tui.engine.inspecting.vector_file import NAMES, opened
from selfie_tui.errors import RequestError
from selfie_tui.paths import make_private, replacing, weights_dir, weights_path
from selfie_tui.records import WeightsOrigin
from selfie_tui.text import prose

FORMAT = "selfie-tui weights 1"


def checked_path(name: str, overwrite: bool = False) -> Path:
    """The file of a name.

    Raises:
        RequestError: for a name that no file can have, or a file that is there, unless it is to be overwritten.
    """
    name = name.strip()
    path, is_bare = weights_path(name), not name.endswith(".safetensors")
    if not name or (is_bare and (name.startswith(".") or os.sep in name)) or len(path.name) > NAMES:
        raise RequestError(
            f"“{prose(name)}” cannot be the name of weights.",
            "Give a short word, or the path of a file that ends in .safetensors.",
        )
    if path.exists() and not overwrite:
        raise RequestError(f"{path} is there already.", "Choose another name, or ask to overwrite it.")
    return path


def write_weights(path: Path, weights: Mapping[str, torch.Tensor], origin: WeightsOrigin) -> None:
    """Write weights `(...)` by name; raises RequestError where the file cannot be written."""
    metadata = {"format": FORMAT, "source": encode_ascii(origin).decode()}
    try:
        if path.parent == weights_dir():
            make_private(path.parent)
        with replacing(path) as fresh:
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, fresh, metadata)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise RequestError(f"{path} cannot be written: {why}.", "Choose another file.") from error


def read_weights(
    name: str, expected: Mapping[str, torch.Tensor], path: str
) -> tuple[dict[str, torch.Tensor], WeightsOrigin]:
    """The weights that are kept under a name or in a file, and where they come from.

    `expected` are the parameters of the module at `path` that they are for, `(...)` by name: all of them, or some.

    Raises:
        RequestError: if there are none, the file holds something else, or they are not of such a module.
    """
    file_path = weights_path(name)
    if not file_path.is_file():
        raise RequestError(
            f"No weights “{prose(name)}”: there is no file {file_path}.", "`selfie-tui control --keep` keeps them."
        )
    with opened(file_path) as file:
        origin = origin_in(file.metadata() or {})
        if origin is None:
            raise RequestError(
                f"{file_path} does not hold the weights of a layer.", "Give a file that `selfie-tui control` has kept."
            )
        shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 - no mapping
        own = {key: tuple(tensor.shape) for key, tensor in expected.items()}
        if not shapes or any(own.get(key) != shape for key, shape in shapes.items()):
            raise RequestError(
                f"The weights in {file_path} are of {origin.module} of {origin.model.title} and do not fit {path}: "
                f"{difference(shapes, own)}.",
                "Use them with the model and the module that they were trained on.",
            )
        found = {key: file.get_tensor(key) for key in shapes}
    if not all(each.is_floating_point() and bool(each.isfinite().all()) for each in found.values()):
        raise RequestError(f"The weights in {file_path} are not finite numbers.", "Train them again.")
    return found, origin


def difference(found: Mapping[str, tuple[int, ...]], own: Mapping[str, tuple[int, ...]]) -> str:
    """The first tensor in which a file does not fit a module, in words."""
    name = next((name for name, shape in found.items() if own.get(name) != shape), None)
    if name is None:
        return "there are none"
    return f"{prose(name)} is {found[name]}, not {own[name]}" if name in own else f"{prose(name)} is not there"


def origin_in(metadata: Mapping[str, str]) -> WeightsOrigin | None:
    """Where weights come from, None where a file does not say it in the form that is known here."""
    if metadata.get("format") != FORMAT:
        return None
    try:
        return decode_json(metadata.get("source", "").encode(), WeightsOrigin)
    except msgspec.DecodeError:
        return None

"""A vector in a file: safetensors with one tensor, `vector`, and where it comes from in the file's metadata.

The metadata are texts: `format` is `selfie-tui vector 1`, `name` the user's own, `source` a JSON object of `Origin`.
Any other safetensors file with a single tensor of one row can be read too.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from selfie_tui.ascii_json import decode_json, encode_ascii
from selfie_tui.errors import RequestError
from selfie_tui.paths import make_private, replacing, vector_path, vectors_dir
from selfie_tui.records import Cell, ModelInfo, ModuleTensor, Token
from selfie_tui.text import prose

FORMAT = "selfie-tui vector 1"
TENSOR = "vector"
NAMES = 100
"""Characters of a name at most."""


class Origin(msgspec.Struct, frozen=True):
    """Where a vector comes from: the model with its edits, the prompt, and the states whose mean it is."""

    model: ModelInfo
    prompt: str
    cells: tuple[Cell, ...]
    tokens: tuple[Token, ...]
    stack: str = ""
    module: ModuleTensor | None = None


class KeptVector(msgspec.Struct, frozen=True):
    """A vector `(width,)` float32 of a file, its name, and where it comes from; None of a file of another program."""

    vector: torch.Tensor
    name: str
    origin: Origin | None = None


def write_vector(name: str, vector: torch.Tensor, origin: Origin, overwrite: bool = False) -> Path:
    """Write a vector `(width,)` under a name, or to the file of a path that ends in `.safetensors`; returns the file.

    Raises:
        RequestError: if there is such a file and it is not to be overwritten, or it cannot be written.
    """
    path = checked_path(name)
    if path.exists() and not overwrite:
        raise RequestError(f"{path} is there already.", "Choose another name, or ask to overwrite it.")
    source = encode_ascii(origin).decode()
    metadata = {"format": FORMAT, "name": path.stem, "source": source}
    try:
        if path.parent == vectors_dir():
            make_private(path.parent)
        with replacing(path) as fresh:
            save_file({TENSOR: vector.float().cpu().contiguous()}, fresh, metadata)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise RequestError(f"{path} cannot be written: {why}.", "Choose another file.") from error
    return path


def checked_path(name: str) -> Path:
    """The file of a name.

    Raises:
        RequestError: for a name that no file can have.
    """
    name = name.strip()
    path, is_bare = vector_path(name), not name.endswith(".safetensors")
    if not name or (is_bare and (name.startswith(".") or os.sep in name)) or len(path.name) > NAMES:
        raise RequestError(
            f"“{prose(name)}” cannot be the name of a vector.",
            "Give a short word, or the path of a file that ends in .safetensors.",
        )
    return path


def read_vector(name: str) -> KeptVector:
    """The vector that is kept under a name or in a file.

    Raises:
        RequestError: if there is none, or the file holds something else.
    """
    path = vector_path(name)
    if not path.is_file():
        raise RequestError(f"No vector “{prose(name)}”: there is no file {path}.", "Keep one first, or give its path.")
    try:
        with safe_open(path, framework="pt") as file:
            keys, metadata = list(file.keys()), file.metadata() or {}
            key = TENSOR if TENSOR in keys else keys[0] if len(keys) == 1 else None
            tensor = None if key is None else file.get_tensor(key)
    except (SafetensorError, OSError) as error:
        raise RequestError(f"{path} cannot be read as safetensors ({error}).", "Keep the vector again.") from error
    if tensor is None or not tensor.is_floating_point() or tensor.numel() != tensor.shape[-1:].numel():
        raise RequestError(f"{path} does not hold one vector.", "Give a file with a single tensor of one row.")
    if not bool(tensor.isfinite().all()):
        raise RequestError(f"The vector in {path} is not finite.", "Keep another one.")
    return KeptVector(tensor.reshape(-1).float(), prose(metadata.get("name", path.stem)), origin_in(metadata))


def origin_in(metadata: dict[str, str]) -> Origin | None:
    """Where a vector comes from, None where its file does not say it in the form that is known here."""
    if metadata.get("format") != FORMAT:
        return None
    try:
        return decode_json(metadata.get("source", "").encode(), Origin)
    except msgspec.DecodeError:
        return None

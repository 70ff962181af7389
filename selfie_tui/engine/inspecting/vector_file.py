"""Vectors in a file: safetensors with one tensor, `vector`, and where it comes from in the file's metadata.

The metadata are texts: `format` is `selfie-tui vector 1`, `name` the user's own, `source` a JSON object of `Origin`,
and `norm` is that of the vector. A file with a vector for each of several layers has one row for each in the tensor,
their numbers as a JSON list in `layers`, and the format `selfie-tui vectors 1`. Any other safetensors file with a
single tensor of one row can be read too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from selfie_tui.ascii_json import decode_json, encode_ascii
from selfie_tui.errors import RequestError, summary
from selfie_tui.paths import make_private, replacing, vector_path, vectors_dir
from selfie_tui.records import Origin
from selfie_tui.text import prose

FORMAT = "selfie-tui vector 1"
LAYERS_FORMAT = "selfie-tui vectors 1"
TENSOR = "vector"
NAMES = 100
"""Characters of a name at most."""

MOST_NUMBERS = 2**26
"""Numbers of the vectors of a file at most: more than any model's layers are wide together."""


class KeptVector(msgspec.Struct, frozen=True):
    """A vector `(width,)` float32 of a file, its name, and where it comes from; None of a file of another program."""

    vector: torch.Tensor
    name: str
    origin: Origin | None = None


class KeptVectors(msgspec.Struct, frozen=True):
    """The vectors of a file, `(rows, width)` float32, their name, the layer of each row where these are known."""

    rows: torch.Tensor
    name: str
    layers: tuple[int, ...] = ()
    origin: Origin | None = None


def write_vector(name: str, vector: torch.Tensor, origin: Origin, overwrite: bool = False) -> Path:
    """Write a vector under a name, or to the file of a path that ends in `.safetensors`; returns the file.

    It is `(width,)`, or `(layers, width)` with a row for each of the origin's layers.

    Raises:
        RequestError: if there is such a file and it is not to be overwritten, or it cannot be written.
    """
    path = checked_path(name)
    if path.exists() and not overwrite:
        raise RequestError(f"{path} is there already.", "Choose another name, or ask to overwrite it.")
    source = encode_ascii(origin).decode()
    norm = f"{float(vector.float().norm(dim=-1).mean()):.6g}"
    metadata = {"format": FORMAT, "name": path.stem, "source": source, "norm": norm}
    if vector.dim() > 1:
        metadata |= {"format": LAYERS_FORMAT, "layers": encode_ascii(origin.layers).decode()}
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
    kept = read_vectors(name)
    if len(kept.rows) != 1:
        raise RequestError(
            f"{vector_path(name)} does not hold one vector: it has one for each of {len(kept.rows)} layers.",
            "Keep that of one layer under a name of its own.",
        )
    return KeptVector(kept.rows[0], kept.name, kept.origin)


def read_vectors(name: str) -> KeptVectors:
    """The vector that is kept under a name or in a file, or those of several layers; raises as `read_vector`."""
    path = vector_path(name)
    if not path.is_file():
        raise RequestError(f"No vector “{prose(name)}”: there is no file {path}.", "Keep one first, or give its path.")
    with opened(path) as file:
        keys, metadata = list(file.keys()), file.metadata() or {}
        key = TENSOR if TENSOR in keys else keys[0] if len(keys) == 1 else ""
        shape = file.get_slice(key).get_shape() if key else []
        layers = layers_in(metadata)
        if not shape or (shape != [*[1] * (len(shape) - 1), shape[-1]] and shape != [len(layers), shape[-1]]):
            raise RequestError(f"{path} does not hold one vector.", "Give a file with a single tensor of one row.")
        rows = checked_rows(path, file.get_tensor(key) if 0 < size_of(shape) <= MOST_NUMBERS else None)
    rows = rows.reshape(-1, shape[-1])
    known = origin_in(metadata)
    layers = layers or (known.layer_of_one() if known else ())
    return KeptVectors(rows, prose(metadata.get("name", path.stem)), layers, known)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """While open, a safetensors file; what is wrong with it is a RequestError."""
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, UnicodeError) as error:
        raise RequestError(
            f"{path} cannot be read as safetensors ({summary(error)}).", "Keep the vector again."
        ) from error


def size_of(shape: Sequence[int]) -> int:
    """The numbers of a tensor of a shape."""
    count = 1
    for size in shape:
        count *= size
    return count


def checked_rows(path: Path, tensor: torch.Tensor | None) -> torch.Tensor:
    """The numbers of a file `(...)` as float32, None being of a size that no vector has.

    Raises:
        RequestError: where they are not finite numbers with a fraction, or too many or none.
    """
    if tensor is None:
        raise RequestError(f"The tensor in {path} has a size that no vector has.", "Give a file with a vector.")
    if not tensor.is_floating_point():
        kind = str(tensor.dtype).removeprefix("torch.")
        raise RequestError(f"{path} holds {kind}, and a vector is of floating-point numbers.", "Save it as float32.")
    numbers = tensor.float()
    if not bool(numbers.isfinite().all()):
        raise RequestError(f"The vector in {path} is not finite.", "Keep another one.")
    return numbers


def layers_in(metadata: dict[str, str]) -> tuple[int, ...]:
    """The layers of the rows of a file in the form that is known here, () where it does not say them."""
    if metadata.get("format") != LAYERS_FORMAT:
        return ()
    try:
        return decode_json(metadata.get("layers", "").encode(), tuple[int, ...])
    except msgspec.DecodeError:
        return ()


def origin_in(metadata: dict[str, str]) -> Origin | None:
    """Where a vector comes from, None where its file does not say it in the form that is known here."""
    if metadata.get("format") not in (FORMAT, LAYERS_FORMAT):
        return None
    try:
        return decode_json(metadata.get("source", "").encode(), Origin)
    except msgspec.DecodeError:
        return None

"""The vectors that were kept, listed by what the headers of their files say: no number is read, and no torch needed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from selfie_tui.ascii_json import decode_json
from selfie_tui.errors import RequestError
from selfie_tui.paths import replacing, vectors_dir
from selfie_tui.records import KeptEntry, Origin
from selfie_tui.text import prose

ENDING = ".safetensors"
MOST_BYTES = 2**20
"""Bytes of a header at most: that of a vector from hundreds of prompts is shorter."""


def kept_vectors(folder: Path | None = None) -> tuple[KeptEntry, ...]:
    """The vectors of a folder, by default the program's, the newest first; of a file that is none, its problem."""
    files = (vectors_dir() if folder is None else folder).glob(f"*{ENDING}")
    return tuple(sorted(map(entry_of, files), key=lambda entry: (-entry.changed, entry.name)))


def kept_names(folder: Path | None = None) -> tuple[str, ...]:
    """The names of the vectors of a folder, in their order."""
    files = (vectors_dir() if folder is None else folder).glob(f"*{ENDING}")
    return tuple(sorted(file.stem for file in files))


def entry_of(file: Path) -> KeptEntry:
    """What the header of a file says."""
    entry = KeptEntry(name=file.stem, file=str(file))
    try:
        entry = msgspec.structs.replace(entry, changed=file.stat().st_mtime)
        header = read_header(file)
    except (OSError, ValueError, RecursionError) as error:
        return msgspec.structs.replace(entry, problem=getattr(error, "strerror", None) or "not a readable file")
    metadata = header.pop("__metadata__", {})
    shapes = [shape_in(tensor) for tensor in header.values()]
    if len(shapes) != 1 or not shapes[0] or not isinstance(metadata, Mapping):
        return msgspec.structs.replace(entry, problem="does not hold one vector")
    origin = decoded(metadata.get("source"), Origin)
    rows = math.prod(shapes[0][:-1])
    if rows > 1 and len(decoded(metadata.get("layers"), tuple[int, ...]) or ()) != rows:
        return msgspec.structs.replace(entry, problem="does not hold one vector")
    layers = decoded(metadata.get("layers"), tuple[int, ...]) or (origin.layer_of_one() if origin else ())
    norm = decoded(metadata.get("norm"), float)
    return msgspec.structs.replace(entry, width=shapes[0][-1], layers=layers, norm=norm, origin=origin)


def read_header(file: Path) -> dict[str, Any]:
    """The header of a safetensors file: eight bytes of its length, and an object of JSON.

    Raises:
        ValueError: if it is none.
        OSError: if it cannot be read.
    """
    with file.open("rb") as source:
        length = int.from_bytes(source.read(8), "little")
        if not 2 <= length <= MOST_BYTES:
            raise ValueError(length)
        header = json.loads(source.read(length))
    if not isinstance(header, dict):
        raise ValueError(type(header))
    return header


def shape_in(tensor: object) -> tuple[int, ...]:
    """The shape of a tensor in a header, () of one that has none or no numbers."""
    shape = tensor.get("shape") if isinstance(tensor, Mapping) else None
    is_one = isinstance(shape, list) and all(type(size) is int and size > 0 for size in shape)
    return tuple(shape) if isinstance(shape, list) and is_one else ()


def decoded(text: object, kind: Any) -> Any:
    """A value of a kind from its JSON, None where it is not one."""
    try:
        return decode_json(text.encode(), kind) if isinstance(text, str) else None
    except msgspec.DecodeError:
        return None


def rename_vector(name: str, new: str, folder: Path | None = None) -> Path:
    """Give a vector that was kept another name, and return its file.

    Raises:
        RequestError: if there is none, there is one of the new name, or it cannot be renamed.
    """
    place = vectors_dir() if folder is None else folder
    file, to = place / f"{name}{ENDING}", place / f"{new}{ENDING}"
    if to.exists():
        raise RequestError(f"There is a vector “{prose(new)}”.", "Choose another name.")
    try:
        file.rename(to)
    except OSError as error:
        raise RequestError(f"{file} cannot be renamed ({error.strerror}).", "List the vectors again.") from error
    return to


def put_back(file: Path, content: bytes) -> None:
    """Write the file of a vector that was removed, as it was.

    Raises:
        RequestError: if there is such a file by now, or it cannot be written.
    """
    if file.exists():
        raise RequestError(f"There is a vector “{prose(file.stem)}” again.", "Rename it first.")
    try:
        with replacing(file) as fresh:
            fresh.write_bytes(content)
    except OSError as error:
        raise RequestError(f"{file} cannot be written ({error.strerror}).", "Check who may write there.") from error


def remove_vector(name: str, folder: Path | None = None) -> Path:
    """Delete the file of a vector that was kept under a name, and return it.

    Raises:
        RequestError: if there is none, or it cannot be deleted.
    """
    file = (vectors_dir() if folder is None else folder) / f"{name}{ENDING}"
    if name not in kept_names(folder):
        raise RequestError(f"No vector “{prose(name)}” was kept.", "`selfie-tui vectors` lists those that were.")
    try:
        file.unlink()
    except OSError as error:
        raise RequestError(f"{file} cannot be deleted ({error.strerror}).", "Check who may write there.") from error
    return file

"""Vectors by name: those that were kept, and those in files of this program, repeng, or a sparse autoencoder."""

from __future__ import annotations

from pathlib import Path

from selfie_tui.engine.inspecting.vector_file import read_vectors
from selfie_tui.engine.vectors.control_vectors import read_control_vector
from selfie_tui.engine.vectors.directions import Directions, find_directions
from selfie_tui.engine.vectors.vector import Vector
from selfie_tui.errors import RequestError
from selfie_tui.paths import vector_path
from selfie_tui.text import prose

PICKLES = (".pt", ".pth", ".bin", ".pkl", ".ckpt")
ARRAYS = (".npz", ".npy")
"""Endings of files that are refused with how to convert them."""


def open_vector(name: str, layer: int | None = None, index: int | None = None) -> Vector:
    """The vector of a name or a file, or of one of its layers, or that of an index in a file of many directions.

    Raises:
        RequestError: if there is none, the file cannot be read, or a layer or an index is missing or is not there.
    """
    found = open_file(name)
    if isinstance(found, Directions):
        if index is None:
            raise RequestError(
                f"{found.name} has {found.count:,} directions.", f'Choose one by its index: "{prose(name)}"[0].'
            )
        return found.one(index)
    if index is not None:
        raise RequestError(
            f"{prose(name)} has no directions to choose one of by index.", "Leave the number in brackets out."
        )
    return found if layer is None else found.at(layer)


def open_file(name: str) -> Vector | Directions:
    """What is kept under a name or is in a file: a vector, one for each of several layers, or many directions.

    Raises:
        RequestError: if there is none, or the file cannot be read or holds something else.
    """
    path = Path(name).expanduser()
    suffix = path.suffix.lower()
    if suffix in (*PICKLES, *ARRAYS) and path.is_file():
        what = "is a pickle, which can run code when it is read" if suffix in PICKLES else "is a file of numpy arrays"
        raise RequestError(f"{path} {what}.", "Save its tensor with safetensors.torch.save_file, and give that file.")
    if suffix == ".gguf":
        return read_control_vector(path)
    file = vector_path(name)
    directions = find_directions(file) if file.is_file() else None
    if directions is not None:
        return directions
    kept = read_vectors(name)
    model = kept.origin.model if kept.origin else None
    return Vector(kept.rows, kept.layers, name if suffix != ".safetensors" else path.name, model, origin=kept.origin)

"""Control vectors in GGUF files, as repeng and llama.cpp write them: a direction for each of several layers.

`general.architecture` is `controlvector`, and the tensor `direction.N` is a direction `(width,)` to be added to the
output of block `N`, as here the layer `N`. (llama.cpp has none for block 0.)
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import torch

from selfie_tui.engine.gguf_header import FLOATS, Header, TensorEntry, read_header
from selfie_tui.engine.inspecting.vector_file import MOST_NUMBERS
from selfie_tui.engine.vectors.vector import Vector
from selfie_tui.errors import RequestError, summary
from selfie_tui.text import visible

ARCHITECTURE = "controlvector"
DIRECTION = re.compile(r"direction\.(\d{1,6})")
REMEDY = "Export it again, with repeng's export_gguf or llama.cpp's cvector-generator."


def read_control_vector(path: Path) -> Vector:
    """The directions of a control vector by layer.

    Raises:
        RequestError: for a file that cannot be read, is damaged, or holds something else.
    """
    try:
        header = read_header(path)
    except OSError as error:
        raise RequestError(
            f"{path} cannot be read ({error.strerror}).", "Check its path and who may read it."
        ) from error
    except (ValueError, struct.error, MemoryError, OverflowError, RecursionError, ZeroDivisionError) as error:
        reason = summary(error) if isinstance(error, ValueError) else "its header ends too early"
        raise RequestError(f"{path} is not a readable GGUF file ({reason}).", REMEDY) from error
    entries = directions_of(path, header)
    rows = [read_direction(path, header, entries[layer]) for layer in sorted(entries)]
    return Vector(torch.stack(rows), tuple(sorted(entries)), path.name)


def directions_of(path: Path, header: Header) -> dict[int, TensorEntry]:
    """The tensors of a control vector by layer, all of one width; raises RequestError."""
    if header.architecture != ARCHITECTURE:
        raise RequestError(
            f"{path} is not a control vector: its architecture is {visible(header.architecture[:40])}.",
            "Give a file that repeng or llama.cpp's cvector-generator wrote.",
        )
    found = {int(name[1]): each for each in header.tensors if (name := DIRECTION.fullmatch(each.name))}
    if not found:
        raise RequestError(f"{path} has no directions: no tensor is named direction.1 or the like.", REMEDY)
    widths = {each.elements for each in found.values()}
    if len(widths) > 1 or not 0 < next(iter(widths)) * len(found) <= MOST_NUMBERS:
        raise RequestError(f"The directions in {path} are not of one width that a model has.", REMEDY)
    if quantised := next((each for each in found.values() if each.type not in FLOATS), None):
        raise RequestError(f"{quantised.name} in {path} is not float32, float16 or bfloat16.", REMEDY)
    return found


def read_direction(path: Path, header: Header, entry: TensorEntry) -> torch.Tensor:
    """A direction `(width,)` float32; raises RequestError where the file ends before it, or it is not finite."""
    dtype = FLOATS[entry.type]
    size = entry.elements * dtype.itemsize
    with path.open("rb") as file:
        start, length = header.data_start + entry.offset, path.stat().st_size
        if start + size > length:
            raise RequestError(f"{path} is incomplete: it has {length:,} of {start + size:,} bytes.", REMEDY)
        file.seek(start)
        numbers = np.frombuffer(file.read(size), np.uint8)
    direction = torch.from_numpy(numbers.copy()).view(dtype).float()
    if not bool(direction.isfinite().all()):
        raise RequestError(f"{entry.name} in {path} is not finite.", REMEDY)
    return direction

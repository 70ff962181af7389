"""The header of a GGUF file, the single-file format of llama.cpp: its metadata, and the table of its tensors.

The layout is that of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian:

    "GGUF" · version · number of tensors · number of metadata · metadata (key, type, value) …
    · tensors (name, dimensions, type, offset) … · padding · data
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

MAGIC = b"GGUF"
VERSIONS = (2, 3)
FLOATS = {0: torch.float32, 1: torch.float16, 30: torch.bfloat16}
"""The number formats among the types of tensors; every other type is a quantised block or an integer."""

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""`struct` formats of the metadata's scalar types."""

STRING, ARRAY = 8, 9


@dataclass(frozen=True)
class TensorEntry:
    """A tensor of a GGUF file: its number of elements, its type, its offset in bytes from the start of the data."""

    name: str
    elements: int
    type: int
    offset: int

    @property
    def bytes(self) -> int:
        """Bytes that it takes in the file.

        Raises:
            ValueError: if the gguf package does not know its type.
        """
        from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

        block, size = GGML_QUANT_SIZES[GGMLQuantizationType(self.type)]
        return int(self.elements // block * size)


@dataclass(frozen=True)
class Header:
    """What is known of a GGUF file without reading its data."""

    metadata: dict[str, Any]
    """Scalars and strings by key; of an array, its length."""
    tensors: tuple[TensorEntry, ...]
    data_start: int

    @property
    def architecture(self) -> str:
        """llama.cpp's name of the architecture."""
        return str(self.metadata.get("general.architecture", "none given"))

    @property
    def parts(self) -> int:
        """The number of files over which the model is split; 1 for a whole one."""
        return int(self.metadata.get("split.count", 1)) or 1

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the weights: the file's own, float32 where they are quantised."""
        types = {tensor.type for tensor in self.tensors}
        if not types <= FLOATS.keys():
            return torch.float32
        # Norms are kept in float32 beside weights of 16 bits.
        return next((FLOATS[kind] for kind in (30, 1) if kind in types), torch.float32)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def end(self) -> int:
        """Bytes of the whole file, padding after the last tensor aside."""
        return self.data_start + max((tensor.offset + tensor.bytes for tensor in self.tensors), default=0)


def read_header(path: Path) -> Header:
    """Read the header of a GGUF file.

    Raises:
        ValueError, struct.error: if it is not one, or ends within its header.
    """
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise ValueError("it does not begin with “GGUF”")
        (version,) = unpack(file, "<I")
        if version not in VERSIONS:
            raise ValueError(f"version {version}, where 2 and 3 are known")
        tensors, count = unpack(file, "<QQ")
        metadata = dict(read_entry(file) for _ in range(count))
        entries = tuple(read_tensor(file) for _ in range(tensors))
        alignment = int(metadata.get("general.alignment", 32))
        return Header(metadata, entries, math.ceil(file.tell() / alignment) * alignment)


def unpack(file: BinaryIO, form: str) -> tuple[Any, ...]:
    """The next values of a file in a `struct` format."""
    return struct.unpack(form, file.read(struct.calcsize(form)))


def read_string(file: BinaryIO) -> str:
    """The next string of a file, which its length precedes."""
    (length,) = unpack(file, "<Q")
    text = file.read(length)
    if len(text) < length:
        raise ValueError("it ends within a string")
    return text.decode("utf-8", "replace")


def read_entry(file: BinaryIO) -> tuple[str, Any]:
    """The next key of the metadata and its value."""
    key, (kind,) = read_string(file), unpack(file, "<I")
    return key, read_value(file, kind)


def read_value(file: BinaryIO, kind: int) -> Any:
    """The next value, of a scalar type or a string; the length of an array, over which is skipped.

    Raises:
        ValueError: for a type that does not exist.
    """
    if kind in SCALARS:
        return unpack(file, SCALARS[kind])[0]
    if kind == STRING:
        return read_string(file)
    if kind != ARRAY:
        raise ValueError(f"metadata of type {kind}")
    element, count = unpack(file, "<IQ")
    if element in SCALARS:
        file.seek(count * struct.calcsize(SCALARS[element]), os.SEEK_CUR)
        return count
    for _ in range(count):
        if element == STRING:
            file.seek(unpack(file, "<Q")[0], os.SEEK_CUR)
        else:
            read_value(file, element)
    return count


def read_tensor(file: BinaryIO) -> TensorEntry:
    """The next entry of the table of tensors."""
    name, (dimensions,) = read_string(file), unpack(file, "<I")
    shape = unpack(file, f"<{dimensions}Q")
    kind, offset = unpack(file, "<IQ")
    return TensorEntry(name, math.prod(shape), kind, offset)

"""GGUF files, the single-file format of llama.cpp: what their header says, and which of them can be opened.

transformers unpacks a GGUF file into an ordinary module (`from_pretrained(folder, gguf_file=…)`): the quantised blocks
become plain numbers, and the configuration and the tokenizer are made from the file's metadata. Of the file format only
the header is read here, to refuse a broken or split file with its cause before minutes are spent on it. The layout is
that of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian:

    "GGUF" · version · number of tensors · number of metadata · metadata (key, type, value) …
    · tensors (name, dimensions, type, offset) … · padding · data
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import torch

from selfie_tui.errors import LoadError

SUFFIX = ".gguf"
MAGIC = b"GGUF"
VERSIONS = (2, 3)
FLOATS = {0: torch.float32, 1: torch.float16, 30: torch.bfloat16}
"""The number formats among the types of tensors; every other type is a quantised block or an integer."""

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""`struct` formats of the metadata's scalar types."""

STRING, ARRAY = 8, 9
EXTRA = 'pip install "selfie-tui[gguf]"'
DAMAGED = "Delete that file and download it again."


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


def gguf_files(folder: Path) -> list[Path]:
    """The GGUF files of a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == SUFFIX and path.is_file())


def open_header(path: Path, name: str) -> Header:
    """The header of a GGUF file that can be opened.

    Raises:
        LoadError: if the extra is not installed, or the file is none, is damaged, or is one part of several.
    """
    if missing := [library for library in ("gguf", "accelerate") if find_spec(library) is None]:
        raise LoadError(f"GGUF files need {' and '.join(missing)}, which is not installed.", f"Install it: {EXTRA}.")
    try:
        header = read_header(path)
        end = header.end
    except OSError as error:
        raise LoadError(f"{name} cannot be read ({error.strerror}).", "Check who may read it.") from error
    except (ValueError, KeyError, struct.error, MemoryError, OverflowError) as error:
        reason = str(error) if isinstance(error, ValueError) and str(error) else "its header ends too early"
        raise LoadError(f"{path.name} is not a readable GGUF file ({reason}).", DAMAGED) from error
    if header.parts > 1:
        raise LoadError(
            f"{path.name} is one of {header.parts} parts of a model.",
            "Join them with `llama-gguf-split --merge`, and open the joined file.",
        )
    if not header.tensors:
        raise LoadError(f"{path.name} has no weights: it holds a vocabulary alone.", "Open the file of a whole model.")
    if (size := path.stat().st_size) < end:
        raise LoadError(f"{path.name} is incomplete: it has {size:,} of {end:,} bytes.", DAMAGED)
    return header


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


@contextmanager
def folder_of_one(file: Path) -> Iterator[Path]:
    """While open, a folder with a link to the file and nothing else.

    Of a folder with other files transformers takes a tokenizer.json or a generation_config.json for the GGUF file's,
    though it may be another model's.
    """
    with TemporaryDirectory(prefix="selfie-tui-") as folder:
        (Path(folder) / file.name).symlink_to(file.resolve())
        yield Path(folder)


@contextmanager
def unpacking(report: Callable[[str, float | None], None]) -> Iterator[None]:
    """While open, transformers parses a GGUF file once and reports the tensors that it unpacks without drawing a bar.

    Left to itself it parses the file for the configuration, the tokenizer and the weights, and builds the table of
    tensors' names for each module of the model: half of the time of a load.
    """
    import gguf
    from transformers import modeling_gguf_pytorch_utils as legacy

    def reported(tensors: Any, **options: Any) -> Iterator[Any]:
        for index, tensor in enumerate(tensors):
            report("unpacking the weights", index / len(tensors))
            yield tensor

    with (
        replaced(legacy, "tqdm", reported),
        replaced(gguf, "GGUFReader", cache(gguf.GGUFReader)),
        replaced(gguf, "get_tensor_name_map", cache(gguf.get_tensor_name_map)),
    ):
        yield


@contextmanager
def replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    """While open, another value for an attribute of a module."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)

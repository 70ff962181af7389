"""GGUF files, the single-file format of llama.cpp: what their header says, and which of them can be opened.

transformers unpacks a GGUF file into an ordinary module (`from_pretrained(folder, gguf_file=…)`): the quantised blocks
become plain numbers, and the configuration and the tokenizer are made from the file's metadata. Of the file format only
the header is read here (see `engine.gguf_header`), to refuse a broken or split file with its cause before minutes are
spent on it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selfie_tui.engine.gguf_header import Header, read_header
from selfie_tui.errors import LoadError

SUFFIX = ".gguf"
EXTRA = 'pip install "selfie-tui[gguf]"'
DAMAGED = "Delete that file and download it again."


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

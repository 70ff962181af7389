"""Files with many directions, such as the decoder of a sparse autoencoder, of which single ones are read by index.

A decoder's direction is what a feature adds to the stream: Cunningham et al. 2023, arXiv 2309.08600; Bricken et al.
2023, "Towards Monosemanticity". Known are the tensors `W_dec` `(features, width)` of SAELens and Gemma Scope, and
`decoder.weight` or `decoder_linear.weight` `(width, features)` of a torch linear layer; of each also the transpose.
Which way one lies is said by the biases beside it, as long as the width or as the features; without any, a decoder has
more features than width. Nothing but what is asked for is read: such a file can be larger than the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from selfie_tui.engine.inspecting.vector_file import checked_rows, opened, size_of
from selfie_tui.engine.vectors.vector import Vector
from selfie_tui.errors import RequestError
from selfie_tui.text import prose

DECODERS = ("W_dec", "decoder.weight", "decoder_linear.weight")
"""Names of the tensors that hold directions; each may stand behind a prefix and a dot."""

WIDE = ("b_dec", "decoder.bias", "decoder_linear.bias", "pre_bias")
MANY = ("b_enc", "encoder.bias", "encoder_linear.bias", "latent_bias", "threshold", "log_threshold")
"""Names, behind the decoder's prefix, of tensors that are as long as the stream is wide, and as there are features."""

ROWS = 8192
"""Directions that are read at a time."""

CONFIGS = ("cfg.json", "config.json")
HOOKS = {"hook_resid_post": 0, "hook_resid_pre": -1}
"""Names of places in TransformerLens and how far the layer here is from the number of the block."""


@dataclass(frozen=True)
class Directions:
    """The directions of a file: the tensor's name, how many there are, whether they are its rows, and their layer."""

    path: Path
    key: str
    count: int
    width: int
    by_row: bool
    layer: int | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """The directions from `start` to before `stop`, `(directions, width)` float32.

        Raises:
            RequestError: if the file cannot be read, or numbers are not finite.
        """
        with opened(self.path) as file:
            part = file.get_slice(self.key)
            tensor = part[start:stop] if self.by_row else part[:, start:stop].T
        return checked_rows(self.path, tensor.contiguous())

    def parts(self, size: int = ROWS) -> Iterator[tuple[int, torch.Tensor]]:
        """All directions, so many at a time: the first one's index, and `(directions, width)`."""
        for start in range(0, self.count, size):
            yield start, self.rows(start, min(start + size, self.count))

    def one(self, index: int) -> Vector:
        """A direction as a vector; raises RequestError for an index that is out of range."""
        if not 0 <= index < self.count:
            raise RequestError(
                f"{self.name} has no direction {index}: there are {self.count:,}.", f"Use 0 to {self.count - 1}."
            )
        layers = () if self.layer is None else (self.layer,)
        return Vector(self.rows(index, index + 1), layers, f"{self.name}[{index}]")


def find_directions(path: Path) -> Directions | None:
    """The directions of a safetensors file, None of one that has none of the tensors that are known.

    Raises:
        RequestError: if it cannot be read, has several decoders, or one that is not a matrix of floating-point numbers.
    """
    with opened(path) as file:
        keys = list(file.keys())
        key = decoder_key(path, keys)
        if not key:
            return None
        part = file.get_slice(key)
        shape, dtype = part.get_shape(), part.get_dtype()
        prefix = next(key.removesuffix(name) for name in reversed(DECODERS) if key.endswith(name))
        lengths = [
            {size_of(file.get_slice(f"{prefix}{name}").get_shape()) for name in names if f"{prefix}{name}" in keys}
            for names in (WIDE, MANY)
        ]
    if len(shape) != 2 or not size_of(shape) or dtype not in ("F64", "F32", "F16", "BF16"):
        raise RequestError(
            f"{key} in {path} is not a matrix of floating-point numbers.", "Give the weights of a sparse autoencoder."
        )
    by_row = lies_by_row(key, shape, *lengths)
    count, width = shape if by_row else reversed(shape)
    return Directions(path, key, count, width, by_row, layer_of(path))


def lies_by_row(key: str, shape: Sequence[int], widths: set[int], counts: set[int]) -> bool:
    """Whether the directions of a matrix of a shape are its rows, by the lengths of the tensors beside it."""
    rows, columns = shape
    if rows == columns:
        return key.endswith("W_dec")
    if {rows, columns} & (widths | counts):
        return columns in widths or rows in counts
    return rows > columns


def decoder_key(path: Path, keys: Sequence[str]) -> str:
    """The name of the one tensor that holds a decoder's directions, "" where none does.

    Raises:
        RequestError: where several do, naming some.
    """
    found = [key for key in keys if any(key == name or key.endswith(f".{name}") for name in DECODERS)]
    if len(found) > 1:
        raise RequestError(
            f"{path} has {len(found)} decoders: {', '.join(map(prose, sorted(found)[:3]))}.",
            "Save the one that is meant in a file of its own.",
        )
    return found[0] if found else ""


def layer_of(path: Path) -> int | None:
    """The layer in the configuration beside a file or in the name of its folder, such as `blocks.8.hook_resid_pre`.

    It is that of the stream here: `resid_pre` of block 8 is the output of block 7. None where they do not say it.
    """
    for text in (*configured(path), path.parent.name):
        parts = text.split(".")
        if len(parts) == 3 and parts[0] == "blocks" and parts[1].isdecimal() and parts[2] in HOOKS:
            return int(parts[1]) + HOOKS[parts[2]]
    return None


def configured(path: Path) -> Iterator[str]:
    """Names of places in the configurations beside a file, as far as these can be read."""
    for name in CONFIGS:
        written: Any = None
        try:
            written = json.loads((path.parent / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(written, dict) and isinstance(hook := written.get("hook_name", written.get("hook_point")), str):
            yield hook

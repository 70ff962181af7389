"""Affine adapters: maps of a vector that were trained so that a model reads it better.

SelfIE adapters (arXiv 2602.10352): `scale * v/|v| + bias` and, of low rank, `+ U (V^T v/|v|)`, or a whole matrix in
place of the scale. The file is safetensors with `log_scale`, `bias` `(width,)`, `U` and `V` `(width, rank)`, `weight`
`(width, width)` as far as it has them, and in its metadata either `config_json`, whose `projection` is an object, or
the same keys by themselves: `type` or `projection_type`, and `normalize_input`. The result is written at `embed`, over
every placeholder of `What is the meaning of "_"?`.

When it misleads: most of what is gained comes from the bias, which says the same of every vector, so that a text is
worth its words only where it differs from that of other vectors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from selfie_tui.engine.inspecting.vector_file import checked_rows, opened, size_of
from selfie_tui.errors import RequestError

TENSORS = ("log_scale", "bias", "U", "V", "weight")
KINDS: dict[str, tuple[str, ...]] = {
    "scale_only": ("log_scale",),
    "scalar_affine": ("log_scale", "bias"),
    "scalar_affine_plus_low_rank": ("log_scale", "bias", "U", "V"),
    "low_rank_only": ("U", "V"),
    "full_rank": ("weight",),
}
"""The kinds of projections, with the tensors that each needs; a bias is added wherever there is one."""

MOST_NUMBERS = 2**30


@dataclass(frozen=True, eq=False)
class Adapter:
    """An affine map: its kind, its tensors by name, and whether vectors are made unit vectors first."""

    kind: str
    tensors: Mapping[str, torch.Tensor]
    normalises: bool
    width: int

    def apply(self, vectors: torch.Tensor) -> torch.Tensor:
        """The map of vectors `(n, width)`, `(n, width)` float32."""
        v = vectors.float()
        if self.normalises:
            v = torch.nn.functional.normalize(v, dim=-1)
        found = torch.zeros_like(v)
        if "log_scale" in KINDS[self.kind]:
            found = found + self.tensors["log_scale"].to(v).exp() * v
        if "U" in KINDS[self.kind]:
            found = found + (v @ self.tensors["V"].to(v)) @ self.tensors["U"].to(v).T
        if "weight" in KINDS[self.kind]:
            found = found + v @ self.tensors["weight"].to(v).T
        return found + self.tensors["bias"].to(v) if "bias" in self.tensors else found


def holds_adapter(path: Path) -> bool:
    """Whether a safetensors file says that it is an affine adapter; raises RequestError for one that is not readable.

    Whether its tensors fit is seen when it is read.
    """
    with opened(path) as file:
        config = config_of(path, file.metadata() or {})
        return str(config.get("type", config.get("projection_type"))) in KINDS and not {*file.keys()}.isdisjoint(
            TENSORS
        )


def read_adapter(path: Path) -> Adapter:
    """An adapter of a file.

    Raises:
        RequestError: for a file that cannot be read, is no adapter, or whose tensors do not fit each other.
    """
    if path.suffix in (".pt", ".pth", ".bin", ".pkl"):
        raise RequestError(
            f"{path} is a pickle, which can run code when it is read.",
            "Save its tensors with safetensors.torch.save_file, with the configuration as metadata.",
        )
    if not path.is_file():
        raise RequestError(f"There is no file {path}.", "Check its path.")
    with opened(path) as file:
        keys, config = set(file.keys()), config_of(path, file.metadata() or {})
        kind = str(config.get("type", config.get("projection_type")))
        if kind not in KINDS or not keys.issuperset(KINDS[kind]):
            raise RequestError(
                f"{path} is not an affine adapter: it says the projection is {kind[:40]}, and has "
                f"{', '.join(sorted(keys)[:6]) or 'no tensors'}.",
                f"Known are {', '.join(KINDS)}.",
            )
        sizes = {key: size_of(file.get_slice(key).get_shape()) for key in keys & set(TENSORS)}
        if max(sizes.values()) > MOST_NUMBERS:
            raise RequestError(f"A tensor in {path} has a size that no adapter has.", "Download it again.")
        tensors = {key: checked_rows(path, file.get_tensor(key)) for key in sizes}
    normalises = config.get("normalize_input", True)
    return Adapter(kind, tensors, normalises not in (False, "False", "false", "0"), width_of(path, kind, tensors))


def config_of(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """What the metadata of a file say of its projection; raises RequestError where they cannot be read."""
    if "config_json" not in metadata:
        return dict(metadata)
    try:
        written = json.loads(metadata["config_json"])
    except (ValueError, RecursionError) as error:
        raise RequestError(f"The configuration in {path} cannot be read as JSON.", "Download it again.") from error
    inner = written.get("projection", written) if isinstance(written, dict) else None
    return inner if isinstance(inner, dict) else {}


def width_of(path: Path, kind: str, tensors: Mapping[str, torch.Tensor]) -> int:
    """The width of the vectors `(width,)` that an adapter takes, 0 for any.

    Raises:
        RequestError: where the shapes of its tensors `(...)` do not fit each other.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    width = next((shapes[name][0] for name in ("weight", "U", "bias") if shapes.get(name)), 0)
    rank = shapes["U"][-1] if "U" in shapes else 0
    expected = {"bias": (width,), "weight": (width, width), "U": (width, rank), "V": (width, rank)}
    wrong = [name for name, shape in shapes.items() if name in expected and shape != expected[name]]
    if wrong or ("log_scale" in shapes and size_of(shapes["log_scale"]) != 1):
        name = wrong[0] if wrong else "log_scale"
        raise RequestError(f"{name} in {path} has the shape {shapes[name]}, which does not fit.", "Download it again.")
    return width

"""What stands in the list of vectors: lines that were written, vectors that are kept, and what was opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from selfie_tui.records import KeptEntry, ModelInfo, Origin, VectorFileRead, layer_name
from selfie_tui.text import visible
from selfie_tui.vector_line import written

Kind = Literal["line", "kept", "file", "directions", "adapter"]


@dataclass(frozen=True)
class Item:
    """A row of the list: what it is called in lines, and the line that it is; `why` it is of no use here, or doubtful.

    `file` is that of a vector that is kept or was opened.
    """

    kind: Kind
    name: str
    line: str
    file: str = ""
    layers: tuple[int, ...] = ()
    norm: float | None = None
    width: int = 0
    made_of: str = ""
    edited: bool = False
    usable: bool = True
    why: str = ""
    count: int = 1

    @property
    def is_vector(self) -> bool:
        """Whether it can be computed with, interpreted and steered with."""
        return self.usable and self.kind not in ("directions", "adapter")


def layers_words(layers: Sequence[int]) -> str:
    """Layers in a few cells: `L12`, `L8–14`, `–` of no layer."""
    if not layers:
        return "–"
    first, last = layer_name(layers[0]), layer_name(layers[-1])
    if len(layers) == 1:
        return first
    is_run = list(layers) == list(range(layers[0], layers[-1] + 1))
    return f"{first}–{last.lstrip('L')}" if is_run else f"{first}…{last.lstrip('L')}"


def of_line(line: str) -> Item:
    """The row of a line that was written."""
    return Item("line", line, line)


def of_kept(entry: KeptEntry, model: ModelInfo | None, name: str = "", line: str = "") -> Item:
    """The row of a vector in a folder, by default under its name in the program's own."""
    why, usable = fitness(entry.width, entry.origin, model)
    return Item(
        kind="file" if line else "kept",
        name=name or entry.name,
        line=line or written(entry.name),
        file=entry.file,
        layers=entry.layers,
        norm=entry.norm,
        width=entry.width,
        made_of=made_of(entry.origin) if entry.origin else "another program",
        edited=entry.edited,
        usable=usable and not entry.problem,
        why=entry.problem or why,
    )


def made_of(origin: Origin) -> str:
    """In a few words what a vector is made of; of one state its token, `9 of`."""
    if len(origin.cells) != 1 or not origin.tokens:
        return origin.made_of
    token = origin.tokens[0]
    return f"{token.position} {token.text.strip() or visible(token.text)}"


def of_file(read: VectorFileRead, name: str, model: ModelInfo | None) -> Item:
    """The row of a file that was opened."""
    why, usable = fitness(read.width, read.origin, model)
    kinds: dict[str, Kind] = {"vector": "file", "directions": "directions", "adapter": "adapter"}
    holds = {
        "vector": made_of(read.origin) if read.origin else "control vector" if read.file.endswith(".gguf") else "file",
        "directions": f"{read.count:,} directions",
        "adapter": f"adapter, {read.kind.replace('_', ' ')}",
    }
    return Item(
        kind=kinds[read.holds],
        name=name,
        line=f'"{read.file}"',
        file=read.file,
        layers=read.layers,
        norm=read.norm,
        width=read.width,
        made_of=holds[read.holds],
        edited=bool(read.origin and read.origin.model and read.origin.model.edits),
        usable=usable,
        why=why,
        count=read.count,
    )


def fitness(width: int, origin: Origin | None, model: ModelInfo | None) -> tuple[str, bool]:
    """Why a vector does not fit a model, or is of another; and whether it can be used with it all the same."""
    of = origin.model if origin else None
    if model is None:
        return "", True
    if width and width != model.hidden:
        whose = f"of {of.title}, " if of else ""
        return f"{whose}{width} wide; {model.title} is {model.hidden}", False
    if of is not None and is_other(of, model):
        return f"of {of.title}", True
    return "", True


def is_other(one: ModelInfo, other: ModelInfo) -> bool:
    """Whether two models are not the same, their edits aside."""
    if one.revision or other.revision:
        return (one.revision, one.adapter) != (other.revision, other.adapter)
    return one.name != other.name


def about_item(item: Item) -> str:
    """What a row holds that is not a vector to compute with, or why it is of no use."""
    if not item.usable:
        return f"{item.name} is {item.why}." if item.width else f"{item.name}: {item.why}."
    if item.kind == "directions":
        where = f", of {layers_words(item.layers)}" if item.layers else ""
        return f"{item.name} holds {item.count:,} directions, {item.width} wide{where}: enter looks through them."
    if item.kind == "adapter":
        wide = f", for vectors {item.width} wide" if item.width else ""
        return f"{item.name} holds an {item.made_of}{wide}: with enter vectors go through it before they are read."
    return ""

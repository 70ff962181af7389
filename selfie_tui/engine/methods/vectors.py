"""Vectors: taken from prompts, computed of one another, compared, put into words.

What a vector is of is said where it is made (`engine.vectors.means`, `arithmetic`, `directions`), what misleads of
cosines and of the lens in `engine.vectors.compare`.

When its words mislead: a difference, a sum or a direction is no state that a text brings about, and the model that
reads has facts of its own, so that it says something fluent of any vector. Beside the control, a random direction of
the same norm says what that is worth; and an interpretation prompt that asks for a person or a place gets one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from msgspec.structs import replace

from selfie_tui.engine.cell_states import CellStates
from selfie_tui.engine.inspecting.vector_file import write_vector
from selfie_tui.engine.methods.activations import read_prompts
from selfie_tui.engine.methods.interpret import interpret_vectors
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.prepare import prepare_target
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.vectors.adapters import holds_adapter, read_adapter
from selfie_tui.engine.vectors.browse import browse
from selfie_tui.engine.vectors.compare import compare
from selfie_tui.engine.vectors.directions import Directions
from selfie_tui.engine.vectors.files import open_file
from selfie_tui.engine.vectors.lines import Lines, line_value
from selfie_tui.engine.vectors.means import averaged_positions, check_heads, heads_write, mean_of
from selfie_tui.engine.vectors.vector import Vector, check_fits, notices_of
from selfie_tui.errors import RequestError
from selfie_tui.paths import vector_path
from selfie_tui.records import (
    EMBED,
    BrowseDirections,
    Cell,
    CompareVectors,
    DirectionsFound,
    Event,
    InterpretLines,
    KeepLine,
    KeepMeans,
    Notice,
    Origin,
    ReadVectorFile,
    Token,
    VectorFileRead,
    VectorKept,
    VectorsCompared,
)
from selfie_tui.text import prose

Cancelled = Callable[[], bool]

NO_TOKEN = -1
"""The vocabulary id of the token that stands at a vector, which was not read from a prompt."""


def means(model: Model, task: KeepMeans, cancelled: Cancelled) -> Vector:
    """The mean of a state of prompts, less that of others, at each layer; or the mean of what heads add.

    Raises:
        RequestError: without prompts or layers, for layers or heads that are not there, states that are not finite.
        PromptError: for a prompt that is empty or too long.
        Cancelled: before any block, once `cancelled` gives true.
    """
    if not task.prompts:
        raise RequestError("There are no prompts.", "Give at least one.")
    if not task.heads and not task.layers:
        raise RequestError("No layer is chosen.", "Choose at least one, or heads.")
    rows = means_over(model, task, task.prompts, cancelled)
    if task.against:
        rows = rows - means_over(model, task, task.against, cancelled)
    layers, info = () if task.heads else task.layers, model.info()
    origin = Origin(
        info, prompts=task.prompts, against=task.against, average=task.average, heads=task.heads, layers=layers
    )
    return Vector(rows, layers, task.name, info, origin=origin)


def means_over(model: Model, task: KeepMeans, prompts: Sequence[str], cancelled: Cancelled) -> torch.Tensor:
    """The means over some prompts, `(layers, width)`, one row of heads; raises as `means`."""
    sources = [source_of(model, prompt, model.anatomy.last.name if task.heads else "") for prompt in prompts]
    if task.heads:
        check_heads(model, task.heads)
        written = [heads_write(model, source, task.heads, cancelled) for source in sources]
        return mean_of([{EMBED: each[None]} for each in written], [EMBED])
    positions = [averaged_positions(source, task.average) for source in sources]
    states = read_prompts(model, [source.ids for source in sources], task.layers, positions, cancelled)
    return mean_of(states, task.layers)


def keep(vector: Vector, name: str, origin: Origin, overwrite: bool) -> VectorKept:
    """Write a vector to a file; raises RequestError where it is there already or cannot be written."""
    rows = vector.rows[0] if len(vector.rows) == 1 else vector.rows
    path = write_vector(name, rows, replace(origin, layers=vector.layers), overwrite)
    return VectorKept(file=str(path), name=path.stem, width=vector.width, norm=vector.norm, layers=vector.layers)


def keep_means(model: Model, task: KeepMeans, cancelled: Cancelled) -> Iterator[Event]:
    """Do a `KeepMeans` task; raises as `means` and `keep`."""
    vector = means(model, task, cancelled)
    assert vector.origin is not None  # `means` says it
    yield keep(vector, task.name, vector.origin, task.overwrite)


def kept_line(line: str, name: str, overwrite: bool = False, lines: Lines | None = None) -> VectorKept:
    """What a line is, kept under a name where there is one; a model is needed only for texts in it.

    Raises:
        SelfieError: as `Lines.value` and `keep`.
    """
    vector = (lines or Lines()).value(line)
    if name:
        return keep(vector, name, vector.origin or Origin(vector.model, line=vector.name), overwrite)
    return VectorKept(file="", name=vector.name, width=vector.width, norm=vector.norm, layers=vector.layers)


def keep_line(model: Model, task: KeepLine, cancelled: Cancelled) -> Iterator[Event]:
    """Do a `KeepLine` task; raises as `kept_line`."""
    yield kept_line(task.line, task.name, task.overwrite, Lines(model, cancelled))


def compare_vectors(model: Model, task: CompareVectors, cancelled: Cancelled) -> Iterator[Event]:
    """Do a `CompareVectors` task; raises as `line_value` and `compare`."""
    lines = Lines(model, cancelled)
    vectors = [lines.value(line) for line in task.lines]
    yield VectorsCompared(
        vectors=compare(model, vectors, task.k, task.centred, task.stack) if vectors else (), centred=task.centred
    )


def browse_directions(model: Model, task: BrowseDirections, cancelled: Cancelled) -> Iterator[Event]:
    """Do a `BrowseDirections` task; raises as `open_file` and `browse`."""
    file = open_file(task.file)
    if not isinstance(file, Directions):
        raise RequestError(f"{prose(task.file)} is a vector, not a file of many directions.", "Compare it instead.")
    like = line_value(task.like, model, cancelled) if task.like else None
    found = browse(model, file, task, like, cancelled)
    yield DirectionsFound(file=str(vector_path(task.file)), count=file.count, width=file.width, directions=found)


def read_vector_file(model: Model, task: ReadVectorFile, cancelled: Cancelled) -> Iterator[Event]:
    """Do a `ReadVectorFile` task; raises as `open_file` and `read_adapter`."""
    path = Path(task.file).expanduser()
    if path.suffix == ".safetensors" and path.is_file() and holds_adapter(path):
        adapter = read_adapter(path)
        yield VectorFileRead(file=task.file, holds="adapter", width=adapter.width, kind=adapter.kind)
        return
    found = open_file(task.file)
    if isinstance(found, Directions):
        layers = () if found.layer is None else (found.layer,)
        yield VectorFileRead(file=task.file, holds="directions", width=found.width, layers=layers, count=found.count)
        return
    yield VectorFileRead(
        file=task.file, holds="vector", width=found.width, layers=found.layers, count=len(found.rows),
        norm=found.norm, origin=found.origin,
    )  # fmt: skip


def interpret_lines(model: Model, task: InterpretLines, cancelled: Cancelled) -> Iterator[Event]:
    """Do an `InterpretLines` task, with the events of an interpretation; one for each layer of a vector of several.

    Raises:
        RequestError: for lines that cannot be computed, and vectors or an adapter that do not fit the model.
        SelfieError: as `engine.methods.interpret.interpret`.
    """
    lines = Lines(model, cancelled)
    vectors = [part for line in task.lines for part in parts_of(lines.value(line))]
    if not vectors:
        raise RequestError("No vector is given.", "Give at least one.")
    for vector in vectors:
        check_fits(model, vector)
        for notice in notices_of(model, vector):
            yield Notice(text=notice, severity="warning")
    rows = torch.cat([vector.rows for vector in vectors])  # (vectors, width)
    if task.adapter:
        adapter = read_adapter(vector_path(task.adapter))
        if adapter.width not in (0, rows.shape[-1]):
            raise RequestError(
                f"The adapter is for vectors {adapter.width} wide, and these are {rows.shape[-1]} wide.",
                "Use one that was trained for this model.",
            )
        rows = adapter.apply(rows)
    cells = tuple(Cell(vector.layers[0] if vector.layers else EMBED, index) for index, vector in enumerate(vectors))
    request = replace(task.request, cells=cells)
    tokens = [Token(index, NO_TOKEN, vector.name) for index, vector in enumerate(vectors)]
    states = CellStates(rows.to(model.device, model.stream_dtype), (None,) * len(rows))
    target = prepare_target(model, request)
    yield from interpret_vectors(model, request, states, tokens, target, cancelled)


def parts_of(vector: Vector) -> list[Vector]:
    """A vector, or the one of each of its layers."""
    return [vector] if len(vector.rows) == 1 else [vector.at(layer) for layer in vector.layers]


RUNS = {
    KeepMeans: keep_means,
    KeepLine: keep_line,
    CompareVectors: compare_vectors,
    BrowseDirections: browse_directions,
    ReadVectorFile: read_vector_file,
    InterpretLines: interpret_lines,
}

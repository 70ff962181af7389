"""Vectors and steering in a call each: means over prompts, lines over vectors, comparisons, steered answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.methods import steer as method
from selfie_tui.engine.methods.vectors import keep, means
from selfie_tui.engine.model import Model
from selfie_tui.engine.vectors.arithmetic import evaluate_line
from selfie_tui.engine.vectors.browse import browse
from selfie_tui.engine.vectors.compare import compare
from selfie_tui.engine.vectors.directions import Directions
from selfie_tui.engine.vectors.files import open_file
from selfie_tui.engine.vectors.lines import Lines
from selfie_tui.engine.vectors.vector import Vector
from selfie_tui.errors import RequestError
from selfie_tui.kept_vectors import kept_names
from selfie_tui.library.arguments import Facade, as_float, as_int, as_list, as_model, describe
from selfie_tui.library.cells import Layer, layer_numbers
from selfie_tui.library.requests import prompt_text
from selfie_tui.library.tables import Table
from selfie_tui.library.vectors import as_tensor
from selfie_tui.parse import parse_layers, parse_mode
from selfie_tui.records import (
    Average,
    BrowseDirections,
    Direction,
    Head,
    KeepMeans,
    ModelInfo,
    Origin,
    Steer,
    SteeredSoFar,
    VectorLooks,
)
from selfie_tui.vector_line import Name, State

AnyVector = Vector | str | torch.Tensor | NDArray[Any]
"""A vector; a line over those that were kept, such as `"paris - rome"`; or numbers `(width,)`, of no layer."""


def vector(line: str, known: Mapping[str, AnyVector] | None = None, *, model: Model | Facade | None = None) -> Vector:
    """What a line is, over vectors that are `known` by a name, were kept, or are in files, and states of a model.

    Its `rows` are `(layers, width)` float32; a single vector has one row. The line is that of `selfie_tui.vector_line`:
    `king - man + woman`, `2 * unit(formal@12)`, `"sae.safetensors"[7]`, or the path of a file; with a `model`,
    `'The king'@4` is the state of that text's last token at layer 4.

    Raises:
        RequestError: for a line that cannot be read or computed, or a vector that is not there.
    """
    if not isinstance(line, str):
        raise RequestError(f"Expected a line over vectors, got {describe(line)}.", 'Such as "paris - rome".')
    lines = Lines(None if model is None else as_model(model))
    given = {name: as_vector(value, name) for name, value in (known or {}).items()}

    def lookup(name: Name | State) -> Vector:
        if isinstance(name, State) or name.name not in given:
            return lines.vector(name)
        found = given[name.name]
        return found if name.layer is None else found.at(name.layer)

    return evaluate_line(line, (*given, *kept_names()), lookup)


def as_vector(value: AnyVector, name: str, model: Model | Facade | None = None) -> Vector:
    """A vector as it is, of a line, or of numbers `(width,)`; raises RequestError for anything else."""
    if isinstance(value, Vector):
        return value
    if isinstance(value, str):
        return vector(value, model=model)
    tensor = as_tensor(value, name).float().cpu()
    if not tensor.dim() or tensor.numel() != tensor.shape[-1]:
        raise RequestError(f"{name} has the shape {tuple(tensor.shape)}: expected one vector.", "Give a row of it.")
    return Vector(tensor.reshape(1, -1), name=name)


def mean_vector(
    model: Model | Facade,
    prompts: str | Sequence[str],
    layers: str | int | Sequence[Layer] = (),
    *,
    against: str | Sequence[str] = (),
    average: Average = "last",
    heads: Sequence[tuple[int, int]] = (),
) -> Vector:
    """The mean of a state of prompts, less that of the prompts `against`, at each layer.

    Args:
        layers: such as `12`, `"8-14"`, `"all"` or a list.
        average: the state of each prompt's `last` token, or the `mean` of those of its ordinary ones.
        heads: in place of layers, pairs of layer and head: the mean of what they add to the stream at the last token
            (a function vector), as one vector of no layer.

    Raises:
        RequestError: without prompts, for layers or heads that are not there, or states that are not finite.
        PromptError: for a prompt that is empty or too long.
    """
    opened = as_model(model)
    if average not in ("last", "mean"):
        raise RequestError(f"Unknown average {describe(average)}.", "Use last or mean.")
    numbers = parse_layers(layers, opened.layers) if isinstance(layers, str) else tuple(layer_numbers(layers))
    of, less = (tuple(prompt_text(each) for each in as_list(texts, "prompt")) for texts in (prompts, against))
    found = tuple(Head(as_int(layer, "layer of a head"), as_int(head, "head")) for layer, head in heads)
    if found and numbers:
        raise RequestError("What heads add is of no layer.", "Give layers or heads, not both.")
    return means(opened, KeepMeans(of, "the mean", numbers, less, average, found), never)


def save_vector(value: AnyVector, name: str, *, overwrite: bool = False) -> Path:
    """Keep a vector under a name, or in the file of a path that ends in `.safetensors`; returns the file.

    Raises:
        RequestError: for a file that is there, unless `overwrite`, or cannot be written.
    """
    found = as_vector(value, "numbers")
    return Path(keep(found, name, found.origin or Origin(found.model, line=found.name), overwrite).file)


def compare_vectors(
    model: Model | Facade, vectors: Sequence[AnyVector], *, k: int = 5, centred: bool = False
) -> tuple[VectorLooks, ...]:
    """Norm, nearest tokens by the lens, and cosines with each of the others, of each vector.

    With `centred` the mean of all of them is taken off before cosines are. Raises RequestError for vectors that do not
    fit the model or each other.
    """
    items = [vectors] if isinstance(vectors, str | Vector) else list(vectors)
    found = [as_vector(each, f"vector {index}", model) for index, each in enumerate(items)]
    return compare(as_model(model), found, as_int(k, "number of tokens"), centred) if found else ()


def browse_directions(
    model: Model | Facade,
    file: str | Path,
    *,
    first: int = 0,
    count: int = 20,
    like: AnyVector | None = None,
    word: str = "",
    k: int = 3,
    stack: str = "",
) -> tuple[Direction, ...]:
    """Directions of a file, such as a sparse autoencoder's decoder, with their norms and the tokens the lens reads.

    They come in their order from the `first` on, or those first that are most `like` a vector, or that the lens reads
    as a `word`. One of them is a vector by its index: `vector('"sae.safetensors"[7]')`.

    Raises:
        RequestError: for a file without directions, one of another width than the model's, or a number out of range.
    """
    found = open_file(str(file))
    if not isinstance(found, Directions):
        raise RequestError(f"{file} is a vector, not a file of many directions.", "Compare it instead.")
    numbers = [as_int(value, "number") for value in (first, count, k)]
    task = BrowseDirections(str(file), numbers[0], numbers[1], word=word, k=numbers[2], stack=stack)
    return browse(as_model(model), found, task, None if like is None else as_vector(like, "like", model))


@dataclass(frozen=True)
class SteeredAnswers(Table):
    """The plain answer and those of each strength: the record with every token, and a table of a row an answer.

    `task` is what was asked, and `info` describes the model.
    """

    record: SteeredSoFar
    task: Steer | None = None
    info: ModelInfo | None = None

    @property
    def plain(self) -> str:
        """The plain answer."""
        return "".join(token.text for token in self.record.plain)

    @property
    def texts(self) -> tuple[str, ...]:
        """The steered answers, in the order of the strengths."""
        return tuple("".join(token.text for token in each.tokens) for each in self.record.steered)

    def columns(self) -> dict[str, list[Any]]:
        """Equally long lists: `strength`, `text`, `differs_from`, `added`, `log_odds`; the plain answer is of None."""
        steered = self.record.steered
        return {
            "strength": [None, *(each.strength for each in steered)],
            "text": [self.plain, *self.texts],
            "differs_from": [None, *(each.differs_from for each in steered)],
            "added": [0.0, *(each.added for each in steered)],
            "log_odds": [self.record.log_odds, *(each.log_odds for each in steered)],
        }


def steer(
    model: Model | Facade,
    vector: AnyVector,
    prompt: str,
    strengths: float | Sequence[float] = 1.0,
    *,
    layers: str | int | Sequence[Layer] = (),
    where: str = "all",
    positions: Sequence[int] | None = None,
    mode: str = "add",
    max_new_tokens: int = 40,
    words: str | Sequence[str] = (),
    against: str | Sequence[str] = (),
    stack: str = "",
) -> SteeredAnswers:
    """The plain answer to a prompt, and one for each strength at which a vector is written into the stream.

    Args:
        vector: what `mean_vector` or `vector` gives; a line over vectors that were kept; or numbers `(width,)`.
        layers: where it is written: by default where it is from.
        where: `all` tokens, those of the `prompt`, those that are `generated`, or the prompt's `last` one.
        positions: in place of `where`, tokens of the prompt.
        mode: as of an injection: `add` is `h + s·v`.
        words: the log odds of these as the next word, over those `against`, are measured.

    Raises:
        RequestError: for a vector that does not fit the model, or is of no layer where none is given.
        PromptError: for a prompt that is empty or, with the answer, too long.
    """
    opened = as_model(model)
    if where not in ("all", "prompt", "generated", "last"):
        raise RequestError(f"Unknown tokens {describe(where)}.", "Use all, prompt, generated or last.")
    count = len(opened.anatomy.stack(stack or opened.anatomy.last.name).blocks)
    found = as_vector(vector, "the vector", model)
    task = Steer(
        line=found.name,
        prompt=prompt_text(prompt),
        strengths=tuple(as_float(each, "strength") for each in as_list(strengths, "strength")),
        layers=parse_layers(layers, count) if isinstance(layers, str) else tuple(layer_numbers(layers)),
        where=where,  # type: ignore[arg-type]  # it was checked
        positions=None if positions is None else tuple(as_int(each, "token position") for each in positions),
        mode=parse_mode(mode),
        max_new_tokens=as_int(max_new_tokens, "number of new tokens"),
        words=tuple(as_list(words, "word")),
        against=tuple(as_list(against, "word")),
        stack=stack,
    )
    *_, last = method.steer(opened, task, found, never)
    return SteeredAnswers(last, task, opened.info())


def collect_steered(model: Model, task: Steer) -> SteeredAnswers:
    """Do a `Steer` task, whose line is over vectors that are kept or in files, to its end; raises as `steer`."""
    *_, last = (event for event in method.run(model, task, never) if isinstance(event, SteeredSoFar))
    return SteeredAnswers(last, task, model.info())

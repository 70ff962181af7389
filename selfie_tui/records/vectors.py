"""What is asked of vectors and steering, and what is found: where one is from, how it compares, what it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from selfie_tui.records.base import Record
from selfie_tui.records.data import Cell, GeneratedToken, LensToken, ModelInfo, Request, Token
from selfie_tui.records.events import Event
from selfie_tui.records.inspecting import ModuleTensor
from selfie_tui.records.tasks import Task

if TYPE_CHECKING:
    from selfie_tui.records.kept import Kept

Average = Literal["last", "mean"]
"""Which state of a prompt is taken: that of its last token, or the mean of those of its ordinary tokens."""


class Head(Record, order=True, frozen=True):
    """A head of attention, by its layer and its number there, both from 0."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"{self.layer}.{self.head}"


class Origin(Record, frozen=True):
    """Where a vector comes from.

    The mean of the states at the `cells` of a `prompt`, in a `stack` or of a `module`; or of `prompts`, their
    `average`, less that of the prompts `against`, at each of the `layers`, or of what the `heads` give; or a `line`
    over other vectors. `model` is the one with its edits, None of a line over vectors of which it is not known.
    """

    model: ModelInfo | None
    prompt: str = ""
    cells: tuple[Cell, ...] = ()
    tokens: tuple[Token, ...] = ()
    stack: str = ""
    module: ModuleTensor | None = None
    layers: tuple[int, ...] = ()
    prompts: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    average: Average = "last"
    heads: tuple[Head, ...] = ()
    line: str = ""

    def layer_of_one(self) -> tuple[int, ...]:
        """The layer that all of it was read at, () where it was not read in the stream, or at several."""
        if self.layers or self.module is not None:
            return self.layers if len(self.layers) == 1 else ()
        found = {cell.layer for cell in self.cells}
        return tuple(found) if len(found) == 1 else ()

    @property
    def made_of(self) -> str:
        """In a few words what it is made of: `mean of 8`, `8 − 8 prompts`, `5 heads`, `king - man`."""
        if self.line:
            return self.line
        if self.heads:
            return f"{len(self.heads)} heads, {len(self.prompts)} prompts"
        if self.against:
            return f"{len(self.prompts)} − {len(self.against)} prompts"
        if self.prompts:
            return f"mean of {len(self.prompts)} prompts"
        return f"mean of {len(self.cells)}" if len(self.cells) > 1 else "one state"


class KeepMeans(Task, frozen=True):
    """Keep the mean of a state of `prompts`, less that of the prompts `against`, at each of some `layers`.

    With `heads` it is the mean of what these heads add to the stream, as one vector that is of no layer.
    """

    prompts: tuple[str, ...]
    name: str
    layers: tuple[int, ...] = ()
    against: tuple[str, ...] = ()
    average: Average = "last"
    heads: tuple[Head, ...] = ()
    overwrite: bool = False


class KeepLine(Task, frozen=True):
    """Keep what a line over vectors, and over states of texts, is under a name."""

    quick: ClassVar[bool] = True
    line: str
    name: str
    overwrite: bool = False


class CompareVectors(Task, frozen=True):
    """Compare vectors, each given as a line: norms, cosines, and the `k` tokens that the lens reads in each.

    `centred` takes the mean of all of them off each before cosines are taken.
    """

    quick: ClassVar[bool] = True
    lines: tuple[str, ...]
    k: int = 5
    centred: bool = False
    stack: str = ""


class BrowseDirections(Task, frozen=True):
    """Look through a file of many directions: from the `first` on, or those most `like` a line, with their tokens.

    `like` is a line; with a `word` those come first that the lens reads as that word.
    """

    quick: ClassVar[bool] = True
    file: str
    first: int = 0
    count: int = 20
    like: str = ""
    word: str = ""
    k: int = 3
    stack: str = ""


class ReadVectorFile(Task, frozen=True):
    """What a file of vectors holds: one, one for each of several layers, many directions, or an adapter."""

    quick: ClassVar[bool] = True
    light: ClassVar[bool] = True
    file: str


class InterpretLines(Task, frozen=True):
    """Put vectors into words, each given as a line over vectors.

    The `request` has the settings; its cells are the vectors', their positions counted from 0. `adapter` is the file of
    an affine map that is made of each vector first (see `engine.vectors.adapters`).
    """

    request: Request
    lines: tuple[str, ...]
    adapter: str = ""


class Steer(Task, frozen=True):
    """What the model says after a prompt, plainly and with a vector written into its stream.

    The vector is what the `line` is, in each of the `strengths`, at the `layers`, by default its own, in a `mode` of
    the injection. `where` is every token, those of the prompt, those that are generated, or the prompt's last one; with
    `positions` it is these tokens of the prompt. The log odds of the `words` over those `against` as the next word are
    measured where there are any. `stack` is the stack that is written to, "" for the one that writes the answer.
    """

    tentative: ClassVar[bool] = True
    line: str
    prompt: str
    strengths: tuple[float, ...] = (1.0,)
    layers: tuple[int, ...] = ()
    where: Literal["all", "prompt", "generated", "last"] = "all"
    positions: tuple[int, ...] | None = None
    mode: str = "add"
    max_new_tokens: int = 40
    words: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    stack: str = ""


class VectorLooks(Record, frozen=True):
    """What is known of a vector by itself: the line, the layers that it is of, width and norm, and its tokens.

    `nearest` are the tokens that the lens reads in it, `farthest` those that it reads in its negative; of vectors of
    several layers `norm` is the mean. `cosines` are those with each vector of the comparison, in its order.
    """

    line: str
    layers: tuple[int, ...]
    width: int
    norm: float
    nearest: tuple[LensToken, ...] = ()
    farthest: tuple[LensToken, ...] = ()
    cosines: tuple[float, ...] = ()
    projections: tuple[float, ...] = ()
    """How long the part of this vector along each of the others is, negative where it points away."""
    notices: tuple[str, ...] = ()
    edited: bool = False
    """Whether it comes from a model with edits."""


class VectorsCompared(Event, kw_only=True, frozen=True):
    """Vectors beside each other."""

    vectors: tuple[VectorLooks, ...]
    centred: bool = False


class VectorFileRead(Event, kw_only=True, frozen=True):
    """What a file holds: a vector or one for each of several `layers`, `count` directions, or an adapter of a `kind`.

    An adapter that takes vectors of any width has none. The `origin` is that of a vector whose file says it.
    """

    file: str
    holds: Literal["vector", "directions", "adapter"]
    width: int
    layers: tuple[int, ...] = ()
    count: int = 1
    norm: float | None = None
    kind: str = ""
    origin: Origin | None = None


class Direction(Record, frozen=True):
    """A direction of a file: its index, its norm, the tokens that the lens reads in it, and how it is like another."""

    index: int
    norm: float
    nearest: tuple[LensToken, ...] = ()
    cosine: float | None = None
    probability: float | None = None
    """What the lens gives to the word that was asked for."""


class DirectionsFound(Event, kw_only=True, frozen=True):
    """Directions of a file of `count`, in the order that was asked for."""

    file: str
    count: int
    width: int
    directions: tuple[Direction, ...]


class Steered(Record, frozen=True):
    """An answer of a strength, as far as it is, and the first token that is not the plain answer's.

    `added` says how far a steered token's state was moved, as a share of its norm: the median over all of them.
    `log_odds` are those of the words that were asked for as the next word, None where none were.
    """

    strength: float
    tokens: tuple[GeneratedToken, ...] = ()
    differs_from: int | None = None
    added: float = 0.0
    log_odds: float | None = None


class SteeredSoFar(Event, kw_only=True, frozen=True):
    """The plain answer and the steered ones, as far as they are; `finished` is true of the last event."""

    latest_by: ClassVar[str | None] = ""
    prompt: str
    line: str
    layers: tuple[int, ...]
    plain: tuple[GeneratedToken, ...] = ()
    steered: tuple[Steered, ...] = ()
    log_odds: float | None = None
    finished: bool = False

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return ((0, msgspec.structs.replace(self, job=0)),) if self.finished else ()


class KeptEntry(Record, frozen=True):
    """A file of vectors in the list of those that are kept: what its header says, no number of it read.

    `problem` says why it is of no use, "" where it is.
    """

    name: str
    file: str
    width: int = 0
    layers: tuple[int, ...] = ()
    norm: float | None = None
    origin: Origin | None = None
    changed: float = 0.0
    """When the file was written, in seconds of the epoch."""
    problem: str = ""

    @property
    def edited(self) -> bool:
        """Whether it comes from a model with edits."""
        return self.origin is not None and self.origin.model is not None and bool(self.origin.model.edits)

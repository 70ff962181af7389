"""Two models over the same cells: what is asked, what is found, and all of it together."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from selfie_tui.records.base import Record
from selfie_tui.records.comparison_parts import ComparisonParts
from selfie_tui.records.data import Cell, Control, Interpretation, LensToken, ModelInfo, Request, Token
from selfie_tui.records.events import Event
from selfie_tui.records.patching import BEGINNING
from selfie_tui.records.tasks import LoadModel, Task

if TYPE_CHECKING:
    from selfie_tui.records.kept import Kept


class CompareModels(Task, frozen=True):
    """Read the same cells of a prompt with the current model and with an `other`, which is loaded for it and let go.

    The cells are all `layers`, all there are if None, at the `positions` of the current model's tokens. A layer is set
    beside that of `other_layers` at the same index, by default the one that is as deep in the other model. `k` is how
    many tokens of the lens a cell has. The settings of a `request` are those by which both models put the cells into
    words, None to leave that out. On `texts` an affine map from each layer to the one beside it is fitted, and the
    other model reads the current one's states through it. With `earlier`, what was left of the same comparison by one
    that stopped, only what is missing is read.
    """

    tentative: ClassVar[bool] = True
    loads: ClassVar[bool] = True
    other: LoadModel
    prompt: str
    positions: tuple[int, ...]
    layers: tuple[int, ...] | None = None
    other_layers: tuple[int, ...] | None = None
    k: int = 5
    stack: str = ""
    request: Request | None = None
    texts: tuple[str, ...] = ()
    earlier: EarlierComparison | None = None


class CellPair(Record, frozen=True):
    """A cell of the one model and the one beside it in the other."""

    cell: Cell
    other: Cell


class ComparedCell(Record, tag=True, frozen=True):
    """The lens of both models at a cell: `k` tokens of each, and how far apart they are.

    `kl` is KL(one || other) in nats, and `bits` the Jensen-Shannon divergence, 0 to 1; both are None of models with
    other vocabularies, whose distributions have nothing in common to be compared over.
    """

    pair: CellPair
    top: tuple[LensToken, ...]
    other_top: tuple[LensToken, ...]
    entropy: float
    """In nats."""
    other_entropy: float
    bits: float | None = None
    kl: float | None = None

    @property
    def differs(self) -> bool:
        """Whether the top tokens are different ones."""
        return self.top[0].text != self.other_top[0].text


class ComparedReading(Record, frozen=True):
    """What both models say of a cell, each with its own interpretation prompt's tokens."""

    pair: CellPair
    reading: Interpretation
    other: Interpretation


class SpaceMap(Record, tag=True, frozen=True):
    """An affine map from the states of a layer to those of one in the other model, and what it is worth.

    It was fitted by least squares on `fitted` pairs of states with a penalty of `ridge` times their mean variance, and
    tried on `held_out` pairs of other passages: the share of the variance that it explains there, the mean cosine of
    what it gives with the state that belongs there (both less the mean state), and the share of states that it brings
    nearest to their own partner among all that were held out. A map that was fitted on pairs that do not belong
    together has the numbers `shuffled_…`: they are what such a map is worth by itself.
    """

    layer: int
    other_layer: int
    fitted: int
    held_out: int
    ridge: float
    explained: float
    cosine: float
    matched: float
    shuffled_explained: float
    shuffled_cosine: float
    shuffled_matched: float


class MappedCell(Record, tag=True, frozen=True):
    """The other model's lens of a state that was mapped into it, and of what a map of shuffled pairs made of it.

    `bits` and `shuffled_bits` say how far each is from the lens of the other model's own state there.
    """

    pair: CellPair
    top: tuple[LensToken, ...]
    shuffled_top: tuple[LensToken, ...]
    bits: float
    shuffled_bits: float


class MappedReading(Record, frozen=True):
    """What the other model says of a state that was mapped into it, and of what a map of shuffled pairs made of it."""

    pair: CellPair
    reading: Interpretation
    shuffled: Interpretation


class ComparisonBegan(Event, kw_only=True, frozen=True):
    """The other model is there: both models, and the tokens at the cells' positions in each.

    `layers` are pairs of layers. `same_vocabulary` says whether the ids of both stand for the same tokens. `parts` says
    how many results there are to be, and under which index each is kept.
    """

    prompt: str
    model: ModelInfo
    other: ModelInfo
    tokens: tuple[Token, ...]
    other_tokens: tuple[Token, ...]
    layers: tuple[tuple[int, int], ...]
    same_vocabulary: bool
    stack: str = ""
    parts: ComparisonParts = ComparisonParts()

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return ((BEGINNING, msgspec.structs.replace(self, job=0)),)


class CellsCompared(Event, kw_only=True, frozen=True):
    """The lens of both models at some positions, a cell for each pair of layers, and `next` tokens there.

    Those are the cells of both last layers: what each model itself says next. `indices` are those under which both are
    kept, one after the other.
    """

    cells: tuple[ComparedCell, ...]
    next: tuple[ComparedCell, ...]
    indices: tuple[int, ...] = ()

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return tuple(zip(self.indices, (*self.cells, *self.next), strict=False))


class CellRead(Event, kw_only=True, frozen=True):
    """One of the models has put a cell into words, or what it says without one; `index` says which and of what."""

    index: int
    reading: Interpretation | Control

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return ((self.index, self.reading),)


class ReadingsCompared(Event, kw_only=True, frozen=True):
    """What both models say of some cells."""

    readings: tuple[ComparedReading, ...]


class CellsMapped(Event, kw_only=True, frozen=True):
    """A map of a pair of layers, and the lens of the cells that went through it; `indices` are where these are kept."""

    map: SpaceMap
    cells: tuple[MappedCell, ...]
    indices: tuple[int, ...] = ()

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return tuple(zip(self.indices, (self.map, *self.cells), strict=False))


class ReadingsMapped(Event, kw_only=True, frozen=True):
    """What the other model says of states that were mapped into it."""

    readings: tuple[MappedReading, ...]


class EarlierComparison(Record, frozen=True):
    """What a comparison that stopped has left: its name among all sessions, its results by their index."""

    run: str
    results: tuple[tuple[int, ComparisonBegan | ComparedCell | Interpretation | Control | SpaceMap | MappedCell], ...]

    @property
    def done(self) -> int:
        """How many results are there."""
        return sum(index >= 0 for index, _ in self.results)


class ComparisonProgress(Event, kw_only=True, frozen=True):
    """What is being done, and how much of it is."""

    latest_by: ClassVar[str | None] = ""
    step: str
    done: int
    total: int


class Comparison(Record, kw_only=True, frozen=True):
    """All that was found of two models over the same cells, each list in the order of the cells."""

    began: ComparisonBegan
    cells: tuple[ComparedCell, ...] = ()
    next: tuple[ComparedCell, ...] = ()
    readings: tuple[ComparedReading, ...] = ()
    maps: tuple[SpaceMap, ...] = ()
    mapped: tuple[MappedCell, ...] = ()
    mapped_readings: tuple[MappedReading, ...] = ()

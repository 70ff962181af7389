"""What the log is made of: a block for each run, with those of its interpretations that have begun, and for notices."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, get_args

from selfie_tui.records import Severity
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.render.words import folded
from selfie_tui.tui.runs import CONTROL, Run

HEADER = -2
"""The index of a run's header among its rows."""

Order = Literal["asked", "layer", "effect"]
"""The order of a run's interpretations: as its cells were asked for, by layer, or the largest effect first."""

ORDERS: tuple[Order, ...] = get_args(Order)

Key = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A row of the log: a run's header, one of its interpretations or its control; or a notice, whose index is 0."""

    block: Block
    index: int


class Block:
    """A run, or a notice where `run` is None; rows are its header and what is shown below it."""

    def __init__(self, run: Run | None, notice: str = "", severity: Severity = "information") -> None:
        self.run, self.notice, self.severity = run, notice, severity
        self.folded = False
        self.order: Order = "asked"
        self.sorted: list[int] = []
        """The interpretations that have begun, by their index, in order; the control first."""
        self.matching: set[int] = set()
        self.only_matching = False
        self.toggled: set[int] = set()
        """Interpretations that are unfolded where the others are not, or folded where the others are unfolded."""
        self.unfolded = False
        self.beside: dict[int, str] = {}
        """What a pair's source says in a cell, where it says something else: it stands under the interpretation."""
        self.heights: dict[int, int] = {}
        """Lines of those that may have several, as far as they have been counted."""
        self._begun: set[int] = set()
        self._texts: dict[int, str] = {}
        self._shown: list[int] | None = None
        self._tops: list[int] | None = None
        self._matches: list[int] | None = None

    # Rows ------------------------------------------------------------------------------------------------------------

    @property
    def hidden(self) -> bool:
        """Whether a filter leaves nothing of it: it has no match, and does not run or wait either."""
        live = self.run is not None and self.run.state in ("waiting", "running")
        return self.only_matching and not self.matching and not live

    @property
    def shown(self) -> list[int]:
        """The indices of the interpretations that are shown, in order."""
        if self.folded or self.run is None:
            return []
        if not self.only_matching:
            return self.sorted
        if self._shown is None:
            self._shown = [index for index in self.sorted if index in self.matching]
        return self._shown

    @property
    def rows(self) -> int:
        """How many rows there are: the header or the notice, and the interpretations that are shown."""
        return 0 if self.hidden else 1 + len(self.shown)

    def index_at(self, row: int) -> int:
        """The index of what stands in a row."""
        if self.run is None:
            return 0
        return HEADER if row == 0 else self.shown[row - 1]

    def row_of(self, index: int) -> int | None:
        """The row of an interpretation, or of the header or notice; None where it is not shown."""
        if self.hidden:
            return None
        if index == HEADER or self.run is None:
            return 0
        shown = self.shown
        row = bisect_left(shown, self.key(index), key=self.key)
        return row + 1 if row < len(shown) and shown[row] == index else None

    # Interpretations -------------------------------------------------------------------------------------------------

    def key(self, index: int) -> Key:
        """What an interpretation is sorted by; the last part is its index, so that no two are equal."""
        if index == CONTROL or self.run is None:
            return (-1.0,)
        if self.order == "asked":
            return (0.0, index)
        cell = self.run.cell(index)
        if self.order == "layer":
            return (0.0, cell.layer, cell.position, index)
        interpretation = self.run.interpretations.get(index)
        effect = interpretation.treatment_effect if interpretation else None
        return (1.0, index) if effect is None or effect != effect else (0.0, -effect, index)

    def fill(self) -> None:
        """Take all that the run has to show so far."""
        if self.run is not None:
            begun = {index for index in self.run.growing if self.run.text(index).strip()} | {*self.run.interpretations}
            self._begun = begun | ({CONTROL} if self.run.control else set())
            self.sort(self.order)

    def update(self, index: int) -> bool:
        """Take an interpretation as it is now; True when it may have another row than before."""
        self.heights.pop(index, None)
        self._texts.pop(index, None)
        new = index not in self._begun
        if not new and self.order != "effect":
            self._tops = self._tops if self.single else None
            return False
        if new:
            self._begun.add(index)
        else:
            self.sorted.remove(index)
        insort(self.sorted, index, key=self.key)
        self.changed()
        return True

    def sort(self, order: Order) -> None:
        """Put the interpretations in another order."""
        self.order = order
        self.sorted = sorted(self._begun, key=self.key)
        self.changed()

    def changed(self) -> None:
        """Forget what was derived of the rows."""
        self._shown = self._tops = self._matches = None

    # Lines -----------------------------------------------------------------------------------------------------------

    def is_unfolded(self, index: int) -> bool:
        """Whether an interpretation is shown as a whole."""
        return index >= CONTROL and self.unfolded != (index in self.toggled)

    def is_several(self, index: int) -> bool:
        """Whether an interpretation may have several lines: it is shown as a whole, or has another one's under it."""
        return self.is_unfolded(index) or index in self.beside

    def put_beside(self, texts: dict[int, str]) -> set[int]:
        """Have these texts stand under interpretations, and no others; the indices of those that changed."""
        changed = {index for index in {*texts, *self.beside} if texts.get(index) != self.beside.get(index)}
        self.beside = texts
        for index in changed:
            self.heights.pop(index, None)
        if changed:
            self.changed()
        return changed

    @property
    def single(self) -> bool:
        """Whether every row is one line."""
        return self.run is not None and not self.unfolded and not self.toggled and not self.beside

    def tops(self) -> list[int]:
        """The line of each row within the block, and the number of lines; `heights` has those of unfolded rows."""
        if self._tops is None:
            first = self.heights.get(HEADER if self.run else 0, 1)
            others = (self.heights.get(index, 1) if self.is_several(index) else 1 for index in self.shown)
            self._tops = [*accumulate((first, *others), initial=0)] if not self.hidden else [0]
        return self._tops

    # Search ----------------------------------------------------------------------------------------------------------

    def search(self, query: str, look: Look, *, narrower: bool) -> None:
        """Find `query`, which is `folded`, in the interpretations; among the matches so far where it is `narrower`."""
        searched = [*self.matching] if narrower else self.sorted
        self.matching = {index for index in searched if query and query in self.text(index, look)}
        self.changed()

    def match(self, index: int, query: str, look: Look) -> bool:
        """Look through one interpretation again; True when its match is new or gone."""
        before = index in self.matching
        found = bool(query) and query in self.text(index, look)
        if found == before:
            return False
        self.matching ^= {index}
        self.changed()
        return True

    def text(self, index: int, look: Look) -> str:
        """The text of an interpretation as it is searched, `folded`; kept until it changes."""
        known = self._texts.get(index)
        if known is None and self.run is not None:
            known = self._texts[index] = folded(look.prose(self.run.text(index)))
        return known or ""

    @property
    def matches(self) -> list[int]:
        """The rows that match, of those that are shown."""
        if self._matches is None:
            rows = enumerate(self.shown, 1) if self.matching else ()
            self._matches = [row for row, index in rows if index in self.matching]
        return self._matches

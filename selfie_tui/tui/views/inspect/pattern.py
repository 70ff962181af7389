"""The attention of one head as a map: a row a token that looks, a column a token that is looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import ClassVar

from selfie_tui import text
from selfie_tui.config import CellSize
from selfie_tui.records import AttentionRead, Event, JobFailed, ReadAttention
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import share
from selfie_tui.tui.state import AppState
from selfie_tui.tui.widgets.map.cells import UNASKED, MapCell
from selfie_tui.tui.widgets.map.grid import CellMap
from selfie_tui.tui.widgets.map.window import SCALES

ORIGIN = "inspect-pattern"
ROW_CELLS = 10
"""Cells of the name of a row."""

MOST_WINDOWS = 8
"""How many windows of a pattern are kept."""

MOST_WHOLE = 256
"""Tokens of a prompt up to which all of a pattern can be in sight at once, as blocks."""


class PatternSource:
    """A head's attention, window by window, as the map asks for it."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.path = ""
        self.head = 0
        self.heads = 0
        self.problem = ""
        self._windows: list[AttentionRead] = []
        self._job = 0
        self._asked: ReadAttention | None = None
        self.foot = ""

    def open(self, path: str, head: int, heads: int) -> None:
        """Show another head, of which nothing is known yet."""
        self.path, self.head, self.heads = path, head, heads
        self._windows, self._asked, self.problem = [], None, ""

    def want(self, queries: range, keys: range) -> None:
        """Ask for a window, unless it is known or on its way."""
        if not queries or not keys or self._find(queries[0], keys[0], queries[-1], keys[-1]):
            return
        window = ((queries[0], queries[-1] + 1), (keys[0], keys[-1] + 1))
        task = ReadAttention(
            self.state.selection.prompt, self.path, *window, (self.head,), self.state.stack, origin=ORIGIN
        )
        if task != self._asked:
            self._asked, self._job = task, self.state.submit(task)

    def take(self, event: Event) -> bool:
        """Take what came back; whether anything did."""
        if event.job != self._job or self._asked is None:
            return False
        if isinstance(event, JobFailed):
            self.problem = f"{event.cause} {event.remedy}".strip()
            return True
        if isinstance(event, AttentionRead):
            self._windows = [*self._windows[1 - MOST_WINDOWS :], event]
            return True
        return False

    def probability(self, query: int, key: int) -> float | None:
        """How much of a token's attention is on another one; None where that is not known."""
        window = self._find(query, key, query, key)
        return window.patterns[0].rows[query - window.queries[0]][key - window.keys[0]] if window else None

    def _find(self, query: int, key: int, last_query: int, last_key: int) -> AttentionRead | None:
        for window in reversed(self._windows):
            rows, columns = range(*window.queries), range(*window.keys)
            if query in rows and last_query in rows and key in columns and last_key in columns:
                return window
        return None

    # As a map's source -----------------------------------------------------------------------------------------------

    def cell(self, row: int, column: int) -> MapCell:
        """The bar is that of the square root; a token that cannot be looked at has none."""
        probability = self.probability(row, column)
        if probability is None:
            return UNASKED
        if probability == 0:
            return MapCell("read")
        heat = math.nan if math.isnan(probability) else math.sqrt(max(probability, 0.0))
        return MapCell("read", heat, share(probability).strip())

    def foot_text(self, column: int) -> str:
        """Nothing: there is no such row."""
        return ""

    def known(self) -> Iterable[tuple[int, int]]:
        """No cells: numbers are not searched for."""
        return ()


class PatternMap(CellMap):
    """The map of a head, with a cursor of its own."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("pattern", "map")
    BINDINGS = bindings("pattern", "map")

    def __init__(self, source: PatternSource, id: str | None = None) -> None:
        super().__init__(source, tokens=False, widest="word", id=id)
        self.pattern = source
        self.turned: Callable[[int], object] = lambda step: None
        """Goes to another head."""
        self._chosen: CellSize | None = "heat"
        self._at = (0, 0)

    @property
    def _tokens_shown(self) -> int:
        return len(self.pattern.state.selection.tokens)

    def row_numbers(self) -> range:
        return range(self._tokens_shown)

    def column_numbers(self) -> range:
        return range(self._tokens_shown)

    def row_name(self, row: int) -> str:
        return text.clip(self.column_name(row), ROW_CELLS, "")

    @property
    def label_cells(self) -> int:
        return ROW_CELLS

    def column_name(self, column: int) -> str:
        return f"{column} {self.look.visible(self.pattern.state.selection.tokens[column].text)}"

    @property
    def cursor(self) -> tuple[int, int]:
        return self._at

    def put_cursor(self, row: int, column: int) -> bool:
        before, self._at = self._at, (row, column)
        return before != self._at

    def choose(self, scale: CellSize) -> None:
        """Draw in cells of this size; all of a long prompt's pattern at once would be millions of numbers."""
        if scale == SCALES[0] and self._tokens_shown > MOST_WHOLE:
            return
        super().choose(scale)

    def action_head(self, step: int) -> None:
        """To the head before or after."""
        self.turned(step)

    def said(self) -> str:
        """The cell under the cursor in words: which token looks at which, and its share."""
        query, key = self.cursor
        probability = self.pattern.probability(query, key)
        if probability is None:
            return ""
        return f"{self.column_name(query)} → {self.column_name(key)}  {share(probability).strip()}"

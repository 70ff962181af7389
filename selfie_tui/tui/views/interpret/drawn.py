"""The lines of what is in sight of the log, kept until they change."""

from __future__ import annotations

from dataclasses import replace

from selfie_tui.records import Severity
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role
from selfie_tui.tui.runs import Run
from selfie_tui.tui.views.interpret.blocks import HEADER, Block, Item
from selfie_tui.tui.widgets.interpretation_lines import (
    Layout,
    columns_of,
    header_line,
    lines_under,
    one_line,
    surely_one_line,
    whole_lines,
)

ROLES: dict[Severity, Role] = {"error": "bad", "warning": "warn", "information": "dim"}

MOST_KEPT = 1024
"""Rows whose lines are kept, a few windows of them."""


class Drawn:
    """Lays out rows of the log for a width and a search; each once, as long as it stays the same."""

    def __init__(self) -> None:
        self.width = 0
        self._look = Look()
        self._query = ""
        self._lines: dict[tuple[int, int], list[Pieces]] = {}
        self._layouts: dict[int, Layout] = {}

    def lines(self, item: Item) -> list[Pieces]:
        """The lines of a row, at least one."""
        key = (id(item.block), item.index)
        known = self._lines.get(key)
        if known is None:
            if len(self._lines) >= MOST_KEPT:
                self._lines.clear()
            known = self._lines[key] = self._lay_out(item)
        return known

    def height(self, item: Item) -> int:
        """The number of lines of a row, without laying out what is surely one line."""
        run = item.block.run
        if item.index in item.block.beside:
            return len(self.lines(item))
        if run is not None and item.index != HEADER and surely_one_line(run, item.index, self._layout_of(run)):
            return 1
        return len(self.lines(item))

    def _lay_out(self, item: Item) -> list[Pieces]:
        block, run = item.block, item.block.run
        if run is None:
            return flow([Piece(f"! {self._look.prose(block.notice)}", ROLES[block.severity])], self.width)
        layout = self._layout_of(run)
        if item.index == HEADER:
            return [header_line(run, layout, folded=block.folded)]
        whole = block.is_unfolded(item.index)
        lines = whole_lines(run, item.index, layout) if whole else [one_line(run, item.index, layout)]
        said = block.beside.get(item.index)
        return lines if said is None else [*lines, *lines_under("A", said, layout, whole=whole)]

    def _layout_of(self, run: Run) -> Layout:
        if id(run) not in self._layouts:
            self._layouts[id(run)] = Layout(
                self.width, columns_of(run, self.width, self._look), self._look, self._query
            )
        return self._layouts[id(run)]

    def forget(self, block: Block, index: int) -> None:
        """Lay a row out again when it is next drawn."""
        self._lines.pop((id(block), index), None)

    def clear(self) -> None:
        """Lay everything out again."""
        self._lines.clear()

    def resize(self, width: int, look: Look) -> None:
        """Lay out for another width, or with other glyphs."""
        self.width, self._look = width, look
        self._layouts.clear()
        self.clear()

    def search(self, query: str) -> None:
        """Mark other matches, of a `folded` query."""
        self._query = query
        self._layouts = {run: replace(layout, query=query) for run, layout in self._layouts.items()}
        self.clear()

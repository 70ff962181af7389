"""The view of the lens as it is shown: a map that is read as it comes into sight, and lines on a cell."""

from __future__ import annotations

import time

from textual import on
from textual.timer import Timer

from selfie_tui.records import Cell, Event, LensesCompared, LensRead, layer_name
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.lens.detail import Beside, Detail, LensDetail
from selfie_tui.tui.views.lens.distances import Distances
from selfie_tui.tui.views.lens.map import LensMap
from selfie_tui.tui.views.lens.measures import DIFFERENCE, MEASURES, PROBABILITY, Measure
from selfie_tui.tui.views.lens.readings import Readings
from selfie_tui.tui.views.lens.said import said_words
from selfie_tui.tui.views.lens.source import LensSource
from selfie_tui.tui.views.lens.titles import border, title
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.map.window import CellWindow
from selfie_tui.tui.widgets.pane import Pane
from selfie_tui.tui.widgets.pause import Pause

TOO_FAST = 1 / 15
"""Seconds between two steps of the cursor below which the lines under the map do not follow each of them."""

DRAWN_EVERY = 0.5
"""Seconds after which parts of what was asked for are drawn, where all of it is not there yet."""

STALE = 0.4
"""Seconds after which positions that are still to come are drawn as such."""

MAP_NAME = "lens"
"""Under which the size of cells is kept."""


class ShownLens(View):
    """A map of the lens, and lines on the cell under its cursor; what keys change of it is the subclass's."""

    FRAME_PANES = frozenset()
    PROMPT_OVER = True
    DEFAULT_CSS = """
    ShownLens #lens-pane { height: 1fr; }
    ShownLens #lens-cell { height: 3; }
    MainScreen.-low #lens-cell, MainScreen.-flat #lens-cell { height: 1; }
    ShownLens #lens-search { margin: 0 1; width: 1fr; }
    """

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.readings = Readings(state)
        self.distances = Distances(state)
        self.source = LensSource(self._visible, self.distances.at)
        self.map = LensMap(state.selection, self.source, widest="word", id="lens-map")
        self.detail = LensDetail(id="lens-detail")
        self.search_text = Field(placeholder="search the top tokens", id="lens-search", classes="-hidden")
        self.map_pane = Pane(4, "Lens", self.map, self.search_text, id="lens-pane", classes="-described")
        self.cell_pane = Pane(5, "Cell", self.detail, id="lens-cell", classes="-described -line")
        self.panes = (self.map_pane, self.cell_pane)
        self._pausing = Pause(self, TOO_FAST, self.show_cell)
        self._stepped = 0.0
        self._stale: Timer | None = None
        self._drawing: Timer | None = None
        self._new: set[tuple[int, int]] = set()
        """Cells that were read and are to be drawn."""

    def _visible(self, token: str) -> str:
        return self.app.look.visible(token)

    @property
    def beside(self) -> Pane | None:
        return self.cell_pane

    @property
    def cell_here(self) -> Cell:
        """The cell that is shown under the cursor; of a block the one that stands for it."""
        there = self.map.rows.blocks and self.map.columns.blocks
        return Cell(*(self.map.place_here if there else self.map.cursor))

    # What has changed ------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Show what is known already, in cells of the size that was chosen before."""
        if size := self.app.cell_size(MAP_NAME):
            self.map.choose(size)
        self.show_all()

    @on(LensMap.SizeChosen)
    def size_chosen(self, event: LensMap.SizeChosen) -> None:
        """Keep it for the next start."""
        event.stop()
        self.app.keep_cell_size(MAP_NAME, event.map.scale)

    def on_show(self) -> None:
        """Ask for what is in sight; nothing is asked for a view that is not."""
        self.ask()

    def take(self, event: Event) -> None:
        if isinstance(event, LensRead) and self.readings.take(event, self.map.columns.shown):
            self._new |= {(row.cell.layer, row.cell.position) for row in event.rows}
            if event.track:
                self.retitle()
            self.show_cell()
            self.ask()
            self._draw_soon(now=not self.readings.waiting)
        elif isinstance(event, LensesCompared) and (found := self.distances.take(event)):
            self._new |= found
            self.show_cell()
            self.ask()
            self._draw_soon(now=True)

    def _draw_soon(self, *, now: bool) -> None:
        if now:
            self.draw_new()
        elif self._drawing is None:
            self._drawing = self.set_timer(DRAWN_EVERY, self.draw_new)

    def draw_new(self) -> None:
        """Draw what has been read: all of it at once where it came in parts, each of which would send every line."""
        if self._drawing is not None:
            self._drawing.stop()
            self._drawing = None
        new, self._new = self._new, set()
        self.map.update(new)

    def show(self, changed: Changed) -> None:
        if changed.model or changed.edits:
            self.readings.clear()
            self.distances.clear()
        if changed.model or changed.edits or changed.stack or changed.tokens or changed.pair:
            self.show_all()
        elif changed.selection:
            self.map.show_cursor()
            self._follow()
        self.distances.ended(changed.ended)
        if self.readings.ended(changed.ended):
            self.show_all()
        if changed.run is not None:
            self.show_cell()

    def show_all(self) -> None:
        """Draw the map of the prompt as it is now, and ask for what of it is missing."""
        if self.source.measure not in self.measures:
            self.source.measure = PROBABILITY
        self.source.table, self.source.other = self.readings.here, self.readings.source
        self.source.alignment = self.state.alignment
        self.source.track, self.source.waiting = self.readings.track, frozenset()
        self.source.vocabulary = self.state.model.vocabulary if self.state.model else 2
        self.map.prefer("phrase" if self.source.measure is DIFFERENCE else "word")
        self.retitle()
        self.show_cell()
        self.ask()

    def ask(self) -> None:
        """Ask for positions in sight that are missing, and for the cursor's."""
        if not self.display or not self.map.columns.blocks:
            return
        cursor = self.state.selection.position
        blocks = (self.map.columns.members(block) for block in self.map.columns.in_sight)
        wanted = [cursor, *(self._stands_for(members) for members in blocks)]
        compared = self.source.measure is DIFFERENCE
        if self.readings.ask(wanted, cursor, pair=compared):
            if self._stale is None:
                self._stale = self.set_timer(STALE, self.show_waiting)
        elif compared:
            self.distances.ask(wanted, cursor, self.readings.tuned)

    def show_waiting(self) -> None:
        """Tell below the columns that are still waited for that they are, where they are not there in time."""
        self._stale = None
        self.source.waiting = self.readings.waiting
        self.map.update(())
        if self.source.waiting:
            self._stale = self.set_timer(STALE, self.show_waiting)

    def _stands_for(self, members: range) -> int:
        """The position that is read of a block: one that has been, or its last."""
        known = (position for position in members if not self.source.table.lacks(position, self.readings.track))
        return next(known, members[-1])

    @on(CellWindow.Windowed)
    def windowed(self) -> None:
        """Ask for what is in sight now, and say what that is."""
        self.ask()
        self.update_border()

    def _follow(self) -> None:
        """Show the cell under the cursor; while steps come faster than it could be looked at, once they pause."""
        now, before = time.monotonic(), self._stepped
        self._stepped = now
        if now - before < TOO_FAST:
            self._pausing.again()
        else:
            self.show_cell()
        self.ask()

    # In words --------------------------------------------------------------------------------------------------------

    def retitle(self) -> None:
        """Write what the map shows into its title, and what is in sight below it."""
        self.map_pane.retitle(title(self.state, self.source, self.readings.tuned, self.app.look))
        self.update_border()

    def update_border(self) -> None:
        """Write below the map its scale, the search, and which part of it is in sight."""
        query = self.app.look.prose(self.search_text.value)
        self.map_pane.update_subtitle(border(self.source, self.map, query, self.map_pane.size.width - 2))

    def show_cell(self) -> None:
        """Show what is read in the cell under the cursor."""
        selection, table, cell = self.state.selection, self.source.table, self.cell_here
        layer, position = cell.layer, cell.position
        answer = table.answers.get(position)
        self.detail.show_detail(
            Detail(
                f"{layer_name(layer)} · {position} {self._token(position)}" if selection.tokens else "",
                table.rows.get((layer, position)),
                self._beside(layer, position),
                tuple(table.column(position)),
                answer.text if answer else "",
                table.tracked.get(self.readings.track) if self.readings.track else None,
                self.source.vocabulary,
                "reading…" if position in self.readings.waiting else "",
                said_words(self.state, cell, self.app.look),
            )
        )
        if self.map.found.query or not self.map.columns.is_whole:
            self.update_border()

    def _beside(self, layer: int, position: int) -> Beside | None:
        """What A reads in the cell that this one is compared with; None where nothing is compared."""
        source = self.source
        if source.measure is not DIFFERENCE or source.alignment is None:
            return None
        there = source.alignment.of(position)
        moved = there if there != position else None
        row, bits = source.beside(layer, position), source.apart(layer, position)
        return Beside(row, moved, bits, is_missing=there is None)

    def _token(self, position: int) -> str:
        look, token = self.app.look, self.state.selection.tokens[position].text
        return look.prose(token).strip() or look.visible(token)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that there is something for."""
        there = {"": True, "track": bool(self.readings.track), "pair": self.readings.source is not None}
        return tuple(measure for measure in MEASURES if there[measure.needs])

"""The lens as a map: the top token of every layer at every position, and what of it is measured."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from textual import on
from textual.timer import Timer
from textual.widgets import Input

from selfie_tui import text
from selfie_tui.errors import SelfieError
from selfie_tui.records import Cell, Event, Lens, LensRead, layer_name
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.runs import Run
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.lens.actions import ENTRY
from selfie_tui.tui.views.lens.detail import Detail, LensDetail
from selfie_tui.tui.views.lens.map import LensMap
from selfie_tui.tui.views.lens.measures import DIFFERENCE, MEASURES, PROBABILITY, TRACKED, Measure
from selfie_tui.tui.views.lens.readings import Readings
from selfie_tui.tui.views.lens.source import LensSource
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


class LensView(View):
    """A map of the lens, and two lines on the cell under its cursor."""

    NAME, TITLE, LETTER, FUNCTION_KEY, ACTIONS, SECTIONS, _ = ENTRY
    FRAME_PANES = frozenset()
    PROMPT_OVER = True
    DEFAULT_CSS = """
    LensView #lens-pane { height: 1fr; }
    LensView #lens-cell { height: 3; }
    MainScreen.-low #lens-cell, MainScreen.-flat #lens-cell { height: 1; }
    LensView #lens-search { margin: 0 1; width: 1fr; }
    """

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.readings = Readings(state)
        self.source = LensSource(self._visible)
        self.map = LensMap(state.selection, self.source, widest="word", id="lens-map")
        self.map.wants = self.wanted
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
        """Show what is known already."""
        self.show_all()

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
            if not self.readings.waiting:
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
        if changed.model or changed.edits or changed.stack or changed.tokens or changed.pair:
            self.show_all()
        elif changed.selection:
            self.map.show_cursor()
            self._follow()
        if self.readings.ended(changed.ended):
            self.show_all()
        if changed.run is not None:
            self.show_cell()

    def show_all(self) -> None:
        """Draw the map of the prompt as it is now, and ask for what of it is missing."""
        if self.source.measure not in self.measures:
            self.source.measure = PROBABILITY
        self.source.table, self.source.other = self.readings.here, self.readings.source
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
        if self.readings.ask(wanted, cursor, pair=self.source.measure is DIFFERENCE) and self._stale is None:
            self._stale = self.set_timer(STALE, self.show_waiting)

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
        look, readings = self.app.look, self.readings
        tracked = self.source.table.tracked.get(readings.track)
        track = look.visible(tracked.text) if tracked else look.prose(readings.track)
        parts = [
            "top token, tuned lens" if readings.tuned else "top token",
            self.source.measure.name,
            *([f"track {track}"] if track else []),
            *(["A: " + look.prose(self.state.pair.prompt)[:24]] if self.state.pair and self.source.other else []),
        ]
        self.map_pane.retitle("".join(f" · {part}" for part in parts))
        self.update_border()

    def update_border(self) -> None:
        """Write below the map its scale, the search, and which part of it is in sight."""
        query, find = self.app.look.prose(self.search_text.value), self.map.found
        found = f"/ {query}: {find.count(self.map.cursor)}" if find.query else ""
        scale, words = self.source.measure.legend(self.source.vocabulary)
        spark, extent = self.map.spark(), self.map.extent()
        versions = (
            (f"{scale} {words}", found, spark, extent),
            (scale, found, spark, extent),
            (scale, found, extent),
            (found, extent),
        )
        self.map_pane.update_subtitle(first_that_fits(versions, self.map_pane.size.width - 2))

    def show_cell(self) -> None:
        """Show what is read in the cell under the cursor."""
        selection, table = self.state.selection, self.source.table
        layer, position = self.map.place_here if self.map.rows.blocks and self.map.columns.blocks else (-1, 0)
        other = self.source.other.rows.get((layer, position)) if self.source.other else None
        answer = table.answers.get(position)
        label = f"{layer_name(layer)} · {position} {self._token(position)}" if selection.tokens else ""
        self.detail.show_detail(
            Detail(
                label,
                table.rows.get((layer, position)),
                other if self.source.measure is DIFFERENCE else None,
                tuple(table.column(position)),
                answer.text if answer else "",
                table.tracked.get(self.readings.track) if self.readings.track else None,
                self.source.vocabulary,
                "reading…" if position in self.readings.waiting else "",
                self._said(Cell(layer, position)),
            )
        )
        if self.map.found.query or not self.map.columns.is_whole:
            self.update_border()

    def _token(self, position: int) -> str:
        look, token = self.app.look, self.state.selection.tokens[position].text
        return look.prose(token).strip() or look.visible(token)

    def _said(self, cell: Cell) -> str:
        """What a cell was last interpreted as."""
        found = latest(self.state, cell)
        if found is None:
            return ""
        run, index = found
        words = self.app.look.prose(run.text(index)).strip()
        return f"read: {words}" if words or run.finished(index) else "interpreting…"

    # Measures, tracking ----------------------------------------------------------------------------------------------

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that there is something for."""
        there = {"": True, "track": bool(self.readings.track), "pair": self.readings.source is not None}
        return tuple(measure for measure in MEASURES if there[measure.needs])

    def measure(self, measure: Measure) -> None:
        """Colour the map by a measure."""
        self.source.measure = measure
        self.show_all()

    def wanted(self, what: str) -> None:
        """Take the next measure, ask for a token to track, or turn to the tuned lens and back."""
        if what == "measure":
            measures = self.measures
            self.measure(measures[(measures.index(self.source.measure) + 1) % len(measures)])
        elif what == "track":
            self._ask_track()
        elif self.readings.tuned:
            self._tune("")
        elif known := self.app.tuned_lens(self.state.model.name if self.state.model else ""):
            self._tune(known)
        else:
            self._ask_tuned()

    def _ask_track(self) -> None:
        async def track(word: str, again: bool) -> None:
            self.track(word)

        self.app.ask_for("track the token", self.readings.track, track)

    def track(self, word: str) -> None:
        """Track a word, and colour the map by its probability; "" tracks none."""
        self.readings.track = word
        self.measure(TRACKED if word else PROBABILITY)

    def _ask_tuned(self) -> None:
        async def tune(folder: str, again: bool) -> None:
            if not folder:
                raise SelfieError("No folder was named.", "Write the folder with its config.json and params.pt.")
            self._tune(folder)

        self.app.ask_for("folder of a tuned lens", "", tune)

    def _tune(self, folder: str) -> None:
        self.readings.tuned = folder
        self.show_all()

    def choices(self) -> Iterator[str]:
        return (measure.name for measure in self.measures)

    def choose(self, name: str) -> bool:
        chosen = next((measure for measure in self.measures if measure.name == name), None)
        if chosen is not None:
            self.measure(chosen)
        return chosen is not None

    # Interpreting ----------------------------------------------------------------------------------------------------

    def job_cells(self) -> tuple[Cell, ...]:
        selection = self.state.selection
        if self.map.is_pooled or not selection.tokens or not selection.layers:
            return ()
        return selection.cells() if selection.marks() else (Cell(selection.layer, selection.position),)

    def run_job(self) -> None:
        """Interpret the marked cells, or the one under the cursor; where cells are blocks, go into the block first."""
        if self.map.zoom_in():
            return
        cells = self.job_cells()
        if cells and self.state.interpret(cells) is None:
            self.app.toast("These cells are being interpreted already.", "information")
        self.show_cell()

    # Search, copying -------------------------------------------------------------------------------------------------

    def search_field(self) -> Field:
        return self.search_text

    @on(Input.Changed, "#lens-search")
    def search_typed(self, event: Input.Changed) -> None:
        """Search while typing."""
        self.map.search(event.value)
        self.update_border()

    def find(self, direction: int) -> bool:
        return self.map.find(direction)

    def step_out(self) -> bool:
        """End the search; then track no more."""
        if self.search_text.value:
            self.search_text.value = ""
            self.map.search("")
            self.update_border()
            if self.search_text.has_focus:
                self.screen.set_focus(self.map)
            self.search_text.add_class("-hidden")
            return True
        tracked, self.readings.track = self.readings.track, ""
        if tracked:
            self.measure(PROBABILITY if self.source.measure.needs == "track" else self.source.measure)
        return bool(tracked)

    def exportable(self) -> Exportable | None:
        """The lens as far as it has been read; with a tracked token, where that was looked up."""
        state, table = self.state, self.source.table
        positions = [at for at in table.positions(self.readings.track) if at < len(state.selection.tokens)]
        if not positions or state.model is None:
            return None
        lens = Lens(
            prompt=state.selection.prompt,
            tokens=tuple(state.selection.tokens[position] for position in positions),
            rows=tuple(row for position in positions for row in table.column(position)),
            answers=tuple(table.answers[position] for position in positions),
            stack=state.stack,
            track=self.readings.track,
            tracked=table.tracked.get(self.readings.track),
            tuned=self.readings.tuned,
            info=state.model,
        )
        what = f"the lens of {len(positions)} token{'' if len(positions) == 1 else 's'}"
        return Exportable(what, state.model.name, write=partial(written, lens))

    def copyable(self, *, all: bool) -> tuple[str, str]:
        """The top tokens of the cell under the cursor; all: the top token of every cell read, a line a cell."""
        rows = sorted(self.source.table.rows.items()) if all else [(self.map.cursor, self.detail.detail.row)]
        most = 1 if all else None
        lines = [
            f"{layer_name(layer)}\t{position}\t{token.probability:.3f}\t{token.text}"
            for (layer, position), row in rows
            if row is not None
            for token in row.top[:most]
        ]
        return "\n".join(lines), "the lens"


def written(lens: Lens, path: Path, overwrite: bool) -> object:
    """Write a lens to a file; what was written."""
    from selfie_tui.results.writers.lenses import export_lenses  # not needed for the first paint

    return export_lenses([lens], path, overwrite=overwrite)


def first_that_fits(versions: Iterable[tuple[str, ...]], width: int) -> str:
    """The parts of the first version that is no wider, side by side; else the last one's."""
    joined = [" ── ".join(part for part in version if part) for version in versions]
    return next((line for line in joined if text.width(line) <= width), joined[-1])


def latest(state: AppState, cell: Cell) -> tuple[Run, int] | None:
    """The last run of this session that reads a cell of the prompt, and the cell's index in it."""
    here = state.selection.prompt, state.stack
    for run in reversed(state.runs.values()):
        if (run.request.prompt, run.request.stack) == here and cell in run.request.cells:
            return run, run.request.cells.index(cell)
    return None

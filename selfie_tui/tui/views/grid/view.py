"""A whole prompt at once: what the model says of every token at every layer, as a map that grows while it is read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult

from selfie_tui.records import CONTROL, Cell
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.exporting import Exportable, exportable_of
from selfie_tui.tui.opening import go_on
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.grid.actions import ENTRY
from selfie_tui.tui.views.grid.ask_pane import AskPane
from selfie_tui.tui.views.grid.cell_words import Here
from selfie_tui.tui.views.grid.jobs import Job, next_job, whole
from selfie_tui.tui.views.grid.map_pane import MapPane
from selfie_tui.tui.views.grid.maps import Maps
from selfie_tui.tui.views.grid.source import DIFFERENCE
from selfie_tui.tui.views.grid.walk import Asked
from selfie_tui.tui.views.grid.words_pane import WordsPane
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.lines import TALL
from selfie_tui.tui.widgets.pause import Pause
from selfie_tui.tui.widgets.plain import plain_header, plain_line

if TYPE_CHECKING:
    from selfie_tui.tui.runs import Run

TOO_FAST = 1 / 15
"""Seconds between two steps of the cursor below which the words do not follow each of them."""

BORDERS = 2
LEAST_WORDS = 5
"""Lines of the screen that the words of a cell have at least, their border among them."""


class GridView(View):
    """The map of readings, with the settings of the next ones above and the words of a cell below."""

    NAME, TITLE, LETTER, FUNCTION_KEY, ACTIONS, SECTIONS, _ = ENTRY
    FRAME_PANES = frozenset()
    PROMPT_OVER = True
    SCOPED_CSS = False
    DEFAULT_CSS = """
    GridView #grid-ask { height: auto; }
    GridView Field { margin: 0 1; width: 1fr; }
    MainScreen.-low GridView #grid-ask { display: none; }
    MainScreen.-low GridView #grid-ask.-active { display: block; }
    """

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.maps = Maps(state)
        self.ask = AskPane(state, id="grid-ask")
        self.map_pane = MapPane(state, self.maps, id="grid-map")
        self.words_pane = WordsPane(state, id="grid-words")
        self.map, self.source = self.map_pane.map, self.map_pane.source
        self.panes = (self.map_pane, self.ask, self.words_pane)
        self._following = Pause(self, TOO_FAST, self.show_here)
        self._stepped = 0.0
        """When the cursor was moved last."""
        self._all = False
        """Whether the job that is asked for is to read everything."""

    def compose(self) -> ComposeResult:
        yield from (self.ask, self.map_pane, self.words_pane)

    def on_mount(self) -> None:
        """Show what has been read so far, by whichever view."""
        self.ask.show_settings()
        self.show_map(anew=True)

    # What has changed ------------------------------------------------------------------------------------------------

    @property
    def cell_here(self) -> Cell:
        return self.map_pane.here

    def show(self, changed: Changed) -> None:
        if changed.model or changed.edits or changed.stack or changed.tokens or changed.pair:
            self.show_map(anew=True)
        elif changed.selection:
            self._follow_cursor()
        if changed.settings:
            self.ask.show_settings()
        if changed.settings or changed.selection:
            self._all = False
        if changed.preset:
            self.ask.describe()
        if changed.run is not None:
            self._show_run(changed.run, changed)

    def _show_run(self, run: Run, changed: Changed) -> None:
        """Take what has changed of a run: a new one is shown at once, what it reads bit by bit."""
        known = self.maps.knows(run)
        readings = self.maps.take(run)
        if readings is None:
            return
        cells = [readings.update(run, index) for index in changed.indices if index != CONTROL]
        if readings not in (self.maps.shown, self.maps.source):
            return
        if not known:
            self.show_map()
            return
        touched = [cell for cell in (run.request.cells if changed.header else cells) if cell]
        self.map_pane.let_through(touched if readings is self.maps.shown else self.source.cells_beside(touched))
        if changed.header:
            self.map_pane.retitle_map()

    def show_map(self, *, anew: bool = False) -> None:
        """Draw the map that is shown; `anew` where the prompt, the stack, the model or the pair is another."""
        if anew:
            self.maps.rebuild()
            self._share_height()
        self.map_pane.show_map(anew=anew)
        self.show_here()

    @on(MapPane.Drawn)
    def show_here(self) -> None:
        """Show the words of the cell under the cursor, and how many cells say the same."""
        tokens, cell = self.state.selection.tokens, self.map_pane.here
        if cell.position >= len(tokens) or not self.state.selection.layers:
            self.words_pane.show_no_cell()
            return
        compared = self.source.measure is DIFFERENCE
        at_source = self.source.beside(cell.layer, cell.position) if compared else None
        alone = compared and self.source.is_alone(cell.position)
        reading, tracked = self.map_pane.reading(cell), self.map_pane.tracked
        shown = self.maps.shown
        like = shown.like if shown else None
        here = Here(cell, tokens[cell.position], reading, at_source, alone, tracked, like)
        self.words_pane.show_cell(here, shown, self.map_pane.search_text.value.strip())

    def _follow_cursor(self) -> None:
        """Follow the cursor and the marks; the words, while steps come faster than they are read, once they pause."""
        now, before = time.monotonic(), self._stepped
        self._stepped = now
        self.map_pane.follow_cursor()
        if now - before < TOO_FAST:
            self._following.again()
        else:
            self.show_here()

    def on_resize(self) -> None:
        """Share the height anew."""
        self._share_height()
        self.ask.describe()

    def _share_height(self) -> None:
        """Give the map what its layers need, and the words what is left; where that is too little, a line or a few."""
        free = self.size.height - (self.ask.outer_size.height if self.ask.display else 0)
        needed = len(self.state.selection.layers) + BORDERS + 1
        fits, low = needed <= free - LEAST_WORDS, self.app.size.height < TALL
        self.map_pane.styles.height = needed if fits else "1fr"
        self.words_pane.styles.height = "1fr" if fits else 1 if low else LEAST_WORDS
        self.words_pane.set_class(low and not fits, "-line")

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def focus_moved(self) -> None:
        """On a low screen the settings are only in sight while the keys go there."""
        self.call_after_refresh(self._share_height)

    # Keys ------------------------------------------------------------------------------------------------------------

    @on(Asked)
    async def asked(self, event: Asked) -> None:
        """Do what a key of the grid asks for."""
        match event.what:
            case "read":
                await self.read()
            case "all":
                self._all = True
                await self.run_action("screen.interpret")
            case "walk":
                self.map_pane.walk_on()
            case "previous" | "next":
                self.other_map(-1 if event.what == "previous" else 1)

    async def read(self) -> None:
        """Go into a block of cells, where something is known of it; else read what is next."""
        if not (self.maps.shown is not None and self.map.display and self.map.zoom_in()):
            await self.run_action("screen.interpret")

    def other_map(self, step: int) -> None:
        """Show the map before or after."""
        if self.maps.step(step):
            self.show_map()
        else:
            self.app.toast("There are no readings of this prompt with other settings.", "information")

    # Runs ------------------------------------------------------------------------------------------------------------

    def problem(self) -> str:
        problem = self.ask.problem
        return f"This interpretation prompt cannot be used. {problem}" if problem else ""

    def _job(self) -> Job:
        if self._all:
            return whole(self.state.selection)
        in_sight = (self.map.rows.shown, self.map.columns.shown)
        return next_job(self.maps, self.state, in_sight, compared=self.source.measure is DIFFERENCE)

    def job_cells(self) -> tuple[Cell, ...]:
        return self._job().cells

    def job_dropped(self) -> None:
        self._all = False

    def run_job(self) -> None:
        job, self._all = self._job(), False
        if job.turn_to is not None:
            self.maps.shown = job.turn_to
            self.show_map()
        elif not job.cells:
            self.app.toast("All cells in sight are read. ctrl+r reads everything again.", "information")
        else:
            self._begin(job)

    def _begin(self, job: Job) -> None:
        run = go_on(self.state, job.stopped) if job.stopped else self.state.interpret(job.cells, source=job.source)
        if run is None:
            self.app.toast("These cells are being read already.", "information")
        else:
            self._show_run(run, Changed(run=run, header=True))

    # Search, copying, exporting --------------------------------------------------------------------------------------

    def search_field(self) -> Field:
        return self.map_pane.search_text

    def find(self, direction: int) -> bool:
        return self.map.find(direction)

    def step_out(self) -> bool:
        return self.map_pane.step_out()

    def exportable(self) -> Exportable | None:
        runs = self.maps.shown.kept_runs() if self.maps.shown else []
        return exportable_of(runs, self.state.kept) if runs else None

    def copyable(self, *, all: bool) -> tuple[str, str] | None:
        if self.words_pane.words.has_focus:
            return self.words_pane.words.copyable(), "the words of the cell"
        if all and self.maps.shown is not None:
            return "\n".join(self._plain()), "the readings"
        reading = self.map_pane.reading(self.map_pane.here)
        return (plain_line(reading.run, reading.index, self.app.look), "the reading") if reading else None

    def _plain(self) -> list[str]:
        """All finished readings as lines, layer by layer, below what was asked."""
        readings = self.maps.shown
        if readings is None:
            return []
        there = sorted(cell for cell, _ in readings.finished)
        lines = (plain_line(found.run, found.index, self.app.look) for cell in there if (found := readings.at(cell)))
        return [plain_header(readings.runs[-1]), *lines]

    def preset_field(self) -> Field:
        return self.ask.field()

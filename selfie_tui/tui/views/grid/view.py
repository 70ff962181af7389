"""A whole prompt at once: what the model says of every token at every layer, as a map that grows while it is read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.widgets import Input

from selfie_tui.records import CONTROL, Cell
from selfie_tui.tui.exporting import Exportable, exportable_of
from selfie_tui.tui.opening import go_on
from selfie_tui.tui.state import AppState, Changed
from selfie_tui.tui.status import prompt_note
from selfie_tui.tui.views.grid.actions import ACTIONS, SECTIONS
from selfie_tui.tui.views.grid.ask_pane import AskPane
from selfie_tui.tui.views.grid.cell_words import CellWords, Here
from selfie_tui.tui.views.grid.jobs import Job, next_job, whole
from selfie_tui.tui.views.grid.live import EVERY, Pending, Place
from selfie_tui.tui.views.grid.map import GridMap
from selfie_tui.tui.views.grid.maps import Maps
from selfie_tui.tui.views.grid.readings import Reading
from selfie_tui.tui.views.grid.said import how_many_say, warmest_word
from selfie_tui.tui.views.grid.source import GridSource, next_measure
from selfie_tui.tui.views.grid.titles import border, legend, title
from selfie_tui.tui.views.grid.walk import Asked, Walk
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.lines import TALL
from selfie_tui.tui.widgets.map.grid import CellMap
from selfie_tui.tui.widgets.map.window import WIDTHS, CellWindow
from selfie_tui.tui.widgets.pane import Pane
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

    NAME, TITLE, LETTER, FUNCTION_KEY = "grid", "Grid", "#", "f3"
    ACTIONS, SECTIONS = ACTIONS, SECTIONS
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
        self.source = GridSource()
        self.ask = AskPane(state, id="grid-ask")
        self.map = GridMap(state.selection, self.source, tokens=False, id="grid-cells")
        self.walk = Walk(state.selection, self._reading, id="grid-walk")
        self.walk.add_class("-hidden")
        self.search_text = Field(placeholder="search", id="grid-search", classes="-hidden")
        self.map_pane = Pane(4, "Grid", self.map, self.walk, self.search_text, id="grid-map", classes="-described")
        self.words = CellWords(id="grid-cell")
        self.words_pane = Pane(5, "", self.words, id="grid-words", classes="-described")
        self.panes = (self.map_pane, self.ask, self.words_pane)
        self._pending = Pending()
        self._ticking = False
        self._following = Pause(self, TOO_FAST, self.show_here)
        self._stepped = 0.0
        """When the cursor was moved last."""
        self._searched_from = (0, 0)
        """The cell from which a search goes forward while it is typed."""
        self._all = False
        """Whether the job that is asked for is to read everything."""

    def compose(self) -> ComposeResult:
        yield from (self.ask, self.map_pane, self.words_pane)

    def on_mount(self) -> None:
        """Show what has been read so far, by whichever view."""
        self.ask.show_settings()
        self.show_maps(anew=True)

    # What has changed ------------------------------------------------------------------------------------------------

    def show(self, changed: Changed) -> None:
        if changed.model or changed.edits or changed.stack or changed.tokens:
            self.show_maps(anew=True)
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
        before = self.maps.shown
        known = before is not None and any(run is each for each in before.runs)
        readings = self.maps.take(run)
        if readings is None:
            return
        cells = [readings.update(run, index) for index in changed.indices if index != CONTROL]
        if readings is not self.maps.shown:
            return
        if not known:
            self.show_maps()
            return
        if changed.header:
            cells = list(run.request.cells)
        for cell in cells:
            if cell is not None:
                found = readings.at(cell)
                self._pending.add(Place(*_place(cell)), finished=found is not None and found.finished is not None)
        self._tick(ended=changed.header)

    def _tick(self, *, ended: bool = False) -> None:
        """Draw what has changed, now if nothing was drawn for a while, else when that time is over."""
        if ended:
            self._retitle()
        if not self._ticking and len(self._pending):
            self._ticking = True
            self._draw_some()
            self.set_timer(EVERY, self._tick_again)

    def _tick_again(self) -> None:
        self._ticking = False
        self._tick()

    def _draw_some(self) -> None:
        in_sight = set(self.map.cells_in_sight())
        drawn = self._pending.take(lambda place: place in in_sight, self.source.renew, WIDTHS[self.map.scale])
        if not drawn:
            return
        self.map.update(drawn)
        self.walk.update({Cell(*place) for place in drawn})
        self._update_border()
        if self.map.place_here in drawn:
            self.show_here()

    # What is shown ---------------------------------------------------------------------------------------------------

    def show_maps(self, *, anew: bool = False) -> None:
        """Draw the map that is shown; `anew` where the prompt, the stack or the model is another."""
        if anew:
            self.maps.rebuild()
        self._pending.clear()
        self.source.show(self.maps.shown)
        if anew:
            self._share_height()
            self.map.lay_out()
        else:
            self.map.update()
        self.walk.show_all()
        self._retitle()
        self.show_here()

    def _retitle(self) -> None:
        walk = "" if self.map.display else self.walk.heading()
        shown = title(self.maps.shown, self.maps.all, self.source.measure, self.app.look, walk)
        self.map_pane.retitle(shown)
        self._update_border()

    def _update_border(self) -> None:
        """Write below the map what is left of a run that stopped, what the heat is, and what is in sight."""
        readings, width = self.maps.shown, self.map_pane.size.width
        stopped = readings.stopped() if readings else None
        left = f"{len(readings.left_of(stopped)):,} left: enter goes on" if readings and stopped else ""
        query = self.app.look.prose(self.search_text.value)
        found = f"/ {query} {self.map.found.count(self.map.cursor)}" if query else ""
        heat = legend(self.source.measure, width) if self.map.display else ""
        self.map_pane.update_subtitle(
            border(heat, found, left, self.map.spark() if heat else "", self.map.extent(), width)
        )

    def _reading(self, cell: Cell) -> Reading | None:
        return self.maps.shown.at(cell) if self.maps.shown else None

    def show_here(self) -> None:
        """Show the words of the cell under the cursor, and how many cells say the same."""
        selection, look = self.state.selection, self.app.look
        if selection.token is None or not selection.layers:
            note = prompt_note(self.state) if self.state.model else "tokens come with the model"
            self.words.show_note(look.prose(note))
            self._head_words("", "")
            return
        cell = Cell(*self.map.place_here) if self.map.rows.blocks else Cell(selection.layer, selection.position)
        here = Here(cell, selection.tokens[cell.position], self._reading(cell))
        self.words.show_cell(here, self.map.found.query)
        self._head_words(here.label(look), self._said(here))

    def _head_words(self, heading: str, said: str) -> None:
        if heading != self.words_pane.heading:
            self.words_pane.heading = heading
            self.words_pane.retitle()
        self.words_pane.update_subtitle(said)

    def _said(self, here: Here) -> str:
        """`12 of 310 say Paris`: the word that is searched for, or the one of this reading with the most effect."""
        readings, found = self.maps.shown, here.reading.finished if here.reading else None
        word = self.search_text.value.strip() or (warmest_word(found) if found else "")
        if readings is None or not word:
            return ""
        saying, all = how_many_say(readings, word)
        return f"{saying:,} of {all:,} say {self.app.look.prose(word)}" if all > 1 else ""

    def _follow_cursor(self) -> None:
        """Follow the cursor and the marks; the words, while steps come faster than they are read, once they pause."""
        now, before = time.monotonic(), self._stepped
        self._stepped = now
        self.map.show_cursor()
        self.walk.show_cursor_moved()
        if now - before < TOO_FAST:
            self._following.again()
        else:
            self.show_here()
        self._retitle() if not self.map.display else self._update_border()

    @on(CellWindow.Windowed)
    def window_moved(self) -> None:
        """Say what is in sight."""
        self._update_border()

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
        self.words_pane.set_class(low and not fits, "-bare")

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
                self.walk_on()
            case "previous" | "next":
                self.other_map(-1 if event.what == "previous" else 1)

    async def read(self) -> None:
        """Go into a block of cells, where something is known of it; else read what is next."""
        known = self.maps.shown is not None
        if not (known and not self.walk.display and self.map.zoom_in()):
            await self.run_action("screen.interpret")

    def other_map(self, step: int) -> None:
        """Show the map before or after."""
        if self.maps.step(step):
            self.show_maps()
        else:
            self.app.toast("There are no readings of this prompt with other settings.", "information")

    def walk_on(self) -> None:
        """From the map to the cursor's column as a list, from there to its row, and back to the map."""
        if self.map.display:
            self._show_list(True)
            self.walk.show_along("column")
        elif self.walk.along == "column":
            self.walk.show_along("row")
        else:
            self._show_list(False)
        self._retitle()

    def _show_list(self, shown: bool) -> None:
        self.map.set_class(shown, "-hidden")
        self.walk.set_class(not shown, "-hidden")
        self.map_pane.home = self.walk if shown else self.map
        self.screen.set_focus(self.map_pane.home)

    @on(CellMap.Wanted)
    async def wanted(self, event: CellMap.Wanted) -> None:
        """Colour by the next measure that has a number here, or ask for a word to look for."""
        if event.what == "measure":
            self.source.show(self.maps.shown, next_measure(self.maps.shown, self.source.measure))
            self.map.update()
            self._retitle()
        else:
            await self.run_action("screen.search")

    # Runs ------------------------------------------------------------------------------------------------------------

    def problem(self) -> str:
        problem = self.ask.problem
        return f"This interpretation prompt cannot be used. {problem}" if problem else ""

    def _job(self) -> Job:
        if self._all:
            return whole(self.state.selection)
        return next_job(self.maps, self.state.selection, (self.map.rows.shown, self.map.columns.shown))

    def job_cells(self) -> tuple[Cell, ...]:
        return self._job().cells

    def job_dropped(self) -> None:
        self._all = False

    def run_job(self) -> None:
        job, self._all = self._job(), False
        if job.turn_to is not None:
            self.maps.shown = job.turn_to
            self.show_maps()
        elif not job.cells:
            self.app.toast("All cells in sight are read. ctrl+r reads everything again.", "information")
        else:
            run = go_on(self.state, job.stopped) if job.stopped else self.state.interpret(job.cells)
            if run is None:
                self.app.toast("These cells are being read already.", "information")
            else:
                self._show_run(run, Changed(run=run, header=True))

    # Search ----------------------------------------------------------------------------------------------------------

    def search_field(self) -> Field:
        return self.search_text

    @on(Input.Changed, "#grid-search")
    def search_typed(self, event: Input.Changed) -> None:
        """Search while typing, and go to the first match from where the cursor was."""
        if not self.map.found.query:
            self._searched_from = self.map.cursor
        self.map.search(event.value)
        if event.value and not self.map.found.has(*self._searched_from):
            self.map.go(*(self.map.found.next(self._searched_from, 1) or self._searched_from))
        self.walk.searched = self.map.found.query
        self.walk.refresh()
        self._update_border()
        self.show_here()

    def find(self, direction: int) -> bool:
        return self.map.find(direction)

    def step_out(self) -> bool:
        if self.search_text.value:
            self.search_text.value = ""
            if self.search_text.has_focus:
                self.screen.set_focus(self.map_pane.home)
            self.search_text.add_class("-hidden")
            return True
        if not self.map.display:
            self._show_list(False)
            self._retitle()
            return True
        return False

    # Copying, exporting, choosing ------------------------------------------------------------------------------------

    def exportable(self) -> Exportable | None:
        runs = self.maps.shown.kept_runs() if self.maps.shown else []
        return exportable_of(runs, self.state.kept) if runs else None

    def copyable(self, *, all: bool) -> tuple[str, str] | None:
        readings, here = self.maps.shown, self.words.here
        if self.words.has_focus:
            return self.words.copyable(), "the words of the cell"
        if readings is None:
            return None
        if all:
            return "\n".join(self._plain()), "the readings"
        reading = here.reading if here else None
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


def _place(cell: Cell) -> tuple[int, int]:
    return cell.layer, cell.position

"""Pane 4: the map of readings, or a column or row of it as a list, with a search; a run is let through bit by bit."""

from __future__ import annotations

from textual import on
from textual.message import Message
from textual.widgets import Input

from selfie_tui.measures import MEASURES, Measure, tracking
from selfie_tui.records import Cell
from selfie_tui.tui.host import Host
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import no_pair_words
from selfie_tui.tui.views.grid.live import EVERY, Pending, Place
from selfie_tui.tui.views.grid.map import GridMap
from selfie_tui.tui.views.grid.maps import Maps
from selfie_tui.tui.views.grid.readings import Reading
from selfie_tui.tui.views.grid.source import DIFFERENCE, GridSource, next_measure
from selfie_tui.tui.views.grid.titles import border, legend, title
from selfie_tui.tui.views.grid.walk import Walk
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.lines import look_of
from selfie_tui.tui.widgets.map.window import CellWindow
from selfie_tui.tui.widgets.pane import Pane

MAP_NAME = "grid"
"""Under which the size of cells is kept."""


class MapPane(Pane):
    """The map that is shown of those there are, with what is known of it on its borders."""

    app: Host

    class Drawn(Message):
        """The cell under the cursor shows something else, as its run has got on or a search is another."""

    def __init__(self, state: AppState, maps: Maps, id: str) -> None:
        self.state, self.maps = state, maps
        self.source = GridSource()
        self.map = GridMap(state.selection, self.source, tokens=False, id=f"{id}-cells")
        self.walk = Walk(state.selection, self.reading, id=f"{id}-walk")
        self.walk.add_class("-hidden")
        self.search_text = Field(placeholder="search", id=f"{id}-search", classes="-hidden")
        super().__init__(4, "Grid", self.map, self.walk, self.search_text, id=id, classes="-described")
        self.map.wants = self.wanted
        self._before_difference = self._before_track = MEASURES[0]
        self.tracked = ""
        """The word that is tracked; unsafe to print as is."""
        self._pending = Pending()
        self._ticking = False
        self._searched_from = (0, 0)
        """The cell from which a search goes forward while it is typed."""

    def reading(self, cell: Cell) -> Reading | None:
        """The reading that is shown of a cell."""
        return self.maps.shown.at(cell) if self.maps.shown else None

    @property
    def here(self) -> Cell:
        """The cell under the cursor; of a block the one that stands for it."""
        blocks = self.map.rows.blocks and self.map.columns.blocks
        return Cell(*self.map.place_here) if blocks else Cell(*self.map.cursor)

    @property
    def settled(self) -> bool:
        """Whether all that has changed is drawn."""
        return not len(self._pending)

    # The size of cells -----------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Draw in cells of the size that was chosen before."""
        if size := self.app.cell_size(MAP_NAME):
            self.map.choose(size)

    @on(GridMap.SizeChosen)
    def size_chosen(self, event: GridMap.SizeChosen) -> None:
        """Keep it for the next start."""
        event.stop()
        self.app.keep_cell_size(MAP_NAME, event.map.scale)

    # What is shown ---------------------------------------------------------------------------------------------------

    def show_map(self, *, anew: bool = False) -> None:
        """Draw the map that is shown; `anew` where it has other layers, tokens or sizes of cells."""
        self._pending.clear()
        if self.source.measure is DIFFERENCE and self.maps.source is None:
            self.source.measure = next_measure(self.maps.shown, DIFFERENCE)
        self.source.show(self.maps.shown, self.maps.source, self.state.alignment)
        if anew:  # two texts side by side need larger cells
            self.map.prefer("phrase" if self.source.measure is DIFFERENCE else "word")
        else:
            self.map.update()
        self.walk.show_all()
        self.retitle_map()

    def turn_difference(self) -> None:
        """Colour by the difference to A, or again by what was coloured by before."""
        problem = no_pair_words(self.state, self.app.keymap)
        if not problem and self.maps.source is None:
            problem = "There are no readings to compare yet: enter makes them."
        if problem:
            self.app.toast(problem, "information")
        elif self.source.measure is DIFFERENCE:
            self._colour_by(self._before_difference)
        else:
            self._before_difference = self.source.measure
            self._colour_by(DIFFERENCE)

    def colour_by_next(self) -> None:
        """Colour by the next measure that has a number here; with a pair, also by where its prompts differ."""
        tracked, pair = self.source.tracked, self.maps.source is not None
        self._colour_by(next_measure(self.maps.shown, self.source.measure, tracked=tracked, pair=pair))

    def ask_track(self) -> None:
        """Ask for a word to track."""

        async def track(word: str, again: bool) -> None:
            self.track(word)

        self.app.ask_for("track the word", self.tracked, track)

    def track(self, word: str) -> None:
        """Colour by whether readings say a word, and how surely; "" tracks none, and colours as before."""
        before, measure = self.source.tracked, self.source.measure
        if before is None:
            self._before_track = measure
        after = tracking(word) if word else None
        self.tracked, self.source.tracked = word, after
        self.walk.searched = self.map.found.query or word
        if before is not None and self._before_difference is before:
            self._before_difference = after or self._before_track
        if after is not None or measure is before:
            self._colour_by(after or self._before_track)
        else:
            self.walk.refresh()
            self.post_message(self.Drawn())

    def _colour_by(self, measure: Measure) -> None:
        self.source.measure = measure
        self.show_map(anew=True)
        self.post_message(self.Drawn())

    def retitle_map(self) -> None:
        """Write which readings these are, and what is known of them."""
        walk = "" if self.map.display else self.walk.heading()
        aligned = self.source.alignment.words() if self.source.alignment else ""
        compared = aligned if self.source.measure is DIFFERENCE and not walk else ""
        shown = title(self.maps.shown, self.maps.all, self.source.measure, look_of(self), walk)
        self.retitle(f"{shown} · {compared}" if compared else shown)
        self.update_border()

    def update_border(self) -> None:
        """Write below the map what is left of a run that stopped, what the heat is, and what is in sight."""
        readings, width = self.maps.shown, self.size.width
        stopped = readings.stopped() if readings else None
        left = f"{len(readings.left_of(stopped)):,} left: enter goes on" if readings and stopped else ""
        query = look_of(self).prose(self.search_text.value)
        found = f"/ {query} {self.map.found.count(self.map.cursor)}" if query else ""
        heat = legend(self.source.measure, width) if self.map.display else ""
        spark = self.map.spark() if self.map.display else ""
        self.update_subtitle(border(heat, found, left, spark, self.map.extent(), width))

    def follow_cursor(self) -> None:
        """Show the cursor and the marks as they are now."""
        self.map.show_cursor()
        self.walk.show_cursor_moved()
        if self.map.display:
            self.update_border()
        else:
            self.retitle_map()

    @on(CellWindow.Windowed)
    def window_moved(self) -> None:
        """Say what is in sight."""
        self.update_border()

    # While a run goes on ---------------------------------------------------------------------------------------------

    def let_through(self, cells: list[Cell]) -> None:
        """Draw cells that have changed: now if nothing was drawn for a while, else with others when that is over."""
        for cell in cells:
            reading = self.reading(cell)
            finished = reading is not None and reading.finished is not None
            self._pending.add(Place(cell.layer, cell.position), finished=finished)
        self._tick()

    def _tick(self) -> None:
        if not self._ticking and len(self._pending):
            self._ticking = True
            self._draw_some()
            self.set_timer(EVERY, self._tick_again)

    def _tick_again(self) -> None:
        self._ticking = False
        self._tick()

    def _draw_some(self) -> None:
        in_sight = set(self.map.cells_in_sight())
        drawn = self._pending.take(lambda place: place in in_sight, self.source.renew, self.map.cell_width)
        if drawn:
            self.map.update(drawn)
            self.walk.update({Cell(*place) for place in drawn})
            self.update_border()
        if (self.here.layer, self.here.position) in drawn:
            self.post_message(self.Drawn())

    # Column, row, map ------------------------------------------------------------------------------------------------

    def walk_on(self) -> None:
        """From the map to the cursor's column as a list, from there to its row, and back to the map."""
        if self.map.display:
            self.show_list(True)
            self.walk.show_along("column")
        elif self.walk.along == "column":
            self.walk.show_along("row")
        else:
            self.show_list(False)
        self.retitle_map()

    def show_list(self, shown: bool) -> None:
        """Show the list in place of the map, or the map again."""
        self.map.set_class(shown, "-hidden")
        self.walk.set_class(not shown, "-hidden")
        self.home = self.walk if shown else self.map
        self.screen.set_focus(self.home)

    def step_out(self) -> bool:
        """End the search; then go from the list back to the map; then track no more."""
        if self.search_text.value:
            self.search_text.value = ""
            if self.search_text.has_focus:
                self.screen.set_focus(self.home)
            self.search_text.add_class("-hidden")
            return True
        listed = not self.map.display
        if listed:
            self.show_list(False)
            self.retitle_map()
        elif self.tracked:
            self.track("")
            return True
        return listed

    # Search ----------------------------------------------------------------------------------------------------------

    @on(Input.Changed)
    def search_typed(self, event: Input.Changed) -> None:
        """Search while typing, and go to the first match from where the cursor was."""
        if not self.map.found.query:
            self._searched_from = self.map.cursor
        self.map.search(event.value)
        if event.value and not self.map.found.has(*self._searched_from):
            self.map.go(*(self.map.found.next(self._searched_from, 1) or self._searched_from))
        self.walk.searched = self.map.found.query or self.tracked
        self.walk.refresh()
        self.update_border()
        self.post_message(self.Drawn())

    def wanted(self, what: str) -> None:
        """Colour by the next measure or by the difference to A, or ask for a word to track."""
        if what == "measure":
            self.colour_by_next()
        elif what == "difference":
            self.turn_difference()
        else:
            self.ask_track()

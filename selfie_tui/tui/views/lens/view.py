"""The lens as a map: its measures, the word that is tracked, how its cells are interpreted, found and exported."""

from __future__ import annotations

from collections.abc import Iterator

from textual import on
from textual.widgets import Input

from selfie_tui.errors import SelfieError
from selfie_tui.records import Cell
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import no_pair_words
from selfie_tui.tui.views.lens.actions import ENTRY
from selfie_tui.tui.views.lens.exporting import lens_to_export, plain_rows
from selfie_tui.tui.views.lens.measures import DIFFERENCE, PROBABILITY, TRACKED, Measure
from selfie_tui.tui.views.lens.shown import ShownLens
from selfie_tui.tui.widgets.field import Field


class LensView(ShownLens):
    """The map of the lens with its keys."""

    NAME, TITLE, LETTER, FUNCTION_KEY, ACTIONS, SECTIONS, _ = ENTRY

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.map.wants = self.wanted
        self._before_difference = PROBABILITY

    # Measures, tracking ----------------------------------------------------------------------------------------------

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
        elif what == "difference":
            self._turn_difference()
        elif self.readings.tuned:
            self._tune("")
        elif known := self.app.tuned_lens(self.state.model.name if self.state.model else ""):
            self._tune(known)
        else:
            self._ask_tuned()

    def _turn_difference(self) -> None:
        """Colour the map by the difference to A, or again by what it was coloured by before."""
        measure, problem = self.source.measure, no_pair_words(self.state, self.app.keymap)
        if problem:
            self.app.toast(problem, "information")
        elif measure is DIFFERENCE:
            self.measure(self._before_difference)
        else:
            self._before_difference = measure
            self.measure(DIFFERENCE)

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
        return lens_to_export(self.state, self.source.table, self.readings.track, self.readings.tuned)

    def copyable(self, *, all: bool) -> tuple[str, str]:
        """The top tokens of the cell under the cursor; all: the top token of every cell read, a line a cell."""
        rows = sorted(self.source.table.rows.items()) if all else [(self.map.cursor, self.detail.detail.row)]
        return plain_rows(rows, 1 if all else None), "the lens"

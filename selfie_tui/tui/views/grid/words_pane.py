"""Pane 5: the words of the cell under the cursor, and on its border how many cells say the same."""

from __future__ import annotations

from selfie_tui import text
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import prompt_note
from selfie_tui.tui.views.grid.cell_words import CellWords, Here
from selfie_tui.tui.views.grid.readings import Readings
from selfie_tui.tui.views.grid.said import how_many_have, how_many_say, warmest_word
from selfie_tui.tui.widgets.lines import look_of
from selfie_tui.tui.widgets.pane import Pane

WORD_CELLS = 12
"""Cells that a word has on the border."""


class WordsPane(Pane):
    """The words of a cell under its name; on a low screen a line without a border."""

    def __init__(self, state: AppState, id: str) -> None:
        self.words = CellWords(id=f"{id}-cell")
        super().__init__(5, "", self.words, id=id, classes="-described")
        self.state = state

    def show_cell(self, here: Here, readings: Readings | None, searched: str) -> None:
        """Show a cell of a map; how many cells say what is searched for or tracked, or else this cell's own word."""
        self.words.show_cell(here, searched or here.tracked)
        self._head(here.label(look_of(self)), self._said(here, readings, searched) if readings else "")

    def show_no_cell(self) -> None:
        """Say why there is no cell."""
        note = prompt_note(self.state) if self.state.model else "tokens come with the model"
        self.words.show_note(look_of(self).prose(note))
        self._head("", "")

    def _head(self, heading: str, said: str) -> None:
        if heading != self.heading:
            self.heading = heading
            self.retitle()
        self.update_subtitle(said)

    def _said(self, here: Here, readings: Readings, searched: str) -> str:
        """`12 of 310 say Paris`; nothing where there is but one cell.

        Of one width for most words, so that what stands on the border does not move from cell to cell.
        """
        found = here.reading.finished if here.reading else None
        word = searched or here.tracked or (warmest_word(found) if found else "")
        saying, all = how_many_have(readings, word) if searched else how_many_say(readings, word)
        shown = text.clip(look_of(self).prose(word), WORD_CELLS)
        return f"{saying:>{len(str(all))}} of {all} say {text.pad(shown, WORD_CELLS)}" if word and all > 1 else ""

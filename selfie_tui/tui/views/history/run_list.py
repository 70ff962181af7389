"""The list of the runs that were kept, with a cursor on one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.message import Message

from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.views.history.rows import Line, by_day, run_pieces
from selfie_tui.tui.widgets.lines import Rows

EMPTY = "No runs yet: enter in Read makes one, and it is kept here."
LOOKING = "reading the session files…"
NOTHING_FOUND = "No run has this text."


class RunList(Rows):
    """Runs under the headings of their days; the cursor is on runs only."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("runs", "list")
    BINDINGS = bindings("runs")

    class Asked(Message):
        """Something is to be done with the run that was under the cursor; `what` is the name of it."""

        def __init__(self, what: str, run: StoredRun | None) -> None:
            super().__init__()
            self.what = what
            self.run = run

    class Moved(Message):
        """The cursor is on another run, or the list is another; `by_key` where the user moved it."""

        def __init__(self, *, by_key: bool) -> None:
            super().__init__()
            self.by_key = by_key

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.runs: Sequence[StoredRun] = ()
        self.lines: list[Line] = []
        self.marked: list[str] = []
        """The ids of the marked runs, in the order of marking."""
        self.note = LOOKING
        """What stands where there are no runs."""

    @property
    def here(self) -> StoredRun | None:
        """The run under the cursor."""
        return self.lines[self.cursor].run if self.cursor < len(self.lines) else None

    def show_runs(self, runs: Sequence[StoredRun], note: str, at: str = "") -> None:
        """Show these runs; the cursor goes to the one with the id `at`, or stays on its own as near as it can."""
        here = at or (self.here.id if self.here else "")
        before = self.cursor
        self.runs, self.lines, self.note = runs, by_day(runs), note
        self.cursor = self.line_of(here, before)
        self.refresh()
        self.settle()
        self._show_cursor()
        self.post_message(self.Moved(by_key=False))

    def update_run(self, run: StoredRun) -> None:
        """Draw a run's line again, if it is another now."""
        for number, line in enumerate(self.lines):
            if line.run is not None and line.run.id == run.id and line.run != run:
                self.lines[number] = Line(run)
                self.redraw(number)

    def line_of(self, id: str, otherwise: int = 0) -> int:
        """The line of a run, or the run's line that is nearest to another line."""
        numbers = [number for number, line in enumerate(self.lines) if line.run is not None]
        exact = next((number for number in numbers if self._id_at(number) == id), None)
        return exact if exact is not None else min(numbers, key=lambda number: abs(number - otherwise), default=0)

    def _id_at(self, number: int) -> str:
        run = self.lines[number].run
        return run.id if run else ""

    def count(self) -> int:
        return max(len(self.lines), 1)

    def pieces(self, index: int) -> Pieces:
        if not self.lines:
            return (Piece(f" {self.note}", "dim"),)
        line = self.lines[index]
        if line.run is None:
            return (Piece(line.heading, "strong"),)
        here = index == self.cursor
        marked, cursor = line.run.id in self.marked, self.cursor_role if here else None
        pieces = run_pieces(line.run, max(self.size.width - 1, 1), self.look, marked=marked, cursor=cursor)
        return (Piece("▌" if here else " ", "key"), *pieces)

    def extent(self) -> str:
        count = len(self.lines)
        if not count > self.size.height > 0:
            return ""
        before = sum(line.run is not None for line in self.lines[: self.top])
        within = sum(line.run is not None for line in self.lines[self.top : self.top + self.size.height])
        return f"{before + 1}–{before + within} of {len(self.runs)}"

    # The cursor ------------------------------------------------------------------------------------------------------

    def go(self, index: int) -> None:
        """Put the cursor on a line, or the next one in that direction that is a run's."""
        if not self.lines:
            return
        index = max(0, min(index, len(self.lines) - 1))
        down = index >= self.cursor
        ahead = range(index, len(self.lines)) if down else range(index, -1, -1)
        behind = range(index, -1, -1) if down else range(index, len(self.lines))
        super().go(next(number for number in (*ahead, *behind) if self.lines[number].run is not None))
        self._show_cursor()

    def _show_cursor(self) -> None:
        """Have the run in sight, and above the first of a day its heading."""
        if self.lines:
            above = self.cursor > 0 and self.lines[self.cursor - 1].run is None
            self.show(self.cursor - above, self.cursor)

    def cursor_moved(self) -> None:
        self.post_message(self.Moved(by_key=True))

    def action_ask(self, what: str) -> None:
        """Have something done with the run under the cursor."""
        self.post_message(self.Asked(what, self.here))

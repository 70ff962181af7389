"""The interpretations: all runs of the session below each other, as a window on lines laid out from the records."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.message import Message

from selfie_tui.records import Severity
from selfie_tui.tui.actions import Scope, bindings
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.runs import CONTROL, Run
from selfie_tui.tui.views.interpret.entries import HEADER, LABEL_CELLS, Entry
from selfie_tui.tui.views.interpret.interpretation_lines import Layout, folded, highlighted, label_cells
from selfie_tui.tui.widgets.lines import Rows

WELCOME = (
    "What the model says of a hidden state will stand here, layer by layer.",
    "",
    "enter reads the token under the cursor at the marked layers.",
    "",
    "▁▂▃▄▅▆▇█ how much each token owes to the state · + says more than the control · = says no more",
)


class Log(Rows):
    """Entries with a cursor on one of them; follows new ones as long as the cursor is on the last."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("log", "list")
    BINDINGS = bindings("log")

    class DetailsWanted(Message):
        """The user wants to see an interpretation token by token."""

        def __init__(self, run: Run, index: int) -> None:
            super().__init__()
            self.run = run
            self.index = index

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: list[Entry] = []
        self.shown: list[Entry] = []
        self.query_text = ""
        self.only_matches = False
        self.below = False
        self._lines: list[tuple[Entry, int]] = []
        self._labels: dict[int, int] = {}
        self._spare = 0
        self._follow = True
        self._welcome: list[Pieces] = []

    # What happens ----------------------------------------------------------------------------------------------------

    def begin(self, run: Run) -> None:
        """Show a new run, at the top of the window if it does not fit below what is there."""
        self._labels[run.number] = label_cells(run, self._width, self.look)
        entry = Entry(run, HEADER)
        self._insert(entry, len(self.entries))
        expected = len(run.request.cells) + 1
        if self._follow and len(self._lines) + expected > self.top + self.size.height:
            self._spare = min(expected, max(self.size.height - 1, 0))
            self._set_top(entry.start)

    def open(self, run: Run) -> None:
        """Show a run that was kept, if it is not shown yet, and put the cursor on its header."""
        if self._find(run, HEADER) is None:
            self.begin(run)
            for index in (CONTROL, *run.interpretations) if run.control else run.interpretations:
                self.update(run, index)
        header = self._find(run, HEADER)
        if header in self.shown:
            self.go(self.shown.index(header))
            self._set_top(header.start)

    @property
    def run_here(self) -> Run | None:
        """The run under the cursor."""
        return self.shown[self.cursor].run if self.shown else None

    def update(self, run: Run, index: int) -> None:
        """Show an interpretation as it is now; its entry is made when it first has something to say."""
        entry = self._find(run, index)
        if entry is None:
            self._insert(Entry(run, index), self._number_for(run, index))
        else:
            self._lay_out_again(entry)

    def update_header(self, run: Run) -> None:
        """Show how a run stands now."""
        entry = self._find(run, HEADER)
        if entry is not None:
            self._lay_out_again(entry)

    def notice(self, text: str, severity: Severity) -> None:
        """Keep a notice among the interpretations."""
        self._insert(Entry(None, HEADER, text, severity), len(self.entries))

    # Lines -----------------------------------------------------------------------------------------------------------

    def count(self) -> int:
        return len(self._lines) + self._spare if self.entries else len(self._welcome)

    def pieces(self, index: int) -> Pieces:
        if not self.entries:
            return (Piece(" "), *self._welcome[index])
        if index >= len(self._lines):
            return ()
        entry, line = self._lines[index]
        here = self.has_focus and self.cursor < len(self.shown) and entry is self.shown[self.cursor]
        pieces = highlighted(entry.lines[line], self.query_text)
        if here and pieces:
            pieces = (Piece(pieces[0].text, "cursor"), *pieces[1:])
        return (Piece("▌" if here else " ", "key"), *pieces)

    def extent(self) -> str:
        matches = f"{len(self.matches())} matching “{self.query_text}”  " if self.query_text else ""
        lines, height = len(self._lines), self.size.height
        shown = f"{self.top + 1}–{min(self.top + height, lines)} of {lines}" if lines > height > 0 else ""
        return matches + shown

    @property
    def _width(self) -> int:
        return max(self.size.width - 1, 20)

    def _lay_out(self, entry: Entry) -> None:
        labels = self._labels.get(entry.run.number, LABEL_CELLS) if entry.run else LABEL_CELLS
        entry.lay_out(Layout(self._width, labels, self.below, self.look))

    def _lay_out_again(self, entry: Entry) -> None:
        before = entry.lines
        self._lay_out(entry)
        if self.only_matches and self.query_text:
            self._arrange()
        elif entry.lines == before:
            return
        elif len(entry.lines) == len(before):
            self.redraw(entry.start, entry.start + len(before) - 1)
        else:
            self._arrange(entry.start)

    def _insert(self, entry: Entry, number: int) -> None:
        first = not self.entries
        at_end = number == len(self.entries)
        self.entries.insert(number, entry)
        self._lay_out(entry)
        if at_end and not first and not (self.only_matches and self.query_text):
            entry.start = len(self._lines)
            self.shown.append(entry)
            self._lines += [(entry, line) for line in range(len(entry.lines))]
            self._grown(entry.start, len(entry.lines))
        else:
            self._arrange(0 if first else self.entries[max(number - 1, 0)].start)

    def _arrange(self, changed: int = 0) -> None:
        """Put all lines in order again; those from `changed` on are drawn again."""
        before = len(self._lines)
        self.shown = [entry for entry in self.entries if self._is_shown(entry)]
        self._lines = []
        for entry in self.shown:
            entry.start = len(self._lines)
            self._lines += [(entry, line) for line in range(len(entry.lines))]
        self.cursor = min(self.cursor, max(len(self.shown) - 1, 0))
        self._grown(changed, len(self._lines) - before)

    def _grown(self, changed: int, lines: int) -> None:
        """Account for more lines: into the spare ones first, then by half a window at a time."""
        self._spare = max(self._spare - max(lines, 0), 0)
        if self._follow and self.shown:
            self.cursor = len(self.shown) - 1
            if len(self._lines) > self.top + self.size.height > 0:
                self._spare = max(self._spare, min(self._expected(), self.size.height // 2))
                self._set_top(len(self._lines) + self._spare - self.size.height)
        self.redraw(changed, self.top + self.size.height)
        self.settle()

    def _expected(self) -> int:
        """Entries that the running run still has to come."""
        run = self.shown[-1].run
        if run is None or run.state != "running":
            return 0
        begun = len(run.interpretations.keys() | run.growing.keys() - {CONTROL})
        return len(run.request.cells) - begun

    def _is_shown(self, entry: Entry) -> bool:
        return not (self.only_matches and self.query_text) or self._matches(entry)

    def _find(self, run: Run, index: int) -> Entry | None:
        return next((entry for entry in reversed(self.entries) if entry.run is run and entry.index == index), None)

    def _number_for(self, run: Run, index: int) -> int:
        """Behind the last entry of the run with a smaller index."""
        for number in range(len(self.entries) - 1, -1, -1):
            entry = self.entries[number]
            if entry.run is run and entry.index <= index:
                return number + 1
        return len(self.entries)

    def _on_resize(self, event: events.Resize) -> None:
        self._welcome = [line for paragraph in WELCOME for line in flow([Piece(paragraph, "dim")], self._width)]
        runs = {entry.run.number: entry.run for entry in self.entries if entry.run is not None}
        self._labels = {number: label_cells(run, self._width, self.look) for number, run in runs.items()}
        self._again()

    def _again(self) -> None:
        """Lay everything out again, the cursor's entry staying in sight."""
        for entry in self.entries:
            self._lay_out(entry)
        self._spare = 0
        self._arrange()
        self.refresh()
        self._show_cursor()

    # The cursor ------------------------------------------------------------------------------------------------------

    def go(self, index: int) -> None:
        """Put the cursor on an entry; on the last one, new ones are followed."""
        if not self.shown:
            return
        index = max(0, min(index, len(self.shown) - 1))
        before, self.cursor = self.cursor, index
        self._follow = index == len(self.shown) - 1
        for number in (before, index):
            if number < len(self.shown):
                entry = self.shown[number]
                self.redraw(entry.start, entry.start + len(entry.lines) - 1)
        self._show_cursor()

    def _show_cursor(self) -> None:
        if self.shown:
            entry = self.shown[self.cursor]
            self.show(entry.start, entry.start + len(entry.lines) - 1)

    def action_page(self, direction: int) -> None:
        """Half a window up or down."""
        if self.shown:
            line = self.shown[self.cursor].start + direction * max(self.size.height // 2, 1)
            line = max(0, min(line, len(self._lines) - 1))
            self.go(self.shown.index(self._lines[line][0]))

    def action_last(self) -> None:
        """To the newest, and follow."""
        self.go(len(self.shown) - 1)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the entry under the mouse."""
        line = self.top + event.y
        if line < len(self._lines):
            self.go(self.shown.index(self._lines[line][0]))

    def action_details(self) -> None:
        """Ask for the details of the entry under the cursor."""
        entry = self.shown[self.cursor] if self.shown else None
        if entry is not None and entry.run is not None:
            self.post_message(self.DetailsWanted(entry.run, entry.index))

    def action_bars(self) -> None:
        """Bars below the text, or behind it."""
        self.below = not self.below
        self._again()

    # Search ----------------------------------------------------------------------------------------------------------

    def search(self, query: str) -> None:
        """Mark all matches of `query`, none for ""; case does not count."""
        self.query_text = folded(self.look.prose(query))
        if not query:
            self.only_matches = False
        self._arrange()
        self.refresh()
        self._show_cursor()

    def matches(self) -> list[int]:
        """The numbers, among those that are shown, of the entries that match."""
        return [number for number, entry in enumerate(self.shown) if self._matches(entry)] if self.query_text else []

    def find(self, direction: int) -> bool:
        """To the next match in a direction, around the end if need be; False when there is none."""
        matches = self.matches()
        if not matches:
            return False
        if direction > 0:
            self.go(next((number for number in matches if number > self.cursor), matches[0]))
        else:
            self.go(next((number for number in reversed(matches) if number < self.cursor), matches[-1]))
        return True

    def action_filter(self) -> None:
        """Only matches, or all again."""
        if self.query_text:
            here = self.shown[self.cursor] if self.shown else None
            self.only_matches = not self.only_matches
            self._arrange()
            self.refresh()
            if here in self.shown:
                self.go(self.shown.index(here))

    def _matches(self, entry: Entry) -> bool:
        return self.query_text in folded(entry.searched(self.look))

    # Copying ---------------------------------------------------------------------------------------------------------

    def copyable(self) -> str:
        """The entry under the cursor as a line of text."""
        return self.shown[self.cursor].plain(self.look) if self.shown else ""

    def copyable_all(self) -> str:
        """All entries that are shown, as lines of text."""
        return "\n".join(entry.plain(self.look) for entry in self.shown)

    def neighbour_of(self, run: Run, index: int, step: int) -> int | None:
        """The index of the interpretation before or after one in its run, the control first."""
        numbers = sorted(entry.index for entry in self.entries if entry.run is run and entry.index >= CONTROL)
        there = numbers.index(index) + step if index in numbers else -1
        return numbers[there] if 0 <= there < len(numbers) else None

"""All runs that were kept, of this session and of those before: found, looked at, opened, deleted."""

from __future__ import annotations

from collections import Counter

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import Input

from selfie_tui.errors import SelfieError
from selfie_tui.records import Interpret, PatchActivations
from selfie_tui.results.history import Found, search
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.background import in_background
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.exporting import Exportable, stored_entries
from selfie_tui.tui.kept import read_back
from selfie_tui.tui.pages.page import Build
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.history.actions import ENTRY
from selfie_tui.tui.views.history.glimpse import glimpse
from selfie_tui.tui.views.history.preview import Preview
from selfie_tui.tui.views.history.rows import how_many
from selfie_tui.tui.views.history.run_list import EMPTY, LOOKING, NOTHING_FOUND, RunList
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.messages import DeletionRegretted, RunWanted, Wanted
from selfie_tui.tui.widgets.pane import Pane

PAUSE = 0.1
"""Seconds without a key after which a run is looked at, or what was typed is searched for."""

MOST_MARKED = 2
"""Runs that are marked at a time: two are compared."""

WANTED: dict[str, Wanted] = {"open": "open", "again": "again", "resume": "resume"}
"""What is done by the frame, by the name of it in the list's actions."""


NOUNS = {"interpretation": "reading"}
"""What results are called in the app, where it is not the name that they have elsewhere."""


class HistoryView(View):
    """The runs of all sessions, and what the one under the cursor said."""

    NAME, TITLE, LETTER, FUNCTION_KEY, ACTIONS, SECTIONS, _ = ENTRY
    FRAME_PANES = frozenset()
    SCOPED_CSS = False
    DEFAULT_CSS = """
    HistoryView > Horizontal { height: 1fr; }
    HistoryView #runs { width: 3fr; }
    HistoryView #said { width: 2fr; }
    MainScreen.-narrow HistoryView Pane { display: none; width: 1fr; }
    MainScreen.-narrow HistoryView Pane.-alone { display: block; }
    HistoryView #history-search { margin: 0 1; width: 1fr; }
    """

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.list = RunList(id="run-list")
        self.preview = Preview(id="preview")
        self.search_text = Field(placeholder="search all runs", id="history-search", classes="-hidden")
        self.runs_pane = Pane(4, "Runs", self.list, self.search_text, id="runs", classes="-described")
        self.said_pane = Pane(5, "What it said", self.preview, id="said")
        self.panes = (self.runs_pane, self.said_pane)
        self._found: dict[str, Found] | None = None
        """What the search has found, by the ids of the runs; None without a search."""
        self._looking: Timer | None = None
        self._typing: Timer | None = None
        self._chosen = False
        """Whether the cursor is on a run because of a key."""
        self._to_delete = ""
        self._opens_first = False
        """Whether a run is to be opened as soon as the runs are known."""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield from self.panes

    def on_mount(self) -> None:
        """Show the runs that are known, and look for others."""
        self.show_kept()

    # What has changed ------------------------------------------------------------------------------------------------

    def show(self, changed: Changed) -> None:
        if changed.kept:
            self.show_kept()
        if changed.model:
            self.show_preview()

    def show_kept(self) -> None:
        """Show the runs; at first the cursor is on the last one before this session."""
        kept, first = self.state.kept, not self._chosen
        before = kept.before
        note = LOOKING if not kept.listed else EMPTY if self._found is None else NOTHING_FOUND
        self.list.show_runs(self._shown(), note, before.id if first and before else "")
        counted = f"{how_many(kept.sessions, 'session')} · {how_many(len(kept.runs), 'run')}"
        self.runs_pane.retitle(f" · {counted}" if kept.runs else "")
        self.update_border()
        if self._opens_first and kept.listed:
            self._opens_first = False
            self.list.action_ask("open")

    def _shown(self) -> list[StoredRun]:
        runs = self.state.kept.runs
        return runs if self._found is None else [run for run in runs if run.id in self._found]

    def update_border(self) -> None:
        """Write below the list what was searched, how much of it is in sight, and what a second key would do."""
        total, query = len(self.state.kept.runs), self.app.look.prose(self.search_text.value)
        found = f"/ {query}: {len(self.list.runs)} of {total} runs" if self._found is not None else ""
        asked = "d again deletes this run" if self._to_delete else ""
        if not asked and len(self.list.marked) == MOST_MARKED:
            asked = "enter compares the two marked"
        narrow = "5: what it said" if self.screen.has_class("-narrow") else ""
        parts = [part for part in (asked, found, narrow, self.list.extent()) if part]
        self.runs_pane.update_subtitle(" ── ".join(parts))

    # The cursor ------------------------------------------------------------------------------------------------------

    @on(RunList.Moved)
    def moved(self, event: RunList.Moved) -> None:
        """Show the run under the cursor, and what it said once the cursor rests."""
        self._chosen = self._chosen or event.by_key
        if self._to_delete and (self.list.here is None or self.list.here.id != self._to_delete):
            self._to_delete = ""
        self.show_preview()
        self.update_border()
        if self._looking is not None:
            self._looking.stop()
        self._looking = self.set_timer(PAUSE, self.look)

    def show_preview(self) -> None:
        """Show what is known of the run under the cursor without reading it."""
        run = self.list.here
        found = self._found.get(run.id) if self._found is not None and run is not None else None
        self.preview.show_run(run, (found.matches, found.texts) if found else (0, ()), self.state.model)

    def look(self) -> None:
        """Read the run under the cursor, as far as the preview needs it."""
        run = self.list.here
        if run is not None:
            self.run_worker(self._look(run), exclusive=True, group="look")

    async def _look(self, run: StoredRun) -> None:
        self.preview.show_glimpse(await in_background(lambda: glimpse(run)))

    # What is done with runs ------------------------------------------------------------------------------------------

    @on(RunList.Asked)
    def asked(self, event: RunList.Asked) -> None:
        """Do what was asked with the run under the cursor."""
        run = event.run
        self._chosen = True
        self._opens_first = event.what == "open" and not self.state.kept.listed
        if event.what == "undelete":
            self.post_message(DeletionRegretted())
        elif run is None:
            return
        elif event.what == "mark":
            self.mark(run)
        elif event.what == "delete":
            self.delete(run)
        elif event.what == "open" and len(self.list.marked) == MOST_MARKED:
            self.compare()
        elif event.what in WANTED:
            self.post_message(RunWanted(run, WANTED[event.what], self._query_of(run)))

    def _query_of(self, run: StoredRun) -> str:
        """What is searched for, where readings of the run say it."""
        found = self._found.get(run.id) if self._found is not None else None
        return self.search_text.value if found is not None and found.matches else ""

    def run_job(self) -> None:
        if self.list.here is not None:
            self.post_message(RunWanted(self.list.here, "again"))

    def mark(self, run: StoredRun) -> None:
        """Mark a run, or take its mark away; a third mark takes the first one's place."""
        marked = self.list.marked
        if run.id in marked:
            marked.remove(run.id)
        else:
            marked[:] = [*marked, run.id][-MOST_MARKED:]
        self.list.refresh()
        self.update_border()

    def delete(self, run: StoredRun) -> None:
        """Ask, and delete a run when it is asked for again."""
        again, self._to_delete = self._to_delete == run.id, run.id
        if again:
            self._to_delete = ""
            self.post_message(RunWanted(run, "delete"))
        self.update_border()

    def compare(self) -> None:
        """Open the cells in which two marked runs say other words, or the sites at which two patchings differ."""
        runs = [run for id in self.list.marked for run in self.state.kept.runs if run.id == id]
        kinds = {type(run.began.task) for run in runs}
        if len(kinds) > 1 or not kinds <= {Interpret, PatchActivations}:
            said = "Two runs of the kind “read” are compared, or two of the kind “patch”: mark such."
            self.app.toast(said, "information")
        elif len(runs) == MOST_MARKED:
            self.run_worker(self._compare(*sorted(runs, key=lambda run: run.began.began)), exclusive=True, group="look")

    async def _compare(self, first: StoredRun, second: StoredRun) -> None:
        from selfie_tui.tui.pages.page import PageScreen  # not needed for the first paint

        try:
            lines = await in_background(lambda: page_of(first, second))
        except (OSError, ValueError, SelfieError) as error:
            self.app.toast(f"A run cannot be read: {error}.", "error")
            return
        if self.app.screen is self.screen:
            self.app.push_screen(PageScreen("Two runs", lines))

    def keepable(self) -> None:
        """Nothing: what stands here are runs, and not states."""

    def exportable(self) -> Exportable | None:
        """The marked runs, or the one under the cursor."""
        marked = [run for run in self.state.kept.runs if run.id in self.list.marked]
        runs = marked or ([self.list.here] if self.list.here is not None else [])
        if not runs:
            return None
        done = Counter[str]()
        for run in runs:
            done[NOUNS.get(run.kind.noun, run.kind.noun)] += run.done
        results = ", ".join(how_many(count, noun) for noun, count in done.items())
        what = f"{results} of {len(runs)} runs" if marked else results
        return Exportable(what, runs[0].began.model, lambda: stored_entries(reversed(runs)))

    # Search ----------------------------------------------------------------------------------------------------------

    def search_field(self) -> Field:
        return self.search_text

    @on(Input.Changed, "#history-search")
    def search_typed(self) -> None:
        """Search when the typing pauses."""
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(PAUSE, self.search)

    def search(self) -> None:
        """Search all runs for what was typed."""
        self.run_worker(self._search(self.search_text.value, self.state.kept.runs), exclusive=True, group="search")

    async def _search(self, query: str, runs: list[StoredRun]) -> None:
        found = await in_background(lambda: {hit.run.id: hit for hit in search(runs, query)}) if query else None
        if query == self.search_text.value:
            self._found = found
            self.show_kept()

    def find(self, direction: int) -> bool:
        if self._found is None or not self.list.runs:
            return False
        self._chosen = True
        here = self.list.cursor
        self.list.go(here + direction)
        if self.list.cursor == here and len(self.list.runs) > 1:
            self.list.go(0 if direction > 0 else len(self.list.lines) - 1)
        return True

    def step_out(self) -> bool:
        if self._found is None and not self.search_text.value:
            return False
        self.search_text.value = ""
        self._found = None
        if self.search_text.has_focus:
            self.screen.set_focus(self.list)
        self.search_text.add_class("-hidden")
        self.show_kept()
        return True

    # Copying ---------------------------------------------------------------------------------------------------------

    def copyable(self, *, all: bool) -> tuple[str, str] | None:
        return (self.preview.copyable(), "what the run said") if self.list.here is not None else None


def page_of(first: StoredRun, second: StoredRun) -> Build:
    """What makes the page on which two runs of one kind are compared; raises as reading them does."""
    if isinstance(first.began.task, PatchActivations):
        from selfie_tui.tui.views.history.comparing_patchings import patchings_lines, read_patchings

        found = read_patchings(first, second)
        return lambda width, look: patchings_lines(found, first, second, width, look)
    from selfie_tui.tui.views.history.compare import compared_lines

    one, other = read_back(first, -1), read_back(second, -2)
    return lambda width, look: compared_lines(one, other, width, look)

"""The view of patching as it is shown: the pair, the settings, the map and the one beside it, what a run says."""

from __future__ import annotations

import time

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer

from selfie_tui.records import Cell, Event, PatchBegan
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.render.styles import Look, Piece, Pieces
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import clock, ended_pieces, no_pair_words
from selfie_tui.tui.views.patch.detail import Here, PatchDetail
from selfie_tui.tui.views.patch.map import FollowingMap, PatchMap
from selfie_tui.tui.views.patch.notes import map_note, site_label, site_note, together_words
from selfie_tui.tui.views.patch.pair_rows import PairRows
from selfie_tui.tui.views.patch.patches import Patches
from selfie_tui.tui.views.patch.patching import Patching
from selfie_tui.tui.views.patch.placing import place_cursor
from selfie_tui.tui.views.patch.settings_row import PatchSettings
from selfie_tui.tui.views.patch.source import PatchSource
from selfie_tui.tui.views.patch.titles import border, title
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.lines import TALL
from selfie_tui.tui.widgets.map.window import CellWindow
from selfie_tui.tui.widgets.messages import SelectionChanged
from selfie_tui.tui.widgets.pane import Pane
from selfie_tui.tui.widgets.pause import Pause

TOO_FAST = 1 / 15
"""Seconds between two steps of the cursor below which the lines under the map do not follow each of them."""

DRAWN_EVERY = 0.25
"""Seconds after which scores that have come are drawn."""

WIDE = 100
"""Columns of a screen on which the attribution stands beside the scores."""

MAP_NAME = "patch"
"""Under which the size of cells is kept."""


class BesidePane(Pane):
    """A pane without a digit: it follows another one, and takes no keys."""

    def retitle(self, detail: str = "") -> None:
        super().retitle(detail)
        self.border_title = str(self.border_title).removeprefix(f"{self.digit} ")


class ShownPatch(View):
    """Pair, settings, maps and the site under the cursor; what keys change of it is the subclass's."""

    FRAME_PANES = frozenset()
    PROMPT_OVER = True
    JOB = "patch"
    SCOPED_CSS = False
    DEFAULT_CSS = """
    PatchView #patch-pair, PatchView #patch-settings { height: auto; }
    PatchView #patch-maps { height: 1fr; }
    PatchView #patch-map, PatchView #patch-beside { width: 1fr; height: 1fr; }
    PatchView #patch-cell { height: 2; }
    MainScreen.-low PatchView #patch-cell, MainScreen.-flat PatchView #patch-cell { height: 1; }
    MainScreen.-narrow PatchView #patch-beside, MainScreen.-tiny PatchView #patch-beside { display: none; }
    MainScreen.-low PatchView #patch-settings { display: none; }
    MainScreen.-low PatchView #patch-settings.-active { display: block; }
    """

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.patches = Patches(state)
        self.source, self.other_source = PatchSource(self.patches), PatchSource(self.patches, "attribution")
        self.map = PatchMap(self.patches, self.source, id="patch-cells")
        self.other_map = FollowingMap(self.patches, self.other_source, id="patch-other")
        self.pair_rows = PairRows(self.patches, self.edit_row, id="pair-rows")
        self.settings = PatchSettings(self.patches, id="patch-choices")
        self.detail = PatchDetail(id="patch-detail")
        self.map_pane = Pane(4, "", self.map, id="patch-map", classes="-described")
        self.other_pane = BesidePane(4, "", self.other_map, id="patch-beside", classes="-described")
        self.pair_pane = Pane(2, "Pair", self.pair_rows, id="patch-pair", classes="-described")
        self.settings_pane = Pane(3, "Patch", self.settings, id="patch-settings", classes="-described")
        self.cell_pane = Pane(5, "Site", self.detail, id="patch-cell", classes="-described -line")
        self.row = Horizontal(self.map_pane, self.other_pane, id="patch-maps", classes="-row")
        self.panes = (self.map_pane, self.pair_pane, self.settings_pane, self.cell_pane)
        self._pausing = Pause(self, TOO_FAST, self.show_here)
        self._stepped = 0.0
        self._drawing: Timer | None = None
        self._new: set[tuple[int, int]] = set()
        """Cells that have changed and are to be drawn."""

    def compose(self) -> ComposeResult:
        yield from (self.pair_pane, self.settings_pane, self.row, self.cell_pane)

    @property
    def beside(self) -> Pane | None:
        return self.cell_pane

    @property
    def cell_here(self) -> Cell:
        """The cell under the cursor; of a block the one that stands for it."""
        here = self.map
        if here.of_heads or not (here.rows.blocks and here.columns.blocks):
            return super().cell_here
        return Cell(*here.place_here)

    @property
    def alone(self) -> bool:
        """Whether there is room for one map only."""
        return self.app.size.width < WIDE

    @property
    def look(self) -> Look:
        return self.app.look

    def edit_row(self, row: int) -> None:
        """Edit one of the prompts."""
        raise NotImplementedError

    # What has changed ------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Show what is known, in cells of the size that was chosen before."""
        if size := self.app.cell_size(MAP_NAME):
            self.map.choose(size)
            self.other_map.choose(size)
        self.show_all()

    def on_show(self) -> None:
        """Ask for what both prompts say; nothing is asked for a view that is not shown."""
        self.show_all()

    def on_resize(self) -> None:
        """Two maps, or one."""
        self._share_small_screen()
        self.retitle()
        self.show_pair()

    @on(events.DescendantFocus)
    def focus_moved(self) -> None:
        """On a small screen one pane stands alone; the settings say what the one under the cursor does."""
        self._share_small_screen()
        self.describe()

    @on(events.DescendantBlur)
    def focus_gone(self) -> None:
        """The settings describe nothing while they have not the keys."""
        self.describe()

    def _share_small_screen(self) -> None:
        small = self.screen.has_class("-tiny") or self.screen.has_class("-flat")
        self.row.set_class(small and not self.map_pane.has_class("-alone"), "-hidden")

    @on(PatchMap.SizeChosen)
    def size_chosen(self, event: PatchMap.SizeChosen) -> None:
        """Keep it for the next start; the map beside has the same."""
        event.stop()
        self.other_map.choose(event.map.scale)
        self.app.keep_cell_size(MAP_NAME, event.map.scale)

    def take(self, event: Event) -> None:
        before = self.patches.says(self.state.selection.prompt), self.patches.prompts
        taken = self.patches.take(event)
        if before != (self.patches.says(self.state.selection.prompt), self.patches.prompts):
            self.show_all()
            self.answers_known()
        if taken is None:
            return
        patching, changed = taken
        if changed == {-1} or patching not in (self.source.patching, self.patches.here):
            if isinstance(event, PatchBegan) and event.problem:
                self.app.toast(event.problem, "warning")
            self.show_all()
        elif changed:
            self._draw_soon(patching, changed)

    def answers_known(self) -> None:
        """What a prompt says is known now."""

    def _draw_soon(self, patching: Patching, changed: set[int]) -> None:
        choices, position = self.patches.choices, self.patches.position
        for name, layer, column, head in patching.places(changed):
            if name == choices.name and (head is None or column == position):
                self._new.add((layer, column if head is None else head))
        if self._drawing is None:
            self._drawing = self.set_timer(DRAWN_EVERY, self.draw_new)

    def draw_new(self) -> None:
        """Draw the scores that have come, all at once: each part would send every line."""
        self._drawing = None
        new, self._new = self._new, set()
        self.map.update(new)
        self.update_borders()
        self.show_here()

    def show(self, changed: Changed) -> None:
        self.patches.ended(changed.ended)
        if changed.model or changed.edits:
            self.patches.forget()
        dropped = changed.status and self.patches.drop_forgotten()
        if dropped or changed.model or changed.edits or changed.stack or changed.tokens or changed.pair:
            self.show_all()
        elif changed.selection:
            self._follow()

    def show_all(self) -> None:
        """Draw everything as it is now, and ask for what is said after each prompt."""
        if self.display:
            self.patches.ask_what_is_said()
        self.source.patching = self.other_source.patching = self.patches.here
        if self.display and place_cursor(self.patches):
            self.map.post_message(SelectionChanged())
        self.show_pair()
        note = map_note(self.state, self.patches, self.app.keymap, self.look)
        self.map.show_note(note)
        self.other_map.show_note(note and " ")
        self.settings.refresh()
        self.retitle()
        self.show_here()

    def show_pair(self) -> None:
        """Draw both prompts, or what to do to have a pair."""
        state, rows = self.state, self.pair_rows
        no_pair = no_pair_words(state, self.app.keymap)
        rows.note = no_pair
        rows.fit(3)
        rows.show_pair()
        self.pair_pane.retitle(f" · {rows.told()}" if not no_pair and self.app.size.height < TALL else "")

    @on(CellWindow.Windowed)
    def windowed(self) -> None:
        """Say what is in sight now."""
        self.update_borders()

    def _follow(self) -> None:
        """Show the cell under the cursor; while steps come faster than it could be looked at, once they pause."""
        now, before = time.monotonic(), self._stepped
        self._stepped = now
        self.pair_rows.show_cursor()
        if self.patches.here is not self.source.patching:
            self.show_all()
            return
        self.map.show_cursor()
        self.other_map.show_cursor()
        if now - before < TOO_FAST:
            self._pausing.again()
        else:
            self.show_here()

    # In words --------------------------------------------------------------------------------------------------------

    def retitle(self) -> None:
        """Write what the maps show into their titles, and what is in sight below them."""
        self.map_pane.heading = title(self.patches, self.source.measure, self.look, alone=self.alone)
        self.map_pane.retitle()
        self.other_pane.heading = title(self.patches, "attribution", self.look, alone=False)
        self.other_pane.retitle()
        self.describe()
        self.update_borders()

    def update_borders(self) -> None:
        """Write below the maps their scale, how far they are, and which part is in sight."""
        shown = self.source.patching
        width = self.map_pane.size.width - 4
        measure = self.source.measure
        self.map_pane.update_subtitle(border(self.map, shown, measure, width, alone=self.alone))
        width = self.other_pane.size.width - 4
        self.other_pane.update_subtitle(border(self.other_map, shown, "attribution", width, alone=False))

    def describe(self) -> None:
        """Write below the settings what the one under the cursor does."""
        self.settings_pane.update_subtitle(self.settings.description() if self.settings.has_focus else "")

    def show_here(self) -> None:
        """Show what is known of the site under the cursor."""
        here = self.patches.run_here()
        patching = here[0] if here else self.patches.here
        index = here[1] if here else None
        said = site_note(self.state, self.patches, self.app.keymap, self.look, patching, index)
        together = together_words(self.patches, self.map.marked_sites())
        self.detail.show_here(Here(site_label(self.state, self.patches, self.look), patching, index, said, together))

    def outcome(self) -> Pieces:
        here = self.patches.here
        return ended_pieces(here.state, here.description()) if here is not None else ()

    def under_way(self) -> Pieces:
        shown = self.patches.under_way
        if shown is None:
            return ()
        since = self.state.clock() - shown.since
        new = shown.done - shown.done_before
        left = f"  {clock(since / new * (shown.sites - shown.done))} left" if new and since > 1 else ""
        return (Piece(f"patch {shown.done:,} of {shown.sites:,}{left}" if shown.sites else "patching…", "accent"),)

"""The panes of the view, and how they follow the state: the tree, the cursor, the values, the edits and answers."""

from __future__ import annotations

import time

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer

from selfie_tui import text
from selfie_tui.records import EMBED, Event, LoadModel
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.runs import Run
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.inspect.answers import difference
from selfie_tui.tui.views.inspect.edit_line import EditLine
from selfie_tui.tui.views.inspect.edits_view import EditsView
from selfie_tui.tui.views.inspect.inspection import Inspection
from selfie_tui.tui.views.inspect.module_list import ModuleRows
from selfie_tui.tui.views.inspect.notes import module_note
from selfie_tui.tui.views.inspect.values_view import ValuesView
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.lines import TALL
from selfie_tui.tui.widgets.messages import SelectionChanged
from selfie_tui.tui.widgets.pane import Pane
from selfie_tui.tui.widgets.pause import Pause

STALE = 0.2
"""Seconds for which the values of the tensor before may stand while others are being read."""

NAME_CELLS = 24
"""Cells of a model's name on the border of the tree, at most."""

TOO_FAST = 1 / 15
"""Seconds between two steps of a cursor below which the values do not follow each of them."""


class LookingView(View):
    """Modules, values and edits beside each other; on a narrow screen modules or values, edits in one line."""

    FRAME_PANES = frozenset({"prompt"})
    TEXT = False
    JOB = "answer"
    SCOPED_CSS = False
    DEFAULT_CSS = """
    InspectView #inspect-body { height: 1fr; }
    InspectView #inspect-modules, InspectView #inspect-values { width: 1fr; height: 1fr; }
    InspectView #inspect-edits { height: auto; }
    InspectView #edit-line, InspectView #module-search { margin: 0 1; width: 1fr; }
    MainScreen.-narrow InspectView #inspect-body Pane { display: none; }
    MainScreen.-narrow InspectView #inspect-body Pane.-front { display: block; }
    """

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.inspection = Inspection(state)
        self.modules = ModuleRows(id="modules")
        self.values = ValuesView(self.inspection, id="values")
        self.edits = EditsView(self.inspection, id="edits")
        self.edit_line = EditLine()
        self.search_text = Field(placeholder="part of a path or a kind", id="module-search", classes="-hidden")
        self.modules_pane = Pane(
            4, "Modules", self.modules, self.search_text, id="inspect-modules", classes="-described -front"
        )
        self.values_pane = Pane(5, "Values", self.values, id="inspect-values", classes="-described")
        self.edits_pane = Pane(3, "Edits", self.edits, self.edit_line, id="inspect-edits", classes="-described")
        self.panes = (self.modules_pane, self.values_pane, self.edits_pane)
        self.modules.moved = self.module_moved
        self.modules.note = self.note_of
        self.modules.marked = lambda path: bool(self.inspection.edits_of(path))
        self.values.reading = self.reading
        self.run: Run | None = None
        """The run that interprets the values."""
        self._pause = Pause(self, TOO_FAST, self.look)
        self._stepped = 0.0
        self._stale: Timer | None = None
        self._layer, self._prompt = EMBED, ""

    def compose(self) -> ComposeResult:
        with Horizontal(id="inspect-body"):
            yield self.modules_pane
            yield self.values_pane
        yield self.edits_pane

    @property
    def beside(self) -> Pane:
        return self.values_pane if self.values_pane.has_class("-front") else self.modules_pane

    def on_mount(self) -> None:
        """Show what is known."""
        self.modules.show_outline(self.inspection.outline, "modules come with the model")

    def on_show(self) -> None:
        """Catch up with what has changed while another view was shown."""
        self.inspection.ask_modules()
        self.follow_layer()
        self.follow()
        self.update_edits()

    # What has changed ------------------------------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        news = self.inspection.take(event)
        if news.tree:
            self.show_tree()
        if news.values:
            self.update_values()
        if news.answers:
            self.update_edits()

    def show(self, changed: Changed) -> None:
        self._drop(changed)
        if isinstance(changed.ended, LoadModel):
            self.inspection.stays = self.display
            self.update_modules()
            self.update_values()
        if (changed.model or changed.status) and self.display:
            self.inspection.ask_modules()
        if changed.selection:
            self.follow_layer()
        other = changed.model or changed.edits or changed.tokens
        if other:
            self.update_edits()
        if other or changed.selection:
            self.follow()
        if changed.run is not None and changed.run is self.run:
            self.values.show_values()

    def _drop(self, changed: Changed) -> None:
        """Drop what is of another model, of other edits or of another prompt."""
        inspection = self.inspection
        other_prompt, self._prompt = self._prompt != inspection.prompt, inspection.prompt
        if changed.model or changed.edits:
            inspection.forget()
        if changed.model or changed.edits or other_prompt:
            self.values.forget()
        if changed.model:
            inspection.removed, self.run = [], None
        if changed.model or other_prompt:
            inspection.answers, inspection.attention, inspection.steps = None, None, []
        if changed.edits:
            self.modules.refresh()
        if changed.model or changed.edits or other_prompt:
            self.other_model()

    def other_model(self) -> None:
        """What was read before is of another model, of other edits, or of another prompt."""

    def show_tree(self) -> None:
        """Show the modules, unfolded around the cell under the cursor, or as they were if they are the same."""
        inspection, before = self.inspection, self.modules.here
        outline = inspection.outline
        for path in self.modules.outline.unfolded():
            if path in outline:
                outline.fold(path, folded=False)
        first = outline.of_layer(self.state.selection.layer, self.state.stack) or outline.first_block()
        start = before if before is not None and before in outline else first
        self.modules.show_outline(
            outline, self.app.look.prose(inspection.tree_problem) or "modules come with the model"
        )
        if start is not None:
            outline.fold(start, folded=False)
            self.modules.go_to_module(start)
        self._layer = self.state.selection.layer
        self.module_moved()
        self.call_after_refresh(self.update_modules)

    # The cursors -----------------------------------------------------------------------------------------------------

    def module_moved(self) -> None:
        """Look at the module under the cursor; the shared cell goes to its layer."""
        inspection, selection = self.inspection, self.state.selection
        inspection.path = self.modules.here or ""
        inspection.index = inspection.call = 0
        node = inspection.node
        here = node is not None and node.layer is not None and node.stack in ("", self.state.stack or node.stack)
        if here and node is not None and selection.move(layer=node.layer):
            self._layer = selection.layer
            self.post_message(SelectionChanged())
        self.update_modules()
        self.follow()

    def follow_layer(self) -> None:
        """Put the cursor on the same module of another layer, where another pane or view went there."""
        layer, outline = self.state.selection.layer, self.inspection.outline
        if layer == self._layer:
            return
        self._layer = layer
        node = self.inspection.node
        block = outline.of_layer(layer, self.state.stack)
        if block is None or (node is not None and node.layer == layer):
            return
        own = outline.of_layer(node.layer, node.stack) if node is not None and node.layer is not None else None
        part = node.path[len(own) :] if node is not None and own is not None else ""
        self.modules.go_to_module(block + part if block + part in outline else block)

    def step(self, step: int) -> None:
        """Move the token cursor."""
        if self.state.selection.move(position=self.state.selection.position + step):
            self.post_message(SelectionChanged())

    def follow(self) -> None:
        """Let the values follow the cursors; while steps come faster than they could be read, once they pause."""
        if not self.display:
            return
        now, before = time.monotonic(), self._stepped
        self._stepped = now
        if now - before < TOO_FAST:
            self._pause.again()
        else:
            self.look()

    def look(self) -> None:
        """Show the values under both cursors, now or when they have been read."""
        self.inspection.look()
        self.update_values()

    # What is drawn ---------------------------------------------------------------------------------------------------

    def update_values(self) -> None:
        """Show the values, and in the title of which tensor they are."""
        inspection, peeked = self.inspection, self.inspection.peeked
        place = inspection.place
        if not inspection.is_pending:
            self.values.show_values()
        elif self._stale is None:
            self._stale = self.set_timer(STALE, self.drop_stale)
        if self.screen.has_class("-narrow"):
            self.modules.redraw_module(inspection.path)
        if self.values.has_class("-hidden"):
            return  # something else is in their place
        width = self.size.width if self.screen.has_class("-narrow") else self.size.width // 2
        path = text.clip_path(self.app.look.prose(place.path), max(width - 26, 12))
        call = f" of call {place.call}" if place.call or (peeked is not None and peeked.calls > 1) else ""
        self.values_pane.heading = f"{path or 'Values'} · {place.which} {place.index}{call}"
        self.values_pane.retitle()

    def drop_stale(self) -> None:
        """Say that values are still of another tensor when those of the one that is looked at are not there in time."""
        self._stale = None
        if self.inspection.is_pending:
            self.values.show_values()

    def update_modules(self, asked: str = "") -> None:
        """Write below the tree what is asked, and how much of it is in sight."""
        narrow = "5: values" if self.screen.has_class("-narrow") else ""
        failed = self.inspection.failed
        name = text.clip_path(self.app.look.prose(failed.name), NAME_CELLS) if failed else ""
        told = f"{name} was not loaded" if failed else ""
        parts = [part for part in (asked or told, narrow, self.modules.extent()) if part]
        self.modules_pane.update_subtitle(" ── ".join(parts))

    def update_edits(self, asked: str = "") -> None:
        """Show the edits and the answers, and below them from which token on these differ."""
        answers = self.inspection.answers
        self.edits.show_edits()
        self.edits_pane.update_subtitle(asked or (difference(answers) if answers is not None else ""))

    def note_of(self, path: str) -> Pieces:
        """What stands behind a module in the tree."""
        narrow = self.screen.has_class("-narrow")
        return module_note(self.inspection, path, self.app.look, values=narrow)

    def reading(self) -> Pieces:
        """What the model says of the values, where that was asked of this tensor at this token."""
        run, place = self.run, self.inspection.place
        if run is None or run.request.module != place or run.request.cells[0].position != self.state.selection.position:
            return ()
        return (Piece("reads        ", "dim"), Piece(self.app.look.prose(run.text(0))))

    def under_way(self) -> Pieces:
        inspection, most = self.inspection, self.state.settings.max_new_tokens
        if inspection.answering:
            answers = inspection.answers
            done = len(answers.edited or answers.plain) if answers is not None else 0
            return (Piece(f"answers {done} of {most} tokens", "accent"),)
        if inspection.stepping:
            return (Piece(f"values at {len(inspection.steps)} of {most} tokens", "accent"),)
        return ()

    # Sizes -----------------------------------------------------------------------------------------------------------

    def on_descendant_focus(self) -> None:
        """Bring the pane with the keys to the front."""
        for pane in (self.modules_pane, self.values_pane):
            if pane.has_class("-active"):
                for other in (self.modules_pane, self.values_pane):
                    other.set_class(other is pane, "-front")
        self._fold()

    def on_descendant_blur(self) -> None:
        """Fold the edits where the keys go elsewhere."""
        self._fold()

    def on_resize(self) -> None:
        """Fold the edits on a low screen."""
        self._fold()
        self.call_after_refresh(self.update_modules)

    def _fold(self) -> None:
        folded = self.app.size.height < TALL and not self.edits_pane.has_class("-active")
        self.edits_pane.set_class(folded, "-folded")
        self.edits.fold(folded)

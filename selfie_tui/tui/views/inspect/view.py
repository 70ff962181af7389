"""A model's modules: their values at the token under the cursor, their attention, and edits of what they give."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.widgets import Input

from selfie_tui.edits import edit_text
from selfie_tui.records import EMBED, Cell
from selfie_tui.tui.keepable import Keepable, word_of
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.inspect.actions import ENTRY
from selfie_tui.tui.views.inspect.editing import EditingView
from selfie_tui.tui.views.inspect.inspected import Wanted
from selfie_tui.tui.views.inspect.value_lines import plain_values, window_of
from selfie_tui.tui.widgets.field import Field


class InspectView(EditingView):
    """What is done with the module under the cursor beside editing it: interpret, keep, find."""

    NAME, TITLE, LETTER, FUNCTION_KEY, ACTIONS, SECTIONS, _ = ENTRY

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        for pane in (self.modules, self.values, self.edits):
            pane.asked, pane.stepped = self.asked, self.step
        self._matches: list[str] = []
        self._order: dict[str, int] = {}

    def asked(self, what: Wanted) -> None:
        """Do what is wanted with the module under the cursor."""
        if what == "remove":
            self.take_off()
        else:
            self.forget_removal()
            self._doing()[what]()

    def _doing(self) -> dict[Wanted, Callable[[], object]]:
        return {
            "edit": self.edit,
            "undo": self.undo,
            "side": self.other_side,
            "attention": self.show_attention,
            "steps": self.show_steps,
            "interpret": self.interpret,
            "pattern": self.show_pattern,
            "look": lambda: self.app.enter_pane(self.values_pane),
        }

    # Looking ---------------------------------------------------------------------------------------------------------

    def other_side(self) -> None:
        """The next tensor of this side, then the first of the other side, then the next call of a shared module."""
        inspection, peeked = self.inspection, self.inspection.peeked
        tensors, calls = (peeked.tensors, peeked.calls) if peeked is not None else (1, 1)
        inspection.index += 1
        if inspection.index >= tensors:
            inspection.index = 0
            inspection.which = "input" if inspection.which == "output" else "output"
            if inspection.which == "output":
                inspection.call = (inspection.call + 1) % calls
        self.look()

    def show_attention(self) -> None:
        """Show the attention of every head from the token under the cursor."""
        if self._ready():
            self.inspection.ask_attention(window_of(self.state.selection.position, self.values.cells))

    def show_steps(self) -> None:
        """Generate, and show the values at each new token."""
        if self._ready():
            self.inspection.ask_steps()

    def run_job(self) -> None:
        self.inspection.ask_answer()
        self.update_edits()

    def _ready(self) -> bool:
        if self.state.ready and self.inspection.can_look:
            return True
        self.app.toast("There is nothing to look at yet: it comes with the model and the prompt's tokens.", "warning")
        return False

    # Interpreting and keeping ----------------------------------------------------------------------------------------

    def _cell(self) -> Cell:
        node = self.inspection.node
        layer = node.layer if node is not None and node.layer is not None else EMBED
        return Cell(layer, self.state.selection.position)

    def interpret(self) -> None:
        """Have the values at this token interpreted, with the settings."""
        peeked = self.inspection.peeked
        if not self._ready() or peeked is None:
            return
        if not peeked.is_stream:
            width = peeked.shape[-1] if peeked.shape else 1
            hidden = self.state.model.hidden if self.state.model else 0
            self.app.toast(
                f"Only what is as wide as the stream ({hidden}) can be read; this is {width} wide.", "warning"
            )
            return
        run = self.state.interpret((self._cell(),), self.inspection.place)
        if run is None:
            self.app.toast("This is being interpreted already.", "information")
        else:
            self.run = run
            self.values.show_values()

    def keepable(self) -> Keepable | None:
        """The values of the module that is looked at, at the token under the cursor."""
        if not self.state.ready or not self.inspection.can_look:
            return None
        place, stack = self.inspection.place, self.state.stack
        return Keepable(self.inspection.prompt, (self._cell(),), stack, place, self._proposed_name())

    def _proposed_name(self) -> str:
        node, label = self.inspection.node, self.inspection.path.rpartition(".")[2]
        layer = f"L{node.layer}." if node is not None and node.layer is not None else ""
        return f"{word_of(self.state.selection.token)}@{layer}{label}".rstrip(".@")

    # Search ----------------------------------------------------------------------------------------------------------

    def search_field(self) -> Field:
        return self.search_text

    @on(Input.Changed, "#module-search")
    def search_typed(self) -> None:
        """Search while typing, from the module under the cursor on."""
        outline = self.inspection.outline
        self._matches = outline.matches(self.search_text.value)
        self._order = {path: number for number, path in enumerate(outline.paths())} if self._matches else {}
        if self._matches and self.modules.here not in self._matches:
            self.find(1)
        self.update_modules()

    def find(self, direction: int) -> bool:
        if not self._matches:
            return False
        here = self._order.get(self.modules.here or "", 0)
        matches = self._matches[::direction]
        ahead = (path for path in matches if (self._order[path] - here) * direction > 0)
        self.modules.go_to_module(next(ahead, matches[0]))
        self.update_modules()
        return True

    def update_modules(self, asked: str = "") -> None:
        if self._matches and not asked:
            here = self.modules.here
            number = f"{self._matches.index(here) + 1}/" if here in self._matches else ""
            asked = f"/ {self.app.look.prose(self.search_text.value)}: {number}{len(self._matches)}"
        super().update_modules(asked)

    def step_out(self) -> bool:
        if self.edit_line.has_focus:
            self.leave_edit()
            return True
        if self.pattern.has_focus:
            self.swap(opened=False)
            return True
        if not self.search_text.value:
            return self._leave_failed()
        self.search_text.value, self._matches = "", []
        if self.search_text.has_focus:
            self.screen.set_focus(self.modules)
        self.search_text.add_class("-hidden")
        self.update_modules()
        return True

    def _leave_failed(self) -> bool:
        """Go back from the modules of a model that could not be loaded to those of the current one."""
        if self.inspection.failed is None or self.state.model is None:
            return False
        self.inspection.stays = False
        self.inspection.ask_modules()
        return True

    # Copying ---------------------------------------------------------------------------------------------------------

    def copyable(self, *, all: bool) -> tuple[str, str] | None:
        peeked = self.inspection.peeked
        if self.edits.has_focus:
            lines = [f"{edit.path}\t{edit_text(edit)}" for edit in self.inspection.edits]
            return "\n".join(lines), "the edits"
        if self.modules.has_focus:
            return self.inspection.path, "the module's path"
        return (plain_values(peeked, self.state.selection.position), "the values") if peeked is not None else None

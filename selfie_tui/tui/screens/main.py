"""The one main screen: what its keys do with the state, the frame's panes and the view that is shown."""

from __future__ import annotations

from textual import events, on
from textual.timer import Timer

from selfie_tui.tui.action import Scope
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.screens.running import RunningScreen
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import edited, hint_line, key_of, model_pieces, model_state, outcome, under_way
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.models import ModelList

TICK = 1.0
"""Seconds after which the time that is left is written anew, whatever is heard of the job."""


class MainScreen(RunningScreen):
    """All of the program that is not a page above it."""

    AUTO_FOCUS = "#tokens"

    def __init__(self, state: AppState, prompt: str, model: str, device: str, dtype: str) -> None:
        super().__init__(state, device, dtype)
        self._first_prompt, self._first_model = prompt, model
        self._ticking: Timer | None = None

    def on_mount(self) -> None:
        """Begin to load the model, and show what is not known yet."""
        super().on_mount()
        if self.app.look.ascii:
            self.add_class("-ascii")
        self.prompt_text.hold(self._first_prompt)
        self.tokens.show_note("tokens come with the model")
        self.state.load(self._first_model, self.models.device, self.models.dtype)
        self.show_tabs()
        self.update_status()
        self.update_selected()

    # What has changed ------------------------------------------------------------------------------------------------

    def show(self, changed: Changed) -> None:
        """Show what has changed in the frame and in every opened view; begin a run that waited for it."""
        super().show(changed)
        if changed.model or changed.stack or changed.tokens or changed.selection or changed.settings:
            self.ask(None)
        if changed.model or changed.stack:
            self.update_hints()
        if changed.tokens:
            self.run_if_ready()
        if changed.status or changed.tokens:
            self.update_status()

    def update_status(self) -> None:
        """Write the header and the state of the models."""
        state, prose = self.state, self.app.look.prose
        leaving = isinstance(self.focused, Field)  # the first escape leaves the field
        escape = " ".join([key_of("back", self.app.keymap)] * (2 if leaving else 1))
        about = key_of("model.about", self.app.keymap)
        right = self._doing(escape) or under_way(state, escape, prose, self.view.outcome())
        shorter = outcome(state, timed=False) if right == outcome(state) else right
        self.status.show_status(model_pieces(state.model, prose, about), (right, shorter), edited(state))
        self.models.show_state(*model_state(state))
        if state.running is not None and self._ticking is None:
            self._ticking = self.set_timer(TICK, self._tick)

    def _tick(self) -> None:
        """Have the clock of what is under way go on while nothing is heard of it."""
        self._ticking = None
        self.update_status()

    def _doing(self, escape: str) -> Pieces:
        """What a view says of a job of its own that is under way; nothing where none is."""
        state = self.state
        if state.running is None or state.runs_now or state.loading is not None or state.cancelling:
            return ()
        said = (view.under_way() for view in self.opened.values())
        doing = next((pieces for pieces in said if pieces), ())
        return (*doing, Piece("  "), Piece(escape, "key"), Piece(" cancels", "dim")) if doing else ()

    def update_hints(self) -> None:
        """Write the hint line for what has the focus, or what is asked."""
        if self._question is not None:
            run, back = key_of("run.start", self.app.keymap), key_of("back", self.app.keymap)
            self.hints.show_hints([(self._question, ""), (run, "again to run"), (back, "not")], [])
            return
        scopes: tuple[Scope, ...] = getattr(self.focused, "SCOPES", ())
        other = self.state.other_stack
        stack = other.name if other and self.pane_here in (self.prompt_pane, self.layers_pane) else ""
        left, right = hint_line(scopes, self.app.keymap, typing=isinstance(self.focused, Field), stack=stack)
        self.hints.show_hints([(key, self.view.JOB if word == View.JOB else word) for key, word in left], right)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Write the keys of what has the focus now; the prompt does not stay over a view that has them."""
        if self.focused is not None and self.view in self.focused.ancestors:
            self.show_prompt_over(False)
        self.update_hints()
        self.update_status()

    # Models ----------------------------------------------------------------------------------------------------------

    @on(ModelList.Chosen)
    def model_chosen(self, event: ModelList.Chosen) -> None:
        """Load what was chosen."""
        self.load(event.name)

    @on(ModelList.OtherWanted)
    def other_model(self) -> None:
        """Type a name."""
        self.action_edit_model()

    def load(self, name: str) -> None:
        """Load a model with the device and precision that the list shows; the keys go where enter reads with it."""
        self.state.load(name, self.models.device, self.models.dtype)
        self.app.offer_models()
        self.enter_home()
        self.update_status()

    def action_about_model(self) -> None:
        """Open what there is to know of the model."""
        if self.state.model is None:
            self.app.toast("No model is loaded yet.", "information")
            return
        from selfie_tui.tui.pages.about import AboutScreen

        if self.app.screen is self:
            self.app.push_screen(AboutScreen(self.state.model))

    def turn_to(self, stack: str) -> None:
        """Read another stack of the model."""
        changed = self.state.turn_to(stack)
        if changed.stack:
            self.show(changed)

    def action_next_stack(self) -> None:
        """Read the other stack of a model that has two."""
        other = self.state.other_stack
        if other is not None:
            self.turn_to(other.name)
        elif self.state.model is not None:
            self.app.toast("This model has one stack of layers, and it is shown.", "information")

    def action_pair(self) -> None:
        """Keep the prompt as the source of a pair, or let it go."""
        changed = self.state.toggle_pair()
        if not changed.pair:
            self.app.toast("There is no prompt yet that could be kept: write one.", "information")
            return
        self.show(changed)
        kept = self.state.pair is not None
        edit = key_of("edit.prompt", self.app.keymap)
        self.app.confirm(f"This prompt is A: {edit} edits it into B, to compare." if kept else "The pair is gone.")

    # Forth and back --------------------------------------------------------------------------------------------------

    async def action_submit(self) -> None:
        """Accept what was typed: the answer, where to go, the model of that name; else go on in the field's pane."""
        if self.asking:
            await self.answer_asked()
            return
        if self.focused is self.go_text:
            await self.go(self.go_text.value) if self.go_text.value.strip() else self.leave_field()
            return
        if self.focused is self.model_name:
            name = self.model_name.value.strip()
            if name:
                self.leave_field()
                self.load(name)
            return
        self.leave_field()

    def action_back(self) -> None:
        """One level out: restore, end the search, leave the field, forget the waiting run, cancel the job."""
        if self.focused is self.go_text or self.asking:
            self.leave_field()
        elif self._question is not None:
            self.ask(None)
            self.view.job_dropped()
        elif self.zoomed is not None:
            self.zoom(None)
        elif self.view.step_out():
            pass
        elif isinstance(self.focused, Field):
            self.leave_field()
        elif self.pane_here not in self.panes:
            self.enter_pane(self.panes[0])
        elif self.state.pending_view:
            self.opened[self.state.pending_view].job_dropped()
            self.state.pending_view = ""
        elif self.state.busy:
            for run in self.state.cancel():
                self.show(Changed(run=run, header=True))
            self.show(Changed(status=True))
        self.update_status()

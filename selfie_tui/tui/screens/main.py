"""The one main screen: what its keys do with the state, the frame's panes and the view that is shown."""

from __future__ import annotations

import os

from textual import events, on
from textual.app import SuspendNotSupported
from textual.widgets.input import Selection

from selfie_tui.errors import SelfieError
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.estimates import MANY, about, seconds_for
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.screens.calibrating import CalibratingScreen
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import edited, hint_line, key_of, model_pieces, model_state, under_way
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.layers import LayerList
from selfie_tui.tui.widgets.models import ModelList


class MainScreen(CalibratingScreen, inherit_bindings=False):
    """All of the program that is not a page above it."""

    BINDINGS = bindings("main", "views")
    AUTO_FOCUS = "#tokens"

    def __init__(self, state: AppState, prompt: str, model: str, device: str, dtype: str) -> None:
        super().__init__(state, device, dtype)
        self._first_prompt, self._first_model = prompt, model
        self._question: str | None = None
        """What is asked before very many cells are read, where it is; the next enter says yes."""

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
        right = self._doing(escape) or under_way(state, escape, prose)
        self.status.show_status(model_pieces(state.model, prose, about), right, edited(state))
        self.models.show_state(*model_state(state))

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
            self.app.toast("The tokens of the prompt are still to come.", "information")
            return
        self.show(changed)
        kept = self.state.pair is not None
        self.app.toast(
            "This prompt is A: edit it, and what you have then is compared with it." if kept else "The pair is gone.",
            "information",
        )

    # Runs ------------------------------------------------------------------------------------------------------------

    def action_interpret(self) -> None:
        """Run the job of the view, now or as soon as model and tokens are there."""
        if not self.state.prompt:
            self.app.toast("The prompt is empty: type what is to be read.", "warning")
            self.edit(self.prompt_text)
        elif self.state.model is None and self.state.loading is None:
            self.app.toast("No model is loaded: choose one.", "warning")
            self.enter_pane(self.model_pane)
        elif problem := self.state.refusal or self.view.problem():
            self.app.toast(problem, "error")
        else:
            self.state.pending_view = self.view.NAME
            self.run_if_ready()
        self.update_status()

    def run_if_ready(self) -> None:
        """Run the job that waits, if its model and its tokens are there; one of very many cells at the second time."""
        model = self.state.model
        if not self.state.pending_view or model is None or not self.state.ready:
            return
        view, self.state.pending_view = self.opened[self.state.pending_view], ""
        cells = view.job_cells()
        if len(cells) > MANY and self._question is None:
            seconds = seconds_for(len(cells), self.state.settings, model, self.state.runs.values())
            self.ask(f"{len(cells):,} cells · {about(seconds)}")
            return
        self.ask(None)
        view.run_job()

    def ask(self, question: str | None) -> None:
        """Have the hints ask whether so much is to be run; `None` asks no more."""
        if question != self._question:
            self._question = question
            self.update_hints()

    def action_run_prompt(self) -> None:
        """Run the view's job, and leave the text for its tokens; where it stands over a view, only go back to that."""
        if self.prompt_over:
            self.show_prompt_over(False)
            return
        self.leave_field()
        self.action_interpret()

    # Text fields, search ---------------------------------------------------------------------------------------------

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

    def action_to_tokens(self) -> None:
        """Go down from the text to the tokens."""
        self.leave_field()

    def action_edit_prompt(self) -> None:
        """Edit the prompt."""
        self.edit(self.prompt_text)

    def action_edit_preset(self) -> None:
        """Edit the interpretation prompt."""
        self._edit_if_any(self.view.preset_field(), "an interpretation prompt")

    def action_edit_in_editor(self) -> None:
        """Edit the prompt in the user's editor; in the settings, the interpretation prompt."""
        in_settings = self.pane_here.digit == 3
        field = (self.view.preset_field() if in_settings else None) or self.prompt_text
        try:
            edited = self._edited(field.value)
        except SelfieError as error:
            self.app.toast(str(error), "warning")
        except SuspendNotSupported:
            self.app.toast("This terminal cannot be handed to an editor.", "warning")
        else:
            if edited != field.value:
                field.selection = Selection(0, len(field.value))
                field.put(edited)

    def _edited(self, text: str) -> str:
        """A text as the user's editor left it. Raises `EditorError` once the terminal is ours again."""
        from selfie_tui.tui.editor import EditorError, edit

        problem: EditorError | None = None
        with self.app.suspend():  # which must be left without an exception to resume
            try:
                text = edit(text, os.environ)
            except EditorError as error:
                problem = error
        if problem is not None:
            raise problem
        return text

    def action_edit_model(self) -> None:
        """Type the name of a model."""
        self.edit(self.model_name)

    def action_search(self) -> None:
        """Search in the view."""
        self._edit_if_any(self.view.search_field(), "a search")

    def _edit_if_any(self, field: Field | None, what: str) -> None:
        if field is None:
            self.app.toast(f"The view {self.view.TITLE} does not have {what}.", "information")
        else:
            self.edit(field)

    def action_find(self, direction: int) -> None:
        """Go to another match."""
        if not self.view.find(direction):
            field = self.view.search_field()
            searched = field is not None and field.value
            self.app.toast("No match." if searched else "Nothing is searched for: / begins.", "information")

    # Copying ---------------------------------------------------------------------------------------------------------

    def action_copy(self) -> None:
        """Copy what the cursor is on."""
        self.app.copy_text(*self._copyable(all=False))

    def action_copy_all(self) -> None:
        """Copy all that the pane holds."""
        self.app.copy_text(*self._copyable(all=True))

    def _copyable(self, *, all: bool) -> tuple[str, str]:
        focused = self.focused
        if isinstance(focused, LayerList):
            return focused.copyable(), "the lens"
        if isinstance(focused, ModelList):
            return focused.copyable(), "the model's name"
        in_view = focused is not None and self.view in focused.ancestors
        return (self.view.copyable(all=all) if in_view else None) or (self.prompt_text.value, "the prompt")

    # Back ------------------------------------------------------------------------------------------------------------

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
        self.update_status()

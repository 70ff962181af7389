"""The one main screen: the wiring between what its panes post, what is asked of the engine, and what it tells."""

from __future__ import annotations

from textual import events, on
from textual.widgets import Input

from selfie_tui.kinds import most_layers
from selfie_tui.records import Cell, ModelInfo
from selfie_tui.settings import InterpretSettings
from selfie_tui.tui.actions import Scope, bindings
from selfie_tui.tui.screens.source import SourceScreen
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import hint_line, key_of, model_pieces, model_state, under_way
from selfie_tui.tui.views.interpret.log import Log
from selfie_tui.tui.views.interpret.settings_line import SettingsLine
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.layers import LayerList
from selfie_tui.tui.widgets.models import ModelList


class MainScreen(SourceScreen, inherit_bindings=False):
    """All of the program that is not a page above it."""

    BINDINGS = bindings("main")
    AUTO_FOCUS = "#prompt-text"

    def __init__(self, work: AppState, prompt: str, model: str, device: str, dtype: str) -> None:
        super().__init__(work, device, dtype)
        self._first_prompt, self._first_model = prompt, model

    def on_mount(self) -> None:
        """Say what is not known yet, and look into the cache of models once the screen is drawn."""
        if self.app.look.ascii:
            self.add_class("-ascii")
        self.prompt_text.value = self._first_prompt
        self.tokens.show_note("tokens come with the model")
        self.work.load(self._first_model, self.models.device, self.models.dtype)
        self.tell_status()
        self.tell_reads()

    # What the panes tell ------------------------------------------------------------------------------------------

    @on(SettingsLine.Moved)
    def setting_moved(self) -> None:
        """Say what the setting does."""
        self.panes[2].tell_below(self.app.look.prose(self.settings.description()))

    @on(SettingsLine.Changed)
    def asked_changed(self, event: SettingsLine.Changed) -> None:
        """Show the interpretation prompt that is asked with now."""
        self.setting_moved()
        self.preset_view.show_preset(event.settings.preset)
        self.work.preview(event.settings)

    @on(Input.Changed, "#preset-text")
    def preset_typed(self, event: Input.Changed) -> None:
        """Ask with what is typed."""
        if event.value != self.settings.values.preset.text:
            self.settings.choose_text(event.value)

    @on(Input.Changed, "#search")
    def search_typed(self, event: Input.Changed) -> None:
        """Search while typing."""
        self.log_view.search(event.value)
        if event.value and self.log_view.matches() and self.log_view.cursor not in self.log_view.matches():
            self.log_view.find(-1)

    @on(ModelList.Chosen)
    def model_chosen(self, event: ModelList.Chosen) -> None:
        """Load what was chosen."""
        self.load(event.name)

    @on(ModelList.OtherWanted)
    def other_model(self) -> None:
        """Type a name."""
        self.action_edit_model()

    @on(Log.DetailsWanted)
    def show_details(self, event: Log.DetailsWanted) -> None:
        """Open the details of a reading."""
        from selfie_tui.tui.views.interpret.details import DetailsScreen

        self.app.push_screen(DetailsScreen(self.log_view, event.run, event.index, self.app.look))

    # Saying how things stand --------------------------------------------------------------------------------------

    def tell_status(self) -> None:
        """Write the status line and the state of the models."""
        work, prose = self.work, self.app.look.prose
        leaving = isinstance(self.focused, Field)  # the first escape leaves the field
        escape = " ".join([key_of("back", self.app.keymap)] * (2 if leaving else 1))
        about = key_of("model.about", self.app.keymap)
        self.status.tell(model_pieces(work.model, prose, about), under_way(work, escape, prose))
        self.models.show_state(*model_state(work))

    def tell_hints(self) -> None:
        """Write the hint line for what has the focus."""
        scopes: tuple[Scope, ...] = getattr(self.focused, "SCOPES", ())
        other = self.work.other_stack
        stack = other.name if other and self.pane_here.id in ("prompt", "layers") else ""
        self.hints.tell(*hint_line(scopes, self.app.keymap, typing=isinstance(self.focused, Field), stack=stack))

    # Actions ------------------------------------------------------------------------------------------------------

    def show_model(self, model: ModelInfo) -> None:
        """Another model is there: show the stack that is read of it, and what its kind does when it is asked."""
        self.show_stacks()
        self.settings.show_model(most_layers(model), model.kind)
        self.work.preview(self.settings.values)
        self.setting_moved()
        self.tell_hints()

    def action_about_model(self) -> None:
        """Open what there is to know of the model."""
        if self.work.model is None:
            self.app.tell("No model is loaded yet.", "information")
            return
        from selfie_tui.tui.pages.about import AboutScreen

        self.app.push_screen(AboutScreen(self.work.model))

    def load(self, name: str) -> None:
        """Load a model with the device and precision that the list shows."""
        self.work.load(name, self.models.device, self.models.dtype)
        self.app.offer_models()
        self.tell_status()

    def action_submit(self) -> None:
        """Take what was typed: load the model of that name, or go on in the field's pane."""
        if self.focused is self.model_name:
            if not self.model_name.value.strip():
                return
            self.load(self.model_name.value.strip())
        self.leave_field()

    def action_to_tokens(self) -> None:
        """Go down from the text to the tokens."""
        self.set_focus(self.tokens)

    def action_run_prompt(self) -> None:
        """Interpret, and leave the text for its tokens."""
        self.set_focus(self.tokens)
        self.action_interpret()

    def action_interpret(self) -> None:
        """Read the marked cells, now or as soon as model and tokens are there."""
        if not self.prompt_text.value:
            self.app.tell("The prompt is empty: type what is to be read.", "warning")
            self.edit(self.prompt_text)
        elif self.work.model is None and self.work.loading is None:
            self.app.tell("No model is loaded: choose one.", "warning")
            self.enter_pane(self.panes[0])
        elif self.preset_view.problem:
            self.app.tell(f"This interpretation prompt cannot be used. {self.preset_view.problem}", "error")
        else:
            self.work.wanted = True
            self.run_if_ready()
        self.tell_status()

    def run_if_ready(self) -> None:
        """Submit the run that was asked for, if its model and its tokens are there."""
        work = self.work
        if (
            not work.wanted
            or work.model is None
            or work.loading is not None
            or self.tokens_of != self.prompt_text.value
        ):
            return
        work.wanted = False
        cells = tuple(Cell(layer, position) for position in self.tokens.read for layer in self.layer_list.read)
        if not cells:
            return
        run = work.interpret(self.settings.values, self.tokens_of, self.tokens.tokens, cells)
        if run is None:
            self.app.tell("This is being interpreted already.", "information")
        else:
            self.log_view.begin(run)

    def ask(self, asked: InterpretSettings) -> None:
        """Ask this from now on."""
        self.settings.choose(asked)

    def action_edit_prompt(self) -> None:
        """Edit the prompt."""
        self.edit(self.prompt_text)

    def action_edit_preset(self) -> None:
        """Edit the interpretation prompt."""
        self.preset_text.value = self.settings.values.preset.text
        self.edit(self.preset_text)

    def action_edit_model(self) -> None:
        """Type the name of a model."""
        self.edit(self.model_name)

    def action_search(self) -> None:
        """Search the log."""
        self.edit(self.search)

    def action_find(self, direction: int) -> None:
        """To another match."""
        if not self.log_view.find(direction):
            self.app.tell(
                "No match." if self.log_view.query_text else "Nothing is searched for: / begins.", "information"
            )

    def action_copy(self) -> None:
        """Copy what the cursor is on."""
        self.app.copy_text(*self._copyable(all=False))

    def action_copy_all(self) -> None:
        """Copy all that the pane holds."""
        self.app.copy_text(*self._copyable(all=True))

    def _copyable(self, *, all: bool) -> tuple[str, str]:
        focused = self.focused
        if isinstance(focused, Log):
            return (focused.copyable_all(), "the interpretations") if all else (focused.copyable(), "the reading")
        if isinstance(focused, LayerList):
            return focused.copyable(), "the lens"
        if isinstance(focused, ModelList):
            return focused.copyable(), "the model's name"
        if isinstance(focused, SettingsLine):
            return focused.values.preset.text, "the interpretation prompt"
        return self.prompt_text.value, "the prompt"

    def action_back(self) -> None:
        """One level out: minimise, end the search, leave the field, forget the waiting run, cancel the job."""
        if self.maximized is not None:
            self.maximized = None
        elif self.search.value:
            self.search.value = ""
            self.log_view.search("")
            if self.focused is self.search:
                self.leave_field()
            self.search.add_class("-hidden")
        elif isinstance(self.focused, Field):
            self.leave_field()
        elif self.work.wanted:
            self.work.wanted = False
        elif self.work.busy:
            for run in self.work.cancel():
                self.log_view.update_header(run)
        self.tell_status()

    # The screen ---------------------------------------------------------------------------------------------------

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Write the keys of what has the focus now."""
        self.tell_hints()
        self.tell_status()
        self.setting_moved()

"""The five panes, where they stand, and how one goes from one to another, whatever the size of the terminal."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from selfie_tui.tui.views.interpret.log import Log
from selfie_tui.tui.views.interpret.settings_line import PresetView, SettingsLine
from selfie_tui.tui.widgets.bars import HintLine, StatusLine
from selfie_tui.tui.widgets.field import Field, PromptField
from selfie_tui.tui.widgets.layers import LayerList
from selfie_tui.tui.widgets.lines import Lines
from selfie_tui.tui.widgets.models import ModelList
from selfie_tui.tui.widgets.pane import Pane
from selfie_tui.tui.widgets.tokens import TokenStrip


class PaneScreen(Screen[None], inherit_bindings=False):
    """A status line, five panes, a line of hints; where there is no room, panes share a place or stand alone."""

    def __init__(self, device: str, dtype: str) -> None:
        super().__init__()
        self._narrow, self._stack = False, ""
        self.status = StatusLine(id="status")
        self.hints = HintLine(id="hints")
        self.models = ModelList(device, dtype, id="models")
        self.model_name = Field(placeholder="hub id or folder", id="model-name", classes="-hidden")
        self.prompt_text = PromptField(placeholder="type a prompt", id="prompt-text")
        self.tokens = TokenStrip(id="tokens")
        self.settings = SettingsLine(id="settings")
        self.preset_text = Field(
            placeholder="interpretation prompt, with _ as placeholder", id="preset-text", classes="-hidden"
        )
        self.preset_view = PresetView(id="preset")
        self.layer_list = LayerList(id="layer-list")
        self.log_view = Log(id="readings")
        self.search = Field(placeholder="search", id="search", classes="-hidden")
        self.panes = (
            Pane(1, "Model", self.models, self.model_name, id="model"),
            Pane(2, "Prompt", self.tokens, id="prompt", above=(self.prompt_text,), classes="-told -alone -active"),
            Pane(3, "Settings", self.settings, self.preset_text, self.preset_view, id="ask", classes="-told"),
            Pane(4, "Layers", self.layer_list, id="layers", classes="-front"),
            Pane(5, "Interpretations", self.log_view, self.search, id="log", classes="-beside"),
        )

    def compose(self) -> ComposeResult:
        model, prompt, ask, layers, log = self.panes
        yield self.status
        with Horizontal(id="body"):
            yield Vertical(model, layers, id="left")
            yield Vertical(prompt, ask, log, id="right", classes="-alone")
        yield self.hints

    def enter_pane(self, pane: Pane) -> None:
        """Bring a pane to the front where panes share a place, and focus it."""
        if self.maximized is not None and self.maximized is not pane:
            self.maximized = pane
        self._bring(pane)
        if pane.id == "prompt" and not self.tokens.tokens:
            self.edit(self.prompt_text)
        else:
            self.set_focus(pane.home)

    def _bring(self, pane: Pane) -> None:
        for other in self.panes:
            other.set_class(other is pane, "-alone")
        self.panes[4].set_class(pane.id == "prompt", "-beside")
        for column in self.query("#left, #right"):
            column.set_class(pane.parent is column, "-alone")
        if pane.id in ("model", "layers"):
            self.panes[0].set_class(pane.id == "model", "-front")
            self.panes[3].set_class(pane.id == "layers", "-front")

    def action_next_pane(self, step: int) -> None:
        """To the pane after or before the one with the focus."""
        here = self.panes.index(self.pane_here)
        self.enter_pane(self.panes[(here + step) % len(self.panes)])

    @property
    def pane_here(self) -> Pane:
        """The pane with the focus; the prompt's where there is none."""
        inside = () if self.focused is None else self.focused.ancestors
        return next((pane for pane in self.panes if pane in inside), self.panes[1])

    def action_zoom(self) -> None:
        """Maximise the pane with the focus, or give it its place again."""
        self.maximized = None if self.maximized is not None else self.pane_here

    def edit(self, field: Field) -> None:
        """Show a field and put the cursor into it."""
        pane = next(pane for pane in self.panes if field in pane.children)
        if self.maximized is not None and self.maximized is not pane:
            self.maximized = pane
        self._bring(pane)
        field.remove_class("-hidden")
        self.set_focus(field)

    def leave_field(self) -> None:
        """Leave a text field for its pane; the ones that only exist for typing go away."""
        field = self.focused
        pane = next((pane for pane in self.panes if field in pane.children), None)
        if pane is not None:
            self.set_focus(pane.home)
        if isinstance(field, Field) and field is not self.prompt_text:
            field.add_class("-hidden")

    def action_pane(self, digit: int) -> None:
        """Go to a pane; the Prompt's place for keys is its tokens, or its text as long as there are none."""
        self.enter_pane(self.panes[digit - 1])

    def on_resize(self, event: events.Resize) -> None:
        """Say in the titles which panes share a place."""
        self._narrow = 60 <= event.size.width < 100
        self._retitle()

    def name_stack(self, stack: str) -> None:
        """Say in the titles which stack of the model is read, "" where there is one."""
        self._stack = stack
        self._retitle()

    def _retitle(self) -> None:
        model, prompt, _, layers, _ = self.panes
        told = f" · {self._stack}" if self._stack else ""
        model.heading = "Model·4 Layers" if self._narrow else "Model"
        prompt.heading = f"Prompt{told}"
        layers.heading = f"{self._stack[:3] or 'Layers'}·1 Model" if self._narrow else f"Layers{told}"
        for pane in (model, prompt, layers):
            pane.retitle()

    def look_changed(self) -> None:
        """Draw everything again in another theme."""
        for view in self.query(Lines):
            view.refresh()

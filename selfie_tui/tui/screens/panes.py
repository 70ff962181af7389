"""The panes of the frame and of the view that is shown, and how one goes between them at any size of terminal."""

from __future__ import annotations

from textual import events, messages
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from selfie_tui.tui.host import Host
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.bars import Fixed, HintLine, StatusLine, ViewBar
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.layers import LayerList
from selfie_tui.tui.widgets.lines import Lines
from selfie_tui.tui.widgets.models import ModelList
from selfie_tui.tui.widgets.pane import Pane
from selfie_tui.tui.widgets.prompt_field import PromptField
from selfie_tui.tui.widgets.tokens import TokenStrip

SIDE = ("model", "layers")
"""The panes of the left column, which share one position where the terminal is narrow."""


class PaneScreen(Screen[None], inherit_bindings=False):
    """Header, view bar, the frame's panes around those of a view, hints; on small terminals panes stand alone."""

    app: Host

    def __init__(self, state: AppState, view: View, device: str, dtype: str) -> None:
        super().__init__()
        self.state = state
        self.view = view
        self._narrow, self._stack = False, ""
        self.zoomed: Pane | None = None
        """The pane that has all the space between header and hints; None where none has."""
        self.status = StatusLine(id="status")
        self.view_bar = ViewBar(id="view-bar")
        self.hints = HintLine(id="hints")
        self.go_text = Field(placeholder="12 · L5 · L5,12 · 0-7 · a view, model, preset or action", id="go-text")
        self.models = ModelList(device, dtype, id="models")
        self.model_name = Field(placeholder="hub id, folder or .gguf file", id="model-name", classes="-hidden")
        self.prompt_text = PromptField(placeholder="type a prompt", id="prompt-text")
        self.tokens = TokenStrip(state.selection, id="tokens")
        self.layer_list = LayerList(state.selection, id="layer-list")
        self.model_pane = Pane(1, "Model", self.models, self.model_name, id="model")
        self.prompt_pane = Pane(
            2, "Prompt", self.tokens, id="prompt", above=(self.prompt_text,), classes="-described -alone -active"
        )
        self.layers_pane = Pane(4, "Layers", self.layer_list, id="layers", classes="-front")
        self.switcher = ContentSwitcher(view, id="views", initial=view.id)
        self._mark_beside()

    def compose(self) -> ComposeResult:
        yield self.status
        yield self.view_bar
        with Horizontal(id="body"):
            yield Vertical(self.model_pane, self.layers_pane, id="left")
            yield Vertical(self.prompt_pane, self.switcher, id="right", classes="-alone")
        yield self.hints
        with Horizontal(id="go-line", classes="-hidden"):
            yield Fixed(" :")
            yield self.go_text

    async def _on_update(self, message: messages.Update) -> None:
        """Have nothing drawn of what is hidden.

        Textual would take its map of the screen to be out of date, make another one, and not see that a toast which
        goes at that moment was there: it would stay on the terminal.
        """
        if message.widget not in self._compositor.widgets:
            message.stop()
            message.prevent_default()

    @property
    def panes(self) -> tuple[Pane, ...]:
        """The panes in sight in the view that is shown, in the order of their digits."""
        frame = (self.model_pane, self.prompt_pane, self.layers_pane)
        kept = (pane for pane in frame if pane.id in self.view.FRAME_PANES or pane.has_class("-sheet"))
        shown = (*kept, *self.view.panes)
        return tuple(sorted(shown, key=lambda pane: pane.digit))

    @property
    def pane_here(self) -> Pane:
        """The pane with the focus; the prompt's, or the view's first, where none has it."""
        inside = () if self.focused is None else self.focused.ancestors
        panes = (*self.panes, self.model_pane)
        home = self.prompt_pane if self.prompt_pane in panes else panes[0]
        return next((pane for pane in panes if pane in inside), home)

    # Going from pane to pane -----------------------------------------------------------------------------------------

    def enter_pane(self, pane: Pane) -> None:
        """Bring a pane to the front where panes share a position, and focus it."""
        self._bring(pane)
        if pane is self.prompt_pane and not self.tokens.tokens:
            self.edit(self.prompt_text)
        else:
            self.set_focus(pane.home)

    def enter_home(self) -> None:
        """Go to the prompt's tokens, or in a view without them to its first pane."""
        home = self.prompt_pane if self.prompt_pane in self.panes else self.view.panes[0]
        self._bring(home)
        self.set_focus(home.home)

    def _bring(self, pane: Pane) -> None:
        if self.zoomed is not None:
            self.zoom(pane)
        for other in (self.model_pane, self.prompt_pane, self.layers_pane, *self.view.panes):
            other.set_class(other is pane, "-alone")
        self._mark_beside()
        left = pane.id in SIDE
        self.query_one("#left").set_class(left, "-alone")
        self.query_one("#right").set_class(not left, "-alone")
        self._show_frame(sheet=left)
        if left:
            self.model_pane.set_class(pane is self.model_pane, "-front")
            self.layers_pane.set_class(pane is self.layers_pane, "-front")

    def _mark_beside(self) -> None:
        """Let the view's results stand under the prompt where the terminal is too small for more."""
        for pane in self.view.panes:
            pane.set_class(pane is self.view.beside and self.prompt_pane.has_class("-alone"), "-beside")

    def _show_frame(self, *, sheet: bool) -> None:
        """Hide the frame's panes that the view does not keep; show the left column as a sheet for a pane of it."""
        kept = self.view.FRAME_PANES
        left = self.query_one("#left")
        left.set_class(not kept & {*SIDE} and not sheet, "-unused")
        left.set_class(not kept & {*SIDE} and sheet, "-sheet")
        self.prompt_pane.set_class("prompt" not in kept and not self.prompt_over, "-unused")
        self.prompt_pane.set_class(not self.view.TEXT, "-tokens")
        self.prompt_text.set_class(not self.view.TEXT and not self.prompt_text.has_focus, "-hidden")

    @property
    def prompt_over(self) -> bool:
        """Whether the prompt's pane stands over a view that does not keep it."""
        return self.prompt_pane.has_class("-sheet")

    def show_prompt_over(self, shown: bool) -> None:
        """Have the prompt's pane over a view that does not keep it, or away again."""
        if shown != self.prompt_over:
            with self.app.batch_update():
                self.prompt_pane.set_class(shown, "-sheet")
                self.prompt_pane.set_class(not shown and "prompt" not in self.view.FRAME_PANES, "-unused")
                if not shown:
                    self.enter_pane(self.view.panes[0])

    def action_next_pane(self, step: int) -> None:
        """To the pane after or before the one with the focus."""
        panes = self.panes
        here = panes.index(self.pane_here) if self.pane_here in panes else 0
        self.enter_pane(panes[(here + step) % len(panes)])

    def action_pane(self, digit: int) -> None:
        """Go to a pane, or where two share a digit to the other one; pane 1, the models, is there in every view."""
        panes = [pane for pane in (*self.panes, self.model_pane) if pane.digit == digit]
        if panes:
            here = panes.index(self.pane_here) if self.pane_here in panes else -1
            self.enter_pane(panes[(here + 1) % len(panes)])

    def action_zoom(self) -> None:
        """Give the pane with the focus all the space between header and hints, or restore it."""
        self.zoom(None if self.zoomed is not None else self.pane_here)

    def zoom(self, pane: Pane | None) -> None:
        """Give a pane all the space between header and hints; None restores every pane."""
        if pane is self.zoomed:
            return
        self.zoomed = pane
        around = () if pane is None else pane.ancestors_with_self
        parts = (*self.query("#left, #right, #views, .-row").results(Widget), *self.query(Pane))
        self.app.draw_at_once()
        with self.app.batch_update():
            for part in parts:
                part.set_class(part in around, "-whole")
                part.set_class(pane is not None and part not in around, "-behind")
            for one in self.query(Pane):
                one.fill(one is pane)

    # Text fields -----------------------------------------------------------------------------------------------------

    def edit(self, field: Field) -> None:
        """Show a field and put the cursor into it."""
        pane = self._pane_of(field)
        if pane is not None:
            self._bring(pane)
        field.remove_class("-hidden")
        self.set_focus(field)

    def leave_field(self) -> None:
        """Leave a text field for its pane; the ones that only exist for typing go away."""
        field = self.focused
        pane = self._pane_of(field) if isinstance(field, Field) else None
        if pane is not None:
            self.set_focus(pane.home)
        if isinstance(field, Field) and (field is not self.prompt_text or not self.view.TEXT):
            field.add_class("-hidden")

    def _pane_of(self, field: Field) -> Pane | None:
        return next((pane for pane in (*self.panes, self.model_pane) if field in pane.children), None)

    # Titles ----------------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Put into the titles which panes share a position."""
        self._narrow = 60 <= event.size.width < 100
        self._retitle()

    def name_stack(self, stack: str) -> None:
        """Put into the titles which stack of the model is read, "" where there is one."""
        self._stack = stack
        self._retitle()

    def _retitle(self) -> None:
        detail = f" · {self._stack}" if self._stack else ""
        self.model_pane.heading = "Model·4 Layers" if self._narrow else "Model"
        self.prompt_pane.heading = f"Prompt{detail}"
        self.layers_pane.heading = f"{self._stack[:3] or 'Layers'}·1 Model" if self._narrow else f"Layers{detail}"
        for pane in (self.model_pane, self.prompt_pane, self.layers_pane):
            pane.retitle()

    def look_changed(self) -> None:
        """Draw everything again in another theme."""
        for lines in self.query(Lines):
            lines.refresh()

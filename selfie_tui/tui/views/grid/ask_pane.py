"""The settings of the next readings in one line, with the interpretation prompt on the border."""

from __future__ import annotations

from textual import events, on
from textual.widgets import Input

from selfie_tui import text
from selfie_tui.records import PresetTokens
from selfie_tui.tui.state import AppState
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.lines import look_of
from selfie_tui.tui.widgets.pane import Pane
from selfie_tui.tui.widgets.preset_view import around, slot_pieces
from selfie_tui.tui.widgets.settings_line import SettingsLine


class AskPane(Pane):
    """Pane 3 of a view that has no lines to spare: settings, and a field for the interpretation prompt when asked."""

    def __init__(self, state: AppState, id: str) -> None:
        self.settings = SettingsLine(state, id=f"{id}-settings")
        self.preset_text = Field(
            placeholder="interpretation prompt, with _ as placeholder", id=f"{id}-preset", classes="-hidden"
        )
        super().__init__(3, "Settings", self.settings, self.preset_text, id=id, classes="-described")
        self.state = state

    @property
    def problem(self) -> str:
        """Why the interpretation prompt cannot be used, as far as is known."""
        shown = self._shown
        return shown.problem if shown is not None else ""

    @property
    def _shown(self) -> PresetTokens | None:
        """The tokens of the interpretation prompt, if they are known of the one that is chosen."""
        tokens = self.state.preset_tokens
        return tokens if tokens is not None and tokens.preset == self.state.settings.preset else None

    def show_settings(self) -> None:
        """Show the settings of the state as they are now."""
        self.settings.show_settings()
        self.describe()

    def describe(self) -> None:
        """Write on the border what the setting under the cursor does; elsewhere the interpretation prompt.

        Above all, why that cannot be used.
        """
        look, shown = look_of(self), self._shown
        width = max(self.size.width - 4, 1)
        if self.problem:
            self.update_subtitle(text.clip(look.prose(f"cannot be used: {self.problem}"), width))
        elif self.settings.has_focus:
            self.update_subtitle(look.prose(self.settings.description()))
        elif shown is None:
            self.update_subtitle(text.clip(look.prose(self.state.settings.preset.text), width))
        else:
            pieces = around(slot_pieces(shown.tokens, look), width)
            self.update_subtitle("".join(piece.text for piece in pieces).strip())

    def field(self) -> Field:
        """The field of the interpretation prompt, with its text in it."""
        self.preset_text.value = self.state.settings.preset.text
        return self.preset_text

    @on(SettingsLine.Moved)
    def setting_moved(self) -> None:
        """Describe the setting under the cursor."""
        self.describe()

    @on(Input.Changed)
    def preset_typed(self, event: Input.Changed) -> None:
        """Use the interpretation prompt as it is typed."""
        if event.value != self.state.settings.preset.text:
            self.settings.choose_text(event.value)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Describe the setting where the keys go here."""
        super().on_descendant_focus(event)
        self.describe()

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Show the interpretation prompt where the keys go elsewhere."""
        super().on_descendant_blur(event)
        self.describe()

"""Text on the main screen: what is edited, also in the user's editor, what is searched for, and what is copied."""

from __future__ import annotations

import os

from textual.app import SuspendNotSupported
from textual.widgets.input import Selection

from selfie_tui.errors import SelfieError
from selfie_tui.tui.screens.comparing import ComparingScreen
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.layers import LayerList
from selfie_tui.tui.widgets.models import ModelList


class FieldScreen(ComparingScreen):
    """The views, with the keys that go into text, look for it and copy it."""

    # Editing ---------------------------------------------------------------------------------------------------------

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

    # Searching -------------------------------------------------------------------------------------------------------

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

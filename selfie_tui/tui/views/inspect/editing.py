"""How edits are typed, made, taken off and brought back."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from textual import on
from textual.widget import Widget
from textual.widgets import Input

from selfie_tui.edits import parse_edit
from selfie_tui.errors import RequestError
from selfie_tui.records import Edit, ModuleTensor
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.inspect.completing import file_of, kept_names
from selfie_tui.tui.views.inspect.edits_view import edit_label, shown_edit
from selfie_tui.tui.views.inspect.heads import HeadsView


class EditingView(HeadsView):
    """The panes of the view, with a line for edits."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.edit_line.accepted = self.accept_edit
        self.edit_line.names = lambda: kept_names(self.app.vectors_dir)
        self.edit_line.weights = lambda: kept_names(self.app.weights_dir)
        self._edited = ModuleTensor("")
        """The tensor whose edit is typed."""
        self._replaced: Edit | None = None
        """The edit that is typed anew."""
        self._before_edit: Widget | None = None
        self._to_remove: tuple[Edit, ...] = ()
        """The edits that a second key takes off."""

    @property
    def _in_edits(self) -> bool:
        return self.edits.has_focus

    def edit(self) -> None:
        """Open the line of an edit: of the one under the cursor, or of the tensor that is looked at."""
        if not self.inspection.is_of_model or not self.inspection.path:
            failed = "The modules of a model that was not loaded cannot be edited."
            none = "There is no module to edit yet: the modules come with the model."
            self.app.toast(failed if self.inspection.failed else none, "warning")
            return
        self._before_edit = self.screen.focused
        self._replaced = self.edits.edit_here if self._in_edits else None
        known = self._replaced
        if known is None:
            place = self.inspection.place
            here = (edit for edit in self.inspection.edits_of(place.path) if self._is_of(edit, place))
            known = next(here, None)
        self._edited = ModuleTensor(known.path, known.which, known.index) if known else self.inspection.place
        self.edit_line.value = shown_edit(known) if known else ""
        self.edit_line.cursor_position = len(self.edit_line.value)
        self.app.edit(self.edit_line)
        self.describe_edit()

    @staticmethod
    def _is_of(edit: Edit, place: ModuleTensor) -> bool:
        return (edit.which, edit.index) == (place.which, place.index)

    def _typed_edit(self) -> Edit:
        """The edit that is typed, its vector or its weights as a file; raises RequestError."""
        edit = parse_edit(self.edit_line.value, self._edited, len(self.state.selection.tokens))
        if edit.vector:
            return replace(edit, vector=self._kept_file("vector", edit.vector, self.app.vectors_dir, "v keeps one"))
        if edit.weights:
            how = "selfie-tui control --keep does"
            return replace(edit, weights=self._kept_file("weights", edit.weights, self.app.weights_dir, how))
        return edit

    @staticmethod
    def _kept_file(what: str, name: str, folder: Path, how: str) -> str:
        """The file of a name; raises RequestError with what is kept, or how something is."""
        file = file_of(name, folder)
        if not file.is_file():
            known = ", ".join(kept_names(folder)[:4]) or f"none is kept yet: {how}"
            raise RequestError(f"Unknown {what} “{name}”.", f"There are: {known}.")
        return str(file)

    @on(Input.Changed, "#edit-line")
    def describe_edit(self) -> None:
        """Say on the pane's border what the line means, or why it means nothing."""
        try:
            said = edit_label(self._typed_edit())
        except RequestError as error:
            said = f"{self._edited}: {error.cause} {error.remedy}" if self.edit_line.value else str(self._edited)
        self.update_edits(self.app.look.prose(said))

    def accept_edit(self) -> None:
        """Make the edit that is typed; the line stays open where it cannot be read."""
        try:
            edit = self._typed_edit()
        except RequestError as error:
            self.app.toast(f"{error.cause} {error.remedy}", "warning")
            return
        replaced = self._replaced
        self.inspection.add(edit, replaced)
        self.leave_edit()

    def leave_edit(self) -> None:
        """Close the line; the keys go where they went before."""
        self.edit_line.add_class("-hidden")
        self.screen.set_focus(self._before_edit or self.modules)
        self.update_edits()

    def forget_removal(self) -> None:
        """Another key: what was asked is not asked any more."""
        if self._to_remove:
            self._to_remove = ()
            self.update_modules()
            self.update_edits()

    def take_off(self) -> None:
        """Ask, and take the edits of the module, or the one under the cursor, off when it is asked for again."""
        asked = self._to_remove
        self.forget_removal()
        here = self.edits.edit_here
        gone = ((here,) if here else ()) if self._in_edits else self.inspection.edits_of(self.inspection.path)
        if not gone:
            self.app.toast("This module has no edit." if not self._in_edits else "There are no edits.", "information")
        elif gone == asked:
            self.inspection.remove(gone)
        else:
            self._to_remove = gone
            what = "this edit" if len(gone) == 1 else f"{len(gone)} edits"
            note = f"d again takes {what} off"
            self.update_edits(note) if self._in_edits else self.update_modules(note)

    def undo(self) -> None:
        """Bring back the edits that were taken off last."""
        if not self.inspection.undo():
            self.app.toast("No edit has been taken off.", "information")

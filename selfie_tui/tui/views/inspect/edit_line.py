"""The field in which an edit is typed; tab completes it, enter makes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.views.inspect.completing import completed, completions
from selfie_tui.tui.widgets.field import Field


class EditLine(Field):
    """A field with the forms of an edit, and the names of vectors, to complete it by."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("edit-line"), *bindings("text")]
    SCOPES: ClassVar[tuple[Scope, ...]] = ("edit-line", "text")

    def __init__(self) -> None:
        super().__init__(
            placeholder="* 0.5 · zero · = 3 · + noise 0.1 · at 9 · tab completes", id="edit-line", classes="-hidden"
        )
        self.accepted: Callable[[], object] = tuple
        """Makes the edit that is typed."""
        self.names: Callable[[], tuple[str, ...]] = tuple
        self._typed = self._completed = ""

    def action_accept(self) -> None:
        """Have the edit made."""
        self.accepted()

    def action_complete(self) -> None:
        """Complete what is typed; again, by the next of what may be meant."""
        if self.value != self._completed:
            self._typed = self.value
        offered = completions(self._typed, self.names())
        self._completed = completed(self.value, offered)
        self.value = self._completed
        self.cursor_position = len(self.value)

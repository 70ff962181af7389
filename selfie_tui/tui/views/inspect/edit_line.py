"""The field in which an edit is typed; tab completes it, enter makes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import BindingType

from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.views.inspect.completing import completions
from selfie_tui.tui.widgets.completing import CompletingField


class EditLine(CompletingField):
    """A field with the forms of an edit, and the names of vectors and weights, to complete it by."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("edit-line"), *bindings("text")]
    SCOPES: ClassVar[tuple[Scope, ...]] = ("edit-line", "text")

    def __init__(self) -> None:
        super().__init__(placeholder="* 0.5 · zero · = 3 · + noise 0.1 · at 9 · tab completes", id="edit-line")
        self.names: Callable[[], tuple[str, ...]] = tuple
        self.weights: Callable[[], tuple[str, ...]] = tuple

    def offered(self, typed: str) -> tuple[str, ...]:
        return completions(typed, self.names(), self.weights())

"""Asking for a name in a line at the foot of the screen: a file to export to, a preset to save."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Input

from selfie_tui.errors import SelfieError
from selfie_tui.tui.host import Answer
from selfie_tui.tui.screens.source import SourceScreen
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.ask_line import AskLine
from selfie_tui.tui.widgets.field import Field


class AskScreen(SourceScreen, inherit_bindings=False):
    """The frame, with a line in which a name can be asked for."""

    def __init__(self, state: AppState, view: View, device: str, dtype: str) -> None:
        super().__init__(state, view, device, dtype)
        self.ask_line = AskLine()
        self._answer: Answer | None = None
        self._refused = ""
        self._focus_before_ask: Widget | None = None

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield self.ask_line

    @property
    def asking(self) -> bool:
        """Whether the keys go into the line."""
        return self.focused is self.ask_line.field

    def ask_for(self, question: str, proposal: str, answer: Answer) -> None:
        """Ask for a name; `answer` is called with it when it is accepted."""
        if not self.asking:
            self._focus_before_ask = self.focused
        self._answer, self._refused = answer, ""
        self._show_ask_line(True)
        self.ask_line.ask(question, proposal)
        self.set_focus(self.ask_line.field)

    async def answer_asked(self) -> None:
        """Do what was asked for; the line stays open where what was typed will not do."""
        typed = self.ask_line.field.value.strip()
        if self._answer is None or not typed:
            self.leave_field()
            return
        try:
            await self._answer(typed, typed == self._refused)
        except SelfieError as error:
            self._refused = typed
            self.ask_line.refuse(self.app.look.prose(f"{error.cause} {error.remedy}".strip().rstrip(".")))
        else:
            self.leave_field()

    @on(Input.Changed, "#ask-text")
    def ask_typed(self) -> None:
        """Ask again when something else is typed."""
        if self.ask_line.field.value.strip() != self._refused:
            self._refused = ""
            self.ask_line.ask_again()

    def leave_field(self) -> None:
        if not self.asking:
            super().leave_field()
            return
        self._show_ask_line(False)
        before, self._focus_before_ask = self._focus_before_ask, None
        hidden = before is None or (isinstance(before, Field) and before.has_class("-hidden"))
        self.set_focus(self.pane_here.home if hidden else before)

    def _show_ask_line(self, shown: bool) -> None:
        """Show the line in place of the hints, or the hints again."""
        self.ask_line.set_class(not shown, "-hidden")
        self.hints.set_class(shown, "-hidden")

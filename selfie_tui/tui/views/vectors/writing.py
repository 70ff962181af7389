"""The line over vectors: written, followed by the results as it grows, and taken into the list."""

from __future__ import annotations

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.vectors.directions_view import DirectionsView
from selfie_tui.vector_line import written


class WritingView(DirectionsView):
    """The list and the line that is written over it."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._before_line: Widget | None = None
        self._instead = ""
        """The line that is written anew."""

    def interpret(self) -> None:
        """Put the line into words."""
        raise NotImplementedError

    def edit(self) -> None:
        """Write a line, beginning with the vector under the cursor."""
        here = self.list.here
        self._before_line = self.screen.focused
        self._instead = here.line if here is not None and here.kind == "line" else ""
        value = self.line if here is None or here.kind != "file" else written(here.name)
        self.line_view.add_class("-hidden")
        self.line_field.value = value
        self.line_field.cursor_position = len(value)
        self.app.edit(self.line_field)
        self.follow()

    @on(Input.Changed, "#vector-line")
    def line_typed(self) -> None:
        """Let the results follow each state of the line."""
        if self.writing:
            self.follow()

    def accept_line(self) -> None:
        """Have the line in the list, and interpret it; it stays open where it cannot be read."""
        line = self.comparison.line = self.line_field.value.strip()  # of a burst of keys nothing has followed yet
        refusal = self.comparison.refusal() if line else ""
        if refusal:
            self.app.toast(refusal, "warning")
            return
        if line and self.shelf.named(line) is None:
            self.shelf.write_line(line, self._instead)
        self.leave_line()
        if self.browsing.item is not None and line:
            self.close_directions()
        self.show_list(line)
        self.look()
        if line:
            self.interpret()

    def leave_line(self) -> None:
        """Close the field; the keys go where they went before."""
        self.line_field.add_class("-hidden")
        self.line_view.remove_class("-hidden")
        before = self._before_line
        self.screen.set_focus(before if before is not None and before is not self.line_view else self.list)
        self.follow()

"""The whole attention of a head, opened in place of the values."""

from __future__ import annotations

from textual import on

from selfie_tui.records import Event
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.inspect.looking import LookingView
from selfie_tui.tui.views.inspect.pattern import PatternMap, PatternSource
from selfie_tui.tui.widgets.map.grid import CellMap


class HeadsView(LookingView):
    """The panes of the view, with the pattern of a head that is opened and closed."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.source = PatternSource(state)
        self.pattern = PatternMap(self.source, id="pattern")
        self.pattern.add_class("-hidden")
        self.pattern.turned = self.turn

    def on_mount(self) -> None:
        super().on_mount()
        self.values_pane.mount(self.pattern)

    def take(self, event: Event) -> None:
        super().take(event)
        if self.source.take(event):
            self.pattern.update()
            self.update_pattern()

    def other_model(self) -> None:
        if self.pattern_open:
            self.swap(opened=False)

    @property
    def pattern_open(self) -> bool:
        """Whether the pattern of a head stands in place of the values."""
        return not self.pattern.has_class("-hidden")

    def swap(self, *, opened: bool) -> None:
        """Have the pattern of a head in place of the values, or these again."""
        shown, hidden = (self.pattern, self.values) if opened else (self.values, self.pattern)
        had_focus = hidden.has_focus
        hidden.add_class("-hidden")
        shown.remove_class("-hidden")
        self.values_pane.home = shown
        if had_focus:
            self.screen.set_focus(shown)
        if opened:
            self.update_pattern()
        else:
            self.values_pane.update_subtitle("")
            self.update_values()

    def update_pattern(self) -> None:
        """Write which head it is, and what is under the cursor."""
        source, prose = self.source, self.app.look.prose
        self.values_pane.heading = f"h{source.head} of {source.heads} · {prose(source.path)}"
        self.values_pane.retitle()
        self.values_pane.update_subtitle(prose(source.problem) or self.pattern.said())

    def show_pattern(self) -> None:
        """Open the attention of the head under the cursor from every token."""
        attention, number = self.inspection.attention, self.values.head
        if attention is None or number is None:
            return
        query = attention.queries[0]
        self.pattern.put_cursor(query, query)
        self.source.open(attention.path, attention.patterns[number].head, attention.heads)
        self.swap(opened=True)
        if self.pattern.size.height:
            self.pattern.lay_out()

    def turn(self, step: int) -> None:
        """Show the pattern of the head before or after."""
        source = self.source
        source.open(source.path, (source.head + step) % source.heads, source.heads)
        self.pattern.lay_out()
        self.update_pattern()

    @on(CellMap.Windowed)
    def pattern_windowed(self) -> None:
        """Ask for what is in sight of the pattern."""
        if self.pattern_open:
            self.source.want(self.pattern.rows.shown, self.pattern.columns.shown)

    @on(CellMap.Moved)
    def pattern_moved(self) -> None:
        """Say what is under the cursor of the pattern."""
        self.update_pattern()

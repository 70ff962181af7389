"""A pane: a border with the digit that jumps to it, around the widgets that take the keys in it."""

from __future__ import annotations

from textual import events, on
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from selfie_tui import text
from selfie_tui.tui.widgets.lines import Lines, look_of
from selfie_tui.tui.widgets.prompt_field import PromptField

BESIDE_LABEL = 4
"""Cells of the content's width that a border's label leaves free."""


class Pane(Vertical):
    """One of the frame's or of a view's; `home` is the widget that a jump to the pane focuses."""

    def __init__(
        self,
        digit: int,
        title: str,
        home: Widget,
        *others: Widget,
        id: str,
        above: tuple[Widget, ...] = (),
        classes: str | None = None,
    ) -> None:
        super().__init__(*above, home, *others, id=id, classes=classes)
        self.digit = digit
        self.heading = title
        self.home = home
        self._subtitle = ""
        self._fitting = ""
        """As much of it as fits."""
        self.retitle()

    def retitle(self, detail: str = "") -> None:
        """Write the title; `detail` went through `text.visible` or `text.prose`."""
        self.border_title = Content(look_of(self).glyphs(f"{self.digit} {self.heading}{detail}"))

    def fill(self, filled: bool) -> None:
        """Let the lines that are as high as their content be as high as the pane, or as they were."""
        for part in self.query(Lines):
            part.fill(filled)
        for field in self.query(PromptField):
            field.fill(filled)

    def update_subtitle(self, subtitle: str) -> None:
        """Write on the lower border as much as fits of what is something else; `subtitle` is safe text."""
        if subtitle != self._subtitle:
            self._subtitle = subtitle
            self._fit_subtitle()

    def _fit_subtitle(self) -> None:
        said = self._subtitle
        if self.size.width:
            said = text.clip(said, max(self.size.width - BESIDE_LABEL, 1))
        if said != self._fitting:
            self._fitting = said
            self.border_subtitle = Content(look_of(self).glyphs(said)) if said else None

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of the pane, in whatever size it has now: Textual would cut a label with a sign of its own."""
        self._fit_subtitle()
        return super().render_lines(crop)

    @on(Lines.Scrolled)
    def show_extent(self, event: Lines.Scrolled) -> None:
        """Say which lines are in sight, where the pane has something to scroll."""
        event.stop()
        if event.view is self.home and not self.has_class("-described"):
            self.update_subtitle(event.view.extent())

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show that the keys go here."""
        self.add_class("-active")

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Show that the keys go elsewhere, unless they go to another part of this pane."""
        focused = self.screen.focused
        if focused is None or self not in focused.ancestors:
            self.remove_class("-active")

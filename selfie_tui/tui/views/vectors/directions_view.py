"""The directions of a file in place of the list, and the words that are looked for among them."""

from __future__ import annotations

from textual import on
from textual.widgets import Input

from selfie_tui import text
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.vectors.items import Item
from selfie_tui.tui.views.vectors.listing import ListingView
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.pause import Pause

SEARCH_PAUSE = 0.3
"""Seconds without a key after which what was typed is looked for: all of a file is gone through."""


class DirectionsView(ListingView):
    """The list, which the directions of a file may stand in place of."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._search_pause = Pause(self, SEARCH_PAUSE, self.search)

    def open_directions(self, item: Item) -> None:
        """Show the directions of a file in place of the list."""
        self.browsing.open(item)
        self.directions.cursor = 0
        self._swap(opened=True)
        name = text.clip(self.app.look.prose(item.name), max(self.list_pane.size.width // 2, 8))
        self.list_pane.heading = f"{name} · {item.count:,}"
        self.list_pane.retitle()
        self.look()

    def close_directions(self) -> None:
        """Show the list again."""
        self.browsing.close()
        self.search_text.value = ""
        self.search_text.add_class("-hidden")
        self._swap(opened=False)
        self.list_pane.heading = "Vectors"
        self.list_pane.retitle()
        self.update_list()
        self.look()

    def _swap(self, *, opened: bool) -> None:
        home = self.directions if opened else self.list
        self.list.set_class(opened, "-hidden")
        self.directions.set_class(not opened, "-hidden")
        self.list_pane.home = home
        self.query_one("#vectors-left").set_class(opened, "-browsing")
        self.screen.set_focus(home)

    def search_field(self) -> Field | None:
        return self.search_text if self.browsing.item is not None else None

    @on(Input.Changed, "#direction-search")
    def search_typed(self) -> None:
        """Look for a word, or for what is like a line, when the typing pauses."""
        self._search_pause.again()

    def search(self) -> None:
        """Look for what is typed."""
        if self.browsing.item is None or self.search_text.value.strip() == self.browsing.search:
            return
        self.browsing.forget()
        self.browsing.search = self.search_text.value.strip()
        self.directions.cursor = self.directions.top = 0
        self.directions.refresh()
        self.look()

"""What is done with the list of vectors: marks, dropping and bringing back, other names."""

from __future__ import annotations

from selfie_tui.errors import RequestError
from selfie_tui.tui.keepable import check_name
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.vectors.opening import OpeningView


class ListingView(OpeningView):
    """The panes, and what changes the list."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self._to_drop = ""
        """The name of what a second key drops."""

    def mark(self) -> None:
        """Mark the vector under the cursor, or take its mark away."""
        here = self.list.here
        if here is None or not here.is_vector:
            return
        marked = self.comparison.marked
        self._mark(tuple(name for name in marked if name != here.name) if here.name in marked else (*marked, here.name))

    def mark_all(self) -> None:
        """Mark all vectors that can be used, or none where all are marked."""
        names = tuple(item.name for item in self.shelf.vectors())
        self._mark(() if set(names) == set(self.comparison.marked) else names)

    def _mark(self, marked: tuple[str, ...]) -> None:
        self.comparison.marked = marked
        self.list.mark(marked)
        self.update_list()
        self.look()

    def centre(self) -> None:
        """Take cosines with the mean taken off, or as they are."""
        self.comparison.centred = not self.comparison.centred
        self.look()

    def moved(self) -> None:
        self.forget_drop()
        super().moved()

    def forget_drop(self) -> None:
        """Another key: what was asked is not asked any more."""
        if self._to_drop:
            self._to_drop = ""
            self.update_list()

    def drop(self) -> None:
        """Ask, and drop what is under the cursor when it is asked for again."""
        here = self.list.here
        if here is None:
            return
        if self._to_drop != here.name:
            self._to_drop = here.name
            kept, narrow = here.kind == "kept", self.screen.has_class("-narrow")
            what = "deletes the vector" if kept else "takes it off the list"
            short = "delete" if kept else "drop it"
            self.update_list(f"d again: {short}" if narrow else f"d again {what}")
            return
        self._to_drop = ""
        try:
            self.shelf.drop(here)
        except RequestError as error:
            self.app.toast(f"{error.cause} {error.remedy}", "warning")
        self._mark(tuple(name for name in self.comparison.marked if name != here.name))
        self._listed_anew()

    def undo(self) -> None:
        """Bring back what was dropped last."""
        try:
            item = self.shelf.bring_back()
        except RequestError as error:
            self.app.toast(f"{error.cause} {error.remedy}", "warning")
            return
        if item is None:
            self.app.toast("Nothing was dropped.", "information")
        else:
            self._listed_anew(item.name)

    def _listed_anew(self, here: str = "") -> None:
        """Show a list in which names may stand for other vectors."""
        self.comparison.forget()
        self.show_list(here)
        self.follow()

    def rename(self) -> None:
        """Ask for another name of a kept vector."""
        here = self.list.here
        if here is None or here.kind != "kept":
            self.app.toast("Only vectors that are kept have a name: v keeps this one.", "information")
            return

        async def take(name: str, again: bool) -> None:
            check_name(name)
            self.shelf.rename(here, name)
            self._listed_anew(name)

        self.app.ask_for(f"rename {self.app.look.prose(here.name)} to", here.name, take)

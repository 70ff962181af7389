"""The directions of a file, a window of them at a time: in their order, by a word, or by likeness to a line."""

from __future__ import annotations

from selfie_tui.records import BrowseDirections, Direction, DirectionsFound, Event, JobFailed
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.vectors.comparing import ORIGIN
from selfie_tui.tui.views.vectors.items import Item

AT_ONCE = 60
"""Directions that are asked for at a time."""

MOST_FOUND = 200
"""Directions of a search."""

NEAREST = 4
"""Tokens of the lens for each."""


class Browsing:
    """Which file is looked through, what for, and what came back, by the line that it stands in."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.item: Item | None = None
        self.search = ""
        """The word that is looked for, or after `~` the line."""
        self.problem = ""
        self.found: dict[int, Direction] = {}
        self._asked: tuple[int, BrowseDirections | None] = (0, None)

    def open(self, item: Item) -> None:
        """Look through a file, in its order."""
        self.item, self.search = item, ""
        self.forget()

    def close(self) -> None:
        """Look through none."""
        self.item, self.search = None, ""
        self.forget()

    def forget(self) -> None:
        """Forget what came back."""
        self.found, self.problem, self._asked = {}, "", (0, None)

    @property
    def count(self) -> int:
        """Lines that there are."""
        if self.item is None:
            return 0
        return min(self.item.count, MOST_FOUND) if self.search else self.item.count

    @property
    def like(self) -> str:
        """The line that directions are to be like, "" where none is looked for."""
        return self.search[1:].strip() if self.search.startswith("~") else ""

    def ask(self, first: int, last: int, like: str) -> None:
        """Ask for the directions of some lines, as far as they are not known; `like` is the line of a likeness."""
        missing = next((at for at in range(first, min(last, self.count)) if at not in self.found), None)
        if self.item is None or missing is None or self.problem:
            return
        first = 0 if self.search else missing // AT_ONCE * AT_ONCE
        task = BrowseDirections(
            file=self.item.file,
            first=first,
            count=MOST_FOUND if self.search else AT_ONCE,
            word="" if self.search.startswith("~") else self.search,
            like=like,
            k=NEAREST,
            stack=self.state.stack,
            origin=ORIGIN,
        )
        if self._asked[1] != task:
            self._asked = self.state.submit(task), task

    def owns(self, job: int) -> bool:
        """Whether a job is the one that was asked for last."""
        return job == self._asked[0]

    def take(self, event: Event) -> bool:
        """Take an event; whether there is something new to show."""
        task = self._asked[1]
        if task is None or not event.job or event.job != self._asked[0]:
            return False
        if isinstance(event, DirectionsFound):
            self.found.update(enumerate(event.directions, task.first))
            return True
        if isinstance(event, JobFailed):
            self.problem = f"{event.cause} {event.remedy}".strip()
            return True
        return False

"""What the vector under the cursor is beside others: asked of the engine at once, and remembered."""

from __future__ import annotations

from typing import NamedTuple

from selfie_tui.errors import RequestError
from selfie_tui.records import CompareVectors, Event, JobFailed, VectorLooks, VectorsCompared
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.vectors.shelf import Shelf
from selfie_tui.vector_line import Name, parse_line, terms_in

ORIGIN = "vectors"
MOST_OTHERS = 6
"""Vectors that the one under the cursor is compared with unasked."""

MOST_KNOWN = 64
"""Comparisons that are remembered."""

NEAREST = 5
"""Tokens of the lens."""


class Compared(NamedTuple):
    """The vector that is looked at, and the others by the names that they have on the screen."""

    here: VectorLooks
    others: tuple[tuple[str, VectorLooks], ...]
    centred: bool


class Comparison:
    """Which vector is looked at, what with, and what came back."""

    def __init__(self, state: AppState, shelf: Shelf) -> None:
        self.state = state
        self.shelf = shelf
        self.line = ""
        """The line that is looked at, as it is written."""
        self.centred = False
        self.marked: tuple[str, ...] = ()
        """The names of the marked vectors, in the order in which they were marked."""
        self._failed: dict[CompareVectors, str] = {}
        self._known: dict[CompareVectors, VectorsCompared] = {}
        self._asked: tuple[int, CompareVectors | None] = (0, None)

    # What is asked for -----------------------------------------------------------------------------------------------

    def refusal(self) -> str:
        """Why the line cannot be read, by a look at it alone; "" where it can."""
        try:
            parse_line(self.line, self._names())
        except RequestError as error:
            return f"{error.cause} {error.remedy}"
        return ""

    @property
    def problem(self) -> str:
        """Why there is nothing to show: the line cannot be read, or the engine has refused it."""
        if not self.line:
            return ""
        return self.refusal() or self._failed.get(self._wanted(), "")

    def _names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.shelf.items if item.kind != "line")

    def others(self) -> tuple[str, ...]:
        """The lines that the vector is compared with: those marked, those named in it, or those of its layer."""
        if self.marked:
            return self.marked
        try:
            expression = parse_line(self.line, self._names())
        except RequestError:
            return ()
        if not isinstance(expression, Name):
            return terms_in(expression)
        here = self.shelf.named(expression.name)
        layers = here.layers if here else ()
        alike = (
            item.name
            for item in self.shelf.vectors()
            if item.kind != "line" and item is not here and len(item.layers) <= 1 and item.layers == layers
        )
        return tuple(alike)[:MOST_OTHERS]

    def _wanted(self) -> CompareVectors:
        lines = (self.line, *map(self._line_of, self.others()))
        return CompareVectors(
            tuple(map(self.shelf.resolved, lines)), NEAREST, self.centred, self.state.stack, origin=ORIGIN
        )

    def _line_of(self, name: str) -> str:
        item = self.shelf.named(name)
        return item.line if item else name

    def ask(self) -> bool:
        """Ask for what is to be known of the line, unless it is known or on its way; True where it is known."""
        if not self.line or self.problem or self.state.model is None:
            return False
        wanted = self._wanted()
        if wanted in self._known:
            return True
        if self._asked[1] != wanted:
            self._asked = self.state.submit(wanted), wanted
        return False

    # What came back --------------------------------------------------------------------------------------------------

    @property
    def compared(self) -> Compared | None:
        """What is known of the line; None where it is not."""
        if not self.line or self.refusal():
            return None
        found = self._known.get(self._wanted())
        if found is None:
            return None
        here, *rest = found.vectors
        return Compared(here, tuple(zip(self.others(), rest, strict=True)), found.centred)

    @property
    def is_pending(self) -> bool:
        """Whether nothing is known of the line yet, and it is being computed."""
        return bool(self.line) and self.state.model is not None and not self.problem and self.compared is None

    def owns(self, job: int) -> bool:
        """Whether a job is the one that was asked for last."""
        return job == self._asked[0]

    def forget(self) -> None:
        """Forget all: the model is another, its edits are, or a name stands for another vector."""
        self._known.clear()
        self._failed.clear()
        self._asked = (0, None)

    def take(self, event: Event) -> bool:
        """Take an event; whether there is something new to show."""
        task = self._asked[1]
        if not event.job or event.job != self._asked[0] or task is None:
            return False
        if isinstance(event, VectorsCompared):
            while len(self._known) >= MOST_KNOWN:
                self._known.pop(next(iter(self._known)))
            self._known[task] = event
            return True
        if isinstance(event, JobFailed):
            self._failed = {task: f"{event.cause} {event.remedy}".strip()}
            return True
        return False

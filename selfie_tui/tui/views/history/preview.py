"""What the run under the cursor said: its settings, its strongest readings, and what has changed since."""

from __future__ import annotations

from collections.abc import Iterator

from textual import events

from selfie_tui import text
from selfie_tui.records import ModelInfo
from selfie_tui.results.resuming import differences as differences_of_models
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces
from selfie_tui.tui.views.history.glimpse import Glimpse
from selfie_tui.tui.views.history.kinds import shown
from selfie_tui.tui.widgets.lines import ScrolledLines

BRIEFLY = 2
"""Readings that are shown while the keys go elsewhere: each step through the runs sends them."""

REVISION = 12
"""Characters of a revision that are shown."""


class Preview(ScrolledLines):
    """A run in lines, scrolled as a whole."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.run: StoredRun | None = None
        self.glimpse: Glimpse | None = None
        self.found: tuple[int, tuple[str, ...]] = (0, ())
        self.model: ModelInfo | None = None
        self._lines: list[Pieces] = []
        self._brief = True
        """Whether the keys go elsewhere, and only as much is shown as a step through the runs can afford."""

    def show_run(self, run: StoredRun | None, found: tuple[int, tuple[str, ...]], model: ModelInfo | None) -> None:
        """Show a run, how often and where a search has found it, and how it differs from the loaded model."""
        if (run, found, model) != (self.run, self.found, self.model):
            if run is None or self.run is None or run.id != self.run.id:
                self.top = 0
            self.run, self.found, self.model = run, found, model
            self.rebuild()

    def show_glimpse(self, glimpse: Glimpse) -> None:
        """Show what was read of the run, if it is still the one that is shown."""
        self.glimpse = glimpse
        if self.run is not None and self.run.id == glimpse.run.id:
            self.rebuild()

    def rebuild(self) -> None:
        """Make the lines for the width there is."""
        width = max(self.size.width - 2, 10)
        before, self._lines = self._lines, self._built(width)
        if before != self._lines:
            for number in range(max(len(before), len(self._lines))):
                if before[number : number + 1] != self._lines[number : number + 1]:
                    self.redraw(number)
        self.settle()

    def _built(self, width: int) -> list[Pieces]:
        if self.run is None:
            return []
        glimpse = self.glimpse if self.glimpse is not None and self.glimpse.run.id == self.run.id else None
        return [
            *settings_lines(self.run, width, self.look),
            *changes_lines(self.run, self.model, width, self.look),
            *found_lines(self.run, self.found, width, self.look),
            *glimpse_lines(glimpse, width, self.look, BRIEFLY if self._brief else None),
        ]

    def count(self) -> int:
        return len(self._lines)

    def pieces(self, index: int) -> Pieces:
        return (Piece(" "), *self._lines[index])

    def copyable(self) -> str:
        """All lines as text."""
        return "\n".join("".join(piece.text for piece in line).rstrip() for line in self._lines)

    def on_focus(self) -> None:
        """Show all that is known."""
        self._brief = False
        self.rebuild()

    def on_blur(self) -> None:
        """Show what a step through the runs can afford."""
        self._brief, self.top = True, 0
        self.rebuild()

    def _on_resize(self, event: events.Resize) -> None:
        self.rebuild()


def settings_lines(run: StoredRun, width: int, look: Look) -> list[Pieces]:
    """What was asked, of what, and how it ended."""
    task, info = run.began.task, run.began.info
    kind = shown(run)
    made = [*kind.made(task), *([info.device, info.dtype, info.verdict] if info else [])]
    revision = info.revision.removeprefix("content:")[:REVISION] if info else ""
    lines = flow([Piece(look.prose(kind.asked(run)), "strong")], width)
    lines += flow([Piece(look.prose(" · ".join([*made, *([f"rev {revision}"] if revision else [])])), "dim")], width)
    for line in kind.more(task):
        lines += flow([Piece(look.prose(line), "dim")], width)
    lines += flow([Piece(look.prose(f"“{run.prompt}”"))], width)
    if run.ending not in ("finished", "running"):
        problem = f": {run.problem}" if run.problem else ""
        lines += flow([Piece(look.prose(f"{run.ending}{problem} · {run.done} of {run.cells} are kept"), "warn")], width)
    return lines


def changes_lines(run: StoredRun, model: ModelInfo | None, width: int, look: Look) -> list[Pieces]:
    """What would differ if the run were made again with the loaded model."""
    if model is None or run.began.info is None:
        return []
    changes = differences_of_models(run.began, model)
    if not changes:
        return [(Piece(text.clip("model and versions are as they were", width), "good"),)]
    return flow([Piece("since then: ", "dim"), Piece(look.prose(", ".join(map(str, changes))), "warn")], width)


def found_lines(run: StoredRun, found: tuple[int, tuple[str, ...]], width: int, look: Look) -> Iterator[Pieces]:
    """In how many of its texts a search has found the run, and the first of those."""
    count, texts = found
    if count:
        yield ()
        yield (Piece(text.clip(f"found in {count} of {run.done}", width), "accent"),)
        for found_text in texts:
            yield (Piece(text.clip(look.prose(found_text.strip()), width), "match"),)


def glimpse_lines(glimpse: Glimpse | None, width: int, look: Look, most: int | None = None) -> Iterator[Pieces]:
    """What was seen of the results, at most so many of them."""
    if glimpse is None:
        return
    yield ()
    if glimpse.problem:
        yield from flow([Piece(look.prose(glimpse.problem), "bad")], width)
        return
    yield from glimpse.lines(width, look, most)

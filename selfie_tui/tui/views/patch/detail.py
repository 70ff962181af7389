"""Pane 5: what the patched run says at the cursor's site, both prompts alone, the score, the marked sites together."""

from __future__ import annotations

from typing import NamedTuple

from selfie_tui import text
from selfie_tui.records import LensToken, PatchedRun
from selfie_tui.tui.render.styles import Look, Piece, Pieces, cells, share
from selfie_tui.tui.views.patch.choices import CHANGES
from selfie_tui.tui.views.patch.patching import Patching
from selfie_tui.tui.views.patch.scores import change, number
from selfie_tui.tui.widgets.lines import Lines

HEIGHT = 2
MARGIN = 3
MOST_TOKEN = 12
TOKENS_CELLS = 42
"""Cells for the top tokens of a patched run, so that what stands after them stays where it is."""

ALONE_CELLS = 34
"""Cells for what a prompt says alone."""


class Here(NamedTuple):
    """What there is to know of the site under the cursor."""

    label: str = ""
    """Its name; safe text."""
    patching: Patching | None = None
    at: int | None = None
    note: str = ""
    """What stands in place of numbers; safe text."""
    together: str = ""
    """How the marked sites fare together."""


class PatchDetail(Lines):
    """Two lines on a site; one, with the name of the site, on a low screen."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.here = Here()
        self._drawn: list[Pieces] = []
        """The lines as they were drawn last: what is shown grows, and so cannot be compared with itself."""

    def show_here(self, here: Here) -> None:
        """Show this; only lines that change are drawn again."""
        self.here = here
        before, self._drawn = self._drawn, [self.pieces(line) for line in range(self.size.height)]
        for line, pieces in enumerate(self._drawn):
            if before[line : line + 1] != [pieces]:
                self.redraw(line)

    def count(self) -> int:
        return HEIGHT

    def pieces(self, index: int) -> Pieces:
        if self.size.height == 1:
            label = Piece(f" {self.here.label}  ", "strong")
            return (label, *one_line(self.here, self.look, self.size.width - cells((label,)) - 1))
        digit = Piece(" 5 " if index == 0 else " " * MARGIN, "key")
        line = patched_line if index == 0 else alone_line
        return (digit, *line(self.here, self.look, self.size.width - MARGIN - 1))


def tokens_words(top: tuple[LensToken, ...], look: Look, width: int) -> str:
    """`·Mary .58  ·John .11`: as many of the top tokens as fit."""
    line = ""
    for token in top:
        shown = f"{text.clip(look.visible(token.text), MOST_TOKEN)} {share(token.probability)}"
        longer = f"{line}  {shown}" if line else shown
        if text.width(longer) > width:
            break
        line = longer
    return line


def numbers_words(here: Here) -> str:
    """`recovered .84   Δlogit +3.1   attribution .71`; without what is not known."""
    patching, index = here.patching, here.at
    if patching is None or index is None:
        return ""
    run, estimate = patching.runs.get(index), patching.estimate(index)
    parts = []
    if run is not None:
        parts.append(f"recovered {number(run.score):<4}")
        parts.append(f"{CHANGES.get(patching.task.metric, 'Δ')} {change(patching.change(index)):<5}")
    if estimate is not None:
        parts.append(f"attribution {number(estimate):<4}")
    return "   ".join(parts)


def patched_line(here: Here, look: Look, width: int) -> Pieces:
    """What the patched run says, its score, and what the attribution was."""
    run = _run(here)
    numbers = numbers_words(here)
    said = f"patched  {tokens_words(run.top, look, TOKENS_CELLS)}" if run else here.note
    free = max(width - text.width(numbers) - 2, 0)
    return (Piece(text.pad(text.clip(said, free), free), "text" if run else "dim"), Piece(f"  {numbers}", "strong"))


def alone_line(here: Here, look: Look, width: int) -> Pieces:
    """What both prompts say as they are, and how the marked sites fare together."""
    began = here.patching.began if here.patching else None
    if began is None:
        return (Piece(text.clip(here.together, width)),)
    b, a = (tokens_words(side.top[:2], look, ALONE_CELLS) for side in (began.corrupt, began.clean))
    alone = f"B alone  {text.pad(b, ALONE_CELLS)}  A alone  {text.pad(a, ALONE_CELLS)}"
    return (Piece(text.clip(alone, width), "dim"), Piece(text.clip(here.together, max(width - text.width(alone), 0))))


def one_line(here: Here, look: Look, width: int) -> Pieces:
    """The top tokens, the score and the attribution in one line; marked sites together instead, where they were run."""
    run = _run(here)
    if here.together:
        return (Piece(text.clip(here.together, width)),)
    if run is None:
        return (Piece(text.clip(here.note, width), "dim"),)
    numbers = numbers_words(here)
    if text.width(numbers) + 12 > width:
        numbers = f"recovered {number(run.score)}"
    tokens = tokens_words(run.top, look, max(width - text.width(numbers) - 3, 0))
    return (Piece(text.pad(tokens, max(width - text.width(numbers), 0))), Piece(numbers))


def _run(here: Here) -> PatchedRun | None:
    return here.patching.runs.get(here.at) if here.patching is not None and here.at is not None else None

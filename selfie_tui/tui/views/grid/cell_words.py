"""The words of the cell under the cursor, with what they are to be compared with, and its numbers."""

from __future__ import annotations

import re
from typing import NamedTuple

from textual import events

from selfie_tui import text
from selfie_tui.marks import NORM, mark_of, norm_words
from selfie_tui.measures import MEASURES, Measure, apart, said_with
from selfie_tui.records import Cell, Control, Interpretation, Token, layer_name
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, cells, clipped, padded, share
from selfie_tui.tui.render.words import cut
from selfie_tui.tui.views.grid.readings import Reading
from selfie_tui.tui.widgets.interpretation_lines import Columns, Layout, one_line, words_of
from selfie_tui.tui.widgets.lines import ScrolledLines

NAMES = {"first": "first token", "control": "shared", "bare": "shared", "agreement": "samples agree"}
"""How measures are called beside their numbers, where that is not by their name."""

LABEL = 9
"""Cells for the name of what a reading is compared with."""

LENS = 24
"""Cells for the lens's token and its probability."""

MOST_BARE = 48
"""Cells of what the bare embedding reads as, at most: it is another at every token."""

LEAST_WORDS = 24
"""Cells of the words below which a tracked word's number stands beside them alone."""

MOST_TRACKED = 12
"""Cells of a tracked word beside its number, at most."""

OF_THE_WORDS = ("effect", "first", "entropy", "agreement")
"""The measures whose numbers stand behind the words."""

FEW = 3
"""Lines at which the words have one, the control one, and lens and bare embedding one."""

NOT_READ: Pieces = (Piece(" not read yet", "dim"),)


class Here(NamedTuple):
    """What the cursor is on: a cell, its token, its reading where there is one, that of a pair's source beside it."""

    cell: Cell
    token: Token
    reading: Reading | None = None
    at_source: Reading | None = None
    is_alone: bool = False
    """Whether a pair's source has no token for this one."""
    tracked: str = ""
    """The word that is tracked; unsafe to print as is."""
    like: Reading | None = None
    """A finished one of the same map: a cell that has none yet is shown with the names of its numbers."""

    def label(self, look: Look) -> str:
        """`L18 · 9 of`."""
        shown = look.prose(self.token.text).strip() or look.visible(self.token.text)
        return f"{layer_name(self.cell.layer)} · {self.cell.position} {shown}"


def number(measure: Measure, value: float) -> str:
    """A share in three characters, or a number of nats in four."""
    return share(value) if measure.most else f"{value:4.1f}"


def numbers_of(reading: Reading, *wanted: str) -> str:
    """`effect .31  first token .88  entropy  0.6`: measures by their names, without those that were not measured."""
    found = reading.finished
    if found is None or found.problem:
        return ""
    values = [(each, each.value(found, reading.run.control)) for each in MEASURES if each.name in wanted]
    return "  ".join(
        f"{NAMES.get(each.name, each.name)} {number(each, value)}" for each, value in values if value is not None
    )


def tracked_words(here: Here, look: Look) -> str:
    """`Paris .88  `: a tracked word and the probability of its first token, `–` where it is not said."""
    found = here.reading.finished if here.reading else None
    if not here.tracked or found is None or found.problem:
        return ""
    value = said_with(found, here.tracked)
    shown = text.clip(look.prose(here.tracked), MOST_TRACKED)
    return f"{shown} {' – ' if value is None else share(value)}  "


def one(here: Here, look: Look, width: int, query: str = "") -> Pieces:
    """A cell in one line: its label, its words, their effect and mark."""
    label, reading = here.label(look), here.reading
    columns = Columns(0, 0, max(min(text.width(label), width // 4), 8))
    shown = text.pad(text.clip(label, columns.label), columns.label)
    if reading is None or (not reading.run.finished(reading.index) and not reading.is_awaited):
        return clipped((Piece(f" {shown}  ", "key"), Piece("not read", "dim")), width)
    line = one_line(reading.run, reading.index, Layout(width - 2, columns, look, query))
    return clipped((Piece(f" {shown}", "key"), *line[1:]), width)


def several(here: Here, look: Look, width: int, height: int, query: str = "") -> list[Pieces]:
    """The words of a cell with their numbers, the control, what lens and bare embedding say, and any samples.

    In as few lines as `FEW` where the `height` is no more, else with the whole of each text.
    """
    reading = here.reading
    if reading is None or not (reading.finished or reading.is_awaited):
        lines = _unread(here.like, look, width, whole=height > FEW) if here.like else [NOT_READ]
        return [clipped(line, width) for line in lines]
    whole, found = height > FEW, reading.finished
    lines = _words(here, reading, look, width, query, whole=whole)
    if here.at_source is not None and here.at_source.finished is not None:
        lines += _source(here.at_source.finished, found, look, width, whole=whole)
    elif here.is_alone:
        lines += _beside("A", "has no token for this one", "", width)
    lines += _control(reading.run.control, numbers_of(reading, "control"), look, width, whole=whole)
    if found is not None:
        lines += _baselines(reading, look, width)
        lines += [*_samples(found, look, width), *_state(found, width)] if whole else []
    return [clipped(line, width) for line in lines]


def _words(here: Here, reading: Reading, look: Look, width: int, query: str, *, whole: bool) -> list[Pieces]:
    found = reading.finished
    tracked, numbers = tracked_words(here, look), numbers_of(reading, *OF_THE_WORDS)
    fits = text.width(tracked) + text.width(numbers) + LEAST_WORDS <= width
    numbers = tracked + numbers if fits or not tracked else tracked.rstrip()
    mark = f" {mark_of(found)}" if found else ""
    body = width - text.width(numbers) - len(mark) - 4
    words = words_of(reading.run, reading.index, Layout(width, Columns(0, 0, 0), look, query))
    first, *rest = flow(words, max(body, 1)) if whole else [cut(words, max(body, 1))]
    tail = (Piece(f"  {numbers}", "dim"), Piece(mark, "good" if mark == " +" else "dim"))
    return [(Piece(" "), *padded(first, body), *tail), *((Piece(" "), *line) for line in rest)]


def _unread(like: Reading, look: Look, width: int, *, whole: bool) -> list[Pieces]:
    """A cell that is not read yet: its control, and all names where those of a reading stand, without numbers.

    Where they stay, a step onto such a cell, or from it, need not send them.
    """
    numbers = f"  {_without_values(numbers_of(like, *OF_THE_WORDS))}  "
    words = padded(NOT_READ, width - len(numbers) - 1)
    lines: list[Pieces] = [(*words, Piece(numbers, "dim"))]
    lines += _control(like.run.control, _without_values(numbers_of(like, "control")), look, width, whole=whole)
    lines += _baselines(like, look, width, named_only=True)
    return [*lines, *_beside("state", NORM, "", width)] if whole else lines


def _without_values(numbers: str) -> str:
    """`effect      first token    `: blanks for the numbers of `numbers_of`."""
    return re.sub(r"[\d.-]", " ", numbers)


def _source(
    there: Interpretation, found: Interpretation | None, look: Look, width: int, *, whole: bool
) -> list[Pieces]:
    """What the cell of a pair's source says, and which share of the words of both only one says."""
    numbers = f"apart {share(apart(found.text, there.text))}" if found else ""
    return _beside("A", look.prose(there.text).strip(), numbers, width, whole=whole)


def _control(control: Control | None, numbers: str, look: Look, width: int, *, whole: bool) -> list[Pieces]:
    """The control's text, and how much of a reading's words it says too."""
    said = look.prose(control.text).strip() if control else ""
    return _beside("control", said, numbers, width, whole=whole)


def _baselines(reading: Reading, look: Look, width: int, *, named_only: bool = False) -> list[Pieces]:
    """What the lens says at a finished cell, and what the bare embedding of its token reads as, or but their names."""
    found = reading.finished
    if found is None or (found.lens is None and found.bare is None):
        return []
    token = f"{look.visible(found.lens.text)} {share(found.lens.probability)}" if found.lens else ""
    lens = (Piece(f" {'lens':{LABEL}}", "dim"), *padded((Piece("" if named_only else token),), LENS))
    if found.bare is None:
        return [lens]
    numbers = numbers_of(reading, "bare")
    said = text.clip(look.prose(found.bare).strip(), max(min(width - cells(lens) - len(numbers) - 16, MOST_BARE), 1))
    left = (*lens, Piece("embed alone ", "dim"), Piece("" if named_only else said))
    shown = _without_values(numbers) if named_only else numbers
    return [(*padded(left, width - len(numbers) - 3), Piece(f"  {shown}", "dim"))]


def _samples(found: Interpretation, look: Look, width: int) -> list[Pieces]:
    """All texts that were sampled, one a line."""
    return [line for sample in found.samples for line in _beside("sample", look.prose(sample).strip(), "", width)]


def _state(found: Interpretation, width: int) -> list[Pieces]:
    """The norm of the state that was read, and why it could not be where it was not."""
    return _beside("state", norm_words(found), "", width, whole=True)


def _beside(name: str, said: str, numbers: str, width: int, *, whole: bool = False) -> list[Pieces]:
    """A text that a reading is compared with, with its name before it and a number behind its first line."""
    body = max(width - LABEL - len(numbers) - 4, 1)
    lines = flow([Piece(said)], body) if whole else [(Piece(text.clip(said, body)),)]
    head = (Piece(f" {name:{LABEL}}", "dim"), *padded(lines[0], body), Piece(f"  {numbers}", "dim"))
    return [head, *((Piece(" " * (LABEL + 1)), *line) for line in lines[1:])]


class CellWords(ScrolledLines):
    """What is known of the cell under the cursor: one line where there is but one, else all of it."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.here: Here | None = None
        self.searched = ""
        self.note = ""
        self._lines: list[Pieces] = []

    def show_cell(self, here: Here | None, query: str) -> None:
        """Show a cell as it is now; lines that stay the same are not drawn again."""
        self.here, self.searched = here, query
        before, self._lines = self._lines, self._laid_out()
        if len(before) != len(self._lines):
            self.refresh()
            self.settle()
            return
        for line, (one, other) in enumerate(zip(before, self._lines, strict=True)):
            if one != other:
                self.redraw(line)

    def show_note(self, note: str) -> None:
        """Show why there is no cell."""
        self.note = note
        self.show_cell(None, "")

    def _laid_out(self) -> list[Pieces]:
        width, height = self.size.width, self.size.height
        if self.here is None or not width:
            return [(Piece(f" {self.note}", "dim"),)]
        if height == 1:
            return [one(self.here, self.look, width, self.searched)]
        return several(self.here, self.look, width, height, self.searched)

    def count(self) -> int:
        return len(self._lines)

    def pieces(self, index: int) -> Pieces:
        return self._lines[index]

    def _on_resize(self, event: events.Resize) -> None:
        """Lay the cell out for another size."""
        self._lines = self._laid_out()
        self.refresh()
        self.settle()

    def copyable(self) -> str:
        """All that is shown, as text."""
        return "\n".join("".join(piece.text for piece in line).strip() for line in self._lines)

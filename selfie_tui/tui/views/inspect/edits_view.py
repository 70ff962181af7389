"""The edits that stand, and beside them what the model says without and with them."""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar

from msgspec.structs import replace

from selfie_tui import text
from selfie_tui.edits import edit_text
from selfie_tui.records import Edit
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Piece, Pieces, padded
from selfie_tui.tui.views.inspect.answers import answer_line, answer_lines
from selfie_tui.tui.views.inspect.inspected import Inspected
from selfie_tui.tui.views.inspect.inspection import Inspection
from selfie_tui.tui.widgets.lines import on_cursor

MOST = 4
"""Lines on a high screen."""

NONE = "no edits: e writes one for the module under the cursor"

LIST_SHARE = 0.38
"""The part of a line that the edits have beside the answers."""


def shown_edit(edit: Edit) -> str:
    """An edit as it is typed, a vector or weights by their name alone: `* 0.5`, `= vec:paris at 9`."""
    return edit_text(replace(edit, vector=PurePath(edit.vector).stem, weights=PurePath(edit.weights).stem))


def edit_label(edit: Edit) -> str:
    """The module and what is done to it: `layers.5.mlp  * 0.5`, of an input or a later tensor with its name."""
    side = "" if edit.which == "output" else " input"
    index = f" {edit.index}" if edit.index else ""
    return f"{edit.path}{side}{index}  {shown_edit(edit)}"


class EditsView(Inspected):
    """The edits at the left, the answers at the right; in one line where there is little space."""

    DEFAULT_CSS = "EditsView { height: 1; }"
    SCOPES: ClassVar[tuple[Scope, ...]] = ("edits", "inspected", "list")
    BINDINGS = bindings("edits", "inspected")

    def __init__(self, inspection: Inspection, id: str | None = None) -> None:
        super().__init__(id=id)
        self.inspection = inspection
        self.folded = False
        """Whether there is one line for all."""
        self._drawn: list[Pieces] = []

    @property
    def edit_here(self) -> Edit | None:
        """The edit under the cursor."""
        edits = self.inspection.edits
        return edits[self.cursor] if self.cursor < len(edits) else None

    def fold(self, folded: bool) -> None:
        """Have one line for all, or lines of their own for edits and answers."""
        if folded != self.folded:
            self.folded = folded
            self.show_edits()

    def show_edits(self) -> None:
        """Show edits and answers as they are now; only lines that say something else are drawn again."""
        before, self._drawn = self._drawn, self._made()
        self.cursor = max(min(self.cursor, len(self.inspection.edits) - 1), 0)
        if len(before) != len(self._drawn):
            self.fit(MOST)
            self.settle()
        for number in range(max(len(before), len(self._drawn))):
            if before[number : number + 1] != self._drawn[number : number + 1]:
                self.redraw(number)

    def _made(self) -> list[Pieces]:
        inspection, width = self.inspection, max(self.size.width - 1, 8)
        if self.folded:
            return [self._folded_line(width)]
        left = int(width * LIST_SHARE)
        answers = inspection.answers
        right = answer_lines(answers, width - left, self.look) if answers is not None else []
        edits: list[Pieces] = [(Piece(self._label(edit, left)),) for edit in inspection.edits]
        edits = edits or [(Piece("no edits" if right else NONE, "dim"),)]
        lines = max(len(edits), len(right))
        left = left if right else width
        return [(*padded(_at(edits, line), left), *_at(right, line)) for line in range(lines)]

    def _label(self, edit: Edit, width: int) -> str:
        """An edit in a width; where it is short the beginning of the path goes."""
        label = self.look.prose(edit_label(edit))
        return label if text.width(label) < width else text.clip_path(label, width - 1)

    def _folded_line(self, width: int) -> Pieces:
        inspection = self.inspection
        if inspection.answers is not None:
            return answer_line(inspection.answers, width, self.look)
        edits = " · ".join(map(edit_label, inspection.edits))
        return (Piece(f" {self.look.prose(edits) or '3 no edits: e writes one'}", "accent" if edits else "dim"),)

    def count(self) -> int:
        return max(len(self._drawn), 1)

    def pieces(self, index: int) -> Pieces:
        line = self._drawn[index] if index < len(self._drawn) else ()
        if self.folded:
            return line
        here = index == self.cursor and index < len(self.inspection.edits)
        if here and self.has_focus and line:
            return (Piece("▌", "key"), *on_cursor(line[:1], self.cursor_role), *line[1:])
        return (Piece("▌" if here else " ", "key"), *line)

    def go(self, index: int) -> None:
        """Put the cursor on an edit."""
        super().go(min(index, max(len(self.inspection.edits) - 1, 0)))

    def _on_resize(self, event: object) -> None:
        self._drawn = []
        self.show_edits()
        self.refresh()


def _at(lines: list[Pieces], number: int) -> Pieces:
    return lines[number] if number < len(lines) else ()

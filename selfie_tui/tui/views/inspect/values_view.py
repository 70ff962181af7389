"""The values of the tensor that is looked at, line by line, with a cursor on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from selfie_tui import text
from selfie_tui.records import ModuleTensor
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.host import Host
from selfie_tui.tui.render.styles import Piece, Pieces, padded
from selfie_tui.tui.status import key_of
from selfie_tui.tui.views.inspect.inspected import Inspected
from selfie_tui.tui.views.inspect.inspection import Inspection
from selfie_tui.tui.views.inspect.value_lines import (
    attention_title,
    head_line,
    keys_line,
    layers_line,
    names_of,
    nearest_line,
    numbers_line,
    shape_text,
    step_line,
    tokens_line,
    values_at,
)
from selfie_tui.tui.widgets.lines import on_cursor

Line = Callable[[], Pieces]

STILL_OF = "… still of "
"""Stands before the path of the module whose values are shown until those of the one under the cursor come."""


def _dim(line: str) -> Pieces:
    return (Piece(line, "dim"),)


def _warn(line: str) -> Pieces:
    return (Piece(line, "warn"),)


class ValuesView(Inspected):
    """Numbers at the first line, heads below: enter interprets the one, and opens the pattern of the other."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("values", "inspected", "list")
    BINDINGS = bindings("values", "inspected")
    app: Host

    def __init__(self, inspection: Inspection, id: str | None = None) -> None:
        super().__init__(id=id)
        self.inspection = inspection
        self.reading: Callable[[], Pieces] = tuple
        """What the model says of the values, where that was asked."""
        self._lines: list[Line] = []
        self._drawn: list[Pieces] = []
        self._first_head = 0
        self._names: list[Pieces] = []
        """The names in the lines of the values that were shown last, below their shape."""
        self._last: tuple[ModuleTensor | None, list[Pieces]] = None, []
        """The tensor whose values were shown last, and these, below their shape."""

    # Lines -----------------------------------------------------------------------------------------------------------

    def show_values(self) -> None:
        """Show the values as they are now; only lines that say something else are drawn again."""
        self._lines = self._made()
        drawn = [line() for line in self._lines]
        before, self._drawn = self._drawn, drawn
        if len(before) != len(drawn):
            self.cursor = max(min(self.cursor, len(drawn) - 1), 0)
            self.settle()
        for number in range(max(len(before), len(drawn))):
            if before[number : number + 1] != drawn[number : number + 1]:
                self.redraw(number)

    @property
    def cells(self) -> int:
        """Cells of a line beside the cursor."""
        return max(self.size.width - 2, 8)

    def _made(self) -> list[Line]:
        inspection = self.inspection
        lines = self._value_lines()
        if inspection.steps:
            lines.append(partial(_dim, "generated tokens, each as the model reads it"))
            lines += [partial(step_line, step, self.look) for step in inspection.steps]
        self._first_head = len(lines) + 2
        attention, tokens = inspection.attention, inspection.state.selection.tokens
        if inspection.attention_problem:
            lines += self._wrapped(inspection.attention_problem)
        elif attention is not None:
            lines.append(partial(_dim, attention_title(attention, tokens, self.look)))
            lines.append(partial(keys_line, attention, tokens, self.look))
            heads = range(len(attention.patterns))
            lines += [partial(head_line, attention, number, self.cells) for number in heads]
        return lines

    def _value_lines(self) -> list[Line]:
        inspection, peeked = self.inspection, self.inspection.peeked
        if inspection.failed is not None:
            return self._wrapped(inspection.failed.problem) + self._wrapped(self._kept_words(), _dim)
        if inspection.problem:
            return self._wrapped(inspection.problem)
        if peeked is None:
            return self._waiting()
        position, node = inspection.state.selection.position, inspection.node
        stale = peeked.position != position
        lines: list[Line] = [partial(_dim, shape_text(peeked)), partial(numbers_line, values_at(peeked, position))]
        if len(peeked.tokens) > 1:
            norms = [values.norm for values in peeked.tokens]
            lines.append(partial(tokens_line, norms, position, self.cells))
        if len(peeked.layers) > 1:
            layer = node.layer if node else None
            lines.append(partial(layers_line, peeked.layers, layer, self.cells))
        if peeked.is_stream:
            brief = not self.has_focus
            lines.append(partial(nearest_line, peeked.nearest, self.cells, self.look, brief=brief, stale=stale))
            reading = self.reading()
            if reading:
                lines.append(lambda: reading)
        shown = [line() for line in lines[1:]]
        self._names, self._last = [names_of(line) for line in shown], (peeked.module, shown)
        return lines

    def forget(self) -> None:
        """Forget the values that were shown last: they are of another model, of other edits, or of another prompt."""
        self._last = None, []

    def _waiting(self) -> list[Line]:
        """What stands while values are read: those before and of what they are, or else their names.

        To take them away, and to draw others on blank lines, would send half as much again.
        """
        if not self.inspection.can_look:
            self._names = []
            self.forget()
            return [partial(_dim, "values come with the model and the prompt's tokens")]
        last, values = self._last
        if last is not None:
            of = last.path if last.path != self.inspection.path else f"{last.which} {last.index}"
            of = text.clip_path(self.look.prose(of), max(self.cells - len(STILL_OF), 8))
            return [partial(_dim, f"{STILL_OF}{of}"), *(partial(tuple, line) for line in values)]
        return [partial(_dim, "…"), *(partial(tuple, names) for names in self._names)]

    def _kept_words(self) -> str:
        model, back = self.inspection.state.model, key_of("back", self.app.keymap)
        return "Its modules are as its configuration has them." + (f" {back}: those of {model.name}." if model else "")

    def _wrapped(self, said: str, shown: Callable[[str], Pieces] = _warn) -> list[Line]:
        return [partial(shown, line) for line in text.wrap(self.look.prose(said), self.cells)]

    def count(self) -> int:
        return max(len(self._drawn), 1)

    def pieces(self, index: int) -> Pieces:
        if index >= len(self._drawn):
            return ()
        here, line = index == self.cursor, self._drawn[index]
        if here and self.has_focus:
            return (Piece("▌", "key"), *on_cursor(padded(line, self.cells), self.cursor_role))
        return (Piece("▌" if here else " ", "key"), *line)

    def on_focus(self) -> None:
        """Show all tokens of the lens that fit."""
        self.show_values()

    def on_blur(self) -> None:
        """Show as many as a step through the modules can afford."""
        self.show_values()

    def _on_resize(self, event: object) -> None:
        self._drawn = []
        self.show_values()
        self.refresh()
        self.show_cursor()

    # The cursor ------------------------------------------------------------------------------------------------------

    @property
    def head(self) -> int | None:
        """The number of the pattern under the cursor; None where it is on another line."""
        attention = self.inspection.attention
        number = self.cursor - self._first_head
        return number if attention is not None and 0 <= number < len(attention.patterns) else None

    def action_open(self) -> None:
        """Open the pattern of the head under the cursor, or interpret the values."""
        self.action_ask("interpret" if self.head is None else "pattern")

"""The tree of modules, with a cursor on one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from selfie_tui import text
from selfie_tui.errors import RequestError
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Piece, Pieces, Role, padded
from selfie_tui.tui.views.inspect.inspected import Inspected
from selfie_tui.tui.views.inspect.outline import Outline, Row
from selfie_tui.tui.widgets.lines import on_cursor

INDENT = 2
NAME_SHARE, KIND_SHARE = 0.46, 0.32
"""The parts of a line that the name and the kind of a module have."""


def no_note(path: str) -> Pieces:
    """Nothing to be said of a module."""
    return ()


class ModuleRows(Inspected):
    """An outline of modules, one a line: its name, its kind, and a note on it."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("modules", "inspected", "list")
    BINDINGS = bindings("modules", "inspected")

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.outline = Outline()
        self.empty = ""
        """What stands where there are no modules."""
        self.moved: Callable[[], object] = tuple
        """Called when the cursor is on another module."""
        self.note: Callable[[str], Pieces] = no_note
        self.marked: Callable[[str], bool] = lambda path: False

    # What is shown ---------------------------------------------------------------------------------------------------

    @property
    def here(self) -> str | None:
        """The path of the module under the cursor; None where there is none."""
        rows = self.outline.rows
        return rows[self.cursor].path if self.cursor < len(rows) else None

    def show_outline(self, outline: Outline, empty: str) -> None:
        """Show other modules, with the cursor on the first one."""
        self.outline, self.empty, self.cursor = outline, empty, 0
        self.refresh()
        self.settle()
        self.show(0)

    def redraw_module(self, path: str) -> None:
        """Draw a module's line again."""
        self.redraw(self.outline.line_of(path))

    def show(self, first: int, last: int | None = None) -> None:
        """Have lines in sight, once it is known how many are."""
        if self.size.height:
            super().show(first, last)

    def count(self) -> int:
        return max(len(self.outline.rows), 1)

    def pieces(self, index: int) -> Pieces:
        if not self.outline.rows:
            return (Piece(f" {self.empty}", "dim"),)
        row, here = self.outline.rows[index], index == self.cursor
        name, *others = self._line(row)
        return (
            Piece("▌" if here else " ", "key"),
            *(on_cursor((name,), self.cursor_role) if here else (name,)),
            *others,
        )

    def _line(self, row: Row) -> Pieces:
        """A module's line; of one that is equal to one above the name alone, as thirty times the same is said once."""
        width = max(self.size.width - 2, 8)
        name, kind = int(width * NAME_SHARE), int(width * KIND_SHARE)
        marked = self.marked(row.path)
        fold = {None: " ", True: "▾", False: "▸"}[row.unfolded]
        label = f"{' ' * (INDENT * row.depth)}{fold} {self.look.prose(row.label)}"
        role: Role = "accent" if marked else "text"
        module = self.outline.module(row.path)
        shown = "" if module.like and not row.unfolded else self.look.prose(module.kind)
        kind_text = text.pad(shown, max(kind - 1, 1))
        lead = (Piece(text.pad(label, max(name - 1, 1)) + " ", role), Piece(kind_text + " ", "dim"))
        return padded((*lead, *self.note(row.path)), width)

    # The cursor ------------------------------------------------------------------------------------------------------

    def go_to_module(self, path: str) -> None:
        """Put the cursor on a module, wherever it is folded away."""
        rows = len(self.outline.rows)
        line = self.outline.reveal(path)
        if len(self.outline.rows) != rows:
            self._changed_rows()
        self.go(line)

    def go_to(self, typed: str) -> bool:
        """Go to the module of that path, or the one module whose path ends so.

        Raises:
            RequestError: for one of several.
        """
        if typed.isdecimal():  # a token
            return False
        outline = self.outline
        found = [typed] if typed in outline else [path for path in outline.paths() if path.endswith(f".{typed}")]
        if not found:
            return False
        if len(found) > 1:
            raise RequestError(f"“{typed}” may be {found[0]}, {found[1]} or others.", "Write more of the path.")
        self.go_to_module(found[0])
        return True

    def cursor_moved(self) -> None:
        self.moved()

    def _changed_rows(self) -> None:
        self.refresh()
        self.settle()

    def _fold_here(self, *, folded: bool) -> None:
        here = self.here
        if here is not None:
            self.outline.fold(here, folded=folded)
            self._changed_rows()
            self.go(self.outline.line_of(here))

    def action_open(self) -> None:
        """Unfold or fold the module, or look at one that has none in it."""
        here = self.here
        if here is None:
            return
        if self.outline.below(here):
            self._fold_here(folded=self.outline.is_unfolded(here))
        else:
            self.action_ask("look")

    def action_fold(self) -> None:
        """Fold the module, or go to the one that it is in."""
        here = self.here
        if here is None:
            return
        above = self.outline.above(here)
        if self.outline.is_unfolded(here):
            self._fold_here(folded=True)
        elif above is not None:
            self.go(self.outline.line_of(above))

    def action_unfold(self) -> None:
        """Unfold the module, or go to the first one in it."""
        here = self.here
        if here is None or not self.outline.below(here):
            return
        if self.outline.is_unfolded(here):
            self.go(self.cursor + 1)
        else:
            self._fold_here(folded=False)

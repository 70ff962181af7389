"""Base classes of widgets drawn line by line: a window on numbered lines, and one with a cursor.

`Lines` keeps its own first line instead of being a `ScrollView`, whose every change of size lays out and sends the
screen.
"""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual._context import NoActiveAppError
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role

PLAIN = Look()
TALL = 30
"""Lines of a screen on which views need not be sparing."""

OVERLAP = 2
"""Lines that stay in sight when the cursor moves the window."""

WHEEL = 3
"""Lines for a step of the mouse wheel."""


def look_of(widget: Widget) -> Look:
    """The styles and glyphs of the widget's app; plain text where there is none."""
    try:
        look = getattr(widget.app, "look", PLAIN)
    except NoActiveAppError:
        return PLAIN
    return look if isinstance(look, Look) else PLAIN


def stride(height: int, pages: float) -> int:
    """Lines to move by for so many pages, 1 or .5 up or down; of a whole page `OVERLAP` lines stay in sight."""
    lines = max(height - OVERLAP if abs(pages) >= 1 else height // 2, 1)
    return lines if pages > 0 else -lines


class Lines(Widget):
    """A window on `count()` lines, line `i` being `pieces(i)`; subclasses give both."""

    DEFAULT_CSS = "Lines { height: 1fr; }"
    SCOPES: ClassVar[tuple[Scope, ...]] = ()

    class Scrolled(Message):
        """Other lines are shown now, or there are more or fewer."""

        def __init__(self, view: Lines) -> None:
            super().__init__()
            self.view = view

    top = 0
    """The first line shown."""

    _fitted = 0
    _filled = False

    def count(self) -> int:
        """The number of lines."""
        return 0

    def pieces(self, index: int) -> Pieces:
        """The content of a line."""
        raise NotImplementedError

    def go_to(self, typed: str) -> bool:
        """Go where typed text points in these lines; False where it means nothing of their own.

        Raises:
            RequestError: for what is out of range.
        """
        return False

    @property
    def look(self) -> Look:
        """The app's styles and glyphs; plain where there is no app."""
        return look_of(self)

    @property
    def base_style(self) -> Style:
        """The style under all roles."""
        return self.rich_style

    def render_line(self, y: int) -> Strip:
        index = self.top + y
        line = self.pieces(index) if 0 <= index < self.count() else ()
        return self.look.strip(line, self.size.width, self.base_style)

    def redraw(self, first: int, last: int | None = None) -> None:
        """Draw lines `first` to `last` again, where they are in sight."""
        begin = max(first - self.top, 0)
        end = min((first if last is None else last) - self.top, self.size.height - 1)
        if begin <= end:
            self.refresh(Region(0, begin, self.size.width, end - begin + 1))

    def scroll_by(self, lines: int) -> bool:
        """Move the window; True when that was possible."""
        return self._set_top(self.top + lines)

    def show(self, first: int, last: int | None = None) -> None:
        """Have lines `first` to `last` in sight, `first` above all.

        A window that has to move moves by its height less `OVERLAP`, or as far as the lines are. Moved by one line,
        it would be sent as a whole at every step of the cursor.
        """
        last = first if last is None else last
        height = max(self.size.height, 1)
        step = max(height - OVERLAP, 1)
        top = self.top
        if first < top:
            top = min(top - step, first)
        elif last >= top + height:
            top += step
        self._set_top(min(max(top, last - height + 1), first))

    def settle(self) -> None:
        """Adjust the window after the number of lines or the size has changed, and post `Scrolled`."""
        if not self._set_top(self.top):
            self.post_message(self.Scrolled(self))

    def fit(self, most: int) -> None:
        """Be as high as the lines need, up to `most`, half of that on a low screen."""
        limit = most if self.app.size.height >= TALL else (most + 1) // 2
        height = max(1, min(self.count(), limit))
        if height != self._fitted:
            self._fitted = height
            if not self._filled:
                self.styles.height = height

    def fill(self, filled: bool) -> None:
        """Take all the height there is, or be as high as `fit` had it; other lines are as they are."""
        if self._fitted and filled != self._filled:
            self._filled = filled
            self.styles.height = "1fr" if filled else self._fitted

    def extent(self) -> str:
        """`3–22 of 40`, or "" where all lines are in sight."""
        count, height = self.count(), self.size.height
        return f"{self.top + 1}–{min(self.top + height, count)} of {count}" if count > height > 0 else ""

    def _set_top(self, top: int) -> bool:
        top = max(0, min(top, self.count() - self.size.height))
        if top == self.top:
            return False
        self.top = top
        self.refresh()
        self.post_message(self.Scrolled(self))
        return True

    def _on_resize(self, event: events.Resize) -> None:
        self.settle()

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_by(WHEEL)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_by(-WHEEL)


class ScrolledLines(Lines, can_focus=True):
    """Lines without a cursor, scrolled as a whole by the keys of lists."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("list",)
    BINDINGS = bindings("list")

    def action_move(self, step: int) -> None:
        """A line up or down."""
        self.scroll_by(step)

    def action_page(self, pages: float) -> None:
        """A window up or down, or half of one."""
        self.scroll_by(stride(self.size.height, pages))

    def action_first(self) -> None:
        """To the first line."""
        self.scroll_by(-self.count())

    def action_last(self) -> None:
        """To the last line."""
        self.scroll_by(self.count())


class Rows(Lines, can_focus=True):
    """Lines with a cursor on one of them."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("list",)
    BINDINGS = bindings("list")

    cursor = 0

    @property
    def cursor_role(self) -> Role:
        """The role of the cursor's line: of the focused widget, or of another."""
        return "cursor" if self.has_focus else "rest"

    def go(self, index: int) -> None:
        """Put the cursor on a line, redrawing the two lines concerned."""
        index = max(0, min(index, self.count() - 1))
        before, self.cursor = self.cursor, index
        self.show(index)
        if before != index:
            self.redraw(before)
            self.redraw(index)
            self.cursor_moved()

    def show_cursor(self) -> None:
        """Have what the cursor is on in sight."""
        self.show(self.cursor)

    def cursor_moved(self) -> None:
        """Called when the cursor is on another line."""

    def action_move(self, step: int) -> None:
        """One line up or down."""
        self.go(self.cursor + step)

    def action_page(self, pages: float) -> None:
        """A window up or down, or half of one."""
        self.go(self.cursor + stride(self.size.height, pages))

    def action_first(self) -> None:
        """To the first line."""
        self.go(0)

    def action_last(self) -> None:
        """To the last line."""
        self.go(self.count() - 1)

    def _on_resize(self, event: events.Resize) -> None:
        super()._on_resize(event)
        self.show_cursor()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is."""
        self.go(self.top + event.y)


def on_cursor(pieces: Pieces, role: Role) -> Pieces:
    """The pieces of a line that the cursor is on: one block, whatever they were."""
    return tuple(Piece(piece.text, role) for piece in pieces)

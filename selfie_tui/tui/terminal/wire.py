"""An `App` that sends the terminal only the cells that changed, and draws as Textual does where it cannot find them."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping

from rich.color import ColorSystem
from rich.console import RenderableType
from textual import events
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import CompositorUpdate
from textual._path import CSSPathType
from textual.app import App, ReturnType
from textual.driver import Driver
from textual.geometry import Offset, Size
from textual.screen import Screen
from textual.timer import Timer

from selfie_tui.tui.terminal.cells import ControlCharacters, Row, UnknownUpdateError, pieces_of, size_of
from selfie_tui.tui.terminal.moves import absolute
from selfie_tui.tui.terminal.paint import Painter
from selfie_tui.tui.terminal.pens import DEFAULT, Pen, Pens
from selfie_tui.tui.terminal.repeats import ANSWER, QUESTION

log = logging.getLogger(__name__)

WORTH_SYNCHRONISING = 1024
"""Characters from which on an update is wrapped in synchronised output; a shorter one arrives in one packet anyway."""

_MUCH = 0.5
"""Share of the cells of a screen that differ, from which on it may be shorter to clear the screen and draw it anew."""

_ERASING_TERMINALS = (
    "xterm",
    "tmux",
    "linux",
    "rxvt",
    "alacritty",
    "kitty",
    "foot",
    "wezterm",
    "ghostty",
    "vte",
    "konsole",
)
_AFTER_RESIZE = 0.05
"""Seconds after which Textual has laid out the screen for a new size."""

_SETTLING = 0.05
"""Seconds in which a layout that has many changes settles."""

RESET = "\x1b[m"
"""The default rendition."""

_SANE_STATE = "\x1b[r\x1b(B\x0f\x1b[?7l\x1b[?25l\x1b[2J"
"""No margins, ASCII, no wrap, no cursor, nothing on the screen."""


class Wire:
    """What the terminal shows, as far as is known, and the sequences that make it show what an update draws.

    `erases`: whether it erases to the background in use; `repeats`: whether it repeats characters, which may be found
    out at any time. `feeds`: whether a line feed reaches it without a return that the system adds.
    """

    def __init__(self, color_system: ColorSystem, *, erases: bool, repeats: bool = False, feeds: bool = False) -> None:
        self._pens = Pens(color_system)
        self._erases = erases
        self.repeats = repeats
        self.feeds = feeds
        self.size = Size(0, 0)
        self._rows: list[Row] = []
        self._cursor: tuple[int, int] | None = None
        self._held = DEFAULT
        """The rendition in use: the last one drawn with, so that the next update need not set it again."""

    @property
    def is_known(self) -> bool:
        """Whether anything is known of the screen."""
        return bool(self._rows)

    @property
    def is_drawing(self) -> bool:
        """Whether a rendition other than the default is in use, as far as is known."""
        return self._held != DEFAULT

    def forget(self) -> None:
        """Forget what the terminal shows and draws with, so that everything drawn from now on is sent."""
        self._rows = []

    def reset(self) -> str:
        """Forget what the terminal shows; the sequence after which the default rendition is in use."""
        self.forget()
        self._held = DEFAULT
        return RESET

    def sequence(self, update: CompositorUpdate, cursor: tuple[int, int] | None) -> str:
        """What to send for an update and a cursor at this column and line; "" if the terminal shows it already.

        The cursor is never seen: it is where an input method opens its window. None leaves it where the last cell was
        drawn.

        Where nothing is known of the screen it begins with the default rendition: after a resize some terminals keep
        the one in use, others do not.

        Raises `ControlCharacters` and `UnknownUpdateError`; what is known of the screen is then as before.
        """
        size = size_of(update)
        known = self.is_known and size == self.size
        before = self._rows if known else [Row.unknown(size.width)] * size.height
        after: dict[int, Row] = {}
        for y, x, segments in pieces_of(update):
            if y not in after:
                after[y] = before[y].copy()
            after[y].draw(x, segments, self._pens)
        rows = [after.get(y, row) for y, row in enumerate(before)]
        begin, held = ("", self._held) if known else (RESET, DEFAULT)
        painter = self._painter(size.width, held)
        if not known:
            before = self._cleared(painter, rows) or before
        differing = painter.paint(before, after)
        sequence = begin + (painter.finish(cursor) or ("" if cursor in (None, self._cursor) else absolute(*cursor)))
        if known and differing > _MUCH * size.width * size.height:
            other = self._painter(size.width, held)
            if cleared := self._cleared(other, rows):
                other.paint(cleared, dict(enumerate(rows)))
                sequence, painter = _shorter((sequence, painter), (other.finish(cursor), other))
        self.size, self._cursor, self._held, self._rows = size, cursor, painter.held, rows
        return sequence

    def _painter(self, width: int, held: Pen) -> Painter:
        return Painter(width, self._pens, held, erases=self._erases, repeats=self.repeats, feeds=self.feeds)

    def _cleared(self, painter: Painter, rows: list[Row]) -> list[Row] | None:
        """Clear the screen for these rows; what it then shows, or None where not all of them are known."""
        if any(None in row.glyphs for row in rows):
            return None
        cleared = painter.clear(rows)
        return [cleared] * len(rows) if cleared else None


def _shorter(one: tuple[str, Painter], other: tuple[str, Painter]) -> tuple[str, Painter]:
    """Of two sequences and the painters that made them, those of the one with fewer bytes."""
    return min(one, other, key=lambda way: len(way[0].encode(errors="replace")))


class WireApp(App[ReturnType]):
    """An app that sends only the cells that changed.

    `stock_display` draws as Textual does; it may be set at any time, and sets itself, with an entry in the log, when an
    update cannot be understood. Inline apps and Windows always draw as Textual does.
    """

    def __init__(
        self,
        driver_class: type[Driver] | None = None,
        css_path: CSSPathType | None = None,
        watch_css: bool = False,
        ansi_color: bool | None = None,
        *,
        stock_display: bool = False,
    ) -> None:
        super().__init__(driver_class, css_path, watch_css, ansi_color)
        self.driver_class = _reporting_restarts(self.driver_class)
        self.stock_display = stock_display
        color_system = self.console._color_system or ColorSystem.TRUECOLOR
        self._wire = Wire(color_system, erases=erases_to_background(os.environ))
        self._wire_asked = False
        self._wire_reports_pixels = False
        self._wire_repainting: Timer | None = None
        self._wire_held: Timer | None = None

    def draw_at_once(self) -> None:
        """Draw nothing for a moment, and then all that has changed: a layout that settles in steps is sent once."""
        if self._wire_held is None:
            self._wire_held = self.set_timer(_SETTLING, self._draw_held)

    def _draw_held(self) -> None:
        self._wire_held = None
        self.refresh()

    def forget(self) -> None:
        """Forget what the terminal shows, so that everything drawn from now on is sent."""
        self._wire.forget()

    def repaint(self) -> None:
        """Redraw the screen, after other programs have written on it."""
        if self._driver is not None and not self._driver.is_inline:
            self._driver.write(self._wire.reset() + _SANE_STATE)
        self._ask()
        self.refresh()

    def _ask(self) -> None:
        """Ask the terminal whether it repeats characters; until it answers, it is not taken to."""
        self._wire.repeats = False
        if self._driver is not None and not (self._driver.is_headless or self._driver.is_inline or self.stock_display):
            self._driver.write(QUESTION)

    def on_resize(self, event: events.Resize) -> None:
        """A terminal that changes its size may do anything to what it showed, even if it is back at the same size."""
        is_first_report = event.pixel_size is not None and not self._wire_reports_pixels
        self._wire_reports_pixels |= is_first_report
        if self._wire.is_known and not (is_first_report and event.size == self._wire.size):
            self.forget()
            # Textual draws nothing for a size that came and went before it looked.
            if self._wire_repainting is not None:
                self._wire_repainting.stop()
            self._wire_repainting = self.set_timer(_AFTER_RESIZE, self.refresh)

    def on_cursor_position(self, event: events.CursorPosition) -> None:
        """The terminal answers whether it repeats characters."""
        self._wire.repeats |= event.x == ANSWER

    def _terminal_restarted(self) -> None:
        """The driver has entered application mode, at the start or after a suspension: the screen is empty."""
        if self._driver is not None:
            self._driver.write(self._wire.reset())
            self._wire.feeds = getattr(self._driver, "feeds", False)
        if not self._wire_asked:
            # Once: an answer that comes after a suspension is read by the shell.
            self._wire_asked = True
            self._ask()
        if self._running:
            # From a signal handler nothing else wakes the loop.
            asyncio.get_running_loop().call_soon_threadsafe(self.refresh)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if self._wire_held is not None:
            return
        if renderable is None or not self._can_draw():
            super()._display(screen, renderable)
            return
        sequence = None if self.stock_display else self._sequence(renderable)
        if sequence is None:
            self._reset()
            super()._display(screen, renderable)
            return
        try:
            if sequence and self._driver is not None:
                synchronised = self._sync_available and len(sequence) >= WORTH_SYNCHRONISING
                self._driver.write(f"{SYNC_START}{sequence}{SYNC_END}" if synchronised else sequence)
                self._driver.flush()
        finally:
            self.post_display_hook()

    def _reset(self) -> None:
        """Have the default rendition in use, in which whatever else draws begins."""
        if self._wire.is_drawing and self._driver is not None:
            self._driver.write(self._wire.reset())
        self.forget()

    def _can_draw(self) -> bool:
        return self._running and not (self._closed or self._batch_count or self.is_headless or self._driver is None)

    def _sequence(self, renderable: RenderableType) -> str | None:
        """What to send for an update, or None where Textual is to draw it."""
        if self.is_inline or sys.platform == "win32":
            return None
        cursor = self._text_cursor()
        try:
            if not isinstance(renderable, CompositorUpdate):
                raise UnknownUpdateError(repr(renderable))
            sequence = self._wire.sequence(renderable, cursor)
        except ControlCharacters as found:
            log.debug("Drawn by Textual, for its control characters: %s", found)
            return None
        except Exception:
            log.exception("Drawing only what changed failed; from now on the screen is drawn as Textual does.")
            self.stock_display = True
            self.call_later(self.refresh)
            return None
        return sequence

    def _text_cursor(self) -> Offset | None:
        """Where text is typed; None where none is, and the terminal's cursor may be anywhere."""
        if not hasattr(self.focused, "cursor_screen_offset"):  # which Textual's fields and editors have
            return None
        return self.screen.outer_size.clamp_offset(self.cursor_position)


def erases_to_background(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is one known to erase to the background in use (bce); GNU screen by default does not."""
    term = environ.get("TERM", "")
    if "STY" in environ:
        return False
    return term.startswith(_ERASING_TERMINALS) or (term.startswith("screen") and "TMUX" in environ)


def _reporting_restarts(base: type[Driver]) -> type[Driver]:
    """A subclass of a driver that notifies a `WireApp` whenever it enters application mode, or leaves it."""

    class ReportingDriver(base):  # type: ignore[misc, valid-type]
        def stop_application_mode(self) -> None:
            if isinstance(self._app, WireApp):
                self._app._reset()
            super().stop_application_mode()

        def start_application_mode(self) -> None:
            super().start_application_mode()
            if isinstance(self._app, WireApp):
                self._app._terminal_restarted()

    return ReportingDriver

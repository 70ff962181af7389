"""A page of lines above the main screen: the base of help, details and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen

from selfie_tui import text
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.host import Host
from selfie_tui.tui.key_words import hints
from selfie_tui.tui.render.styles import Look, Pieces
from selfie_tui.tui.widgets.lines import Lines, ScrolledLines, stride

Build = Callable[[int, Look], list[Pieces]]
"""Lines for a number of cells."""


TURN, OUT = "page", "close"
"""The words of the hints that turn a page, and that tell the way out."""


def fitting(parts: list[str], width: int) -> list[str]:
    """As many parts as fit a width with two cells between them; the last to go is the way out."""
    parts = list(parts)
    while len(parts) > 1 and text.width("  ".join(parts)) > width:
        del parts[max(at for at, part in enumerate(parts) if not part.endswith(f" {OUT}"))]
    return parts


class Page(ScrolledLines):
    """Lines that are built for the width they get, and scrolled as a whole."""

    def __init__(self, build: Build) -> None:
        super().__init__()
        self._build = build
        self._built: list[Pieces] = []

    def show_page(self, build: Build) -> None:
        """Show other lines, from the first on."""
        self._build = build
        self.top = 0
        self.rebuild()

    def rebuild(self) -> None:
        """Build the lines for the width there is."""
        self._built = self._build(max(self.size.width, 1), self.look)
        self.refresh()
        self.settle()

    def count(self) -> int:
        return len(self._built)

    def pieces(self, index: int) -> Pieces:
        return self._built[index]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._build(max(width, 1), self.look))

    def text(self) -> str:
        """The page as plain text."""
        return "\n".join("".join(piece.text for piece in line).rstrip() for line in self._built)

    def _on_resize(self, event: events.Resize) -> None:
        self.rebuild()


class PageScreen(ModalScreen[None], inherit_bindings=False):
    """A page in a box, closed by escape."""

    DEFAULT_CSS = """
    PageScreen, PageScreen:ansi { align: center middle; background: transparent; }
    PageScreen > #box {
        width: 92%; max-width: 82; height: auto; max-height: 90%;
        border: round $primary; background: $background; padding: 0 1;
    }
    PageScreen Page { height: auto; background: $background; }
    PageScreen.-tall > #box { height: 90%; max-height: 30; }
    PageScreen.-tall Page { height: 1fr; }
    PageScreen.-ascii > #box { border: ascii $primary; }
    PageScreen.-bad > #box { border: round $error; }
    PageScreen.-ascii.-bad > #box { border: ascii $error; }
    """
    SCOPES: ClassVar[tuple[Scope, ...]] = ("page",)
    BINDINGS = bindings("page")
    app: Host

    def __init__(self, title: str, build: Build, *, classes: str = "-tall") -> None:
        super().__init__(classes=classes)
        self._title = title
        self.page = Page(build)
        self.box = Vertical(id="box")

    def compose(self) -> ComposeResult:
        with self.box:
            yield self.page

    def on_mount(self) -> None:
        """Write the keys on the border."""
        self.set_class(self.app.look.ascii, "-ascii")
        self.retitle(self._title)
        self.show_keys()

    @on(Lines.Scrolled)
    def show_keys(self) -> None:
        """Write the keys on the border, and which lines are in sight where there are more."""
        extent = self.lines.extent()
        parts = [f"↑↓ {extent}", *self.keys()] if extent else self.keys_of_one_page()
        self.box.border_subtitle = Content(self.app.look.glyphs("  ".join(fitting(parts, self.box.size.width - 2))))

    @property
    def lines(self) -> Lines:
        """The lines in the box."""
        return self.page

    def keys(self) -> list[str]:
        """The keys that work here, each with a word."""
        return [f"{key} {word}" for key, word in hints(self.SCOPES, self.app.keymap)]

    def keys_of_one_page(self) -> list[str]:
        """The keys where all lines are in sight: none turns a page."""
        return [key for key in self.keys() if not key.endswith(f" {TURN}")]

    def retitle(self, title: str) -> None:
        """Write the title, which is safe text."""
        self.box.border_title = Content(self.app.look.glyphs(title))

    def copyable(self) -> tuple[str, str]:
        """What `copy` copies, and what that is called."""
        return self.page.text(), "the page"

    def action_page(self, pages: float) -> None:
        """A page up or down, or half of one."""
        self.lines.scroll_by(stride(self.lines.size.height, pages))

    def action_copy(self) -> None:
        """Copy the page."""
        self.app.copy_text(*self.copyable())

    def action_close(self) -> None:
        """Close the page."""
        self.dismiss()

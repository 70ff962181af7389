"""The command palette: a line to type in, and below it the commands that it finds, the best first.

Textual's own gathers commands on workers, which a key in the wrong moment outlives, and sends every line twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input

from selfie_tui import text
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.pages.page import PageScreen
from selfie_tui.tui.render.styles import Piece, Pieces, Role
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.lines import Rows, on_cursor

WORDS_WEIGHT = 0.5
"""How much a match in a command's other words counts, against one in its name."""

NAME_CELLS = 34
"""Cells of a command's name, beside its help."""


class Command(NamedTuple):
    """Something that the palette offers: a name and a help of safe text; `words` find it too."""

    name: str
    help: str
    run: Callable[[], object]
    words: str = ""


class Found(NamedTuple):
    """A command, and which characters of its name match what was typed."""

    command: Command
    offsets: frozenset[int] = frozenset()


class CommandRows(Rows, can_focus=False):
    """The commands that were found."""

    class Chosen(Message):
        """A command was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Found] = []

    def show_found(self, found: list[Found]) -> None:
        """Show other commands, with the cursor on the first."""
        self.found = found
        self.cursor = self.top = 0
        self.refresh()
        self.settle()

    def count(self) -> int:
        return len(self.found)

    def pieces(self, index: int) -> Pieces:
        command, offsets = self.found[index]
        name = text.clip(command.name, max(NAME_CELLS, self.size.width - text.width(command.help) - 2))
        roles: list[Role] = ["accent" if offset in offsets else "text" for offset in range(len(name))]
        gap = " " * max(NAME_CELLS - text.width(name), 1)
        line = (
            Piece("▌" if index == self.cursor else " "),
            *(Piece(character, role) for character, role in zip(name, roles, strict=True)),
            Piece(gap),
            Piece(command.help, "dim"),
        )
        return on_cursor(line, "cursor") if index == self.cursor else line

    def on_click(self, event: events.Click) -> None:
        super().on_click(event)
        self.post_message(self.Chosen())


class Palette(PageScreen):
    """The palette of these commands; `run` is called with the one that is chosen, once the palette has gone."""

    DEFAULT_CSS = """
    Palette, Palette:ansi { align: center top; }
    Palette > #box { max-width: 80; height: 60%; min-height: 6; max-height: 24; margin-top: 1; }
    Palette CommandRows { height: 1fr; background: $background; }
    """
    BINDINGS = bindings("list")
    SCOPES = ("page",)

    def __init__(self, commands: Iterable[Command], run: Callable[[Command], object]) -> None:
        super().__init__("Commands", lambda width, look: [], classes="")
        self._commands = tuple(commands)
        self._run = run
        self._query = ""
        self.field = Field(placeholder="an action, preset, mode, layer, theme or model")
        self.rows = CommandRows()

    def compose(self) -> ComposeResult:
        with self.box:
            yield self.field
            yield self.rows

    def on_mount(self) -> None:
        """Type at once."""
        super().on_mount()
        self.rows.show_found([Found(command) for command in self._commands])
        self.set_focus(self.field)

    @property
    def lines(self) -> CommandRows:
        return self.rows

    def keys(self) -> list[str]:
        return ["enter run", "esc close"]

    @on(Input.Changed)
    def find(self, event: Input.Changed) -> None:
        """Show what is found by what has been typed."""
        event.stop()
        self._find()

    def _find(self) -> None:
        """Find what has been typed by now: the next key may come before the field says that it has changed."""
        query = self.field.value.strip()
        if query != self._query:
            self._query = query
            self.rows.show_found(found(self._commands, query))

    def copyable(self) -> tuple[str, str]:
        return "\n".join(each.command.name for each in self.rows.found), "the commands"

    @on(CommandRows.Chosen)
    def action_submit(self) -> None:
        """Close the palette, and run the command under the cursor."""
        self._find()
        if self.rows.found and self.is_current:
            command = self.rows.found[self.rows.cursor].command
            self.dismiss()
            self._run(command)

    def action_move(self, step: int) -> None:
        """A command up or down."""
        self._find()
        self.rows.action_move(step)

    def action_page(self, pages: float) -> None:
        """A window up or down, or half of one."""
        self._find()
        self.rows.action_page(pages)

    def action_first(self) -> None:
        """To the first command."""
        self.rows.action_first()

    def action_last(self) -> None:
        """To the last command."""
        self.rows.action_last()


def found(commands: Iterable[Command], query: str) -> list[Found]:
    """The commands that match, the best first; all of them where nothing is asked for."""
    if not query:
        return [Found(command) for command in commands]
    from textual.fuzzy import FuzzySearch  # not needed for the first paint

    fuzzy = FuzzySearch()
    scored: list[tuple[float, Found]] = []
    for command in commands:
        score, offsets = fuzzy.match(query, command.name)
        score = score or WORDS_WEIGHT * fuzzy.match(query, command.words)[0]
        if score:
            scored.append((score, Found(command, frozenset(offsets))))
    return [each for _score, each in sorted(scored, key=lambda pair: -pair[0])]

"""A terminal to look at: pyte's screen, taught what it lacks of what Textual and any modern terminal take for granted.

pyte puts code points one by one and drops the rest of a text after one it does not know; terminals put clusters.
Where the tables of widths differ, Rich's counts, since both ways of drawing are laid out by it. pyte leaves half of a
wide glyph standing when the other half is overwritten, and erases only cells that were drawn before. It repeats no
character. It has no field for dim, conceal, overline and the like, nor for links: `Char.blink` holds the set of those
here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple
from unicodedata import category, combining

import pyte
import pytest
from pyte.screens import Char
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from textual.strip import Strip

from selfie_tui.tui.terminal.cells import clusters

NO_WRAP = "\x1b[?7l"
"""What Textual's driver sends before anything is drawn."""

_LINK = re.compile("\x1b]8;[^;]*;([^\x1b\x07]*)(?:\x1b\\\\|\x07)")
_KITTY_KEYS = re.compile("\x1b\\[[<>=][0-9;]*u")
_UNKNOWN_TO_PYTE = {"2": "dim", "5": "blink", "6": "blink2", "8": "conceal", "21": "underline2"} | {
    "51": "frame",
    "52": "encircle",
    "53": "overline",
}
_ENDS = {22: {"dim"}, 24: {"underline2"}, 25: {"blink", "blink2"}, 28: {"conceal"}}
_UNSEEN_ON_A_SPACE = {"dim", "blink", "blink2", "conceal"}


class Look(NamedTuple):
    """A cell as a person sees it; of a space, only what shows on one."""

    glyph: str
    foreground: str
    background: str
    attributes: frozenset[str]


Repeats = Literal["any", "ascii", "last ascii", "none"]
"""Which characters a terminal repeats: any; only ASCII, as tmux did up to 3.4; the last in ASCII there was; or none."""


class RepeatingStream(pyte.Stream):
    """pyte's, and REP."""

    csi: ClassVar = {**pyte.Stream.csi, "b": "repeat"}
    events = pyte.Stream.events | {"repeat"}


class Terminal(pyte.Screen):
    """A screen of `columns` by `lines`; `bce` says whether it erases to the background in use.

    `answers` is what it has answered to questions and nobody has taken yet.
    """

    def __init__(
        self,
        columns: int,
        lines: int,
        *,
        bce: bool = True,
        repeats: Repeats = "any",
    ) -> None:
        self._bce = bce
        self._repeats = repeats
        self._last = ""
        self.answers = ""
        super().__init__(columns, lines)
        self._stream = RepeatingStream(self)

    def write_process_input(self, data: str) -> None:
        self.answers += data

    def taken_answers(self) -> str:
        """The answers since this was last asked for."""
        answers, self.answers = self.answers, ""
        return answers

    def repeat(self, count: int | None = None) -> None:
        """Draw the last character again so often."""
        self.draw(self._last * (count or 1))

    def feed(self, data: str) -> None:
        """Show what an app wrote. Sequences must not be cut in two."""
        data = _KITTY_KEYS.sub("", data)
        pieces = _LINK.split(data)
        for piece, link in zip(pieces[::2], [*pieces[1::2], None], strict=True):
            self._stream.feed(piece)
            if link is not None:
                others = {name for name in self.cursor.attrs.blink or () if not name.startswith("link ")}
                self._mark(others | ({f"link {link}"} if link else set()))

    def looks(self) -> list[list[Look]]:
        """Every cell of the screen."""
        return [[_look(self.buffer[y][x]) for x in range(self.columns)] for y in range(self.lines)]

    def draw(self, data: str) -> None:
        """As pyte's, but by clusters, and without wrapping."""
        self._remember(data)
        row = self.buffer[self.cursor.y]
        for cluster, cells in clusters(data):
            x = self.cursor.x
            if not cells:
                if x:
                    start = x - 1 - (row[x - 1].data == "")
                    row[start] = row[start]._replace(data=row[start].data + cluster)
                continue
            x = min(x, self.columns - cells)
            self._cut(x)
            self._cut(x + cells)
            row[x] = self.cursor.attrs._replace(data=cluster)
            for column in range(x + 1, x + cells):
                row[column] = self.cursor.attrs._replace(data="")
            self.cursor.x = x + cells

    def _remember(self, data: str) -> None:
        """Keep what REP would repeat after some text: its last character, if it is one that is repeated."""
        for char in data:
            if self._repeats == "any" or char.isascii():
                self._last = char
            elif self._repeats == "ascii":
                self._last = ""
        if self._repeats == "none":
            self._last = ""

    def _cut(self, x: int) -> None:
        """Blank the glyph that lies across the left edge of column `x`."""
        row = self.buffer[self.cursor.y]
        if x < self.columns and row[x].data == "":
            end, start = x, x - 1
            while end < self.columns and row[end].data == "":
                row[end] = row[end]._replace(data=" ")
                end += 1
            while row[start].data == "":
                start -= 1
            for column in range(start, x):
                row[column] = row[column]._replace(data=" ")

    def erase_characters(self, count: int | None = None) -> None:
        self._cut(self.cursor.x)
        self._cut(self.cursor.x + (count or 1))
        self._erasing(super().erase_characters, count)

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        self._cut(self.cursor.x)
        self._erasing(super().erase_in_line, how, private)

    def erase_in_display(self, how: int = 0, *args: object, **kwargs: object) -> None:
        for row in range(self.lines):
            # pyte keeps only the cells that were drawn, and erases no others.
            for x in range(self.columns):
                self.buffer[row].setdefault(x, self.default_char)
        self._erasing(super().erase_in_display, how, *args, **kwargs)

    def _erasing(self, erase, *args, **kwargs) -> None:
        held = self.cursor.attrs
        if not self._bce:
            self.cursor.attrs = self.default_char
        erase(*args, **kwargs)
        self.cursor.attrs = held

    def select_graphic_rendition(self, *attrs: int, **kwargs: object) -> None:
        """As pyte's, and the attributes it does not know."""
        if kwargs.get("private"):
            return
        marks = set(self.cursor.attrs.blink or ())
        codes = list(attrs or (0,))
        while codes:
            code = codes.pop(0)
            if code in (38, 48):
                del codes[: 2 if codes[:1] == [5] else 4]
            elif code == 0:
                marks = {mark for mark in marks if mark.startswith("link ")}
            elif str(code) in _UNKNOWN_TO_PYTE:
                marks.add(_UNKNOWN_TO_PYTE[str(code)])
            else:
                marks -= _ENDS.get(code, set())
        super().select_graphic_rendition(*attrs)
        self._mark(marks)

    def _mark(self, marks: set[str]) -> None:
        self.cursor.attrs = self.cursor.attrs._replace(blink=frozenset(marks))


@lru_cache(1 << 16)
def _look(char: Char) -> Look:
    flags = {
        name for name in ("bold", "italics", "underscore", "strikethrough", "reverse") if getattr(char, name)
    } | set(char.blink or ())
    glyph = _without_loose_marks(char.data)
    if glyph == " ":
        flags -= {"bold", "italics"} | _UNSEEN_ON_A_SPACE
        if not flags:
            return Look(" ", "", char.bg, frozenset())
    return Look(glyph, char.fg, char.bg, frozenset(flags))


def _without_loose_marks(glyph: str) -> str:
    """A glyph without marks on what is no letter, and each mark once.

    Where Rich cuts a line it may cut a mark from its letter. The mark then falls on whatever is to the left, once for
    every time that it is sent.
    """
    if not glyph or not all(category(mark) == "Mn" and combining(mark) for mark in glyph[1:]):
        return glyph
    return glyph[0] + ("".join(dict.fromkeys(glyph[1:])) if glyph[0].isalnum() else "")


def differences(ours: list[list[Look]], stock: list[list[Look]]) -> list[tuple[int, int, Look, Look]]:
    """Line, column, our look and the stock look of the cells that are not alike."""
    return [
        (y, x, one, other)
        for y, (line, other_line) in enumerate(zip(ours, stock, strict=True))
        for x, (one, other) in enumerate(zip(line, other_line, strict=True))
        if one != other
    ]


def render_without_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make Textual write every style and strip anew: those that apps share keep the colours of the first one."""
    render, write_style = Strip.render, Strip.render_style

    def render_style(style: Style, text: str, color_system: ColorSystem) -> str:
        style._ansi = None
        return write_style(style, text, color_system)

    def render_strip(strip: Strip, console: Console) -> str:
        strip._render_cache = None
        return render(strip, console)

    monkeypatch.setattr(Strip, "render_style", staticmethod(render_style))
    monkeypatch.setattr(Strip, "render", render_strip)

"""The screen as rows of cells, and how an update of Textual's compositor is drawn into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from unicodedata import category, combining, east_asian_width

from rich.cells import cell_len
from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Size

from selfie_tui.tui.terminal.pens import Pen, Pens

_JOINER = "\u200d"
_EMOJI_STYLE = "\ufe0f"
_REGIONAL = frozenset(map(chr, range(0x1F1E6, 0x1F200)))
_UNSENDABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
AGREED_RANGES = (
    (0x20, 0x7E),
    (0xA1, 0xAC),
    (0xAE, 0x2FF),
    (0x370, 0x377),
    (0x391, 0x3A1),
    (0x3A3, 0x482),
    (0x2010, 0x2015),
    (0x2018, 0x2027),
    (0x2190, 0x2193),
    (0x2500, 0x25FC),
    (0x2800, 0x28FF),
)
_AGREED = frozenset(chr(code) for first, last in AGREED_RANGES for code in range(first, last + 1))
"""Code points that are one cell wide, by themselves, for Rich and for any terminal."""

_are_agreed = _AGREED.issuperset


class ControlCharacters(Exception):  # noqa: N818 - not an error: such text is left to Textual's own path
    """Text with effects that a grid of cells cannot predict: control characters, line separators, surrogates."""


class UnknownUpdateError(Exception):
    """An update that is not one of the two which the compositor makes for a full screen."""


class Row:
    """One line of the screen.

    `glyphs` holds for each cell a cluster of code points, "" where the cluster before it goes on, and None where what
    the terminal shows is not known; `pens` holds what each was drawn with.
    """

    __slots__ = ("glyphs", "pens")

    def __init__(self, glyphs: list[str | None], pens: list[Pen | None]) -> None:
        self.glyphs = glyphs
        self.pens = pens

    @classmethod
    def unknown(cls, width: int) -> Row:
        """A row from which whatever is drawn on it differs."""
        return cls([None] * width, [None] * width)

    @classmethod
    def blank(cls, width: int, pen: Pen) -> Row:
        """A row of spaces."""
        return cls([" "] * width, [pen] * width)

    def copy(self) -> Row:
        """A row to draw on that leaves this one as it is."""
        return Row(self.glyphs.copy(), self.pens.copy())

    def draw(self, x: int, segments: Iterable[Segment], pens: Pens) -> None:
        """Draw segments one after another from column `x`; what lies beyond the last column is left out.

        Raises `ControlCharacters`.
        """
        first = x
        for text, style, _control in segments:
            if not text:
                continue
            if x == first:
                self._cut_before(x)
            inked, blank = pens.of(style)
            if text.isascii():
                if not text.isprintable():
                    raise ControlCharacters(ascii(text))
                x = self._draw_agreed(x, text, inked, blank)
            elif _are_agreed(text):
                x = self._draw_agreed(x, text, inked, blank)
            else:
                x = self._draw_clusters(x, text, inked, blank)
        if x > first:
            self._cut_after(x)

    def _draw_agreed(self, x: int, text: str, inked: Pen, blank: Pen) -> int:
        """Draw text of which every code point is a cell; give the column after it."""
        count = len(text)
        if x + count > len(self.glyphs):
            count = max(len(self.glyphs) - x, 0)
            text = text[:count]
        end = x + count
        self.glyphs[x:end] = text
        if " " not in text:
            self.pens[x:end] = [inked] * count
        elif text.isspace():
            self.pens[x:end] = [blank] * count
        else:
            self.pens[x:end] = [blank if char == " " else inked for char in text]
        return end

    def _draw_clusters(self, x: int, text: str, inked: Pen, blank: Pen) -> int:
        """Draw any text; give the column after it."""
        for cluster, cells in clusters(text):
            columns = len(self.glyphs) - x
            if not cells:
                self._attach(x, cluster)
            elif cells <= columns:
                self.glyphs[x : x + cells] = [cluster] + [""] * (cells - 1)
                self.pens[x : x + cells] = [blank if cluster == " " else inked] * cells
                x += cells
            else:
                # Part of a wide glyph cannot be shown.
                self.glyphs[x:] = [" "] * columns
                self.pens[x:] = [blank] * columns
                return x + columns
        return x

    def _attach(self, x: int, cluster: str) -> None:
        """Put what has no width on the letter that ends before column `x`, to which Rich may have cut it loose."""
        end = min(x, len(self.glyphs))
        start = end - 1
        while start > 0 and self.glyphs[start] == "":
            start -= 1
        letter = self.glyphs[start] if start >= 0 else None
        if (
            letter
            and letter[0].isalnum()
            and not letter.endswith(cluster)
            and cell_len(letter + cluster) == end - start
        ):
            self.glyphs[start] = letter + cluster

    def _cut_before(self, x: int) -> None:
        """Blank what is left of a wide glyph of which the cell at `x` is about to be drawn over."""
        cut: str | None = self.glyphs[x] if x < len(self.glyphs) else None
        while cut == "":
            x -= 1
            cut, self.glyphs[x] = self.glyphs[x], " "

    def _cut_after(self, x: int) -> None:
        """Blank what is left of a wide glyph of which the cell before `x` was drawn over."""
        while x < len(self.glyphs) and self.glyphs[x] == "":
            self.glyphs[x] = " "
            x += 1


def size_of(update: CompositorUpdate) -> Size:
    """Columns and lines of the screen that an update is for. Raises `UnknownUpdateError`."""
    if type(update) is LayoutUpdate and update.region.offset == (0, 0):
        return update.region.size
    if type(update) is ChopsUpdate:
        return Size(max((ends[-1] for ends in update.chop_ends if ends), default=0), len(update.chops))
    raise UnknownUpdateError(repr(update))


def pieces_of(update: CompositorUpdate) -> Iterator[tuple[int, int, Iterable[Segment]]]:
    """What an update draws, in order: line, first column, segments."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            yield y, update.region.x, (segment for strip in strips for segment in strip)
    elif isinstance(update, ChopsUpdate):
        for y, first, last in update.spans:
            for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if strip is not None and x < last and end > first:
                    yield y, x, strip if end <= last and x >= first else strip.crop(0, min(end, last) - x)


@lru_cache(maxsize=2048)
def clusters(text: str) -> tuple[tuple[str, int], ...]:
    """Text cut into what a terminal may draw as one glyph, each with the cells it occupies by Rich's count.

    A cluster is a code point with what has no width after it, what a joiner joins to it, or two regional indicators.
    Raises `ControlCharacters`.
    """
    found: list[str] = []
    for char in text:
        if category(char) in _UNSENDABLE:
            raise ControlCharacters(ascii(text))
        if found and (not cell_len(char) or found[-1].endswith(_JOINER) or _is_second_regional(found[-1], char)):
            found[-1] += char
        else:
            found.append(char)
    return tuple((cluster, cell_len(cluster)) for cluster in found)


@lru_cache(maxsize=4096)
def overhang(cluster: str, cells: int) -> int | None:
    """By how many cells a terminal may draw a cluster wider than `cells`; None when all agree on its width."""
    base, marks = cluster[0], cluster[1:]
    wide = east_asian_width(base) in "WF"
    is_old = category(base)[0] in "LNPSZ" and not "\U0001f000" <= base < "\U00020000"
    if is_old and cells == 1 + wide and all(category(mark) == "Mn" and combining(mark) for mark in marks):
        return None
    at_most = sum(_most_cells(char) for char in cluster) + (_EMOJI_STYLE in cluster and not wide)
    return max(at_most - cells, 0)


def _most_cells(char: str) -> int:
    if east_asian_width(char) in "WF" or char in _REGIONAL:
        return 2
    return 0 if category(char) in ("Mn", "Me", "Cf") else 1


def _is_second_regional(before: str, char: str) -> bool:
    return char in _REGIONAL and len(before) == 1 and before in _REGIONAL

"""Makes any token or model text safe to print, visible, and of a width on which library and terminal agree.

`visible` and `prose` turn unknown text into an alphabet of code points that occupy one or two cells, or none and sit on
the cell before, in every table at hand: Unicode's East Asian Width, Rich's (which lays out the screen) and the
terminal's. What tables dispute (spacing combining marks, flags, skin tones, joined emoji, conjoining jamo) and what
cannot be seen (controls, formats, fillers) is written as a mark or as a Python escape.

Right-to-left letters keep the order in which they were written: most terminals, and every multiplexer, draw cells in
the order sent, and isolates are honoured by none. No bidirectional control passes, so text cannot reorder what is
around it; a terminal that reorders letters by itself has to be switched once, by the application (`CSI 8 l`).

`width`, `clip`, `pad` and `wrap` expect text that went through `visible` or `prose`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from unicodedata import category, east_asian_width

from rich.cells import get_character_cell_size

CARRIER = "◌"
"""The base of a combining mark when nothing before it can carry it."""

_MARKS_PER_CELL = 3
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs", "Mc", "Me"})
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159")
_IGNORABLE_MARKS = frozenset("\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f").union(
    map(chr, range(0xFE00, 0xFE10)), map(chr, range(0xE0100, 0xE01F0))
)
_DISPUTED = frozenset(map(chr, range(0x3248, 0x3250))).union(map(chr, range(0x1F1E6, 0x1F200)))
_NAMED = {"\n": "↵", "\t": "⇥", "\x7f": "␡"} | {
    chr(code): chr(0x2400 + code) for code in range(32) if code not in (9, 10)
}


@lru_cache(maxsize=16384)
def _shown(char: str) -> str:
    """The glyph for `char`: itself, a replacement, or "" for a mark that goes on the cell before it."""
    if " " <= char <= "~":
        return char
    kind = category(char)
    if kind in _UNSEEN or char in _FILLERS or char in _IGNORABLE_MARKS or char in _DISPUTED:
        return _NAMED.get(char) or _escape(char)
    if kind == "Mn":
        return "" if get_character_cell_size(char) == 0 else _escape(char)
    cells = 2 if east_asian_width(char) in "WF" else 1
    return char if get_character_cell_size(char) == cells else _escape(char)


@lru_cache(maxsize=4096)
def _shown_in_prose(char: str) -> str:
    """As `_shown`, but every kind of space is as many plain spaces as it is wide."""
    if category(char) == "Zs":
        return "  " if east_asian_width(char) == "F" else " "
    return _shown(char)


def _shown_in_ascii(char: str) -> str:
    return char if " " <= char <= "~" else _escape(char)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _rewritten(text: str, shown: Callable[[str], str]) -> str:
    glyphs: list[str] = []
    marks_left = 0
    for char in text:
        glyph = shown(char)
        if glyph == "":
            if marks_left == 0:
                glyphs.append(CARRIER)
                marks_left = _MARKS_PER_CELL
            glyphs.append(char)
            marks_left -= 1
        else:
            glyphs.append(glyph)
            marks_left = _MARKS_PER_CELL if glyph == char and char != " " else 0
    return "".join(glyphs)


@lru_cache(maxsize=16384)
def visible(text: str, *, ascii: bool = False) -> str:
    """One token as it is shown: nothing in it hidden, its leading and trailing spaces marked, never empty.

    Newline, tab and other controls become `↵`, `⇥`, `␛` and the like, a space at either end `·`, a combining mark
    without a base sits on `◌`, whatever else cannot be shown in a known width is a Python escape. Text that has gone
    through once is unchanged by a second time. With `ascii`, printable ASCII comes out and nothing else: escapes for
    all other characters, `~` for a space at either end.
    """
    if not text:
        return '""' if ascii else "∅"
    body = text if _plain(text) else _rewritten(text, _shown_in_ascii if ascii else _shown)
    inner = body.strip(" ")
    if len(inner) == len(body):
        return body
    mark = "~" if ascii else "·"
    lead = len(body) - len(body.lstrip(" "))
    return mark * lead + inner + mark * (len(body) - lead - len(inner))


def prose(text: str, *, ascii: bool = False) -> str:
    """Running text as it is shown: as `visible`, but spaces of every kind are plain ones, unmarked at the ends too."""
    if _plain(text):
        return text
    return _rewritten(text, _shown_in_ascii if ascii else _shown_in_prose)


def pasteable(text: str) -> str:
    """Text that can be pasted anywhere: control characters but newline and tab, and lone surrogates, are written out.

    An escape sequence would act on the terminal that it is pasted into; all other characters stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char in "\n\t" or category(char) not in ("Cc", "Cs") else _NAMED.get(char) or _escape(char)
        for char in text
    )


def width(text: str) -> int:
    """Cells that `text` occupies."""
    return len(text) if _plain(text) else sum(map(get_character_cell_size, text))


def clip(text: str, cells: int, ellipsis: str = "…") -> str:
    """`text` if it fits into `cells`, else as much of its beginning as fits with `ellipsis` after it.

    The result may be a cell short where a wide character would have been cut.
    """
    if width(text) <= cells:
        return text
    cells_left = cells - width(ellipsis)
    return _head(text, cells_left) + ellipsis if cells_left >= 0 else _head(ellipsis, cells)


def clip_path(path: str, cells: int, ellipsis: str = "…") -> str:
    """A path if it fits into `cells`, else without its middle: `~/mod…/llama-3/`, its last part whole where it fits.

    Of a last part that does not fit, both ends are kept: a file is told from others by its name, not by its folder.
    """
    if width(path) <= cells:
        return path
    last = path.rstrip("/").rfind("/")
    end = path[last:] if last > 0 else path[len(path) // 2 :]
    left = cells - width(ellipsis)
    if width(end) > left - 1:
        path = path[last + 1 :]
        if width(path) <= cells:
            return path
        end = _end(path, max(left - left // (2 if last > 0 else 3), 0))
    return clip(_head(path, left - width(end)) + ellipsis + end, cells)


def pad(text: str, cells: int) -> str:
    """`text` in exactly `cells`: filled up with spaces, or clipped."""
    fitting = clip(text, cells)
    return fitting + " " * (cells - width(fitting))


def wrap(text: str, cells: int) -> list[str]:
    """`text` in lines of at most `cells` (one at least), broken at spaces, after `↵` and beside wide characters.

    Longer words are broken between clusters. The spaces at a break and at the end are left out, nothing else is; a
    wide character in a single column is shown as `…`. There is always one line.
    """
    cells = max(cells, 1)
    lines = [""]
    used = gap = 0
    for piece in _pieces(text):
        if piece.startswith(" "):
            gap += len(piece)
            continue
        size = width(piece)
        if used + gap + size <= cells:
            lines[-1] += " " * gap + piece
            used += gap + size
        else:
            broken = _broken(piece, cells)
            lines[-1:] = [*([lines[-1]] if used else []), *broken]
            used = width(lines[-1])
        gap = 0
    return lines


_WORD_OR_SPACES = re.compile(r" +|[^ ]+")


def _pieces(text: str) -> Iterator[str]:
    """Runs of spaces, and between them the parts of words that a line break may separate."""
    for run in _WORD_OR_SPACES.findall(text):
        if _plain(run):
            yield run
            continue
        part = ""
        for cluster in _clusters(run):
            if width(cluster) > 1 and part:
                yield part
                part = ""
            part += cluster
            if width(cluster) > 1 or cluster == "↵":
                yield part
                part = ""
        if part:
            yield part


def _broken(word: str, cells: int) -> list[str]:
    lines = [""]
    used = 0
    for cluster in _clusters(word):
        size = width(cluster)
        if size > cells:
            cluster, size = "…", 1
        if used + size > cells:
            lines.append("")
            used = 0
        lines[-1] += cluster
        used += size
    return lines


def _end(text: str, cells: int) -> str:
    """The longest end of `text`, in whole clusters, that fits into `cells`."""
    kept: list[str] = []
    for cluster in reversed(list(_clusters(text))):
        cells -= width(cluster)
        if cells < 0:
            break
        kept.append(cluster)
    return "".join(reversed(kept))


def _head(text: str, cells: int) -> str:
    """The longest beginning of `text`, in whole clusters, that fits into `cells`."""
    if _plain(text):
        return text[: max(cells, 0)]
    end = used = 0
    for cluster in _clusters(text):
        used += width(cluster)
        if used > cells:
            break
        end += len(cluster)
    return text[:end]


def _clusters(text: str) -> Iterator[str]:
    """`text` in units of one cell or two: a character and the marks upon it."""
    start = 0
    for end in range(1, len(text)):
        if get_character_cell_size(text[end]) > 0:
            yield text[start:end]
            start = end
    if text:
        yield text[start:]


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()

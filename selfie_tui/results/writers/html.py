"""What pages for a browser are made of: text as a browser shows it, rows and tables, heat as a colour and a number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from html import escape

from selfie_tui.records import LensToken
from selfie_tui.text import prose, visible

ABOVE, BELOW = "230, 120, 20", "60, 110, 230"
"""The colours of what is above 0, and of what is below."""


def plain(text: str) -> str:
    """Running text on one line that a browser shows as it is."""
    return escape(prose(text))


def shown(text: str) -> str:
    """A token's text, with its blanks to be seen."""
    return escape(visible(text))


def row(cells: Iterable[str], tag: str = "td") -> str:
    """A row of a table, of cells that are HTML; one that begins with `<td` stands as it is."""
    return f"<tr>{''.join(cell if cell.startswith('<td') else f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def table(lines: Iterable[str]) -> Iterator[str]:
    """A table of rows that scrolls by itself where it is wide."""
    yield '<div class="scroll"><table>'
    yield from lines
    yield "</table></div>"


def heat(value: float) -> str:
    """The style of something with a share, coloured by it: -1 to 1."""
    share = 0.0 if math.isnan(value) else max(-1.0, min(1.0, value))
    return f"background: rgba({ABOVE if share >= 0 else BELOW}, {abs(share):.2f})"


def number(text: str, value: float | None = None) -> str:
    """A cell with a number, coloured by a share where one is given."""
    style = "" if value is None else f' style="{heat(value)}"'
    return f'<td class="number"{style}>{text}</td>'


def says(top: Iterable[LensToken]) -> str:
    """The most probable tokens, with their probabilities."""
    return ", ".join(f"{shown(token.text)} {token.probability:.2f}" for token in top)

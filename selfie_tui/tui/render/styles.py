"""Styles: a line is pieces of safe text with roles; a `Look` turns roles into styles, and pieces into strips."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

from selfie_tui import text
from selfie_tui.glyphs import ASCII_BARS, BARS, NOT_A_NUMBER, level

if TYPE_CHECKING:
    from textual.theme import Theme

Role = Literal[
    "text", "dim", "strong", "accent", "key", "cursor", "rest", "slot", "good", "warn", "bad", "match",
    "faint", "warm1", "warm2", "warm3",
    "heat1", "heat2", "heat3", "heat4", "heat5", "heat6", "heat7", "heat8",
]  # fmt: skip
"""What a piece of text is: `cursor` in the focused widget, `rest` a cursor elsewhere, `slot` an overwritten token.

`faint` is as `dim` where that is an attribute, and plain where it is a colour, which would be much to send where it
comes and goes from cell to cell.
`warm1` to `warm3` are cells of a map whose background tells their heat.
"""

HEAT: tuple[Role, ...] = ("heat1", "heat2", "heat3", "heat4", "heat5", "heat6", "heat7", "heat8")

_ASCII = str.maketrans(
    {
        **dict(zip(BARS, ASCII_BARS, strict=True)),
        **dict(zip("▌▐●○◐·…×∅─–—−‹›“”↑↓←→│▾▸✎▽Δ≠▏", '><*o%.~x0----<>""^v<>|-+Evd!_', strict=True)),
        **dict(zip("╭╮╰╯", "++++", strict=True)),
    }
)


PLAIN_TERMINALS = ("linux", "vt100", "vt102", "vt220", "dumb")


class Piece(NamedTuple):
    """Text that went through `text.visible` or `text.prose`, or is our own, and its role."""

    text: str
    role: Role = "text"


Pieces = tuple[Piece, ...]


def heat(value: float) -> Role:
    """The role of a relevancy from 0 to 1; what is not a number stands out."""
    return "bad" if math.isnan(value) else HEAT[level(value)]


def share(value: float) -> str:
    """A share from 0 to 1 in three characters: `.07`, `1.0`; ` × ` for what is not a number."""
    if math.isnan(value):
        return f" {NOT_A_NUMBER} "
    return "1.0" if value >= 0.995 else f"{max(value, 0.0):.2f}"[1:]


def cells(pieces: Iterable[Piece]) -> int:
    """Cells that the pieces occupy side by side."""
    return sum(text.width(piece.text) for piece in pieces)


def clipped(pieces: Iterable[Piece], width: int) -> Pieces:
    """The pieces if they fit into `width` cells, else as many as fit, the last one clipped."""
    kept: list[Piece] = []
    for piece in pieces:
        size = text.width(piece.text)
        if size > width:
            kept.append(Piece(text.clip(piece.text, width), piece.role))
            break
        kept.append(piece)
        width -= size
    return tuple(kept)


def padded(pieces: Iterable[Piece], width: int) -> Pieces:
    """The pieces in exactly `width` cells."""
    kept = clipped(pieces, width)
    return (*kept, Piece(" " * (width - cells(kept))))


class Look:
    """Styles for roles, and the glyphs a terminal can show; `theme=None` is plain text, as for tests."""

    def __init__(self, theme: Theme | None = None, *, ascii: bool = False, coloured: bool = False) -> None:
        self.ascii = ascii
        self.coloured = coloured and theme is not None and not theme.ansi
        """Whether hot cells of maps have a background."""
        self.styles: dict[Role, Style] = {} if theme is None else _styles(theme)

    def visible(self, token: str) -> str:
        """One token made visible, in the glyphs of this terminal."""
        return text.visible(token, ascii=self.ascii)

    def prose(self, running: str) -> str:
        """Running text made safe, in the glyphs of this terminal."""
        return text.prose(running, ascii=self.ascii)

    def glyphs(self, own: str) -> str:
        """Our own text in the glyphs of this terminal; its width stays."""
        return own.translate(_ASCII) if self.ascii else own

    def strip(self, pieces: Iterable[Piece], width: int, base: Style | None = None) -> Strip:
        """A line of exactly `width` cells."""
        blank = base or Style.null()
        segments = [
            Segment(self.glyphs(piece.text), blank + self.styles.get(piece.role, Style.null()))
            for piece in clipped(pieces, width)
            if piece.text
        ]
        return Strip(segments).adjust_cell_length(width, blank)


def _styles(theme: Theme) -> dict[Role, Style]:
    from selfie_tui.themes import heat_of

    colours = [Color.parse(colour) for colour in heat_of(theme)]
    warm = {role: _foreground(colour) for role, colour in zip(HEAT, colours, strict=True)}
    strong = Style(bold=True)
    for role in HEAT[5:]:
        warm[role] += strong
    return _roles_of_attributes(theme) | warm if theme.ansi else _roles_of_colours(theme) | warm | _backgrounds(colours)


def _roles_of_attributes(theme: Theme) -> dict[Role, Style]:
    """Styles of roles that stay distinct where a terminal, or NO_COLOR, removes the colours."""
    return {
        "dim": Style(dim=True),
        "faint": Style(dim=True),
        "strong": Style(bold=True),
        "accent": _named(theme.accent) + Style(bold=True),
        "key": _named(theme.primary) + Style(bold=True),
        "cursor": Style(reverse=True, bold=True),
        "rest": Style(underline=True),
        "slot": _named(theme.accent) + Style(reverse=True),
        "good": _named(theme.success),
        "warn": _named(theme.warning) + Style(bold=True),
        "bad": _named(theme.error) + Style(bold=True),
        "match": Style(reverse=True, underline=True),
    }


def _roles_of_colours(theme: Theme) -> dict[Role, Style]:
    system = theme.to_color_system()
    foreground = system.foreground or Color.parse("#e0e0e0" if theme.dark else "#202020")
    background = system.background or Color.parse("#121212" if theme.dark else "#f0f0f0")
    accent, secondary = system.accent or system.primary, system.secondary or system.primary
    return {
        "dim": _foreground(foreground.blend(background, 0.36)),
        "faint": Style.null(),
        "strong": Style(bold=True),
        "accent": _foreground(accent),
        "key": _foreground(system.primary) + Style(bold=True),
        "cursor": _block(background, system.primary) + Style(bold=True),
        "rest": _block(foreground, background.blend(system.primary, 0.25)),
        "slot": _block(background, accent),
        "good": _foreground(system.success or secondary),
        "warn": _foreground(system.warning or accent) + Style(bold=True),
        "bad": _foreground(system.error or accent) + Style(bold=True),
        "match": _block(background, secondary),
    }


def _backgrounds(heat: list[Color]) -> dict[Role, Style]:
    """Styles of a map's hot cells: the theme's own heat as a background under text that can be read on it."""
    steps: tuple[Role, ...] = ("warm1", "warm2", "warm3")
    return {role: _block(colour.get_contrast_text(1.0), colour) for role, colour in zip(steps, heat[-3:], strict=True)}


def _named(colour: str | None) -> Style:
    return _foreground(Color.parse(colour)) if colour else Style.null()


def _foreground(colour: Color) -> Style:
    return Style(color=colour.rich_color)


def _block(foreground: Color, background: Color) -> Style:
    return Style(color=foreground.rich_color, bgcolor=background.rich_color)


def plain_terminal(environment: Mapping[str, str]) -> bool:
    """Whether a terminal may show ASCII only, by its kind or by a locale that is not UTF-8."""
    if environment.get("TERM", "") in PLAIN_TERMINALS:
        return True
    locale = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or ""
    return bool(locale) and "utf" not in locale.lower().replace("-", "")

"""What a terminal's graphic rendition is, and the shortest sequence that turns one into another."""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

from rich.color import ColorSystem
from rich.style import Style

_CODES = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "21", "51", "52", "53")
"""SGR parameter of each attribute bit, in Rich's order: bold, dim, italic, underline, blink, blink2, reverse, conceal,
strike, underline2, frame, encircle, overline."""

_OFF_CODES = {0: "22", 1: "22", 2: "23", 3: "24", 4: "25", 6: "27", 8: "29"}
"""SGR parameter that ends an attribute, for the bits which every terminal ends alike; the rest end by a reset."""

_SEPARABLE = sum(1 << bit for bit in _OFF_CODES)
_BOLD_DIM = 0b11
_SEEN_ON_A_SPACE = sum(1 << bit for bit in (3, 6, 8, 9, 10, 11, 12))

_MOST_REMEMBERED = 4096


class Pen(NamedTuple):
    """A graphic rendition: attribute bits as in `rich.style`, SGR colour parameters, and the address of a link.

    `foreground` is None for a pen that only ever draws spaces on which a foreground cannot be seen: any will do.
    """

    attributes: int
    foreground: str | None
    background: str
    link: str

    @property
    def is_for_spaces(self) -> bool:
        """Whether this pen draws nothing but a background."""
        return self.foreground is None


DEFAULT = Pen(0, "39", "49", "")
DEFAULT_SPACE = Pen(0, None, "49", "")


class Pens:
    """The pens of the styles on screen, in one colour system, and the sequences between them."""

    def __init__(self, color_system: ColorSystem) -> None:
        self._color_system = color_system
        self._of_style: dict[int, tuple[Style, Pen, Pen]] = {}
        self._same: dict[Pen, Pen] = {}
        self._turns: dict[tuple[Pen, Pen], tuple[str, Pen]] = {}

    def of(self, style: Style | None) -> tuple[Pen, Pen]:
        """The pen for glyphs in `style`, and the pen for its spaces."""
        if style is None:
            return DEFAULT, DEFAULT_SPACE
        known = self._of_style.get(id(style))
        if known is not None:
            return known[1], known[2]
        inked = self._interned(self._pen(style))
        seen = inked.link or inked.attributes & _SEEN_ON_A_SPACE
        blank = inked if seen else self._interned(Pen(0, None, inked.background, ""))
        if len(self._of_style) >= _MOST_REMEMBERED:
            self._of_style.clear()
        # The style is kept beside its pens: an id is only its own for as long as the object lives.
        self._of_style[id(style)] = (style, inked, blank)
        return inked, blank

    def turn(self, held: Pen, target: Pen) -> tuple[str, Pen]:
        """The shortest sequence after which all that `target` draws looks right, and the pen then held."""
        if held is target:
            return "", held
        known = self._turns.get((held, target))
        if known is None:
            if len(self._turns) >= _MOST_REMEMBERED:
                self._turns.clear()
            known = self._turns[held, target] = (
                _turn_for_spaces(held, target)
                if target.is_for_spaces
                else (
                    _sequence(held, target),
                    target,
                )
            )
        return known

    def does_for(self, held: Pen, target: Pen) -> bool:
        """Whether all that `target` draws looks right with the pen held."""
        return not self.turn(held, target)[0]

    def _interned(self, pen: Pen) -> Pen:
        if len(self._same) >= _MOST_REMEMBERED:
            self._same.clear()
        return self._same.setdefault(pen, pen)

    def _pen(self, style: Style) -> Pen:
        system = self._color_system
        foreground, background = style.color, style.bgcolor
        link = style.link or ""
        return Pen(
            style._attributes & style._set_attributes,
            "39" if foreground is None else ";".join(foreground.downgrade(system).get_ansi_codes()),
            "49" if background is None else ";".join(background.downgrade(system).get_ansi_codes(foreground=False)),
            link if link.isprintable() else "",
        )


def _turn_for_spaces(held: Pen, target: Pen) -> tuple[str, Pen]:
    if held.background == target.background and not held.link and not held.attributes & _SEEN_ON_A_SPACE:
        return "", held
    kept = Pen(held.attributes & ~_SEEN_ON_A_SPACE, held.foreground, target.background, "")
    plain = Pen(0, "39", target.background, "")
    return min(((_sequence(held, pen), pen) for pen in (kept, plain)), key=lambda choice: len(choice[0]))


def _sequence(held: Pen, target: Pen) -> str:
    """The shortest sequence between two complete pens."""
    codes = min(_codes_from_reset(target), _codes_from(held, target), key=len)
    rendition = f"\x1b[{codes}m" if held[:3] != target[:3] else ""
    if held.link == target.link:
        return rendition
    # The identifier makes one link of all the pieces it is drawn in.
    opened = f"id={crc32(target.link.encode(errors='replace')):x};{target.link}" if target.link else ";"
    return f"\x1b]8;{opened}\x1b\\{rendition}"


def _codes_from_reset(target: Pen) -> str:
    codes = _attribute_codes(target.attributes)
    codes += [code for code in (target.foreground, target.background) if code not in ("39", "49", None)]
    return ";".join(["0", *codes]) if codes else ""


def _codes_from(held: Pen, target: Pen) -> str:
    if held.attributes != target.attributes and (held.attributes | target.attributes) & ~_SEPARABLE:
        # 24 ends both underlines, and 25 both ways of blinking.
        return _codes_from_reset(target)
    ended = held.attributes & ~target.attributes
    begun = target.attributes & ~held.attributes
    if ended & _BOLD_DIM:
        # 22 ends both bold and dim, so the one that stays begins again.
        begun |= target.attributes & _BOLD_DIM
    codes = sorted({code for bit, code in _OFF_CODES.items() if ended & 1 << bit})
    codes += _attribute_codes(begun)
    if target.foreground is not None and held.foreground != target.foreground:
        codes.append(target.foreground)
    if held.background != target.background:
        codes.append(target.background)
    return ";".join(codes)


def _attribute_codes(attributes: int) -> list[str]:
    return [code for bit, code in enumerate(_CODES) if attributes & 1 << bit]

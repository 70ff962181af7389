"""What is typed after `:`: a token, a layer, a cell, marks of tokens or layers, or a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from selfie_tui.errors import RequestError
from selfie_tui.parse import parse
from selfie_tui.records import EMBED

LAYER = r"(?:L(?P<layer>\d+)|(?P<embed>embed))"
CELL = re.compile(rf"(?:{LAYER}\s*,?\s*)?(?P<position>\d+)?", re.IGNORECASE)
MARKS = re.compile(r"(?:embed|[L\d\s])*[,-](?:embed|[L\d,\s-])*|all", re.IGNORECASE)


class Destination(NamedTuple):
    """Where to go: a position, a layer or both; marks as they are typed; or else a name."""

    position: int | None = None
    layer: int | None = None
    marks: str = ""
    name: str = ""


def parse_destination(text: str) -> Destination:
    """`12` is a token, `L5` a layer, `L5,12` both, `0-7` or `1,3,9-` or `all` are marks, all else is a name."""
    typed = text.strip()
    cell = CELL.fullmatch(typed)
    if typed and cell is not None:
        layer = EMBED if cell["embed"] else int(cell["layer"]) if cell["layer"] else None
        return Destination(int(cell["position"]) if cell["position"] else None, layer)
    return Destination(marks=typed) if MARKS.fullmatch(typed) else Destination(name=typed)


def marked(marks: str, numbers: tuple[int, ...], what: str) -> tuple[int, ...]:
    """The numbers that marks stand for, of the `numbers` there are, in their order; `9-` goes up to the last one.

    Raises:
        RequestError: for marks that are not a list of `what`s, or a number that is not among `numbers`.
    """
    if not numbers:
        raise RequestError(f"No {what}s are known yet.", "They come with the model.")
    lowest, last = numbers[0], numbers[-1]
    try:
        return parse(",".join(_closed(marks, last)), last + 1, what, lowest)
    except RequestError as error:
        raise RequestError(f"Invalid {what} “{marks.strip()}”: {_extent(numbers, what)}.", error.remedy) from error


def _closed(marks: str, last: int) -> list[str]:
    """The parts of marks without the L of layers, an open end closed by the last number."""
    parts = [part for part in marks.lower().replace(" ", "").split(",") if part]
    return [f"{part}{last}" if part.endswith("-") else part for part in (_without_l(part) for part in parts)]


def _without_l(part: str) -> str:
    return part if part == "all" else part.replace("l", "")


def _extent(numbers: tuple[int, ...], what: str) -> str:
    """`this model has embed and L0 to L7`, `this prompt has tokens 0 to 8`."""
    first, last = numbers[0], numbers[-1]
    if what == "layer":
        return f"this model has embed and L0 to L{last}" if first == EMBED else f"this model has L{first} to L{last}"
    return f"this prompt has {what}s {first} to {last}" if last > first else f"this prompt has {what} {first} only"


def matching(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names that may be meant, by the closest kind of likeness that any of them has.

    The kinds are: the same name, in this case or in another, the beginning of a name, a part of it, its letters in
    their order with others between them.
    """
    folded = {candidate: candidate.casefold() for candidate in known}
    sought = name.casefold()
    for alike in LIKENESS:
        found = tuple(candidate for candidate, letters in folded.items() if alike(sought, letters))
        if found:
            return (name,) if name in found else found
    return ()


def _is_subsequence(letters: str, of: str) -> bool:
    rest = iter(of)
    return all(letter in rest for letter in letters)


LIKENESS: tuple[Callable[[str, str], bool], ...] = (
    lambda sought, name: sought == name,
    lambda sought, name: name.startswith(sought),
    lambda sought, name: sought in name,
    _is_subsequence,
)
"""How a typed name can be like a known one, the closest first."""


def listed(number: str, count: int, what: str) -> int:
    """The index of the thing of that number in a list of so many, which is counted from 1.

    Raises:
        RequestError: with the numbers there are.
    """
    if not number.isdecimal() or not 1 <= int(number) <= count:
        raise RequestError(f"Invalid {what} “{number}”: the list has 1 to {count}.", "Write one of these numbers.")
    return int(number) - 1

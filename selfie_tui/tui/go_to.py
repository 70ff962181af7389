"""What is typed after `:`: a token, a layer, a cell, marks of tokens or layers, or a name."""

from __future__ import annotations

import re
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
    """The numbers that marks stand for, of the `numbers` there are; `9-` goes up to the last one.

    Raises:
        RequestError: for marks that cannot be read, or a number that is out of range.
    """
    if not numbers:
        raise RequestError(f"No {what}s are known yet.", "They come with the model.")
    lowest, count = numbers[0], numbers[-1] + 1
    parts = (
        part + str(count - 1) if part.endswith("-") else part for part in marks.lower().replace(" ", "").split(",")
    )
    found = parse(
        ",".join(part.replace("l", "") if part != "all" else part for part in parts if part), count, what, lowest
    )
    if not set(found) <= set(numbers):
        raise RequestError(f"“{marks}” is out of range.", f"There are {what}s up to {count - 1}.")
    return found


def matching(name: str, known: tuple[str, ...]) -> str | None:
    """The known name that is meant: the same but for case, or the only one that begins so."""
    folded = name.casefold()
    same = [candidate for candidate in known if candidate.casefold() == folded]
    begun = [candidate for candidate in known if candidate.casefold().startswith(folded)]
    return same[0] if same else begun[0] if len(begun) == 1 else None

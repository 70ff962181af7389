"""What a map shows of a cell, and the source that it asks for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol

from selfie_tui.glyphs import bar
from selfie_tui.tui.render.styles import Look, Piece, Pieces, Role

State = Literal["unasked", "waiting", "growing", "same", "absent", "failed", "negative", "read"]
"""How far a cell is: `same` says what its control says, or what it is compared with; `absent` has nothing to
be compared with; `read` has its heat and text, and so has `negative`, whose heat is below 0 by its share.
"""

GLYPHS: dict[State, str] = {
    "unasked": "·", "waiting": "○", "growing": "○", "same": "=", "absent": "–", "failed": "!", "negative": "▽",
}  # fmt: skip
"""What stands where a cell without heat would have its bar."""

HOT, COLD = 7, 2
"""Of eight steps of heat, those from `HOT` on are bold, those below `COLD` dim."""

COLOURED: dict[int, Role] = {5: "warm1", 6: "warm2", 7: "warm3"}
"""The steps that have a background where cells are coloured; all eight would send a third more."""


class MapCell(NamedTuple):
    """A cell: its state, its heat as a share from 0 to 1 (NaN is drawn as `×`), and its text, unsafe to print as is."""

    state: State = "unasked"
    heat: float | None = None
    text: str = ""


UNASKED = MapCell()


class MapSource(Protocol):
    """Where a map has its cells from; it knows the method, which the map does not."""

    @property
    def foot(self) -> str:
        """The name of a row under all others that every column has, "" where there is none."""
        ...

    def foot_text(self, column: int) -> str:
        """What that row says in a column; unsafe to print as is."""
        ...

    def cell(self, row: int, column: int) -> MapCell:
        """The cell of a row and a column; `UNASKED` where nothing is known of it. Called for every cell drawn."""
        ...

    def known(self) -> Iterable[tuple[int, int]]:
        """Rows and columns of the cells that have a text, in any order."""
        ...


def strength(cell: MapCell) -> tuple[int, float]:
    """What decides which cell stands for a block of them: an alarm (`×`, `!`) first, then the largest heat."""
    if cell.state == "failed" or (cell.heat is not None and math.isnan(cell.heat)):
        return 4, 0.0
    if cell.state in ("read", "negative"):
        return 3, -1.0 if cell.heat is None else cell.heat
    return {"growing": 2, "same": 1}.get(cell.state, 0), float(cell.state == "waiting")


def glyph(cell: MapCell, look: Look) -> str:
    """The one character that tells the state of a cell, or its heat."""
    if cell.state != "read":
        return GLYPHS[cell.state]
    return " " if cell.heat is None else bar(cell.heat, ascii=look.ascii)


def role_of(cell: MapCell, look: Look) -> Role:
    """How a cell is drawn: heat is told by the glyph, and again by weight or by a background."""
    if cell.state == "failed" or (cell.heat is not None and math.isnan(cell.heat)):
        return "bad"
    if cell.state not in ("read", "negative"):
        return "faint"
    step = 0 if cell.heat is None else int(min(max(cell.heat, 0.0), 0.999) * 8)
    if look.coloured and step in COLOURED and cell.state == "read":
        return COLOURED[step]
    return "strong" if step >= HOT else "faint" if step < COLD and cell.heat is not None else "text"


def cell_pieces(
    cell: MapCell, shown: str, look: Look, *, marked: bool, cursor: Role | None = None, faded: bool = False
) -> Pieces:
    """A cell as a column for its mark, its glyph and `shown`, its text in the cells it has.

    `cursor` is the role of the cell under the cursor; a `faded` one is not what is looked for.
    """
    mark = "●" if marked else " "
    content = f"{glyph(cell, look)}{shown}"
    if cursor is not None:
        return (Piece(f"{mark}{content}", cursor),)
    return (Piece(mark, "accent" if marked else "text"), Piece(content, "dim" if faded else role_of(cell, look)))

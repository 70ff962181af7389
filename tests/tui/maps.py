"""An app of one map of layers and tokens, over cells that a test chooses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from textual.app import App, ComposeResult

from selfie_tui.config import CellSize
from selfie_tui.records import Token
from selfie_tui.tui.render.styles import Look
from selfie_tui.tui.selection import Selection
from selfie_tui.tui.widgets.map.cells import UNASKED, MapCell
from selfie_tui.tui.widgets.map.layers import LayerMap

WORDS = (" the", " of", " Paris", "ffel", " located", " in", "-", " city", " France", " and", " Tower", " a", ",")


def varied(layer: int, position: int) -> MapCell:
    """A cell of a word and a heat that differ from those of its neighbours."""
    dice = (layer * 7919 + position * 104729) % 10007
    return MapCell("read", (dice % 97) / 96, WORDS[dice % len(WORDS)])


class Cells:
    """A source over a function; counts which cells it was asked for."""

    def __init__(self, cell: Callable[[int, int], MapCell] = varied, foot: str = "") -> None:
        self.of = cell
        self.foot = foot
        self.places: Iterable[tuple[int, int]] = ()
        self.asked: list[tuple[int, int]] = []

    def foot_text(self, column: int) -> str:
        return f" next{column}"

    def cell(self, row: int, column: int) -> MapCell:
        self.asked.append((row, column))
        return self.of(row, column)

    def known(self) -> Iterable[tuple[int, int]]:
        return self.places


def selection_of(blocks: int, tokens: int) -> Selection:
    """A selection over a model of so many blocks and a prompt of so many tokens, the cursor at its first cell."""
    selection = Selection()
    selection.show_model(blocks, "")
    selection.show_tokens("p", tuple(Token(at, at, WORDS[at % len(WORDS)]) for at in range(tokens)))
    selection.move(position=0, layer=-1)
    return selection


class MapApp(App[None]):
    """One map that fills the screen; `windows` counts how often it showed another part."""

    def __init__(
        self,
        blocks: int = 8,
        tokens: int = 10,
        source: Cells | None = None,
        *,
        tokens_only: bool = True,
        widest: CellSize = "word",
        look: Look | None = None,
    ) -> None:
        super().__init__()
        self.look = look or Look()
        self.source = source or Cells()
        self.selection = selection_of(blocks, tokens)
        self.map = LayerMap(self.selection, self.source, tokens=tokens_only, widest=widest, id="map")
        self.windows = 0
        self.wanted: list[str] = []
        self.map.wants = self.wanted.append

    def compose(self) -> ComposeResult:
        yield self.map

    def on_cell_window_windowed(self) -> None:
        self.windows += 1

    def lines(self) -> list[str]:
        """What is drawn, line by line."""
        return [self.map.render_line(y).text.rstrip() for y in range(self.map.size.height)]


NOT_A_NUMBER = MapCell("read", math.nan, " x")
__all__ = ["NOT_A_NUMBER", "UNASKED", "Cells", "MapApp", "MapCell", "selection_of", "varied"]

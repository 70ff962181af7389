"""The map of readings, with the keys of the grid."""

from __future__ import annotations

import re
from typing import ClassVar

from selfie_tui import text
from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.views.grid import actions as _actions  # noqa: F401 - registers the actions of the grid
from selfie_tui.tui.views.grid.walk import Asked
from selfie_tui.tui.widgets.map.cells import MapCell
from selfie_tui.tui.widgets.map.layers import LayerMap

OPENING = re.compile(r"^[\s\"'“‘«*_]*((the|an?)\s+)*[\"'“‘«*_]*(?=\w)", re.IGNORECASE)
"""What a text may begin with that says nothing, quotes and articles; it would stand where a narrow cell has words."""


class GridMap(LayerMap):
    """Layers and tokens, with the words of their readings."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("grid", "map", "cells")
    BINDINGS = bindings("grid")

    def _shown(self, cell: MapCell, width: int) -> str:
        """The text of a cell; one that does not fit goes without the quotes and articles that it begins with."""
        cell = cell._replace(text=cell.text.lstrip() or cell.text)
        if text.width(self.look.prose(cell.text).strip()) > width:
            cell = cell._replace(text=OPENING.sub("", cell.text))
        return super()._shown(cell, width)

    def action_ask(self, what: str) -> None:
        """Let the view do what a key of the grid asks for."""
        self.post_message(Asked(what))

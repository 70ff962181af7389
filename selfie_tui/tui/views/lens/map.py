"""The map of the view of the lens."""

from __future__ import annotations

from typing import ClassVar

from selfie_tui.tui.action import Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.views.lens import actions as _actions  # noqa: F401 - registers what is bound here
from selfie_tui.tui.widgets.map.layers import LayerMap


class LensMap(LayerMap):
    """A map of layers and tokens that has the keys of the lens too."""

    SCOPES: ClassVar[tuple[Scope, ...]] = ("lens", "map", "cells")
    BINDINGS = bindings("lens")

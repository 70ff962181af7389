"""What the frame can show: one package a view.

A view's actions are registered by its package, before any of its widgets asks for its bindings; those that show a view
are registered here, in the order of the views.
"""

from __future__ import annotations

from selfie_tui.tui.action import view_action
from selfie_tui.tui.actions import register
from selfie_tui.tui.frame_actions import BACK, GO
from selfie_tui.tui.views.entry import ViewEntry
from selfie_tui.tui.views.grid.actions import ENTRY as GRID
from selfie_tui.tui.views.history.actions import ENTRY as HISTORY
from selfie_tui.tui.views.inspect.actions import ENTRY as INSPECT
from selfie_tui.tui.views.interpret.view import InterpretView
from selfie_tui.tui.views.lens.actions import ENTRY as LENS
from selfie_tui.tui.views.patch.actions import ENTRY as PATCH
from selfie_tui.tui.views.vectors.actions import ENTRY as VECTORS
from selfie_tui.tui.views.view import View

VIEWS: tuple[type[View] | ViewEntry, ...] = (InterpretView, GRID, LENS, PATCH, INSPECT, VECTORS, HISTORY)
"""The views, in the order of their tabs and function keys; all but the first are imported when they are shown."""


def register_views(views: tuple[type[View] | ViewEntry, ...]) -> None:
    """Register the actions of views, and the keys that show them."""
    for view in views:
        register(view.ACTIONS, view.SECTIONS)
        register([view_action(view.NAME, view.TITLE, view.LETTER, view.FUNCTION_KEY)])


register_views(VIEWS)
register([BACK, GO])

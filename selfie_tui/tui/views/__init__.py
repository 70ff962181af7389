"""What the frame can show: one package a view.

A view's actions are registered by its package, before any of its widgets asks for its bindings; those that show a view
are registered here, in the order of the views.
"""

from __future__ import annotations

from selfie_tui.tui.actions import BACK, GO, register, view_action
from selfie_tui.tui.views.grid.view import GridView
from selfie_tui.tui.views.history.view import HistoryView
from selfie_tui.tui.views.inspect.view import InspectView
from selfie_tui.tui.views.interpret.view import InterpretView
from selfie_tui.tui.views.lens.view import LensView
from selfie_tui.tui.views.view import View

VIEWS: tuple[type[View], ...] = (InterpretView, GridView, LensView, InspectView, HistoryView)
"""The views, in the order of their tabs and function keys."""


def register_views(views: tuple[type[View], ...]) -> None:
    """Register the actions of views, and the keys that show them."""
    for view in views:
        register(view.ACTIONS, view.SECTIONS)
        register([view_action(view.NAME, view.TITLE, view.LETTER, view.FUNCTION_KEY)])


register_views(VIEWS)
register([BACK, GO])

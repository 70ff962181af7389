"""What the frame can show: one package a view.

A view's actions are registered here, in the order of the views, before any widget asks for its bindings.
"""

from __future__ import annotations

from selfie_tui.tui.views.interpret.view import InterpretView
from selfie_tui.tui.views.view import View

VIEWS: tuple[type[View], ...] = (InterpretView,)
"""The views, in the order of their tabs and function keys."""

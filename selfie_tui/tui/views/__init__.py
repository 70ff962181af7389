"""What the frame can show: one package a view.

A view's actions are registered here, in the order of the views, before any widget asks for its bindings.
"""

from selfie_tui.tui.views.interpret import actions as _interpret  # noqa: F401

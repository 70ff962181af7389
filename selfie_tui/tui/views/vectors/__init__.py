"""The view of vectors and steering. Its actions are registered before a widget binds them."""

from selfie_tui.tui.views.vectors import actions as _actions  # noqa: F401

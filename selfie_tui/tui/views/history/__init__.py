"""The view of all runs that were kept. Its actions are registered before a widget binds them."""

from selfie_tui.tui.views.history import actions as _actions  # noqa: F401

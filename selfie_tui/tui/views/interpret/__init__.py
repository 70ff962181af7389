"""The view of interpretations: settings above, the log below. Its actions are registered before a widget binds them."""

from selfie_tui.tui.views.interpret import actions as _actions  # noqa: F401

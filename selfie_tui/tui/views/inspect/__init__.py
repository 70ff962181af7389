"""The view of a model's modules. Its actions are registered before a widget binds them."""

from selfie_tui.tui.views.inspect import actions as _actions  # noqa: F401

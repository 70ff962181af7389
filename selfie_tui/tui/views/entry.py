"""What the frame knows of a view before it is shown: its name, its keys, its actions, and where its class is."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from selfie_tui.tui.action import Action, Scope, Section
from selfie_tui.tui.state import AppState

if TYPE_CHECKING:
    from selfie_tui.tui.views.view import View


class ViewEntry(NamedTuple):
    """A view that is imported when it is first shown, so that it costs the start nothing; called, it makes the view.

    `CLASS` is in the module `view` of the view's package; the other fields are those of `View`, which has them from
    here.
    """

    NAME: str
    TITLE: str
    LETTER: str
    FUNCTION_KEY: str
    ACTIONS: tuple[Action, ...]
    SECTIONS: Mapping[Scope, Section]
    CLASS: str

    def __call__(self, state: AppState) -> View:
        view: View = getattr(import_module(f"selfie_tui.tui.views.{self.NAME}.view"), self.CLASS)(state)
        return view

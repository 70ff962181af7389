"""Lines with a cursor in which the module that is looked at can be changed, kept or looked at from another token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from selfie_tui.tui.widgets.lines import Rows

Wanted = Literal["edit", "remove", "undo", "side", "attention", "steps", "interpret", "pattern", "look"]
"""What can be wanted of the module that is looked at."""


class Inspected(Rows):
    """The base of the panes of the view, which it tells at once what is wanted: the next key may depend on it."""

    asked: Callable[[Wanted], None]
    """Does something with what the cursor is on."""
    stepped: Callable[[int], None]
    """Moves the token cursor."""

    def action_token(self, step: int) -> None:
        """Move the token cursor."""
        self.stepped(step)

    def action_ask(self, what: Wanted) -> None:
        """Have something done with what the cursor is on."""
        self.asked(what)

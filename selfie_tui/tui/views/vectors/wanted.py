"""What can be wanted of the vector under the cursor, by the keys of several panes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Wanted = Literal[
    "open", "interpret", "mark", "mark_all", "drop", "undo", "rename", "edit", "stronger", "weaker", "centre", "write",
    "open_file", "mean", "control",
]  # fmt: skip


class Wanting:
    """Mixed into the parts of the view, which they tell at once what is wanted: the next key may depend on it."""

    asked: Callable[[Wanted], object]
    """Does what is wanted."""
    typed: Callable[[str], bool]
    """Takes what was typed after `:`; whether it means something here."""

    def action_want(self, what: Wanted) -> None:
        """Have something done."""
        self.asked(what)

    def go_to(self, text: str) -> bool:
        """Take a strength, layers or a name of a vector; raises RequestError for what is out of range."""
        return self.typed(text)

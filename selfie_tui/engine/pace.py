"""How long a run will still take, from how long its steps took so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Pace:
    """Seconds that decoding steps took, and items that they were taken for.

    The first step of a batch reads the interpretation prompt from its first placeholder on and takes as long as many
    later ones: one mean of both would promise two to three times too much at the beginning of a run.
    """

    first_seconds: float = 0.0
    first_items: int = 0
    later_seconds: float = 0.0
    later_items: int = 0

    def stepped(self, items: int, seconds: float, *, first: bool) -> None:
        """Take note of a step of a batch of so many items."""
        if first:
            self.first_seconds += seconds
            self.first_items += items
        else:
            self.later_seconds += seconds
            self.later_items += items

    def seconds_left(self, items_to_begin: int, later_steps: int) -> float | None:
        """Seconds for the first steps of items, and for a number of later steps of one item each.

        None while too little is known: no first step, or no later one where such are to come.
        """
        first = self.first_seconds / self.first_items if self.first_items else None
        later = self.later_seconds / self.later_items if self.later_items else None
        if (first is None and items_to_begin) or (later is None and later_steps):
            return None
        return items_to_begin * (first or 0.0) + later_steps * (later or 0.0)

"""Something done when what goes on pauses, such as typing."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.message_pump import MessagePump


class Pause:
    """Calls `then` once `again` has not been called for so many seconds.

    There is one timer at most, which waits on where it is early: a burst of keys begins none for each of them.
    """

    def __init__(self, pump: MessagePump, seconds: float, then: Callable[[], object]) -> None:
        self._pump, self._seconds, self._then = pump, seconds, then
        self._last = 0.0
        self._waits = False

    def again(self) -> None:
        """What goes on does go on."""
        self._last = time.monotonic()
        if not self._waits:
            self._waits = True
            self._pump.set_timer(self._seconds, self._look)

    def _look(self) -> None:
        left = self._last + self._seconds - time.monotonic()
        if left > 0:
            self._pump.set_timer(left, self._look)
        else:
            self._waits = False
            self._then()

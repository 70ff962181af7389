"""Signals that end the program let it leave as by its quit key, and give the terminal back if it cannot."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = ("SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT")
PATIENCE = 2.0
"""Seconds that an interface gets to leave after such a signal: it may be stuck."""


@contextmanager
def leaving_on_signals(leave: Callable[[int], None], last_resort: Callable[[], None]) -> Iterator[None]:
    """Meanwhile the first ending signal n calls `leave(128 + n)`; signals that the parent had ignored stay so.

    A process that has not ended in time calls `last_resort` on a thread and ends on the spot with that exit code.
    """
    begun = threading.Event()

    def end(code: int) -> None:
        last_resort()
        os._exit(code)

    def handle(number: int, frame: FrameType | None) -> None:
        if begun.is_set():
            return
        begun.set()
        code = 128 + number
        timer = threading.Timer(PATIENCE, end, (code,))
        timer.daemon = True
        timer.start()
        leave(code)

    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    taken = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in taken:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in taken.items():
            if not begun.is_set():
                signal.signal(number, handler)

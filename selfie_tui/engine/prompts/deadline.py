"""Runs code that comes with a model, such as a chat template, for a limited time.

A template can loop for ever, and nothing in Jinja bounds it. So it runs in a thread of its own, which is told to stop
between two of its instructions once its time is over; where it does not stop, in the middle of a long call, it is left
behind, and the caller goes on all the same.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class TookTooLong(Exception):  # noqa: N818 - a limit being kept
    """The time of a call was over."""


class _Call(threading.Thread, Generic[T]):
    """A call in a thread, with what it returned or raised."""

    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__(name="a model's own code", daemon=True)
        self.function = function
        self.results: list[T] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.results.append(self.function())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            self.error = error

    def stop(self) -> None:
        """Raise `TookTooLong` in the thread, at its next instruction."""
        ident = ctypes.c_ulong(self.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(TookTooLong))


def within(seconds: float, function: Callable[[], T]) -> T:
    """What `function` returns, within so many seconds.

    Raises:
        TookTooLong: if it takes longer.
    """
    call = _Call(function)
    call.start()
    call.join(seconds)
    if call.is_alive():
        call.stop()
        raise TookTooLong
    if call.error is not None:
        raise call.error
    return call.results[0]

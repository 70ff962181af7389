"""Work on many cells in batches, coarse to fine, in order; fewer at a time where the device runs out of memory.

Batches whose caches fit in memory together take turns: each does its first steps, so that all cells have their first
words early, and then they end one after the other, so that the first of them are whole early.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from enum import Enum
from typing import NamedTuple, TypeVar

import torch

from selfie_tui.engine.devices import OutOfMemory, release_memory
from selfie_tui.errors import Cancelled, SelfieError

T = TypeVar("T")


class Pause(Enum):
    """What a batch yields once it has done its first steps and lets the others do theirs."""

    PAUSE = "pause"


Work = Generator[T | Pause, None, None]
"""What a batch yields; it ends with `Cancelled` if that is thrown into it, and may yield what it has before."""


class Halved(NamedTuple):
    """Batches of `size` cells were out of memory; batches of `next_size` follow, beginning with the same cells."""

    size: int
    next_size: int


def in_batches(
    cells: Sequence[int],
    size: int,
    work: Callable[[Sequence[int]], Work[T]],
    device: torch.device,
    together: int = 0,
) -> Iterator[T | Halved]:
    """Yield what `work` yields for the cells in batches of at most `size`, in the order of `cells`.

    Batches of up to `together` cells take turns. Where memory is out they do so no more, then a batch is given to
    `work` again in halves, whatever it has yielded before, so `work` yields results only once nothing of its batch is
    left to compute. Later batches keep the smaller size.

    Raises:
        SelfieError: if the device has no memory for a single cell.
        Cancelled: as `work`, once the other batches have yielded what they have.
    """
    pending = list(cells)
    while pending:
        most = max(1, together // size) * size
        group = [pending[start : start + size] for start in range(0, min(most, len(pending)), size)]
        done: set[int] = set()
        try:
            yield from taking_turns([(batch, work(batch)) for batch in group], done)
        except OutOfMemory:
            tried = sum(map(len, group))
            size, together = (len(group[0]) // 2, 0) if len(group) == 1 else (size, 0)
        else:
            tried = 0
        pending = [cell for cell in pending if cell not in done]
        if not tried:
            continue
        release_memory(device)
        if not size:
            raise SelfieError(
                f"{device} has no memory for even one cell at a time.",
                "Load a smaller model or a smaller number format, or shorten the interpretation prompt.",
            )
        yield Halved(tried, size)


def taking_turns(works: Sequence[tuple[Sequence[int], Work[T]]], done: set[int]) -> Iterator[T]:
    """What batches yield: of each in turn up to its pause, then of each to its end; `done` gets the cells of those."""
    waiting = deque(works)
    try:
        while waiting:
            batch, work = waiting.popleft()
            if (yield from to_pause(work)):
                done.update(batch)
            else:
                waiting.append((batch, work))
    except Cancelled:
        for _, work in waiting:
            yield from cancelled(work)
        raise
    finally:
        for _, work in waiting:
            work.close()


def to_pause(work: Work[T]) -> Generator[T, None, bool]:
    """What a batch yields up to its pause; whether it has ended."""
    for event in work:
        if isinstance(event, Pause):
            return False
        yield event
    return True


def cancelled(work: Work[T]) -> Iterator[T]:
    """What a batch that waits yields when it is cancelled."""
    try:
        event = work.throw(Cancelled())
        while True:
            if not isinstance(event, Pause):
                yield event
            event = next(work)
    except (Cancelled, StopIteration):
        return

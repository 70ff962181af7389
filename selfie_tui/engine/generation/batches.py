"""Work on many cells in batches, in order; fewer at a time where the device runs out of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import torch

from selfie_tui.engine.devices import OutOfMemory, release_memory
from selfie_tui.errors import SelfieError

T = TypeVar("T")


class Halved(NamedTuple):
    """A batch of `size` cells was out of memory; batches of `next_size` follow, beginning with the same cells."""

    size: int
    next_size: int


def in_batches(
    cells: Sequence[int], size: int, work: Callable[[Sequence[int]], Iterator[T]], device: torch.device
) -> Iterator[T | Halved]:
    """Yield what `work` yields for the cells in batches of at most `size`, in the order of `cells`.

    A batch that is out of memory is given to `work` again in halves, whatever it has yielded before, so `work` yields
    results only once nothing of its batch is left to compute. Later batches keep the smaller size.

    Raises:
        SelfieError: if the device has no memory for a single cell.
    """
    pending = list(cells)
    while pending:
        batch = pending[:size]
        try:
            yield from work(batch)
        except OutOfMemory:
            size = len(batch) // 2
        else:
            pending = pending[len(batch) :]
            continue
        release_memory(device)
        if not size:
            raise SelfieError(
                f"{device} has no memory for even one cell at a time.",
                "Load a smaller model or a smaller number format, or shorten the interpretation prompt.",
            )
        yield Halved(len(batch), size)

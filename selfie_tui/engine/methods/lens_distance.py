"""How far what the lens reads in one prompt is from what it reads in another, cell by cell.

Compared are the whole distributions over the vocabulary, not their top tokens, by the Jensen-Shannon divergence. It
measures how much the readings differ, not in what; and as the lens misleads in early and middle layers (see `lens`), a
difference there may be one of the head's making.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from selfie_tui.engine.jensen_shannon import JensenShannon
from selfie_tui.engine.kept_states import read_around
from selfie_tui.engine.logit_reductions import LogSumExp, Stop, sweep
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.checks import check_position
from selfie_tui.engine.prompts.source import source_of
from selfie_tui.engine.tuned_lens import TunedLens, tuned_lens_of
from selfie_tui.engine.unembed import lens_slices, rows_at_once
from selfie_tui.errors import RequestError
from selfie_tui.records import EMBED, CompareLenses, Event, LensesCompared


@dataclass(frozen=True)
class Read:
    """Where a prompt is read: its ids, those that a decoder has written, and positions in it."""

    ids: Sequence[int]
    prefix: Sequence[int] | None
    positions: Sequence[int]


def lens_distances(
    model: Model, here: Read, there: Read, tuned: TunedLens | None = None, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[tuple[range, torch.Tensor]]:
    """Which of the positions, and the divergences `(positions, layers)` in bits, `embed` first: block after block.

    The first position is compared with the first one of the other prompt, and so on.

    Raises:
        Cancelled: before any block of the model or slice of the vocabulary, once `cancelled` returns true.
        OutOfMemory: where the device has no memory left.
    """
    stack = model.anatomy.main if here.prefix is None else model.anatomy.last
    layers = range(EMBED, len(stack.blocks))
    states = [_states(model, read, layers, tuned, cancelled) for read in (here, there)]
    size = max(1, rows_at_once(model, stack.name) // (2 * len(layers)))
    for start in range(0, len(here.positions), size):
        block = range(start, min(start + size, len(here.positions)))
        pairs = torch.stack([of_one[start : block.stop] for of_one in states], 2)  # (positions, layers, 2, hidden)
        logits = lens_slices(model, pairs.flatten(0, 2).to(model.device), stack.name)
        with model.inference():
            total, _ = sweep(logits, LogSumExp(), Stop(cancelled))
            apart, _ = sweep(logits, JensenShannon(total.values), Stop(cancelled))
        yield block, apart.values.view(len(block), len(layers))


def _states(
    model: Model, read: Read, layers: Sequence[int], tuned: TunedLens | None, cancelled: Callable[[], bool]
) -> torch.Tensor:
    """The states `(positions, layers, hidden)` of a prompt, as the lens reads them."""
    states = read_around(model, read.ids, layers, read.positions, cancelled, read.prefix)
    if tuned is not None:
        states = {layer: tuned.translate(of_layer, layer).to(of_layer) for layer, of_layer in states.items()}
    return torch.stack([states[layer] for layer in layers], 1)


def _read(model: Model, prompt: str, stack: str, positions: Sequence[int]) -> Read:
    source = source_of(model, prompt, stack)
    for position in positions:
        check_position(source.tokens, position)
    return Read(source.ids, source.prefix, positions)


def run(model: Model, task: CompareLenses, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do a `CompareLenses` task: a `LensesCompared` for each block of its positions; raises as `lens_distances`.

    Raises:
        RequestError: where there are not as many positions of the one prompt as of the other, or no such token.
    """
    if len(task.positions) != len(task.other_positions):
        raise RequestError("The prompts have other numbers of positions.", "Compare each position with one.")
    tuned = tuned_lens_of(model, task.tuned) if task.tuned else None
    here = _read(model, task.prompt, task.stack, task.positions)
    there = _read(model, task.other, task.stack, task.other_positions)
    for block, apart in lens_distances(model, here, there, tuned, cancelled):
        yield LensesCompared(
            prompt=task.prompt,
            positions=task.positions[block.start : block.stop],
            other=task.other,
            other_positions=task.other_positions[block.start : block.stop],
            bits=tuple(tuple(row) for row in apart.tolist()),
            stack=task.stack,
            tuned=task.tuned,
        )


RUNS = {CompareLenses: run}

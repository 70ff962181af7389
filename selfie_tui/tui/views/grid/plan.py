"""Which cells enter reads: a sample of a large map first, then ever finer, and what is in sight before the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from selfie_tui.records import Cell

MANY = 500
"""Cells above which a map is sampled first."""

InSight = tuple[Collection[int], Collection[int]]
"""The layers and the positions that are in sight."""


def every(numbers: Sequence[int], step: int) -> tuple[int, ...]:
    """Every so-many-th of the numbers, and the last one: both ends are kept."""
    chosen = tuple(numbers[::step])
    return chosen if not numbers or chosen[-1] == numbers[-1] else (*chosen, numbers[-1])


def product(layers: Sequence[int], positions: Sequence[int]) -> tuple[Cell, ...]:
    """The cells of some layers at some positions, token by token."""
    return tuple(Cell(layer, position) for position in positions for layer in layers)


def first_step(layers: Sequence[int], positions: Sequence[int], most: int = MANY) -> int:
    """The smallest step at which every so-many-th layer and token make no more cells than `most`."""
    step = 1
    while len(every(layers, step)) * len(every(positions, step)) > most:
        step += 1
    return step


def steps(first: int) -> Iterator[int]:
    """The steps from coarse to fine: each half of the one before."""
    while first > 1:
        yield first
        first //= 2
    yield 1


def next_cells(
    layers: Sequence[int],
    positions: Sequence[int],
    asked: Collection[Cell],
    in_sight: InSight,
    most: int = MANY,
) -> tuple[Cell, ...]:
    """The cells that are read next of a map of layers and positions; none where all that are in sight are there.

    All that were not `asked` for yet where the map has no more than `most`. Of a larger one first a sample of it
    all, every k-th layer and token; then half of k, as often as need be, inside what is `in_sight` (layers and
    positions).
    """
    first = first_step(layers, positions, most)
    for step in steps(first):
        chosen_layers, chosen_positions = every(layers, step), every(positions, step)
        if step < first:
            chosen_layers = tuple(layer for layer in chosen_layers if layer in in_sight[0])
            chosen_positions = tuple(position for position in chosen_positions if position in in_sight[1])
        cells = tuple(cell for cell in product(chosen_layers, chosen_positions) if cell not in asked)
        if cells:
            return cells
    return ()

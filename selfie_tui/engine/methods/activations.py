"""Residual states of many prompts at once: one padded batch, where padding was seen to change nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.anatomy.calls import MODEL_ERRORS
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.model import Model
from selfie_tui.engine.verify import difference, sample_ids, tolerance_of
from selfie_tui.records import EMBED

TOKENS_A_FORWARD = 4096
"""Tokens of one batch, its padding included."""

MOST_BY_ROUNDING = 2e-2
"""Largest difference of states, relative to the largest, that 16 bits explain; padding that counts was seen at 8e-2."""

States = dict[int, torch.Tensor]
"""States by layer, each `(positions, hidden)`."""


def read_prompts(
    model: Model,
    prompts: Sequence[Sequence[int]],
    layers: Sequence[int],
    positions: Sequence[Sequence[int]] | None = None,
    cancelled: Callable[[], bool] = never,
) -> list[States]:
    """The states of every prompt at the layers of the stack that prompts run through first, by default everywhere.

    Decoders are padded on the left, encoders on the right. Prompts go one by one through a model that padding changes;
    that is found out the first time that prompts of different lengths are read.

    Raises:
        RequestError: for a layer that the model does not have.
    """
    for layer in layers:
        model.check_layer(layer)
    places = positions or [range(len(prompt)) for prompt in prompts]
    found: list[States] = []
    for batch in batches(prompts):
        rows, own = [prompts[row] for row in batch], [list(places[row]) for row in batch]
        if len({len(row) for row in rows}) > 1 and not takes_padding(model):
            for row, where in zip(rows, own, strict=True):
                found.append(model.read(row, layers, where, cancelled))
        else:
            found += read_padded(model, rows, layers, own, cancelled)
    return found


def batches(prompts: Sequence[Sequence[int]]) -> list[range]:
    """Runs of prompts that make a batch of at most `TOKENS_A_FORWARD` tokens, in order."""
    runs: list[range] = []
    start, longest = 0, 0
    for row, prompt in enumerate(prompts):
        longest = max(longest, len(prompt))
        if row > start and longest * (row + 1 - start) > TOKENS_A_FORWARD:
            runs.append(range(start, row))
            start, longest = row, len(prompt)
    return [*runs, range(start, len(prompts))] if prompts else []


def read_padded(
    model: Model,
    rows: Sequence[Sequence[int]],
    layers: Sequence[int],
    positions: Sequence[Sequence[int]],
    cancelled: Callable[[], bool] = never,
) -> list[States]:
    """The states of prompts that go through the model as one padded batch."""
    length = max(len(row) for row in rows)
    shift = [length - len(row) if model.kind == "decoder" else 0 for row in rows]
    row_of = [row for row, places in enumerate(positions) for _ in places]
    place_of = [place + shift[row] for row, places in enumerate(positions) for place in places]
    inputs = model.inputs(rows, use_cache=False)
    with model.inference(cancelled):
        states = tracing.read_residuals(model.traced, "", inputs, layers, (row_of, place_of))
    ends = list(accumulate(len(places) for places in positions))
    return [
        {layer: state[end - len(places) : end].clone() for layer, state in states.items()}
        for end, places in zip(ends, positions, strict=True)
    ]


def takes_padding(model: Model) -> bool:
    """Whether a padded row's states are those of the row alone; asked of the model once."""
    if model.padding_invariant is None:
        ids = sample_ids(model)
        short, layers = ids[:3], sorted({EMBED, model.layers // 2, model.layers - 1})
        try:
            padded = read_padded(model, [short, ids], layers, [[0, 1, 2], [0]])[0]
            alone = model.read(short, layers, [0, 1, 2])
        except MODEL_ERRORS:  # a length that the model does not take
            model.padding_invariant = False
            return False
        worst = max(difference(padded[layer], alone[layer]) / largest(alone[layer]) for layer in layers)
        model.padding_invariant = worst <= min(tolerance_of(model), MOST_BY_ROUNDING)
    return model.padding_invariant


def largest(states: torch.Tensor) -> float:
    """The largest number in states."""
    return float(states.abs().max().clamp_min(1e-6))

"""Residual states of many prompts at once, as one padded batch for a model whose states padding does not change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.anatomy.calls import ModelFailed, model_code
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.model import Model
from selfie_tui.engine.verify import difference, sample_ids, tolerance_of
from selfie_tui.records import EMBED

TOKENS_A_FORWARD = 4096
"""Tokens of one batch at most, its padding included."""

ROUNDING = 2e-2
"""Largest difference of states, relative to the largest state, that 16 bits explain; padding that counts gave 8e-2."""

States = dict[int, torch.Tensor]
"""States by layer, each `(positions, hidden)`."""


def read_prompts(
    model: Model,
    prompts: Sequence[Sequence[int]],
    layers: Sequence[int],
    positions: Sequence[Sequence[int]] | None = None,
    cancelled: Callable[[], bool] = never,
) -> list[States]:
    """The states of every prompt at layers of the stack that prompts run through first, by default at all positions.

    Each prompt's states are `(positions, hidden)` by layer. Decoders are padded on the left, encoders on the right. A
    model that padding changes reads prompts one by one, and so does one with edits that depend on a token's position;
    `takes_padding` finds out which models padding changes.

    Raises:
        RequestError: for a layer that the model does not have.
    """
    for layer in layers:
        model.check_layer(layer)
    chosen = positions or [range(len(prompt)) for prompt in prompts]
    found: list[States] = []
    for batch in batches(prompts):
        rows, own = [prompts[row] for row in batch], [list(chosen[row]) for row in batch]
        if model.edits.by_position or (len({len(row) for row in rows}) > 1 and not takes_padding(model)):
            found += [model.read(row, layers, columns, cancelled) for row, columns in zip(rows, own, strict=True)]
        else:
            found += read_padded(model, rows, layers, own, cancelled)
    return found


def batches(prompts: Sequence[Sequence[int]]) -> list[range]:
    """Ranges of consecutive prompts that make batches of at most `TOKENS_A_FORWARD` tokens."""
    found: list[range] = []
    start, longest = 0, 0
    for row, prompt in enumerate(prompts):
        longest = max(longest, len(prompt))
        if row > start and longest * (row + 1 - start) > TOKENS_A_FORWARD:
            found.append(range(start, row))
            start, longest = row, len(prompt)
    return [*found, range(start, len(prompts))] if prompts else []


def read_padded(
    model: Model,
    rows: Sequence[Sequence[int]],
    layers: Sequence[int],
    positions: Sequence[Sequence[int]],
    cancelled: Callable[[], bool] = never,
) -> list[States]:
    """The states of prompts in one padded batch, each `(positions, hidden)` by layer.

    `positions` are those of each prompt, its padding not counted.
    """
    length = max(len(row) for row in rows)
    shift = [length - len(row) if model.kind == "decoder" else 0 for row in rows]
    row_of = [row for row, columns in enumerate(positions) for _ in columns]
    column_of = [column + shift[row] for row, columns in enumerate(positions) for column in columns]
    inputs = model.inputs(rows, use_cache=False)
    with model.inference(cancelled):
        states = tracing.read_residuals(model.traced, "", inputs, layers, (row_of, column_of))
    ends = list(accumulate(len(columns) for columns in positions))
    return [
        {layer: state[end - len(columns) : end].clone() for layer, state in states.items()}
        for end, columns in zip(ends, positions, strict=True)
    ]


def takes_padding(model: Model) -> bool:
    """Whether a padded row's states are those of the row alone; measured once for each model."""
    if model.padding_invariant is None:
        ids = sample_ids(model)
        short, layers = ids[:3], sorted({EMBED, model.layers // 2, model.layers - 1})
        try:
            with model_code():
                padded = read_padded(model, [short, ids], layers, [[0, 1, 2], [0]])[0]
                alone = model.read(short, layers, [0, 1, 2])
        except ModelFailed:  # a length that the model does not take
            model.padding_invariant = False
            return False
        worst = max(difference(padded[layer], alone[layer]) / largest(alone[layer]) for layer in layers)
        model.padding_invariant = worst <= min(tolerance_of(model), ROUNDING)
    return model.padding_invariant


def largest(states: torch.Tensor) -> float:
    """The largest absolute value, a scalar, in states `(positions, hidden)`."""
    return float(states.abs().max().clamp_min(1e-6))

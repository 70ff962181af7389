"""The noise floor of relevancy: how far it strays from zero where nothing is injected.

P_inj is computed step by step in a batch, P_none in one forward over the whole text (see `generation.relevancy`). In 16
bits the two round apart: a run at strength 0, whose every text is the control's, has relevancies of some hundredths.
What is no larger says nothing of the vector.

Rounding moves logits, and so the log-odds of a token, about equally wherever it is. A probability near 0 or 1 hardly
shows that, one of a half by a quarter of it. The floor is that quarter of the largest change of log-odds, so that it
holds for tokens of any probability.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch

from selfie_tui.engine.generation.decode import Limits, Row, decode
from selfie_tui.engine.generation.prefill import never, prefill_prompt
from selfie_tui.engine.generation.processor import ProcessorOperations
from selfie_tui.engine.generation.relevancy import baseline_probabilities
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model
from selfie_tui.engine.verify import sample_ids
from selfie_tui.records import EMBED

ROWS, STEPS = 8, 12
"""Texts that are sampled, and tokens of each at most: about a hundred probabilities."""

LEAST = 0.02
"""Probabilities nearer than this to 0 or 1 are not compared: what rounding makes of their log-odds is far larger."""

EXACT = (torch.float32, torch.float64)
"""Number formats in which relevancy strays by less than 1e-6, which is not measured."""


def relevancy_floor(
    model: Model, cancelled: Callable[[], bool] = never, operations: ProcessorOperations | None = None
) -> float:
    """The largest relevancy that rounding explains, in [0, 0.25]; 0 in 32 bits. Measured once and kept with the model.

    Operations of the processor round in their own way: where a run uses some, they are those that are measured.

    Raises:
        Cancelled: before any block, once `cancelled` gives true.
        OutOfMemory: if the device has no memory for eight rows.
    """
    if model.dtype in EXACT:
        return 0.0
    if model.relevancy_floor is None:
        model.relevancy_floor = measured_floor(model, cancelled, operations)
    return model.relevancy_floor


def measured_floor(model: Model, cancelled: Callable[[], bool], operations: ProcessorOperations | None) -> float:
    """Sample texts with a vector added at strength 0, and compare their probabilities with those of teacher forcing."""
    ids = sample_ids(model)
    masks = (len(ids) - 2, len(ids) - 1) if model.kind == "encoder" else ()
    prefill = prefill_prompt(model, ids, cancelled, masks=masks)
    nothing = torch.zeros(ROWS, model.hidden, dtype=model.stream_dtype, device=model.device)
    injection = Injection(nothing, (1,), EMBED, "add", 0.0)
    limits = Limits(STEPS, temperature=1.0, seeds=range(ROWS))
    *_, (rows, _) = decode(model, prefill, injection, 0, limits, cancelled, operations)
    with operations or nullcontext():
        baseline = baseline_probabilities(model, prefill, [row.ids for row in rows], cancelled)
    return noise_of(rows, baseline)


def noise_of(rows: Sequence[Row], baseline: Sequence[Sequence[float]]) -> float:
    """A quarter of the largest change of log-odds between the probabilities of rows and those of teacher forcing."""
    strayed = [
        abs(log_odds(stepwise) - log_odds(forced))
        for row, probabilities in zip(rows, baseline, strict=True)
        for stepwise, forced in zip(row.probabilities, probabilities, strict=True)
        if LEAST < stepwise < 1 - LEAST and LEAST < forced < 1 - LEAST
    ]
    return min(max(strayed, default=0.0) / 4, 0.25)


def log_odds(probability: float) -> float:
    """The logarithm of the odds of a probability between 0 and 1."""
    return math.log(probability / (1 - probability))

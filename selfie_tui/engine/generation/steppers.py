"""Steppers: how each kind of model computes the next token's logits for every row of a batch (see `cached` too).

With a cache the vectors are written in the prefill only, which equals writing them at every step; without one the text
is run from its beginning at every step, with the vectors in it. An encoder fills one mask token at a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from transformers.modeling_outputs import MoEModelOutput

from selfie_tui.engine import tracing
from selfie_tui.engine.generation.cache import select_rows
from selfie_tui.engine.generation.prefill import Prefill, cache_of, last_logits
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model


class Stepper(Protocol):
    """Next-token logits `(rows, vocabulary)`, step by step.

    `first` and `next` raise `Cancelled` before any block, and `OutOfMemory`.
    """

    def first(self) -> SlicedLogits:
        """The logits `(rows, vocabulary)` of every row's first token."""

    def keep_rows(self, rows: Sequence[int]) -> bool:
        """Drop all rows but these; false, with all rows kept, for a cache that cannot drop rows."""

    def next(self, tokens: Sequence[int]) -> SlicedLogits:
        """The logits `(rows, vocabulary)` after each row's newest token; `tokens` holds one id for each row."""


@dataclass
class StepperBase:
    """A batch of `count` rows of one prompt, the first of which get the injection's vectors, one each."""

    model: Model
    prefill: Prefill
    injection: Injection
    count: int
    cancelled: Callable[[], bool]


@dataclass
class RecomputeBase(StepperBase):
    """A batch whose texts are run from their beginning at every step.

    `rows` are the ids of each row: those generated, or an encoder's whole text with its masks.
    """

    rows: list[list[int]] = field(default_factory=list)

    def keep_rows(self, rows: Sequence[int]) -> bool:
        """Drop the ids and vectors of all rows but these."""
        self.rows = [self.rows[row] for row in rows]
        self.injection = injected_rows(self.injection, rows)
        return True


@dataclass
class EncoderDecoderStepper(StepperBase):
    """An encoder-decoder that keeps a cache: the encoder runs once, and its output `memory` serves every step."""

    cache: Any = None
    memory: Any = None

    def first(self) -> SlicedLogits:
        """The logits `(rows, vocabulary)` of the prefill, with the vectors written into either stack."""
        model, prefill = self.model, self.prefill
        inputs = model.inputs([list(prefill.ids)] * self.count, [list(prefill.prefix)] * self.count)
        with model.inference(self.cancelled):
            output = tracing.run_injected(model.traced, inputs, self.injection)
        self.cache, self.memory = cache_of(model, output), output.encoder_last_hidden_state
        return SlicedLogits(model.anatomy.logits_in(output)[:, -1])

    def keep_rows(self, rows: Sequence[int]) -> bool:
        """Drop all rows of the cache and of the encoder's output but these, if the cache can drop rows."""
        if not select_rows(self.cache, rows):
            return False
        self.memory = self.memory[list(rows)]
        return True

    def next(self, tokens: Sequence[int]) -> SlicedLogits:
        """The logits `(rows, vocabulary)` of one more token in every row, from the cache and the encoder's output."""
        model = self.model
        written = torch.tensor(tokens, device=model.device).unsqueeze(1)  # (rows, 1)
        read = torch.ones(self.memory.shape[:2], dtype=torch.long, device=model.device)
        with model.inference(self.cancelled):
            output = model.module(
                encoder_outputs=MoEModelOutput(last_hidden_state=self.memory),
                attention_mask=read,
                decoder_input_ids=written,
                past_key_values=self.cache,
                use_cache=True,
            )
        self.cache = cache_of(model, output)
        return SlicedLogits(model.anatomy.logits_in(output)[:, -1])


@dataclass
class RecomputeStepper(RecomputeBase):
    """A decoder or encoder-decoder without a cache: all of the text at every step, with the vectors in it."""

    def first(self) -> SlicedLogits:
        """The logits `(rows, vocabulary)` of the prompt."""
        self.rows = [[] for _ in range(self.count)]
        return self.logits()

    def next(self, tokens: Sequence[int]) -> SlicedLogits:
        """The logits `(rows, vocabulary)` of the text with one more token in every row."""
        for row, token in zip(self.rows, tokens, strict=True):
            row.append(token)
        return self.logits()

    def logits(self) -> SlicedLogits:
        """The logits `(rows, vocabulary)` of every row's next token."""
        model, prefill = self.model, self.prefill
        if prefill.prefix:
            prefixes = [[*prefill.prefix, *row] for row in self.rows]
            inputs = model.inputs([list(prefill.ids)] * len(self.rows), prefixes, use_cache=False)
        else:
            inputs = model.inputs([[*prefill.ids, *row] for row in self.rows], use_cache=False)
        with model.inference(self.cancelled):
            output = run(model, inputs | last_logits(model), self.injection)
        return SlicedLogits(model.anatomy.logits_in(output)[:, -1])


@dataclass
class MaskFillStepper(RecomputeBase):
    """An encoder: the masks are filled from left to right, one a step, each seeing what was filled before."""

    filled: int = 0

    def first(self) -> SlicedLogits:
        """The logits `(rows, vocabulary)` at the first mask."""
        self.rows = [list(self.prefill.ids) for _ in range(self.count)]
        return self.logits()

    def next(self, tokens: Sequence[int]) -> SlicedLogits:
        """The logits `(rows, vocabulary)` at the next mask, once the one before is filled."""
        for row, token in zip(self.rows, tokens, strict=True):
            row[self.prefill.masks[self.filled]] = token
        self.filled += 1
        return self.logits()

    def logits(self) -> SlicedLogits:
        """The logits `(rows, vocabulary)` at every row's next mask."""
        with self.model.inference(self.cancelled):
            output = run(self.model, self.model.inputs(self.rows), self.injection)
        return SlicedLogits(self.model.anatomy.logits_in(output)[:, self.prefill.masks[self.filled]])


def run(model: Model, inputs: dict[str, Any], injection: Injection) -> Any:
    """The output of a forward with vectors written into its first rows, of which there may be none left."""
    return tracing.run_injected(model.traced, inputs, injection) if len(injection.vectors) else model.module(**inputs)


def injected_rows(injection: Injection, rows: Sequence[int]) -> Injection:
    """The injection of some rows of its batch, whose rows without vectors are the last ones."""
    return replace(injection, vectors=injection.vectors[[row for row in rows if row < len(injection.vectors)]])

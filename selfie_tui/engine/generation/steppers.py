"""Steppers: how each kind of model computes the next token's logits for every row of a batch.

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
from selfie_tui.engine.generation.prefill import CROPPABLE, Prefill, after_cached, cache_of, expand_cache, last_logits
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model


class Stepper(Protocol):
    """Next-token logits `(rows, vocabulary)` float32, step by step.

    `first` and `next` raise `Cancelled` before any block, and `OutOfMemory`.
    """

    def first(self) -> torch.Tensor:
        """The logits `(rows, vocabulary)` of every row's first token."""

    def keep_rows(self, rows: Sequence[int]) -> bool:
        """Drop all rows but these; false, with all rows kept, for a cache that cannot drop rows."""

    def next(self, tokens: Sequence[int]) -> torch.Tensor:
        """The logits `(rows, vocabulary)` after each row's newest token; `tokens` holds one id for each row."""


def stepper_for(
    model: Model, prefill: Prefill, injection: Injection, count: int, cancelled: Callable[[], bool]
) -> Stepper:
    """The stepper of this kind of model for `count` rows of a prompt, the first of them injected."""
    if prefill.masks:
        return MaskFillStepper(model, prefill, injection, count, cancelled)
    if not model.cached:
        return RecomputeStepper(model, prefill, injection, count, cancelled)
    if model.kind == "encoder-decoder":
        return EncoderDecoderStepper(model, prefill, injection, count, cancelled)
    return CachedStepper(model, prefill, injection, count, cancelled)


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
class CachedStepper(StepperBase):
    """A decoder that keeps a cache.

    The tokens before the first placeholder are the same in every row and untouched by the injection: their cache is
    copied instead of computed for each.
    """

    cache: Any = None
    length: int = 0
    positions: list[int] = field(default_factory=list)
    """Tokens of each row that have a position."""

    def first(self) -> torch.Tensor:
        """The logits `(rows, vocabulary)` of the prefill, with the vectors written into it."""
        model, prefill, injection = self.model, self.prefill, self.injection
        shared = min(injection.positions) if prefill.expandable else 0
        inputs = model.inputs([list(prefill.ids)] * self.count) | last_logits(model)
        if shared:
            inputs = after_cached(inputs, shared)
            inputs[str(model.feed.cache_name)] = expand_cache(prefill.cache, self.count, shared)
            injection = replace(injection, positions=tuple(position - shared for position in injection.positions))
        with model.inference(self.cancelled):
            output = tracing.run_injected(model.traced, inputs, injection)
        self.cache, self.length = cache_of(model, output), len(prefill.ids)
        self.positions = [sum(model.feed.has_position(token) for token in prefill.ids)] * self.count
        return model.anatomy.logits_in(output)[:, -1].float()

    def keep_rows(self, rows: Sequence[int]) -> bool:
        """Drop all rows of the cache but these, if it can drop rows."""
        if not select_rows(self.cache, rows):
            return False
        self.positions = [self.positions[row] for row in rows]
        return True

    def next(self, tokens: Sequence[int]) -> torch.Tensor:
        """The logits `(rows, vocabulary)` of one more token in every row, from the cache."""
        model = self.model
        self.length += 1
        inputs = {"input_ids": torch.tensor(tokens, device=model.device).unsqueeze(1)}  # (rows, 1)
        inputs[str(model.feed.cache_name)] = self.cache
        if model.feed.needs_step_mask:
            inputs["attention_mask"] = torch.ones((len(tokens), self.length), dtype=torch.long, device=model.device)
        if model.feed.takes("position_ids"):
            inputs["position_ids"] = self.next_positions(tokens)
        with model.inference(self.cancelled):
            output = model.module(**inputs, use_cache=True)
        self.cache = cache_of(model, output)
        return model.anatomy.logits_in(output)[:, -1].float()

    def next_positions(self, tokens: Sequence[int]) -> torch.Tensor:
        """The position ids `(rows, 1)` of one more token in every row."""
        feed = self.model.feed
        found = [[feed.next_position(count, token)] for count, token in zip(self.positions, tokens, strict=True)]
        self.positions = [count + feed.has_position(token) for count, token in zip(self.positions, tokens, strict=True)]
        return torch.tensor(found, device=self.model.device)


@dataclass
class EncoderDecoderStepper(StepperBase):
    """An encoder-decoder that keeps a cache: the encoder runs once, and its output `memory` serves every step."""

    cache: Any = None
    memory: Any = None

    def first(self) -> torch.Tensor:
        """The logits `(rows, vocabulary)` of the prefill, with the vectors written into either stack."""
        model, prefill = self.model, self.prefill
        inputs = model.inputs([list(prefill.ids)] * self.count, [list(prefill.prefix)] * self.count)
        with model.inference(self.cancelled):
            output = tracing.run_injected(model.traced, inputs, self.injection)
        self.cache, self.memory = cache_of(model, output), output.encoder_last_hidden_state
        return model.anatomy.logits_in(output)[:, -1].float()

    def keep_rows(self, rows: Sequence[int]) -> bool:
        """Drop all rows of the cache and of the encoder's output but these, if the cache can drop rows."""
        if not select_rows(self.cache, rows):
            return False
        self.memory = self.memory[list(rows)]
        return True

    def next(self, tokens: Sequence[int]) -> torch.Tensor:
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
        return model.anatomy.logits_in(output)[:, -1].float()


@dataclass
class RecomputeStepper(RecomputeBase):
    """A decoder or encoder-decoder without a cache: all of the text at every step, with the vectors in it."""

    def first(self) -> torch.Tensor:
        """The logits `(rows, vocabulary)` of the prompt."""
        self.rows = [[] for _ in range(self.count)]
        return self.logits()

    def next(self, tokens: Sequence[int]) -> torch.Tensor:
        """The logits `(rows, vocabulary)` of the text with one more token in every row."""
        for row, token in zip(self.rows, tokens, strict=True):
            row.append(token)
        return self.logits()

    def logits(self) -> torch.Tensor:
        """The logits `(rows, vocabulary)` of every row's next token."""
        model, prefill = self.model, self.prefill
        if prefill.prefix:
            prefixes = [[*prefill.prefix, *row] for row in self.rows]
            inputs = model.inputs([list(prefill.ids)] * len(self.rows), prefixes, use_cache=False)
        else:
            inputs = model.inputs([[*prefill.ids, *row] for row in self.rows], use_cache=False)
        with model.inference(self.cancelled):
            output = run(model, inputs | last_logits(model), self.injection)
        return model.anatomy.logits_in(output)[:, -1].float()


@dataclass
class MaskFillStepper(RecomputeBase):
    """An encoder: the masks are filled from left to right, one a step, each seeing what was filled before."""

    filled: int = 0

    def first(self) -> torch.Tensor:
        """The logits `(rows, vocabulary)` at the first mask."""
        self.rows = [list(self.prefill.ids) for _ in range(self.count)]
        return self.logits()

    def next(self, tokens: Sequence[int]) -> torch.Tensor:
        """The logits `(rows, vocabulary)` at the next mask, once the one before is filled."""
        for row, token in zip(self.rows, tokens, strict=True):
            row[self.prefill.masks[self.filled]] = token
        self.filled += 1
        return self.logits()

    def logits(self) -> torch.Tensor:
        """The logits `(rows, vocabulary)` at every row's next mask."""
        with self.model.inference(self.cancelled):
            output = run(self.model, self.model.inputs(self.rows), self.injection)
        return self.model.anatomy.logits_in(output)[:, self.prefill.masks[self.filled]].float()


def run(model: Model, inputs: dict[str, Any], injection: Injection) -> Any:
    """The output of a forward with vectors written into its first rows, of which there may be none left."""
    return tracing.run_injected(model.traced, inputs, injection) if len(injection.vectors) else model.module(**inputs)


def injected_rows(injection: Injection, rows: Sequence[int]) -> Injection:
    """The injection of some rows of its batch, whose rows without vectors are the last ones."""
    return replace(injection, vectors=injection.vectors[[row for row in rows if row < len(injection.vectors)]])


def select_rows(cache: Any, rows: Sequence[int]) -> bool:
    """Drop all rows of a cache but these; false, with nothing dropped, for a cache with recurrent layers."""
    layers = layers_of(cache)
    if not layers or not all(type(layer).__name__ in CROPPABLE for layer in layers):
        return False
    cache.batch_select_indices(torch.tensor(list(rows)))
    return True


def layers_of(cache: Any) -> list[Any]:
    """The layers of a cache, of both parts of an encoder-decoder's."""
    parts = [getattr(cache, name, None) for name in ("self_attention_cache", "cross_attention_cache")]
    return [layer for part in ([cache] if parts == [None, None] else parts) for layer in getattr(part, "layers", ())]

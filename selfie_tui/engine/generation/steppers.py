"""How one kind of model makes the next token of every row of a batch: with a cache, or by running the whole text anew.

In a decoder and in an encoder-decoder the vectors are written in the prefill only where there is a cache, which equals
writing them at every step; without one they are written at every step. An encoder fills one mask token at a step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from transformers.modeling_outputs import MoEModelOutput

from selfie_tui.engine import tracing
from selfie_tui.engine.generation.prefill import CROPPABLE, Prefill, cache_of, last_logits, repeated
from selfie_tui.engine.injection import Injection
from selfie_tui.engine.model import Model


class Steps(Protocol):
    """Logits `(rows, vocabulary)` float32, step by step."""

    def first(self) -> torch.Tensor:
        """Those of every row's first token."""

    def keep(self, rows: Sequence[int]) -> bool:
        """Go on with these of the rows only; false if that cannot be done."""

    def next(self, tokens: Sequence[int]) -> torch.Tensor:
        """Those after each row's newest token."""


def stepper_for(model: Model, plain: Prefill, injection: Injection, count: int, cancelled: Callable[[], bool]) -> Steps:
    """The way in which this model decodes `count` rows of a prompt, the first of them injected."""
    if plain.masks:
        return MaskFillStepper(model, plain, injection, count, cancelled)
    if not model.cached:
        return RecomputeStepper(model, plain, injection, count, cancelled)
    if model.kind == "encoder-decoder":
        return EncoderDecoderStepper(model, plain, injection, count, cancelled)
    return CachedStepper(model, plain, injection, count, cancelled)


@dataclass
class Batch:
    """Rows of one prompt: `count` of them, the first of which get the injection's vectors."""

    model: Model
    plain: Prefill
    injection: Injection
    count: int
    cancelled: Callable[[], bool]


@dataclass
class RecomputeBase(Batch):
    """Rows that are run as a whole at every step, with the vectors in them; `rows` is what each has so far."""

    rows: list[list[int]] = field(default_factory=list)

    def keep(self, rows: Sequence[int]) -> bool:
        self.rows = [self.rows[row] for row in rows]
        self.injection = injected_rows(self.injection, rows)
        return True


@dataclass
class CachedStepper(Batch):
    """A decoder that keeps a cache.

    The tokens before the first placeholder are the same in every row and untouched by the injection: their cache is
    repeated rather than computed anew.
    """

    cache: Any = None
    length: int = 0

    def first(self) -> torch.Tensor:
        model, plain, injection = self.model, self.plain, self.injection
        shared = min(injection.positions) if plain.expandable else 0
        inputs = model.inputs([list(plain.ids)] * self.count) | last_logits(model)
        if shared:
            inputs["input_ids"] = inputs["input_ids"][:, shared:]
            inputs[str(model.feed.cache_name)] = repeated(plain.cache, self.count, keep=shared)
            injection = replace(injection, positions=tuple(place - shared for place in injection.positions))
        with model.inference(self.cancelled):
            output = tracing.run_injected(model.traced, inputs, injection)
        self.cache, self.length = cache_of(model, output), len(plain.ids)
        return model.anatomy.logits_in(output)[:, -1].float()

    def keep(self, rows: Sequence[int]) -> bool:
        return select_rows(self.cache, rows)

    def next(self, tokens: Sequence[int]) -> torch.Tensor:
        model = self.model
        self.length += 1
        inputs = {"input_ids": torch.tensor(tokens, device=model.device).unsqueeze(1)}  # (rows, 1)
        inputs[str(model.feed.cache_name)] = self.cache
        if model.feed.needs_step_mask:
            inputs["attention_mask"] = torch.ones((len(tokens), self.length), dtype=torch.long, device=model.device)
        if model.feed.takes("position_ids"):
            place = self.length - 1 + model.feed.first_position
            inputs["position_ids"] = torch.full((len(tokens), 1), place, device=model.device)
        with model.inference(self.cancelled):
            output = model.module(**inputs, use_cache=True)
        self.cache = cache_of(model, output)
        return model.anatomy.logits_in(output)[:, -1].float()


@dataclass
class EncoderDecoderStepper(Batch):
    """An encoder-decoder that keeps a cache: the encoder runs once, with the vectors in it."""

    cache: Any = None
    memory: Any = None

    def first(self) -> torch.Tensor:
        model, plain = self.model, self.plain
        inputs = model.inputs([list(plain.ids)] * self.count, [list(plain.prefix)] * self.count)
        with model.inference(self.cancelled):
            output = tracing.run_injected(model.traced, inputs, self.injection)
        self.cache, self.memory = cache_of(model, output), output.encoder_last_hidden_state
        return model.anatomy.logits_in(output)[:, -1].float()

    def keep(self, rows: Sequence[int]) -> bool:
        if not select_rows(self.cache, rows):
            return False
        self.memory = self.memory[list(rows)]
        return True

    def next(self, tokens: Sequence[int]) -> torch.Tensor:
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
    """A decoder or encoder-decoder without a cache: the whole text at every step, with the vectors in it."""

    def first(self) -> torch.Tensor:
        self.rows = [[] for _ in range(self.count)]
        return self.logits()

    def next(self, tokens: Sequence[int]) -> torch.Tensor:
        for row, token in zip(self.rows, tokens, strict=True):
            row.append(token)
        return self.logits()

    def logits(self) -> torch.Tensor:
        """The next logits of every row."""
        model, plain = self.model, self.plain
        if plain.prefix:
            prefixes = [[*plain.prefix, *row] for row in self.rows]
            inputs = model.inputs([list(plain.ids)] * len(self.rows), prefixes, use_cache=False)
        else:
            inputs = model.inputs([[*plain.ids, *row] for row in self.rows], use_cache=False)
        with model.inference(self.cancelled):
            output = run(model, inputs | last_logits(model), self.injection)
        return model.anatomy.logits_in(output)[:, -1].float()


@dataclass
class MaskFillStepper(RecomputeBase):
    """An encoder: the masks are filled from left to right, one a step, each seeing what was filled before."""

    filled: int = 0

    def first(self) -> torch.Tensor:
        self.rows = [list(self.plain.ids) for _ in range(self.count)]
        return self.logits()

    def next(self, tokens: Sequence[int]) -> torch.Tensor:
        for row, token in zip(self.rows, tokens, strict=True):
            row[self.plain.masks[self.filled]] = token
        self.filled += 1
        return self.logits()

    def logits(self) -> torch.Tensor:
        """The logits at every row's next mask."""
        with self.model.inference(self.cancelled):
            output = run(self.model, self.model.inputs(self.rows), self.injection)
        return self.model.anatomy.logits_in(output)[:, self.plain.masks[self.filled]].float()


def run(model: Model, inputs: dict[str, Any], injection: Injection) -> Any:
    """A forward with vectors written into its first rows, of which there may be none left."""
    return tracing.run_injected(model.traced, inputs, injection) if len(injection.vectors) else model.module(**inputs)


def injected_rows(injection: Injection, rows: Sequence[int]) -> Injection:
    """The injection of some rows of its batch; rows without vectors are the last of a batch, and stay so."""
    return replace(injection, vectors=injection.vectors[[row for row in rows if row < len(injection.vectors)]])


def select_rows(cache: Any, rows: Sequence[int]) -> bool:
    """Keep some rows of a cache; false if it cannot: layers with a recurrent state go on with all of theirs."""
    layers = layers_of(cache)
    if not layers or not all(type(layer).__name__ in CROPPABLE for layer in layers):
        return False
    cache.batch_select_indices(torch.tensor(list(rows)))
    return True


def layers_of(cache: Any) -> list[Any]:
    """The layers of a cache, of both parts of an encoder-decoder's."""
    parts = [getattr(cache, name, None) for name in ("self_attention_cache", "cross_attention_cache")]
    return [layer for part in ([cache] if parts == [None, None] else parts) for layer in getattr(part, "layers", ())]

"""The stepper of decoders with a cache: nothing that rows have in common is computed for each of them.

The tokens before the first placeholder are the same in every row and untouched by the injection: their cache is copied.
So are the layers below the injection (see `lower_layers`), and all of the prompt in rows with the same vector, such as
several samples of a cell. What is left is run in pieces of a few rows, whose activations stay in a processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from selfie_tui.engine.generation.cache import SPARE, all_croppable, join_caches, select_rows, take_rows
from selfie_tui.engine.generation.forwards import Forward, joined_logits, rows_at_once, run_rows
from selfie_tui.engine.generation.lower_layers import NONE, LowerLayers, can_skip, may_skip, read_lower_layers
from selfie_tui.engine.generation.prefill import after_cached
from selfie_tui.engine.generation.steppers import StepperBase, injected_rows
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.injection import Injection, bits_of


@dataclass
class CachedStepper(StepperBase):
    """A decoder that keeps a cache, for which there is room for `steps` tokens from the beginning."""

    steps: int = SPARE
    cache: Any = None
    length: int = 0
    positions: list[int] = field(default_factory=list)
    """Tokens of each row that have a position."""

    @property
    def shared(self) -> int:
        """Tokens of the prompt that have the same cache in every row."""
        return min(self.injection.positions) if self.prefill.expandable else 0

    def first(self) -> SlicedLogits:
        """The logits `(rows, vocabulary)` of the prefill, with the vectors written into it."""
        lower = self.lower_layers()
        firsts = alike(self.injection, self.count) if self.prefill.expandable else [*range(self.count)]
        distinct = list(dict.fromkeys(firsts))
        rows = [distinct.index(first) for first in firsts]
        pieces = [self.run_piece(piece, lower) for piece in self.pieces(distinct)]
        self.cache = pieces[0].cache
        if hasattr(self.cache, "layers") and all_croppable(self.cache):  # not an encoder-decoder's two caches in one
            caches = [piece.cache for piece in pieces]
            self.cache = join_caches(caches, rows, self.prefill.cache, len(lower.outputs), self.steps)
        ids, feed = self.prefill.ids, self.model.feed
        self.length = len(ids)
        self.positions = [sum(feed.has_position(token) for token in ids)] * self.count
        return joined_logits([piece.logits for piece in pieces], rows)

    def pieces(self, rows: Sequence[int]) -> Iterator[Sequence[int]]:
        """Rows in pieces; all at once where the cache of the prompt is not known to be one of rows."""
        tokens = len(self.prefill.ids) - self.shared
        size = rows_at_once(self.model, len(rows), tokens) if self.prefill.expandable else len(rows)
        yield from (rows[start : start + size] for start in range(0, len(rows), size))

    def run_piece(self, rows: Sequence[int], lower: LowerLayers) -> Forward:
        """The prefill of some rows."""
        injection = injected_rows(self.injection, rows)
        injection = replace(injection, positions=tuple(position - self.shared for position in injection.positions))
        with self.model.inference(self.cancelled):
            return run_rows(self.model, self.prompt(len(rows)), injection, lower.expanded(len(rows)))

    def prompt(self, rows: int) -> dict[str, Any]:
        """The arguments of a forward of the prompt in a number of rows, after the shared tokens."""
        inputs = self.model.inputs([list(self.prefill.ids)] * rows)
        if not self.shared:
            return inputs
        cache = take_rows(self.prefill.cache, [0] * rows, self.shared)
        return after_cached(inputs, self.shared) | {str(self.model.feed.cache_name): cache}

    def lower_layers(self) -> LowerLayers:
        """The blocks that need not run for each row, none where the model cannot skip them."""
        model, layer = self.model, self.injection.layer
        if not may_skip(model, self.prefill, layer):
            return NONE
        lower = read_lower_layers(model, self.prompt(1), layer, self.cancelled)
        skips = can_skip(model, layer, lambda skipping: self.run_piece([0], lower if skipping else NONE).logits)
        return lower if skips else NONE

    def keep_rows(self, rows: Sequence[int]) -> bool:
        """Drop all rows of the cache but these, if it can drop rows."""
        if not select_rows(self.cache, rows):
            return False
        self.positions = [self.positions[row] for row in rows]
        return True

    def next(self, tokens: Sequence[int]) -> SlicedLogits:
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
            forward = run_rows(model, inputs | {"use_cache": True})
        self.cache = forward.cache
        return forward.logits

    def next_positions(self, tokens: Sequence[int]) -> torch.Tensor:
        """The position ids `(rows, 1)` of one more token in every row."""
        feed = self.model.feed
        found = [[feed.next_position(count, token)] for count, token in zip(self.positions, tokens, strict=True)]
        self.positions = [count + feed.has_position(token) for count, token in zip(self.positions, tokens, strict=True)]
        return torch.tensor(found, device=self.model.device)


def alike(injection: Injection, rows: int) -> list[int]:
    """For each of `rows` rows of a batch the first one with the same vector; the last rows have none."""
    firsts: dict[bytes, int] = {}
    keys = [*bits_of(injection.vectors), *[b""] * (rows - len(injection.vectors))]
    return [firsts.setdefault(key, row) for row, key in enumerate(keys)]

"""The plan of a run: the rows that are decoded for its items, and how each row is injected, sampled and ended.

A run decodes one interpretation prompt many times. Its items are the cells of the request and after them the bare
embeddings that are set beside these (see `baselines`). A batch of items has a row for each item and sample, in the
order sample by sample, then, on request, a row for a random direction of each cell's norm, then one row without
injection where the batch carries the run's control. A row depends on its item and the request alone, not on the batch
that it is in, so that a split batch, a resumed run and a whole one give the same texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch

from selfie_tui.engine.generation.batch_size import rows_that_fit, rows_that_wait
from selfie_tui.engine.generation.decode import Limits, Row, decode
from selfie_tui.engine.generation.prefill import Prefill, never, prefill_prompt
from selfie_tui.engine.generation.processor import ProcessorOperations, processor_operations
from selfie_tui.engine.generation.relevancy import baseline_probabilities
from selfie_tui.engine.generation.texts import ends_at
from selfie_tui.engine.injection import Injection, unit
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import TargetPrompt
from selfie_tui.parse import parse_mode
from selfie_tui.records import Request

COARSE_STEPS = 3
"""Tokens that all cells get before the first of them get more."""

RELEVANCY_COST = 4
"""Tokens that are scored without injection in the time in which one is generated, at least."""


SAMPLE_STRIDE = 0x9E3779B1
"""What lies between the seeds of two samples of an item.

PyTorch's generator takes the lowest 32 bits of a seed, where multiples of 2**32 over the golden ratio lie apart evenly:
those of up to 100 samples by 19 million at least, which is more than there are cells.
"""


@dataclass(eq=False)
class Batch:
    """Items that are decoded together, by their indices, and their rows as far as they are.

    `randoms` are the items of which a random direction is decoded too. `rows` are empty before the first decoding step,
    of which `steps` have been done.
    """

    items: Sequence[int]
    has_control: bool
    samples: int = 1
    randoms: Sequence[int] = ()
    rows: list[Row] = field(default_factory=list)
    steps: int = 0

    def samples_of(self, index: int) -> list[Row]:
        """The rows of the samples of the item at an index in `items`; none before the first step."""
        return self.rows[: len(self.items) * self.samples][index :: len(self.items)]

    @property
    def cell_rows(self) -> list[Row]:
        """The row of the first sample of each item."""
        return self.rows[: len(self.items)]

    @property
    def random_rows(self) -> dict[int, Row]:
        """The rows of random directions, by the item whose norm they have."""
        return dict(zip(self.randoms, self.rows[len(self.items) * self.samples :], strict=False))

    @property
    def control_row(self) -> Row | None:
        """The row without injection, None where the batch has none or has not been begun."""
        return self.rows[-1] if self.has_control and self.rows else None


@dataclass(frozen=True)
class Plan:
    """What a request decodes: one prompt and a vector for each of its items.

    `vectors` is `(items, hidden)`, or `(items, positions, hidden)` with a vector of its own for each placeholder.
    `prefill` is the prompt's forward without injection. An answer ends at any of the texts `stops`. `firsts` is the
    first cell of each bare embedding among the items, `operations` are what a processor does faster.
    """

    model: Model
    request: Request
    vectors: torch.Tensor
    target: TargetPrompt
    prefill: Prefill
    stops: tuple[str, ...]
    firsts: tuple[int, ...] = ()
    operations: ProcessorOperations | None = None
    known: dict[tuple[int, ...], list[float]] = field(default_factory=dict)
    """Ids of which the probabilities without injection are known: the control's, once it has been decoded."""

    @property
    def steps(self) -> int:
        """Decoding steps of a batch at most: the tokens to generate, or an encoder's masks."""
        return len(self.target.masks) or self.request.max_new_tokens

    @property
    def work(self) -> int:
        """What a cell costs in decoding steps: those of its text, and for relevancy the forward that scores it."""
        return self.steps + self.scoring

    @property
    def scoring(self) -> int:
        """What the forward that scores a cell's text costs in decoding steps; 0 without relevancy."""
        return -(-self.steps // RELEVANCY_COST) if self.request.relevancy else 0

    @property
    def rows_of_item(self) -> int:
        """Rows that an item takes, at most."""
        return self.request.samples + self.request.random_control

    @property
    def batch_size(self) -> int:
        """Items that can be decoded at once in the memory that is free, at least 1."""
        rows = rows_that_fit(self.model, self.prefill, self.request.max_new_tokens)
        return max(1, rows // self.rows_of_item)

    @property
    def together(self) -> int:
        """Items whose batches can take turns, as their caches after the first steps fit in memory together."""
        return rows_that_wait(self.model, self.prefill, COARSE_STEPS) // self.rows_of_item

    def batch(self, items: Sequence[int], with_control: bool) -> Batch:
        """A batch of the items at these indices, not begun."""
        cells = [item for item in items if item < len(self.request.cells)]
        randoms = cells if self.request.random_control else ()
        return Batch(items, with_control, self.request.samples, randoms)

    def decode(self, batch: Batch, cancelled: Callable[[], bool] = never) -> Iterator[Batch]:
        """Decode a batch; yields it, updated, after every step.

        Raises:
            Cancelled: within one step after `cancelled` gives true.
            OutOfMemory: if the device has no memory for as many rows.
        """
        injection, limits = self.injection(batch), self.limits(batch)
        uninjected = int(batch.has_control)
        updates = decode(self.model, self.prefill, injection, uninjected, limits, cancelled, self.operations)
        for batch.rows, batch.steps in updates:
            yield batch
        if batch.control_row:
            self.known[tuple(batch.control_row.ids)] = batch.control_row.probabilities

    def baseline(self, rows: Sequence[Row], cancelled: Callable[[], bool] = never) -> list[list[float]] | None:
        """P_none, the probability without injection, of every token of every row; None without relevancy."""
        if not self.request.relevancy:
            return None
        ids = [row.ids for row in rows]
        with self.operations or nullcontext():
            return baseline_probabilities(self.model, self.prefill, ids, cancelled, self.known)

    def close(self) -> None:
        """Free what is kept for the run's operations."""
        if self.operations is not None:
            self.operations.release()

    def complete(self, row: Row) -> bool:
        """Whether a row has ended or has all the tokens that it can have."""
        return row.done or len(row.ids) == self.steps

    def injection(self, batch: Batch) -> Injection:
        """The vectors of a batch, `(rows, hidden)` or `(rows, positions, hidden)`, and where they are written."""
        own = self.vectors[list(batch.items)]
        randoms = [self.random_vector(item).unsqueeze(0) for item in batch.randoms]
        return Injection(
            torch.cat([own] * batch.samples + randoms),
            self.target.positions,
            self.request.injection_layer,
            parse_mode(self.request.mode),
            self.request.strength,
            self.target.prefix.positions if self.target.prefix else (),
        )

    def limits(self, batch: Batch) -> Limits:
        """When and how the rows of a batch end, the control's with a seed of its own."""
        own = [self.seed(item, sample) for sample in range(batch.samples) for item in batch.items]
        return Limits(
            self.steps,
            ends=lambda row: ends_at(self.model.tokenizer, row.ids, self.stops),
            temperature=self.request.temperature,
            seeds=[*own, *(self.seed(item) for item in batch.randoms), self.seed_at(len(self.request.cells))],
        )

    def seed(self, item: int, sample: int = 0) -> int:
        """The seed of a sample of an item; a bare embedding's is that of its first cell, below all cells' own."""
        cells = len(self.request.cells)
        return self.seed_at(item if item < cells else -1 - self.firsts[item - cells], sample)

    def seed_at(self, index: int, sample: int = 0) -> int:
        """The seed at an index, of which the cells', the control's and the embeddings' differ; any integer will do."""
        return (self.request.seed * 1_000_003 + index + sample * SAMPLE_STRIDE) % 2**63

    def random_vector(self, index: int) -> torch.Tensor:
        """A random direction `(hidden,)` of the norm of a cell's vector, the same for the same request."""
        generator = torch.Generator().manual_seed(self.seed(index))
        vector = self.vectors[index]
        direction = unit(torch.randn(vector.shape[-1], generator=generator))
        norm: torch.Tensor = vector.float().norm()
        return (direction.to(vector.device) * norm).to(vector.dtype)


def plan_run(
    model: Model,
    request: Request,
    vectors: torch.Tensor,
    target: TargetPrompt,
    cancelled: Callable[[], bool] = never,
    firsts: tuple[int, ...] = (),
) -> Plan:
    """The plan of a request, once its interpretation prompt has been run without injection.

    `vectors` is `(items, hidden)` or `(items, positions, hidden)`; for `firsts` see `Plan`.

    Raises:
        Cancelled: before any block of that forward, once `cancelled` gives true.
        OutOfMemory: if the device has no memory for the prompt.
    """
    prefix = target.prefix.ids if target.prefix else ()
    prefill = prefill_prompt(model, target.ids, cancelled, prefix, target.masks)
    rows = len(vectors) * max(1, request.samples)
    operations = processor_operations(model, rows * (prefill.written + request.max_new_tokens))
    return Plan(model, request, vectors, target, prefill, stop_texts(model, request), firsts, operations)


def stop_texts(model: Model, request: Request) -> tuple[str, ...]:
    """Texts at which an answer ends: the request's and the model's own, empty ones left out."""
    own = getattr(getattr(model.module, "generation_config", None), "stop_strings", None) or ()
    return tuple(stop for stop in (*request.stop, *([own] if isinstance(own, str) else own)) if stop)

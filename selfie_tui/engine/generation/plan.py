"""The plan of a run: the rows that are decoded for its cells, and how each row is injected, sampled and ended.

A run decodes one interpretation prompt many times. A batch of cells has one row for each cell's vector, then, on
request, one row for a random direction of each vector's norm, then one row without injection where the batch carries
the run's control. A row depends on its cell and the request alone, not on the batch that it is in, so that a split
batch, a resumed run and a whole one give the same texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from selfie_tui.engine.generation.batch_size import rows_that_fit
from selfie_tui.engine.generation.decode import Limits, Row, decode
from selfie_tui.engine.generation.prefill import Prefill, never, prefill_prompt
from selfie_tui.engine.generation.relevancy import baseline_probabilities
from selfie_tui.engine.generation.texts import ends_at
from selfie_tui.engine.injection import Injection, unit
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import TargetPrompt
from selfie_tui.parse import parse_mode
from selfie_tui.records import Request

RELEVANCY_COST = 4
"""Tokens that are scored without injection in the time in which one is generated, at least."""


@dataclass
class Batch:
    """Cells that are decoded together, by their indices in the request, and their rows as far as they are.

    `rows` are empty before the first decoding step, of which `steps` have been done.
    """

    cells: Sequence[int]
    randoms: bool
    has_control: bool
    rows: list[Row] = field(default_factory=list)
    steps: int = 0

    @property
    def cell_rows(self) -> list[Row]:
        """One row for each cell's vector."""
        return self.rows[: len(self.cells)]

    @property
    def random_rows(self) -> list[Row | None]:
        """For each cell the row of its random direction, or None."""
        return [*self.rows[len(self.cells) : 2 * len(self.cells)]] if self.randoms else [None] * len(self.cells)

    @property
    def control_row(self) -> Row | None:
        """The row without injection, None where the batch has none or has not been begun."""
        return self.rows[-1] if self.has_control and self.rows else None


@dataclass(frozen=True)
class Plan:
    """What a request decodes: one prompt and a vector for each of its cells.

    `vectors` is `(cells, hidden)`, or `(cells, positions, hidden)` with a vector of its own for each placeholder.
    `prefill` is the prompt's forward without injection. An answer ends at any of the texts `stops`.
    """

    model: Model
    request: Request
    vectors: torch.Tensor
    target: TargetPrompt
    prefill: Prefill
    stops: tuple[str, ...]

    @property
    def steps(self) -> int:
        """Decoding steps of a batch at most: the tokens to generate, or an encoder's masks."""
        return len(self.target.masks) or self.request.max_new_tokens

    @property
    def work(self) -> int:
        """What a cell costs in decoding steps: those of its text, and for relevancy the forward that scores it."""
        scored = -(-self.steps // RELEVANCY_COST) if self.request.relevancy else 0
        return self.steps + scored

    @property
    def batch_size(self) -> int:
        """Cells that can be decoded at once in the memory that is free, at least 1."""
        rows = rows_that_fit(self.model, self.prefill, self.request.max_new_tokens)
        return max(1, rows // 2 if self.request.random_control else rows)

    def batch(self, cells: Sequence[int], with_control: bool) -> Batch:
        """A batch of the request's cells at the indices `cells`, not begun."""
        return Batch(cells, self.request.random_control, with_control)

    def decode(self, batch: Batch, cancelled: Callable[[], bool] = never) -> Iterator[Batch]:
        """Decode a batch; yields it, updated, after every step.

        Raises:
            Cancelled: within one step after `cancelled` gives true.
            OutOfMemory: if the device has no memory for as many rows.
        """
        injection, limits = self.injection(batch.cells), self.limits(batch.cells)
        updates = decode(self.model, self.prefill, injection, int(batch.has_control), limits, cancelled)
        for batch.rows, batch.steps in updates:
            yield batch

    def baseline(self, rows: Sequence[Row], cancelled: Callable[[], bool] = never) -> list[list[float]] | None:
        """P_none, the probability without injection, of every token of every row; None without relevancy."""
        if not self.request.relevancy:
            return None
        return baseline_probabilities(self.model, self.prefill, [row.ids for row in rows], cancelled)

    def complete(self, row: Row) -> bool:
        """Whether a row has ended or has all the tokens that it can have."""
        return row.done or len(row.ids) == self.steps

    def injection(self, cells: Sequence[int]) -> Injection:
        """The vectors of a batch, `(rows, hidden)` or `(rows, positions, hidden)`, and where they are written."""
        vectors = [self.vectors[list(cells)]]
        if self.request.random_control:
            vectors += [self.random_vector(index).unsqueeze(0) for index in cells]
        return Injection(
            torch.cat(vectors),
            self.target.positions,
            self.request.injection_layer,
            parse_mode(self.request.mode),
            self.request.strength,
            self.target.prefix.positions if self.target.prefix else (),
        )

    def limits(self, cells: Sequence[int]) -> Limits:
        """When and how the rows of a batch end, the control's with a seed of its own."""
        seeds = [self.seed(index) for index in cells] * (2 if self.request.random_control else 1)
        return Limits(
            self.steps,
            ends=lambda row: ends_at(self.model.tokenizer, row.ids, self.stops),
            temperature=self.request.temperature,
            seeds=[*seeds, self.seed(len(self.request.cells))],
        )

    def seed(self, index: int) -> int:
        """The seed of the cell at `index`, or of the control at the index after the last; any integer will do."""
        return (self.request.seed * 1_000_003 + index) % 2**63

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
) -> Plan:
    """The plan of a request, once its interpretation prompt has been run without injection.

    `vectors` is `(cells, hidden)` or `(cells, positions, hidden)`.

    Raises:
        Cancelled: before any block of that forward, once `cancelled` gives true.
        OutOfMemory: if the device has no memory for the prompt.
    """
    prefix = target.prefix.ids if target.prefix else ()
    prefill = prefill_prompt(model, target.ids, cancelled, prefix, target.masks)
    return Plan(model, request, vectors, target, prefill, stop_texts(model, request))


def stop_texts(model: Model, request: Request) -> tuple[str, ...]:
    """Texts at which an answer ends: the request's and the model's own, empty ones left out."""
    own = getattr(getattr(model.module, "generation_config", None), "stop_strings", None) or ()
    return tuple(stop for stop in (*request.stop, *([own] if isinstance(own, str) else own)) if stop)

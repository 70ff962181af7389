"""A self-interpretation run: a request in, events out, as they happen.

One forward reads every cell's vector; all cells, the no-injection control and any random directions are then decoded as
one batch, halved when the device runs out of memory (SelfIE, arXiv 2403.10949; Patchscopes, arXiv 2401.06102).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from selfie_tui.engine.devices import OutOfMemory, release_memory
from selfie_tui.engine.generation.batch_size import rows_that_fit
from selfie_tui.engine.generation.decode import Limits, Prefill, Row, decode, never, prefill_prompt
from selfie_tui.engine.generation.relevancy import baseline_probabilities
from selfie_tui.engine.generation.texts import answer, cut_tokens, ends_at, text_of
from selfie_tui.engine.injection import Injection, unit
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import TargetPrompt
from selfie_tui.engine.prompts.prepare import prepare
from selfie_tui.engine.prompts.source import Source
from selfie_tui.errors import Cancelled, SelfieError
from selfie_tui.parse import parse_mode
from selfie_tui.records import (
    Cell,
    CellFinished,
    Control,
    ControlFinished,
    Event,
    GeneratedToken,
    Interpret,
    Interpretation,
    Notice,
    PartialTexts,
    Progress,
    Request,
    Token,
    layer_name,
)

SECONDS_BETWEEN_TEXTS = 0.1
CONTROL_ROW = -1


def interpret(model: Model, request: Request, cancelled: Callable[[], bool] = never) -> Iterator[Event]:
    """Run a request: `Progress` at every decoding step, `Growing` texts, then `ControlFinished` and `CellFinished`.

    Raises:
        SelfieError: before any work, if the request asks for what cannot be done.
        Cancelled: within one decoding step after `cancelled` gives true; cells already yielded stay valid.
    """
    prepared = prepare(model, request)
    vectors = read_vectors(model, prepared.source, request.cells, cancelled)
    tokens = [prepared.source.tokens[cell.position] for cell in request.cells]
    yield from interpret_vectors(model, request, vectors, tokens, prepared.target, cancelled)


def run(model: Model, task: Interpret, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do an `Interpret` task; raises as `interpret`."""
    yield from interpret(model, task.request, cancelled)


RUNS = {Interpret: run}


def interpret_vectors(
    model: Model,
    request: Request,
    vectors: torch.Tensor,
    tokens: Sequence[Token],
    target: TargetPrompt,
    cancelled: Callable[[], bool] = never,
    control: bool = True,
) -> Iterator[Event]:
    """Interpret `vectors` `(cells, hidden)`, one for each cell of the request; the second half of `interpret`.

    `tokens` are what stands at the cells. Vectors `(cells, positions, hidden)` give each position of `target` its own.
    Without `control` the prompt is not decoded with nothing injected.
    """
    prefix = target.prefix.ids if target.prefix else ()
    plain = prefill_prompt(model, target.ids, cancelled, prefix, target.masks)
    run = Run(model, request, vectors, tuple(tokens), target, plain, cancelled, control)
    pending = list(range(len(request.cells)))
    rows = rows_that_fit(model, plain, request.max_new_tokens)
    size = max(1, rows // 2 if request.random_control else rows)
    while pending:
        chunk = pending[:size]
        try:
            yield from run.batch(chunk)
        except OutOfMemory:
            size = len(chunk) // 2
        else:
            pending = pending[len(chunk) :]
            continue
        release_memory(model.device)
        if not size:
            raise SelfieError(
                f"{model.device} has no memory for even one cell at a time.",
                "Load a smaller model or a smaller number format, or shorten the interpretation prompt.",
            )
        yield Notice(text=f"Out of memory with {len(chunk)} cells at once: going on with {size}.", severity="warning")


def read_vectors(
    model: Model, source: Source, cells: Sequence[Cell], cancelled: Callable[[], bool] = never
) -> torch.Tensor:
    """The residual states at the cells, `(cells, hidden)` in the model's dtype, in one forward over the prompt."""
    layers = sorted({cell.layer for cell in cells})
    positions = sorted({cell.position for cell in cells})
    states = model.read(source.ids, layers, positions, cancelled, source.prefix)
    vectors = torch.stack([states[cell.layer][positions.index(cell.position)].to(model.device) for cell in cells])
    for cell, finite in zip(cells, vectors.isfinite().all(-1).tolist(), strict=True):
        if not finite:
            raise SelfieError(
                f"The state at {layer_name(cell.layer)}, token {cell.position} overflows {model.info().dtype}.",
                "Load the model in bf16 or fp32.",
            )
    return vectors


@dataclass
class Run:
    """The state of one run: what was read, what is known of the control, and how far it got."""

    model: Model
    request: Request
    vectors: torch.Tensor
    at_cells: tuple[Token, ...]
    target: TargetPrompt
    plain: Prefill
    cancelled: Callable[[], bool]
    controlled: bool = True
    control: Control | None = None
    cells_done: int = 0
    started: float = field(default_factory=time.monotonic)
    last_texts: float = 0.0

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which an answer ends: the request's and the model's own."""
        own = getattr(getattr(self.model.module, "generation_config", None), "stop_strings", None) or ()
        return tuple(stop for stop in (*self.request.stop, *([own] if isinstance(own, str) else own)) if stop)

    @property
    def lacks_control(self) -> bool:
        """Whether the control is wanted and still to be decoded."""
        return self.controlled and self.control is None

    @property
    def steps(self) -> int:
        """Decoding steps of a batch at most: the tokens asked for, or an encoder's masks."""
        return len(self.target.masks) or self.request.max_new_tokens

    def batch(self, chunk: Sequence[int]) -> Iterator[Event]:
        """Decode some of the request's cells together, with the control if it is still unknown."""
        vectors = self.vectors[list(chunk)]
        randoms = [self.random_vector(index) for index in chunk] if self.request.random_control else []
        injection = Injection(
            torch.cat([vectors, *(vector.unsqueeze(0) for vector in randoms)]),
            self.target.positions,
            self.request.injection_layer,
            parse_mode(self.request.mode),
            self.request.strength,
            self.target.prefix.positions if self.target.prefix else (),
        )
        uninjected = int(self.lacks_control)
        limits = self.limits(chunk, len(randoms))
        rows: list[Row] = []
        try:
            for rows, steps in decode(self.model, self.plain, injection, uninjected, limits, self.cancelled):
                yield from self.updates(chunk, rows, steps)
            none = self.effects_baseline(rows[: len(chunk)])
        except Cancelled:
            yield from self.kept(chunk, rows, uninjected)
            raise
        yield from self.finished(chunk, rows, none, len(randoms))

    def kept(self, chunk: Sequence[int], rows: Sequence[Row], uninjected: int) -> Iterator[Event]:
        """What was complete when the run was cancelled: the control, and cells, without relevancy."""
        if uninjected and rows and self.complete(rows[-1]):
            self.control = self.make_control("none", rows[-1])
            yield ControlFinished(control=self.control)
        for index, row in zip(chunk, rows, strict=False):
            if self.complete(row):
                yield CellFinished(index=index, interpretation=self.interpretation(index, row, None, None))

    def complete(self, row: Row) -> bool:
        """Whether a row has ended or has all the tokens that were asked for."""
        return row.done or len(row.ids) == self.steps

    def limits(self, chunk: Sequence[int], randoms: int) -> Limits:
        """When and how the rows of a batch end; a cell's seed does not depend on the batch that it is in."""
        cells = [self.seed(index) for index in chunk]
        seeds = [*cells, *cells[:randoms], self.seed(len(self.request.cells))]
        return Limits(
            self.steps,
            ends=lambda row: ends_at(self.model.tokenizer, row.ids, self.stops),
            temperature=self.request.temperature,
            seeds=seeds,
        )

    def seed(self, index: int) -> int:
        """The seed of the cell at `index`, or of the control at the index after the last; any integer will do."""
        return (self.request.seed * 1_000_003 + index) % 2**63

    def random_vector(self, index: int) -> torch.Tensor:
        """A random direction `(hidden,)` of the norm of a cell's vector, the same for the same request."""
        generator = torch.Generator().manual_seed(self.seed(index))
        vector = self.vectors[index]
        direction = unit(torch.randn(vector.shape[-1], generator=generator))
        length: torch.Tensor = vector.float().norm()
        return (direction.to(vector.device) * length).to(vector.dtype)

    def updates(self, chunk: Sequence[int], rows: Sequence[Row], steps: int) -> Iterator[Event]:
        """What a decoding step has to tell: progress always, texts now and then."""
        cells, limit = len(self.request.cells), self.steps
        done = self.cells_done * limit + steps * len(chunk)
        elapsed = time.monotonic() - self.started
        yield Progress(
            cells_done=self.cells_done,
            cells=cells,
            steps_done=done,
            steps=cells * limit,
            seconds_left=elapsed / done * (cells * limit - done),
        )
        if time.monotonic() - self.last_texts >= SECONDS_BETWEEN_TEXTS:
            self.last_texts = time.monotonic()
            texts = [(index, text_of(self.model.tokenizer, row.ids)) for index, row in zip(chunk, rows, strict=False)]
            if self.lacks_control:
                texts.append((CONTROL_ROW, text_of(self.model.tokenizer, rows[-1].ids)))
            yield PartialTexts(texts=tuple(texts))

    def finished(
        self, chunk: Sequence[int], rows: Sequence[Row], none: Sequence[list[float] | None], randoms: int
    ) -> Iterator[Event]:
        """The records of a decoded batch, the control first."""
        if overflowed := sum(row.overflowed for row in rows):
            yield Notice(
                text=f"{overflowed} answers of this batch end early: the logits overflow {self.model.info().dtype}.",
                severity="warning",
            )
        if self.lacks_control:
            self.control = self.make_control("none", rows[-1])
            yield ControlFinished(control=self.control)
        for place, index in enumerate(chunk):
            random = (
                self.make_control("random", rows[len(chunk) + place], self.request.cells[index]) if randoms else None
            )
            self.cells_done += 1
            yield CellFinished(index=index, interpretation=self.interpretation(index, rows[place], none[place], random))
        yield Progress(
            cells_done=self.cells_done,
            cells=len(self.request.cells),
            steps_done=self.cells_done * self.steps,
            steps=len(self.request.cells) * self.steps,
        )

    def effects_baseline(self, rows: Sequence[Row]) -> Sequence[list[float] | None]:
        """P_none of every token of the rows, where relevancy is asked for."""
        if not self.request.relevancy:
            return [None] * len(rows)
        return baseline_probabilities(self.model, self.plain, [row.ids for row in rows], self.cancelled)

    def make_control(self, kind: str, row: Row, cell: Cell | None = None) -> Control:
        return Control(kind=kind, text=self.text(row), tokens=self.tokens(row, None), cell=cell)  # type: ignore[arg-type]

    def text(self, row: Row) -> str:
        """A row's answer."""
        return answer(self.model.tokenizer, row.ids, self.stops)

    def tokens(self, row: Row, none: list[float] | None) -> tuple[GeneratedToken, ...]:
        """A row's tokens up to where its answer ends, with what the injection changed."""
        pieces = cut_tokens(self.model.tokenizer, row.ids, self.stops)
        return tuple(
            GeneratedToken(
                text=piece,
                id=row.ids[place],
                probability=row.probabilities[place],
                effect=None if none is None or math.isnan(none[place]) else row.probabilities[place] - none[place],
            )
            for place, piece in enumerate(pieces)
        )

    def interpretation(self, index: int, row: Row, none: list[float] | None, random: Control | None) -> Interpretation:
        """A decoded row as the record of its cell."""
        cell = self.request.cells[index]
        tokens = self.tokens(row, none)
        text = self.text(row)
        relevancies = [token.relevancy for token in tokens if token.relevancy is not None]
        return Interpretation(
            cell=cell,
            token=self.at_cells[index],
            text=text,
            tokens=tokens,
            norm=float(self.vectors[index].float().norm()),
            treatment_effect=sum(relevancies) / len(relevancies) if relevancies else None,
            equals_control=self.control is not None and text == self.control.text,
            random=random,
        )

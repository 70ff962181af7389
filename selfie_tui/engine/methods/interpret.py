"""Self-interpretation: a model's hidden state, put into words by the model itself.

One forward over the source prompt reads the residual state `h` at each cell (layer, position). The state is then
written over the placeholders of an interpretation prompt, in the prefill, at the injection layer, and the model goes on
from there: SelfIE (Chen, Vondrick, Mao 2024, arXiv 2403.10949 §3), the same as a Patchscope (Ghandeharioun et al. 2024,
arXiv 2401.06102 §3) whose target prompt asks for a description. All cells, the control without injection and any random
directions are decoded as one batch.

When it misleads: the text can come from the interpretation prompt and not from the state (arXiv 2509.13316), so every
run decodes the prompt with nothing injected too, and a cell with the same text is marked. The model that reads has
facts of its own: the bare embedding of "Eiffel" already reads as a tower in Paris, so that a text says what the model
makes of a vector, not what the vector alone holds. A single greedy text says nothing of its certainty, and a layer far
from the injection layer is written into a stream of another scale. Stronger evidence is a text that early layers of the
same token do not give, and that survives other prompts and injection layers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from selfie_tui.engine.cell_states import CellStates
from selfie_tui.engine.devices import short_name
from selfie_tui.engine.generation.answers import Answers, ReadCell
from selfie_tui.engine.generation.batches import Halved, in_batches
from selfie_tui.engine.generation.decode import Row
from selfie_tui.engine.generation.plan import Batch, Plan, plan_run
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.generation.texts import text_of
from selfie_tui.engine.inspecting.states import read_states
from selfie_tui.engine.model import Model
from selfie_tui.engine.noise import relevancy_floor
from selfie_tui.engine.prompts.placeholders import TargetPrompt
from selfie_tui.engine.prompts.prepare import prepare
from selfie_tui.errors import Cancelled
from selfie_tui.records import (
    CellFinished,
    Control,
    ControlFinished,
    Earlier,
    Event,
    Interpret,
    Notice,
    PartialTexts,
    Progress,
    Request,
    Token,
)
from selfie_tui.text import visible

SECONDS_BETWEEN_TEXTS = 0.1
CONTROL_ROW = -1


def interpret(
    model: Model, request: Request, cancelled: Callable[[], bool] = never, earlier: Earlier | None = None
) -> Iterator[Event]:
    """Run a request: `Progress` at every decoding step, `PartialTexts`, then `ControlFinished` and `CellFinished`.

    The results of an `earlier` run of the same request come first, as they were; only the other cells are decoded.

    Raises:
        SelfieError: before any forward, if the model cannot fulfil the request; after one, if the device has no memory
            for a single cell.
        Cancelled: within one decoding step after `cancelled` gives true; cells already yielded stay valid.
    """
    prepared = prepare(model, request)
    if earlier is not None:
        yield from earlier_results(earlier)
        if len(earlier.interpretations) == len(request.cells):
            return
    tokens = [prepared.source.tokens[cell.position] for cell in request.cells]
    yield from warnings_of(tokens)
    states = read_states(model, request, prepared.source, cancelled)
    yield from interpret_vectors(model, request, states, tokens, prepared.target, cancelled, earlier=earlier)


def run(model: Model, task: Interpret, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do an `Interpret` task; raises as `interpret`."""
    yield from interpret(model, task.request, cancelled, task.earlier)


RUNS = {Interpret: run}


def earlier_results(earlier: Earlier) -> Iterator[Event]:
    """The results of an earlier run as if they had just been decoded."""
    yield ControlFinished(control=earlier.control)
    for index, interpretation in earlier.interpretations:
        yield CellFinished(index=index, interpretation=interpretation)


def interpret_vectors(
    model: Model,
    request: Request,
    states: CellStates,
    tokens: Sequence[Token],
    target: TargetPrompt,
    cancelled: Callable[[], bool] = never,
    control: bool = True,
    earlier: Earlier | None = None,
) -> Iterator[Event]:
    """Interpret one vector for each cell of the request; the second half of `interpret`, with the same events.

    Args:
        states: their vectors are `(cells, hidden)`, or `(cells, positions, hidden)` with one for each position of
            `target`. A cell whose vector is not finite is not decoded: its result says so.
        tokens: the source token at each cell.
        target: the interpretation prompt.
        control: whether the prompt is also decoded with nothing injected.
        earlier: results of the request that are there already, its control among them: these are left out.

    Raises:
        SelfieError: if the device has no memory for a single cell.
        Cancelled: as `interpret`.
    """
    if hooked := model.blocks_with_new_hooks():
        yield Notice(
            text=f"A hook was put on {', '.join(hooked)} after the model was checked: it changes states after they are "
            "read and written there. Remove it, or open the model again to have it checked with the hook.",
            severity="warning",
        )
    plan = plan_run(model, request, states.vectors, target, cancelled)
    run = Run(plan, tokens, states.layer_norms, cancelled, control_pending=control)
    done = run.begin_with(earlier) if earlier else frozenset()
    pending = [index for index in range(len(request.cells)) if index not in done]
    finite = states.vectors.flatten(1).isfinite().all(-1).tolist()
    yield from run.unreadable([index for index in pending if not finite[index]])
    pending = [index for index in pending if finite[index]]
    for event in in_batches(pending, plan.batch_size, run.batch, model.device):
        if isinstance(event, Halved):
            text = f"Out of memory with {event.size} cells at once: going on with {event.next_size}."
            yield Notice(text=text, severity="warning")
        else:
            yield event


def warnings_of(tokens: Sequence[Token]) -> Iterator[Notice]:
    """That special tokens are read, once for all of them."""
    special = {token.position: token for token in tokens if token.special}
    if special:
        names = ", ".join(f"{position} {visible(token.text)}" for position, token in sorted(special.items()))
        text = f"Special tokens stand for no text, and their states are often attention sinks: {names}."
        yield Notice(text=text, severity="warning")


@dataclass
class Run:
    """The events of a run; keeps what is known of its control, and how far it is."""

    plan: Plan
    tokens: Sequence[Token]
    layer_norms: Sequence[float | None]
    cancelled: Callable[[], bool]
    control_pending: bool
    """Whether the control is still to be decoded."""
    control: Control | None = None
    cells_done: int = 0
    cells_before: int = 0
    """Cells that an earlier run had done."""
    started: float = field(default_factory=time.monotonic)
    last_texts: float = 0.0

    def __post_init__(self) -> None:
        self.answers = Answers(self.plan.model.tokenizer, self.plan.stops)
        self.dtype = short_name(self.plan.model.dtype)

    def begin_with(self, earlier: Earlier) -> frozenset[int]:
        """Take over the control and the count of an earlier run; the indices of its cells."""
        self.control, self.control_pending = earlier.control, False
        self.cells_done = self.cells_before = len(earlier.interpretations)
        return frozenset(index for index, _ in earlier.interpretations)

    def unreadable(self, cells: Sequence[int]) -> Iterator[Event]:
        """The results of cells whose vectors are not finite, and what to do about them."""
        for index in cells:
            self.cells_done += 1
            yield CellFinished(index=index, interpretation=self.read_cell(index).unreadable())
        if cells:
            states = "1 state is" if len(cells) == 1 else f"{len(cells)} states are"
            what_to_do = "load the model in bf16 or fp32" if self.dtype == "fp16" else "see the model's verdict"
            text = f"{states} not finite in {self.dtype}: {what_to_do}."
            yield Notice(text=text, severity="warning")

    def batch(self, cells: Sequence[int]) -> Iterator[Event]:
        """Decode some of the request's cells together, with the control if it is still to be decoded."""
        batch = self.plan.batch(cells, with_control=self.control_pending)
        try:
            for _ in self.plan.decode(batch, self.cancelled):
                yield from self.updates(batch)
            baseline = self.plan.baseline(batch.cell_rows, self.cancelled)
            floor = 0.0 if baseline is None else relevancy_floor(self.plan.model, self.cancelled)
        except Cancelled:
            yield from self.complete_rows(batch)
            raise
        yield from self.finished(batch, baseline, floor)

    def updates(self, batch: Batch) -> Iterator[Event]:
        """The events of a decoding step: progress always, texts at most every `SECONDS_BETWEEN_TEXTS`."""
        yield self.progress(self.cells_done * self.plan.work + batch.steps * len(batch.cells))
        if time.monotonic() - self.last_texts >= SECONDS_BETWEEN_TEXTS:
            self.last_texts = time.monotonic()
            rows = list(zip(batch.cells, batch.cell_rows, strict=True))
            rows += [(CONTROL_ROW, batch.control_row)] if batch.control_row else []
            yield PartialTexts(texts=tuple((index, text_of(self.plan.model.tokenizer, row.ids)) for index, row in rows))

    def progress(self, done: int) -> Progress:
        """How far the run is after `done` steps of `Plan.work`, and at that speed the seconds left."""
        cells = len(self.plan.request.cells)
        steps = cells * self.plan.work
        since = done - self.cells_before * self.plan.work
        left = (time.monotonic() - self.started) / since * (steps - done) if since and done < steps else None
        return Progress(cells_done=self.cells_done, cells=cells, steps_done=done, steps=steps, seconds_left=left)

    def complete_rows(self, batch: Batch) -> Iterator[Event]:
        """Records of the rows of a cancelled batch that are complete, without relevancy."""
        if batch.control_row and self.plan.complete(batch.control_row):
            yield self.control_finished(batch)
        for index, row in zip(batch.cells, batch.cell_rows, strict=False):  # no rows before the first step
            if self.plan.complete(row):
                yield self.cell_finished(index, row)

    def finished(self, batch: Batch, baseline: list[list[float]] | None, floor: float) -> Iterator[Event]:
        """The records of a decoded batch, the control first; `baseline` is `Plan.baseline`, `floor` its noise."""
        if overflowed := sum(row.overflowed for row in batch.rows):
            text = f"{overflowed} answers of this batch end early: the logits overflow {self.dtype}."
            yield Notice(text=text, severity="warning")
        if batch.control_row:
            yield self.control_finished(batch)
        baselines: Sequence[list[float] | None] = baseline or [None] * len(batch.cells)
        rows = zip(batch.cells, batch.cell_rows, baselines, batch.random_rows, strict=True)
        for index, row, probabilities, random_row in rows:
            cell = self.plan.request.cells[index]
            random = self.answers.control("random", random_row, cell) if random_row else None
            self.cells_done += 1
            yield self.cell_finished(index, row, probabilities, random, floor)
        yield self.progress(self.cells_done * self.plan.work)

    def control_finished(self, batch: Batch) -> ControlFinished:
        """The control's record, kept for the cells that are compared with it."""
        assert batch.control_row is not None
        self.control, self.control_pending = self.answers.control("none", batch.control_row), False
        return ControlFinished(control=self.control)

    def cell_finished(
        self,
        index: int,
        row: Row,
        baseline: list[float] | None = None,
        random: Control | None = None,
        floor: float = 0.0,
    ) -> CellFinished:
        """The record of the cell at `index` in the request."""
        read = self.read_cell(index)
        interpretation = self.answers.interpretation(read, row, self.control, baseline, random, floor)
        return CellFinished(index=index, interpretation=interpretation)

    def read_cell(self, index: int) -> ReadCell:
        """What is known of the cell at `index` in the request before it is decoded."""
        norm = float(self.plan.vectors[index].float().norm())
        layer_norm = self.layer_norms[index] if self.layer_norms else None
        return ReadCell(self.plan.request.cells[index], self.tokens[index], norm, layer_norm, self.dtype)

"""A self-interpretation as it runs: batches of items decoded coarse to fine, and the events and records of each.

Besides the cells of its request a run decodes their tokens' bare embeddings, each once, before the cells that they are
set beside. It keeps what several batches need: the control, the texts of the embeddings, how far every batch is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from selfie_tui.engine.devices import short_name
from selfie_tui.engine.generation.answers import Answers, Beside, ReadCell
from selfie_tui.engine.generation.baselines import lens_tokens
from selfie_tui.engine.generation.batches import Pause
from selfie_tui.engine.generation.decode import Row
from selfie_tui.engine.generation.plan import COARSE_STEPS, Batch, Plan
from selfie_tui.engine.generation.texts import text_of
from selfie_tui.engine.noise import relevancy_floor
from selfie_tui.engine.pace import Pace
from selfie_tui.errors import Cancelled
from selfie_tui.records import (
    CONTROL,
    CellFinished,
    Control,
    ControlFinished,
    Earlier,
    Event,
    LensToken,
    Notice,
    PartialTexts,
    Progress,
    Token,
)

SECONDS_BETWEEN_TEXTS = 0.1


@dataclass
class Run:
    """The events of a run; keeps what is known of its control and its baselines, and how far it is.

    `bare_of` is the item whose text is what each cell's bare embedding says (see `BareEmbeddings.item_of`).
    """

    plan: Plan
    tokens: Sequence[Token]
    layer_norms: Sequence[float | None]
    bare_of: Sequence[int]
    cancelled: Callable[[], bool]
    control_pending: bool
    """Whether the control is still to be decoded, and by no batch that has begun."""
    control: Control | None = None
    cells_done: int = 0
    cells_before: int = 0
    """Cells that an earlier run had done."""
    embeddings: int = 0
    """Bare embeddings that this run decodes besides the cells."""
    embeddings_done: int = 0
    active: list[Batch] = field(default_factory=list)
    bare: dict[int, str] = field(default_factory=dict)
    """What the items that are bare embeddings say."""
    lens: dict[int, LensToken] = field(default_factory=dict)
    """The top token of the lens at each cell of the batches that are decoded and not finished."""
    pace: Pace = field(default_factory=Pace)
    last_texts: float = 0.0

    def __post_init__(self) -> None:
        self.answers = Answers(self.plan.model.tokenizer, self.plan.stops)
        self.dtype = short_name(self.plan.model.dtype)
        self.cells = len(self.plan.request.cells)

    def begin_with(self, earlier: Earlier) -> frozenset[int]:
        """Take over the control, the baselines and the count of an earlier run; the indices of its cells."""
        self.control, self.control_pending = earlier.control, False
        self.cells_done = self.cells_before = len(earlier.interpretations)
        for index, interpretation in earlier.interpretations if self.bare_of else ():
            if interpretation.bare is not None:
                self.bare[self.bare_of[index]] = interpretation.bare
        return frozenset(index for index, _ in earlier.interpretations)

    def items(self, pending: Sequence[int], finite: Sequence[bool]) -> list[int]:
        """What is to be decoded for cells: bare embeddings besides them, then the cells in their order.

        A cell that is the bare embedding of another comes before it. `finite` says of every item whether its vector is;
        an embedding that is not is left out.
        """
        needed = [self.bare_of[index] for index in pending] if self.bare_of else [*pending]
        beside = {item for item in needed if item >= self.cells and finite[item] and item not in self.bare}
        self.embeddings = len(beside)
        among = set(pending)
        pairs = zip(needed, pending, strict=True)
        ordered = dict.fromkeys(item for pair in pairs for item in pair if item in among)
        return [*sorted(beside), *ordered]

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

    def batch(self, items: Sequence[int]) -> Generator[Event | Pause, None, None]:
        """Decode some items together, with the control if it is still to be decoded; pauses after the first steps."""
        batch = self.plan.batch(items, with_control=self.control_pending)
        self.control_pending = False
        self.active.append(batch)
        try:
            yield from self.decoded(batch)
            self.note_lens(batch)
            rows = [self.answers.most_agreed(samples) for _, samples in self.samples(batch)]
            baselines = self.scored(batch, rows)
            model, operations = self.plan.model, self.plan.operations
            floor = 0.0 if baselines is None else relevancy_floor(model, self.cancelled, operations)
            yield from self.finished(batch, baselines or [None] * len(rows), floor)
        except Cancelled:
            yield from self.complete_rows(batch)
            raise
        finally:
            self.active.remove(batch)
            self.control_pending |= batch.has_control and self.control is None
        yield self.progress()

    def decoded(self, batch: Batch) -> Iterator[Event | Pause]:
        """The events of a batch's steps: progress always, texts now and then and at a pause."""
        began = time.monotonic()
        for _ in self.plan.decode(batch, self.cancelled):
            self.pace.stepped(len(batch.items), time.monotonic() - began, first=batch.steps == 1)
            yield self.progress()
            pausing = batch.steps == COARSE_STEPS
            if pausing or time.monotonic() - self.last_texts >= SECONDS_BETWEEN_TEXTS:
                self.last_texts = time.monotonic()
                yield self.partial_texts(batch)
            if pausing:
                yield Pause.PAUSE
            began = time.monotonic()

    def scored(self, batch: Batch, rows: Sequence[Row]) -> list[list[float]] | None:
        """The probabilities of a batch's texts without injection, see `Plan.baseline`."""
        began = time.monotonic()
        baselines = self.plan.baseline(rows, self.cancelled)
        self.pace.stepped(len(batch.items) * self.plan.scoring, time.monotonic() - began, first=False)
        return baselines

    def partial_texts(self, batch: Batch) -> PartialTexts:
        """The texts of a batch so far: of a cell's first sample."""
        rows = [(index, samples[0]) for index, samples in self.samples(batch)]
        rows += [(CONTROL, batch.control_row)] if batch.control_row else []
        return PartialTexts(texts=tuple((index, text_of(self.plan.model.tokenizer, row.ids)) for index, row in rows))

    def samples(self, batch: Batch) -> list[tuple[int, list[Row]]]:
        """The cells of a batch that has begun, each with the rows of its samples."""
        found = enumerate(batch.items) if batch.rows else ()
        return [(item, batch.samples_of(index)) for index, item in found if item < self.cells]

    def progress(self) -> Progress:
        """How far the run is in steps of `Plan.work`, and at its pace so far the seconds left."""
        work, items, finished = self.plan.work, self.cells + self.embeddings, self.cells_done + self.embeddings_done
        begun = [batch for batch in self.active if batch.steps]
        steps, done = items * work, finished * work + sum(batch.steps * len(batch.items) for batch in begun)
        to_begin = items - finished - sum(len(batch.items) for batch in begun)
        left = self.pace.seconds_left(to_begin, steps - done - to_begin) if done < steps else None
        return Progress(cells_done=self.cells_done, cells=self.cells, steps_done=done, steps=steps, seconds_left=left)

    def note_lens(self, batch: Batch) -> None:
        """Note the top token of the lens at the cells of a batch, where it is asked for.

        Each must have one vector, of the stream: what a module writes into it is no state to be read.
        """
        request, cells = self.plan.request, [item for item in batch.items if item < self.cells]
        if cells and request.baselines and request.module is None and self.plan.vectors.dim() == 2:
            found = lens_tokens(self.plan.model, self.plan.vectors[cells], request.stack)
            self.lens.update(zip(cells, found, strict=True))

    def note_bare(self, batch: Batch) -> None:
        """Note what those items of a batch say that are complete and stand for cells' bare embeddings."""
        wanted = {*self.bare_of}
        for index, item in enumerate(batch.items if batch.rows else ()):
            samples = batch.samples_of(index)
            if item in wanted and all(map(self.plan.complete, samples)):
                self.bare[item] = self.answers.text(self.answers.most_agreed(samples))

    def complete_rows(self, batch: Batch) -> Iterator[Event]:
        """Records of the rows of a cancelled batch that are complete, without relevancy."""
        if batch.control_row and self.plan.complete(batch.control_row):
            yield self.control_finished(batch)
        self.note_bare(batch)
        for index, samples in self.samples(batch):
            if all(map(self.plan.complete, samples)):
                yield self.cell_finished(index, samples)

    def finished(self, batch: Batch, baselines: Sequence[list[float] | None], floor: float) -> Iterator[Event]:
        """The records of a decoded batch, the control first; `baselines` are `Plan.baseline`'s, `floor` their noise."""
        if overflowed := sum(row.overflowed for row in batch.rows):
            text = f"{overflowed} answers of this batch end early: the logits overflow {self.dtype}."
            yield Notice(text=text, severity="warning")
        if batch.control_row:
            yield self.control_finished(batch)
        self.note_bare(batch)
        randoms = batch.random_rows
        for (index, samples), baseline in zip(self.samples(batch), baselines, strict=True):
            cell = self.plan.request.cells[index]
            random = self.answers.control("random", randoms[index], cell) if index in randoms else None
            self.cells_done += 1
            yield self.cell_finished(index, samples, Beside(baseline=baseline, random=random, floor=floor))
        self.embeddings_done += sum(item >= self.cells for item in batch.items)

    def control_finished(self, batch: Batch) -> ControlFinished:
        """The control's record, kept for the cells that are compared with it."""
        assert batch.control_row is not None
        self.control = self.answers.control("none", batch.control_row)
        return ControlFinished(control=self.control)

    def cell_finished(self, index: int, samples: Sequence[Row], beside: Beside | None = None) -> CellFinished:
        """The record of the cell at `index` in the request."""
        bare = self.bare.get(self.bare_of[index]) if self.bare_of else None
        lens = self.lens.pop(index, None)
        beside = (beside or Beside())._replace(control=self.control, lens=lens, bare=bare)
        read = self.read_cell(index)
        return CellFinished(index=index, interpretation=self.answers.interpretation(read, samples, beside))

    def read_cell(self, index: int) -> ReadCell:
        """What is known of the cell at `index` in the request before it is decoded."""
        norm = float(self.plan.vectors[index].float().norm())
        layer_norm = self.layer_norms[index] if self.layer_norms else None
        return ReadCell(self.plan.request.cells[index], self.tokens[index], norm, layer_norm, self.dtype)

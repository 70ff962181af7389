"""What the job thread posts: one record a kind of event, which says of its class whether only the newest matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from selfie_tui.records.base import Record
from selfie_tui.records.calibration import Calibration
from selfie_tui.records.data import (
    Control,
    GeneratedToken,
    Interpretation,
    LensRow,
    LensToken,
    ModelInfo,
    Preset,
    PromptToken,
    Severity,
    Token,
    TrackedToken,
)
from selfie_tui.records.inspecting import HeadPattern, ModuleNode, ModuleTensor, Values
from selfie_tui.records.tasks import Task

if TYPE_CHECKING:
    from selfie_tui.records.kept import Kept

CONTROL = -1
"""The index of the no-injection control among a run's results."""


class Event(Record, tag=True, frozen=True):
    """Something that happened to job number `job` (0 where no job is meant).

    Of an event whose class has `latest_by` only the newest matters, so that it may be held back for a moment: the
    newest of all where `latest_by` is "", else the newest by each key of the field of that name, a tuple of pairs.
    An event that completes parts of a run gives them as its `results`: their indices in the run, and records to keep.
    """

    latest_by: ClassVar[str | None] = None
    job: int = 0

    def results(self) -> tuple[tuple[int, Kept], ...]:
        """The finished parts of a run that this event brings, each with its index; none of most events."""
        return ()


class JobStarted(Event, kw_only=True, frozen=True):
    """The job left the queue."""

    task: Task


NO_ANSWER = ": no answer for "
"""What stands before the seconds in the step of a download that waits for the hub."""


NEEDS = "the weights need "
"""What the step of loading begins with that tells how much memory they take and how much is free."""


class ModelProgress(Event, kw_only=True, frozen=True):
    """A step of loading, with the share that is done where it is known."""

    step: str
    fraction: float | None = None


class ModelReady(Event, kw_only=True, frozen=True):
    """A model can be used."""

    model: ModelInfo


class PromptTokens(Event, kw_only=True, frozen=True):
    """The tokens of a prompt that run through a stack."""

    prompt: str
    tokens: tuple[Token, ...]
    stack: str = ""


class PresetTokens(Event, kw_only=True, frozen=True):
    """The tokens of an interpretation prompt; `problem` says why it cannot be used, in the user's terms."""

    preset: Preset
    tokens: tuple[PromptToken, ...] = ()
    problem: str = ""


class LensRead(Event, kw_only=True, frozen=True):
    """The logit lens at some `positions`: for each a row a layer, `embed` first.

    A task for many positions is answered by several of these. `answers` are the model's own, by position; `track` is
    the word that was asked for, and `tracked` the token that it stands for; `tuned` the folder of the tuned lens.
    """

    prompt: str
    positions: tuple[int, ...]
    rows: tuple[LensRow, ...]
    answers: tuple[LensToken, ...] = ()
    stack: str = ""
    track: str = ""
    tracked: TrackedToken | None = None
    tuned: str = ""


class LensesCompared(Event, kw_only=True, frozen=True):
    """How far the lens at `positions` of a prompt is from that at `other_positions` of another one.

    `bits` are Jensen-Shannon divergences, 0 to 1: for each position one a layer, `embed` first.
    """

    prompt: str
    positions: tuple[int, ...]
    other: str
    other_positions: tuple[int, ...]
    bits: tuple[tuple[float, ...], ...]
    stack: str = ""
    tuned: str = ""


class PartialTexts(Event, kw_only=True, frozen=True):
    """Text so far of the cells being decoded, by their index in `Request.cells`; `CONTROL` is the control's."""

    latest_by: ClassVar[str | None] = "texts"
    texts: tuple[tuple[int, str], ...]


class Progress(Event, kw_only=True, frozen=True):
    """How far a run is: whole cells, steps of work over all batches (texts are scored too), and the seconds left."""

    latest_by: ClassVar[str | None] = ""
    cells_done: int
    cells: int
    steps_done: int
    steps: int
    seconds_left: float | None = None


class CellFinished(Event, kw_only=True, frozen=True):
    """A cell's interpretation is complete; `index` is its index in `Request.cells`."""

    index: int
    interpretation: Interpretation

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return ((self.index, self.interpretation),)


class ControlFinished(Event, kw_only=True, frozen=True):
    """The no-injection control of the run is complete."""

    control: Control

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return ((CONTROL, self.control),)


class ModulesRead(Event, kw_only=True, frozen=True):
    """The modules of the model of that name, parents before their parts, in the order in which the model has them."""

    model: str
    nodes: tuple[ModuleNode, ...]


class Peeked(Event, kw_only=True, frozen=True):
    """The values of a module's input or output.

    `shape` is the tensor's, `tokens` its values at each token of the prompt, empty where it has no axis of tokens, and
    `whole` those of all of it. `layers` are the norms at `position` of the same part of every layer, by layer. The
    `nearest` tokens, by the lens at `position`, are given where `is_stream`: where it is as wide as the stream.
    `calls` and `tensors` say how often the module was called, and how many tensors it has on that side.
    """

    prompt: str
    module: ModuleTensor
    position: int
    stack: str = ""
    shape: tuple[int, ...]
    dtype: str
    whole: Values
    tokens: tuple[Values, ...] = ()
    layers: tuple[tuple[int, float], ...] = ()
    nearest: tuple[LensToken, ...] = ()
    is_stream: bool = False
    calls: int = 1
    tensors: int = 1


class StepPeeked(Event, kw_only=True, frozen=True):
    """The values of a module's input or output at a generated token, the `index`-th, when the model reads it."""

    prompt: str
    module: ModuleTensor
    stack: str = ""
    index: int
    token: GeneratedToken
    values: Values
    nearest: tuple[LensToken, ...] = ()


class AttentionRead(Event, kw_only=True, frozen=True):
    """Attention patterns of one attention, which is the module at `path`, in a window of queries and keys.

    `heads` are all that it has, `key_heads` those of its keys and values, 0 where these were not found.
    """

    prompt: str
    path: str
    stack: str = ""
    layer: int
    heads: int
    key_heads: int
    queries: tuple[int, int]
    keys: tuple[int, int]
    patterns: tuple[HeadPattern, ...]
    cross: bool = False


class AnswersSoFar(Event, kw_only=True, frozen=True):
    """The answer without the edits and the one with them, as far as they are, and the first token where they differ.

    `edited` stays empty where no edit stands. `differs_from` is None as long as they do not differ: one that has ended
    differs from one that goes on. `finished` is true of the last event.
    """

    latest_by: ClassVar[str | None] = ""
    prompt: str
    plain: tuple[GeneratedToken, ...]
    edited: tuple[GeneratedToken, ...] = ()
    differs_from: int | None = None
    finished: bool = False


class EditsSet(Event, kw_only=True, frozen=True):
    """The model with the edits that stand now."""

    model: ModelInfo


class VectorKept(Event, kw_only=True, frozen=True):
    """A vector was written to a file; `layers` are those that it has one for, () where its layer is not known."""

    file: str
    name: str
    width: int
    norm: float
    layers: tuple[int, ...] = ()


class Calibrated(Event, kw_only=True, frozen=True):
    """How far a calibration is: all that it has found so far."""

    calibration: Calibration


class Notice(Event, kw_only=True, frozen=True):
    """Something the user should know and need not act on: a fall back to CPU, a halved batch."""

    text: str
    severity: Severity = "information"


class JobFinished(Event, kw_only=True, frozen=True):
    """The job is done."""

    seconds: float


class JobCancelled(Event, kw_only=True, frozen=True):
    """The job stopped because it was asked to; what was finished before stays."""


class JobFailed(Event, kw_only=True, frozen=True):
    """The job ended in an error: the cause in one line, what to do next, and the traceback for a report.

    `refused` is true where the request was refused before any work: nothing was begun, and nothing is kept of it.
    """

    cause: str
    remedy: str
    traceback: str = ""
    refused: bool = False

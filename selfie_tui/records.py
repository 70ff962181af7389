"""What a run is and what it yields: frozen records without tensors, one shape for screen, sessions and exports.

A *layer* is the 0-based index of a block and names that block's output (`resid_post[l]`); `EMBED` names the input of
block 0. A *position* is a token's 0-based index in its prompt, special tokens included.
"""

from __future__ import annotations

from typing import Literal

import msgspec

EMBED = -1
"""The layer number of the embeddings, the input of block 0."""

Mode = Literal["replace", "blend", "add", "replace-norm", "add-norm", "unit"]
MODES: tuple[Mode, ...] = ("replace", "blend", "add", "replace-norm", "add-norm", "unit")
VERIFIED = "verified"
"""The verdict on a model that passes every check at load."""

MODE_ALIASES: dict[str, Mode] = {"normalized": "blend", "addition": "add"}
"""Names that SelfIE and NNsight Selfie give to two of the modes."""

Severity = Literal["information", "warning", "error"]


def layer_name(layer: int) -> str:
    """`embed` or `L5`: how a layer is written everywhere."""
    return "embed" if layer == EMBED else f"L{layer}"


class Record(msgspec.Struct, frozen=True):
    """Base of all records: immutable, compared by value, written as JSON without further code."""


class Cell(Record, order=True, frozen=True):
    """One place in a prompt's residual stream: the output of block `layer` at token `position`."""

    layer: int
    position: int


class Token(Record, frozen=True):
    """A token of a prompt: its position, its id in the vocabulary, the text it stands for (unsafe to print as is)."""

    position: int
    id: int
    text: str


class Preset(Record, frozen=True):
    """An interpretation prompt: literal text in which each stand-alone `placeholder` is overwritten.

    Text of the form `[INST]user[/INST] answer` is a chat turn: a model with a chat template gets it through that
    template, with `answer` as the beginning of its reply; a model without one gets the literal text.
    """

    name: str
    text: str
    placeholder: str = "_"
    source: str = ""


class PromptToken(Record, frozen=True):
    """A token of an interpretation prompt: whether the injection overwrites it, and whether an encoder fills it in."""

    token: Token
    overwritten: bool
    filled: bool = False


class Request(Record, frozen=True):
    """Everything that decides a self-interpretation run; the same request gives the same result.

    `cells` are read from `prompt`; `preset` is interpreted with each cell's vector written over its placeholders at
    `injection_layer`. `temperature` 0 is greedy. `random_control` also decodes a random direction of each cell's norm.
    """

    prompt: str
    cells: tuple[Cell, ...]
    preset: Preset
    injection_layer: int = EMBED
    mode: Mode = "replace"
    strength: float = 1.0
    max_new_tokens: int = 12
    stop: tuple[str, ...] = ()
    relevancy: bool = True
    random_control: bool = False
    temperature: float = 0.0
    seed: int = 0
    stack: str = ""
    compat: bool = False


class GeneratedToken(Record, frozen=True):
    """A generated token: its text, its probability with the injection, and what the injection changed.

    `effect` is P_inj - P_none (signed); `relevancy` is its absolute value, in [0, 1] (SelfIE, arXiv 2403.10949 §3.3).
    Both are None when the request did not ask for relevancy.
    """

    text: str
    id: int
    probability: float
    effect: float | None = None

    @property
    def relevancy(self) -> float | None:
        return None if self.effect is None else abs(self.effect)


class Control(Record, frozen=True):
    """What the interpretation prompt says without a cell: `none` is no injection, `random` a random direction."""

    kind: Literal["none", "random"]
    text: str
    tokens: tuple[GeneratedToken, ...] = ()
    cell: Cell | None = None
    """The cell whose norm a random direction was given; None for `none`."""


class Interpretation(Record, frozen=True):
    """What the model says of one cell.

    `token` is the source token at the cell. `treatment_effect` is the mean relevancy of the generated tokens.
    `equals_control` is true where the text is the no-injection control's own.
    """

    cell: Cell
    token: Token
    text: str
    tokens: tuple[GeneratedToken, ...]
    norm: float
    """Euclidean norm of the vector that was read."""
    treatment_effect: float | None = None
    equals_control: bool = msgspec.field(default=False, name="says_no_more")
    random: Control | None = None


class LensToken(Record, frozen=True):
    """A token of the vocabulary with its probability under the logit lens."""

    text: str
    probability: float


class LensRow(Record, frozen=True):
    """The logit lens at one cell: top tokens, entropy in nats, the rank there of the model's own answer (0 first)."""

    cell: Cell
    top: tuple[LensToken, ...]
    entropy: float
    answer_rank: int


class StackInfo(Record, frozen=True):
    """A residual stream of a model: `decoder` or `encoder`, and its number of layers."""

    name: str
    layers: int


class ModelInfo(Record, frozen=True):
    """What the interface says of a loaded model; `verdict` is that of the identities run at load.

    `kind` is `decoder`, `encoder-decoder` or `encoder`; `layers` are those of the first of its `stacks`.
    """

    name: str
    title: str
    family: str
    layers: int
    hidden: int
    vocabulary: int
    context: int
    parameters: int
    device: str
    dtype: str
    verdict: str = msgspec.field(name="proof")
    chat: bool
    """Whether the tokenizer brings a chat template."""
    kind: str = "decoder"
    stacks: tuple[StackInfo, ...] = ()


# What can be asked of the job thread -------------------------------------------------------------------------------


class LoadModel(Record, tag=True, frozen=True):
    """Make `name` the current model: `demo`, a folder, or a hub id; `auto` leaves device and dtype to the engine."""

    name: str
    device: str = "auto"
    dtype: str = "auto"


class Tokenize(Record, tag=True, frozen=True):
    """Split a prompt into tokens with the current model's tokenizer: those that run through `stack`."""

    prompt: str
    stack: str = ""


class PreviewPreset(Record, tag=True, frozen=True):
    """Show which tokens of an interpretation prompt the injection will overwrite, and which ones an encoder fills."""

    preset: Preset
    max_new_tokens: int = 12


class ReadLens(Record, tag=True, frozen=True):
    """The logit lens of every layer at one position."""

    prompt: str
    position: int
    k: int = 5
    stack: str = ""


class Interpret(Record, tag=True, frozen=True):
    """Run a self-interpretation."""

    request: Request


Task = LoadModel | Tokenize | PreviewPreset | ReadLens | Interpret


# What the job thread tells ------------------------------------------------------------------------------------------


class Event(Record, tag=True, frozen=True):
    """Something that happened to job number `job` (0 where no job is meant)."""

    job: int = 0


class JobStarted(Event, kw_only=True, frozen=True):
    """The job left the queue."""

    task: Task


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
    """The logit lens at `position`, one row a layer, `embed` first."""

    prompt: str
    position: int
    rows: tuple[LensRow, ...]
    stack: str = ""


class PartialTexts(Event, kw_only=True, frozen=True):
    """Text so far of the cells being decoded, by their place in `Request.cells`; -1 is the no-injection control."""

    texts: tuple[tuple[int, str], ...]


class Progress(Event, kw_only=True, frozen=True):
    """How far a run is: whole cells, decoding steps over all batches, and the estimated seconds left."""

    cells_done: int
    cells: int
    steps_done: int
    steps: int
    seconds_left: float | None = None


class CellFinished(Event, kw_only=True, frozen=True):
    """A cell's interpretation is complete; `index` is its place in `Request.cells`."""

    index: int
    interpretation: Interpretation


class ControlFinished(Event, kw_only=True, frozen=True):
    """The no-injection control of the run is complete."""

    control: Control


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
    """The job ended in an error: the cause in one line, what to do next, and the traceback for a report."""

    cause: str
    remedy: str
    traceback: str = ""

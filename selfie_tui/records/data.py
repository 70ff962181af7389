"""What a run is and what it yields: frozen records without tensors, one shape for screen, sessions and exports.

A *layer* is the 0-based index of a block and names that block's output (`resid_post[l]`); `EMBED` names the input of
block 0. A *position* is a token's 0-based index in its prompt, special tokens included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from selfie_tui.records.base import Record
from selfie_tui.records.inspecting import Edit, ModuleTensor

EMBED = -1
"""The layer number of the embeddings, the input of block 0."""

VERIFIED = "verified"
"""The verdict on a model that passes every check at load."""

FAR = 4.0
"""How many times longer or shorter than its layer's median a state's norm is called far from it.

Norms of ordinary tokens were .4 to 2.2 times the median on SmolLM2 and the bundled model, those of sinks up to 200
times.
"""

Severity = Literal["information", "warning", "error"]


def layer_name(layer: int) -> str:
    """`embed` or `L5`: how a layer is written everywhere."""
    return "embed" if layer == EMBED else f"L{layer}"


class Cell(Record, order=True, frozen=True):
    """A point in a prompt's residual stream: the output of block `layer` at token `position`."""

    layer: int
    position: int


class Token(Record, frozen=True):
    """A token of a prompt: its position, its id in the vocabulary, the text it stands for (unsafe to print as is).

    `special` is true of a token that stands for no text, such as those for a text's beginning and end.
    """

    position: int
    id: int
    text: str
    special: bool = False


def ordinary_positions(tokens: Sequence[Token]) -> tuple[int, ...]:
    """The positions of the tokens that stand for text, which are those that "all" means; all where none does."""
    return tuple(token.position for token in tokens if not token.special) or tuple(token.position for token in tokens)


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
    """A token of an interpretation prompt: whether the injection overwrites it, and whether an encoder fills it in.

    `cut` is true of a token that was tokenised apart from the one before it, with which it would have been one token.
    `system` is true of the tokens of a chat template's own default system text.
    """

    token: Token
    overwritten: bool
    filled: bool = False
    cut: bool = False
    system: bool = False


class RunSettings(Record, kw_only=True, frozen=True):
    """How a vector is written and how the text is decoded; `settings.SETTINGS` says how each is typed and shown.

    `strength` scales the vector as the `mode` has it. `stop` ends a text before any of its strings. `temperature` 0 is
    greedy; `seed` is that of sampling and of random directions. `relevancy` compares each token's probability with that
    without injection; `random_control` also decodes a random direction of each cell's norm. `samples` are the texts
    that are sampled for a cell, each from a seed of its own, to see how many agree; 1 is a single text. `baselines`
    sets beside each text what the logit lens and the bare embedding of the cell's token say. `compat` overwrites the
    positions that SelfIE's published code does. `system` keeps what a chat template writes by itself before the turn.
    """

    injection_layer: int = EMBED
    mode: str = "replace"
    strength: float = 1.0
    max_new_tokens: int = 12
    stop: tuple[str, ...] = ()
    relevancy: bool = True
    random_control: bool = False
    temperature: float = 0.0
    seed: int = 0
    samples: int = 1
    baselines: bool = True
    compat: bool = False
    system: bool = True


class Request(RunSettings, frozen=True):
    """Everything that decides a self-interpretation run; the same request gives the same result.

    `cells` are read from `prompt`, in `stack` ("" for the first); `preset` is interpreted with each cell's vector
    written over its placeholders at `injection_layer`. With a `module` the cells' positions are read from that tensor,
    which is as wide as the stream, and their layers only say where it is.
    """

    prompt: str
    cells: tuple[Cell, ...]
    preset: Preset
    stack: str = ""
    module: ModuleTensor | None = None


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


def without_blank_ends(tokens: tuple[GeneratedToken, ...]) -> tuple[GeneratedToken, ...]:
    """The tokens that are seen: from the first to the last that is more than white space."""
    written = [index for index, token in enumerate(tokens) if token.text.strip()]
    return tokens[written[0] : written[-1] + 1] if written else ()


def treatment_effect(tokens: tuple[GeneratedToken, ...]) -> float | None:
    """The mean relevancy of the tokens that are seen; None without any, or where it was not measured."""
    relevancies = [token.relevancy for token in without_blank_ends(tokens) if token.relevancy is not None]
    return sum(relevancies) / len(relevancies) if relevancies else None


class Control(Record, tag=True, frozen=True):
    """What the interpretation prompt says without a cell: `none` is no injection, `random` a random direction."""

    kind: Literal["none", "random"]
    text: str
    tokens: tuple[GeneratedToken, ...] = ()
    cell: Cell | None = None
    """The cell whose norm a random direction has; None for `none`."""


class Interpretation(Record, tag=True, frozen=True):
    """What the model says of one cell.

    `token` is the source token at the cell. `treatment_effect` is the mean relevancy of the tokens that are seen: white
    space at either end of the text does not count. `equals_control` is true where the text is the no-injection
    control's own.
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
    layer_norm: float | None = None
    """The median norm of the layer's states at the prompt's other tokens; None where there are too few to compare."""
    relevancy_floor: float = 0.0
    """What relevancy amounts to in this run where nothing is injected: a token's that is no larger means nothing."""
    lead: float | None = None
    """How far the first token's logit was above the second best's; None where it was sampled."""
    problem: str = ""
    """Why the cell could not be read, or its text not be finished: a state or logits that are not finite."""
    entropy: float | None = None
    """Entropy in nats of the first token's distribution at temperature 1; None where it is unknown or not finite."""
    samples: tuple[str, ...] = ()
    """All texts that were sampled for the cell where there is more than one; `text` is the one that most agree with."""
    lens: LensToken | None = None
    """The top token of the logit lens at the cell; None where it was not asked for or the state is not finite."""
    bare: str | None = None
    """What the embedding of the cell's token alone reads as, the state at `embed`; None where it is not known."""

    @property
    def first_probability(self) -> float | None:
        """The probability at temperature 1 of the first generated token, white space or not; None without tokens."""
        return self.tokens[0].probability if self.tokens else None

    @property
    def is_empty(self) -> bool:
        """Whether the text is white space at most: it says nothing, whatever the control says."""
        return not self.text.strip()

    @property
    def is_noise(self) -> bool:
        """Whether no token that is seen has a relevancy above the floor of the run's number format."""
        relevancies = [token.relevancy for token in without_blank_ends(self.tokens) if token.relevancy is not None]
        return self.relevancy_floor > 0 and bool(relevancies) and max(relevancies) <= self.relevancy_floor

    @property
    def is_far(self) -> bool:
        """Whether the state's norm is far from the median of its layer, `FAR` times longer or shorter."""
        if not self.layer_norm or self.problem:
            return False
        return not self.layer_norm / FAR <= self.norm <= self.layer_norm * FAR


class LensToken(Record, frozen=True):
    """A token of the vocabulary with its probability under the logit lens; its id is -1 where it was not kept."""

    text: str
    probability: float
    id: int = -1


class TrackedToken(Record, frozen=True):
    """The token that a tracked word stands for: its first one, where the word is of several `pieces`."""

    text: str
    id: int
    pieces: int = 1


class LensRow(Record, frozen=True):
    """The logit lens at one cell: its top tokens, how spread it is, and what it gives to the tokens that are asked for.

    Of logits that are not finite the probabilities, `entropy` and `kl` are NaN, and the top tokens have no text.
    """

    cell: Cell
    top: tuple[LensToken, ...]
    entropy: float
    """In nats."""
    answer_rank: int
    """The rank here of the model's own answer, the last layer's top token at that position; 0 is the first."""
    kl: float
    """`KL(last layer || this layer)` in nats: what reading here loses of the model's own distribution."""
    tracked: float | None = None
    """The probability of the tracked token, None where none is."""
    tracked_rank: int | None = None
    """The rank of the tracked token; 0 is the first."""


class StackInfo(Record, frozen=True):
    """A residual stream of a model: `decoder` or `encoder`, and its number of layers.

    `skipped` are the paths of blocks in the list of its layers that a text does not run through: they are no layers,
    so that the numbers of later layers are not those of their blocks.
    """

    name: str
    layers: int
    skipped: tuple[str, ...] = ()


BlockPaths = tuple[tuple[str, tuple[str, ...]], ...]
"""Stacks by name, each with the paths of its blocks."""


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
    revision: str = ""
    """The commit of a hub repository, or `content:` and a hash of the files; "" for a module in hand.
    Of an adapter, its own revision and, after “on”, that of its base model."""
    base: str = ""
    """The base model of an adapter, "" for a model without one."""
    adapter: str = ""
    """The adapter of PEFT in the model, by its folder or its name; "" for none."""
    edits: tuple[Edit, ...] = ()
    """The edits that stand."""
    layer_paths: BlockPaths = ()
    """The stacks whose blocks were named at load."""

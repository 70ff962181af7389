"""Control of a layer: what is asked of its training, and what it was like before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from selfie_tui.records.base import Record
from selfie_tui.records.data import Control, GeneratedToken, Interpretation, ModelInfo, Request, Token
from selfie_tui.records.events import Event
from selfie_tui.records.patching import BEGINNING
from selfie_tui.records.tasks import Task

if TYPE_CHECKING:
    from selfie_tui.records.kept import Kept


class ControlLayer(Task, frozen=True):
    """Move a layer's output at cells of a prompt towards a target, by training a copy of that layer's MLP.

    The `request` has the prompt, the cells, all of one layer, and how they are put into words. The target is what a
    `line` over vectors is, or the state of the prompt `like` at the same layer, at its token `like_position`; with
    `random` it is as far from each cell, in a random direction, by the request's seed. In `steps` steps each weight is
    moved by at most about `rate` of its tensor's root mean square.

    The states of the prompts to `retain` are held where they are, with `keep` times the weight of the target; those of
    `held_out` are not trained on, and say what becomes of other prompts. Without any, those that are built in are
    taken. The answers to the prompt and to those in `also` are shown, of `answer_tokens` tokens each. The weights are
    kept under the name `file`, or in the file of a path, where there is one.
    """

    tentative: ClassVar[bool] = True
    request: Request
    line: str = ""
    like: str = ""
    like_position: int = -1
    retain: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    steps: int = 60
    rate: float = 0.01
    keep: float = 1.0
    random: bool = False
    answer_tokens: int = 12
    file: str = ""
    overwrite: bool = False


class Answered(Record, frozen=True):
    """A prompt and the model's greedy answer to it."""

    prompt: str
    tokens: tuple[GeneratedToken, ...]

    @property
    def text(self) -> str:
        """The answer."""
        return "".join(token.text for token in self.tokens)


class LayerState(Record, frozen=True):
    """What the cells are put into words as, by the model as it is loaded, and the answers; before or after."""

    interpretations: tuple[Interpretation, ...]
    answers: tuple[Answered, ...]


class LayerControlBegan(Event, kw_only=True, frozen=True):
    """Where a layer stands before its training.

    `module` is the path of its MLP, `parameters` their number there; `distance` is how far the cells are from the
    target and `norm` how long their states are, means over the cells. `control` is the interpretation without a cell.
    """

    layer: int
    module: str
    parameters: int
    tokens: tuple[Token, ...]
    distance: float
    norm: float
    before: LayerState
    control: Control | None = None

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return ((BEGINNING, msgspec.structs.replace(self, job=0)),)


class LayerControlStep(Event, kw_only=True, frozen=True):
    """A step of the training: the share of the way to the target that is left, and how far other states were moved.

    `distance` is the root mean square over the cells, 1 before the first step; `drift` that over the positions of the
    retained prompts that the step has seen, as a share of their states' norms.
    """

    latest_by: ClassVar[str | None] = ""
    step: int
    steps: int
    distance: float
    drift: float


class Retained(Record, frozen=True):
    """What became of a prompt that was not to change: means over its positions, and its next token.

    `kl` is the divergence of the next-token distributions in nats, of those after from those before, `worst` the
    greatest one; `agreement` the share of positions with the same most probable token. `loss_before` and `loss_after`
    are the mean negative log-likelihood of its own tokens in nats, None of models that do not go on writing.
    """

    prompt: str
    positions: int
    kl: float
    worst: float
    agreement: float
    next_before: str
    next_after: str
    loss_before: float | None = None
    loss_after: float | None = None
    held_out: bool = False


class LayerControlled(Event, kw_only=True, frozen=True):
    """A layer after its training, measured with the weights in the model's own number format.

    `distance` and `drift` are as those of a step, the latter over all retained prompts; `changed` is how far the
    weights were moved, as a share of their norm. `curve` has the two numbers of each `LayerControlStep`. `file` is
    where the weights are, "" where they were not kept.
    """

    layer: int
    module: str
    distance: float
    drift: float
    changed: float
    after: LayerState
    retained: tuple[Retained, ...]
    curve: tuple[tuple[float, float], ...] = ()
    file: str = ""

    def results(self) -> tuple[tuple[int, Kept], ...]:
        return ((0, msgspec.structs.replace(self, job=0)),)


class WeightsOrigin(Record, frozen=True):
    """Where weights in a file come from: the model with its edits, what was asked, and what came of it."""

    model: ModelInfo
    task: ControlLayer
    module: str
    layer: int
    distance: float
    drift: float

"""What can be asked of the job thread: one record a task, which says of its class how it is queued."""

from __future__ import annotations

from typing import ClassVar

from selfie_tui.records.base import Record
from selfie_tui.records.calibration import Calibration
from selfie_tui.records.data import BlockPaths, Cell, Control, Interpretation, Preset, Request
from selfie_tui.records.inspecting import Edit, ModuleTensor


class Task(Record, tag=True, kw_only=True, frozen=True):
    """Base of all tasks.

    A task whose class is `quick` need not wait for a running job, and replaces one of its own type and `origin` that
    still waits: only the newest matters. `origin` names who asks, so that two panes do not drop each other's. One that
    is `light` too runs no forward, and so can be done inside one of a running job. Of a `tentative` one that is
    cancelled before it has a result nothing is kept; nor of one that `loads` a model of its own and fails before that.
    """

    quick: ClassVar[bool] = False
    light: ClassVar[bool] = False
    tentative: ClassVar[bool] = False
    loads: ClassVar[bool] = False
    origin: str = ""


class LoadModel(Task, frozen=True):
    """Make `name` the current model: `demo`, a folder, a GGUF file, or a hub id.

    `auto` leaves device and dtype to the engine. `layer_paths` are the paths of the blocks of stacks, "" for the first,
    where they are not to be found.
    """

    name: str
    device: str = "auto"
    dtype: str = "auto"
    layer_paths: BlockPaths = ()


class Tokenize(Task, frozen=True):
    """Split a prompt into tokens with the current model's tokenizer: those that run through `stack`."""

    quick: ClassVar[bool] = True
    light: ClassVar[bool] = True
    prompt: str
    stack: str = ""


class PreviewPreset(Task, frozen=True):
    """Show which tokens of an interpretation prompt the injection will overwrite, and which ones an encoder fills."""

    quick: ClassVar[bool] = True
    light: ClassVar[bool] = True
    preset: Preset
    max_new_tokens: int = 12
    compat: bool = False
    system: bool = True


class ReadLens(Task, frozen=True):
    """The logit lens of the chosen `layers`, all of them if None, at the chosen `positions` of a prompt.

    `track` is a word whose first token is looked up in every cell: as it stands after a space, or to the letter where
    it is in double quotes. `tuned` is the folder of a tuned lens to read with, "" for the model's own norm and head.
    """

    quick: ClassVar[bool] = True
    prompt: str
    positions: tuple[int, ...]
    layers: tuple[int, ...] | None = None
    k: int = 5
    stack: str = ""
    track: str = ""
    tuned: str = ""


class CompareLenses(Task, frozen=True):
    """How far the lens at `positions` of a prompt is from that at as many `other_positions` of another, in all layers.

    Both are read in one stack; `tuned` is the folder of a tuned lens to read with, "" for the model's own head.
    """

    quick: ClassVar[bool] = True
    prompt: str
    positions: tuple[int, ...]
    other: str
    other_positions: tuple[int, ...]
    stack: str = ""
    tuned: str = ""


class Earlier(Record, frozen=True):
    """What a run that stopped has left: its name among all sessions, its control, its results by their index."""

    run: str
    control: Control
    interpretations: tuple[tuple[int, Interpretation], ...]

    @property
    def done(self) -> int:
        """How many results are there."""
        return len(self.interpretations)


class Interpret(Task, frozen=True):
    """Run a self-interpretation, from where an `earlier` run of the same request stopped if there is one."""

    request: Request
    earlier: Earlier | None = None


class ReadModules(Task, frozen=True):
    """The tree of a model's modules: the current one, or one by its name, of which only the configuration is read."""

    quick: ClassVar[bool] = True
    model: str = ""


class Peek(Task, frozen=True):
    """The values of a module's input or output at every token of a prompt; at `position` the lens and other layers.

    `k` is the number of the lens's tokens.
    """

    quick: ClassVar[bool] = True
    prompt: str
    module: ModuleTensor
    position: int
    k: int = 8
    stack: str = ""


class PeekSteps(Task, frozen=True):
    """The values of a module's input or output at each token that is generated after a prompt, step by step."""

    prompt: str
    module: ModuleTensor
    max_new_tokens: int = 12
    k: int = 8
    stack: str = ""


class ReadAttention(Task, frozen=True):
    """The attention of the module at a path, of which the attention is part or which it is inside of, such as a block.

    `queries` and `keys` are windows on the tokens, first and end; None is all. `heads` are counted from 0, None is all.
    `cross` asks for the attention of a decoder to what its encoder has read.
    """

    quick: ClassVar[bool] = True
    prompt: str
    path: str
    queries: tuple[int, int] | None = None
    keys: tuple[int, int] | None = None
    heads: tuple[int, ...] | None = None
    stack: str = ""
    cross: bool = False


class Answer(Task, frozen=True):
    """What the model says after a prompt, greedily: without the edits that stand and, beside it, with them."""

    prompt: str
    max_new_tokens: int = 12


class SetEdits(Task, frozen=True):
    """Make these the edits that stand, in this order; none takes all off."""

    edits: tuple[Edit, ...] = ()


class KeepVector(Task, frozen=True):
    """Write the mean of the states at cells of a prompt to a safetensors file, with where they come from.

    With a `module` the cells' positions are read from that tensor, and their layers only say where it is.
    """

    quick: ClassVar[bool] = True
    prompt: str
    cells: tuple[Cell, ...]
    file: str
    name: str = ""
    module: ModuleTensor | None = None
    stack: str = ""
    overwrite: bool = False


class Calibrate(Task, frozen=True):
    """Find out at which layer and in which mode a preset reads known words back on the current model.

    `earlier` is a calibration of the same preset on the same model that stopped: what it has tried is not tried again.
    """

    preset: Preset
    max_new_tokens: int = 6
    system: bool = True
    earlier: Calibration | None = None

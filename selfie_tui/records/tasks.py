"""What can be asked of the job thread: one record a task, which says of its class how it is queued."""

from __future__ import annotations

from typing import ClassVar

from selfie_tui.records.data import Control, Interpretation, Preset, Record, Request


class Task(Record, tag=True, kw_only=True, frozen=True):
    """Base of all tasks.

    A task whose class is `quick` need not wait for a running job, and replaces one of its own type and `origin` that
    still waits: only the newest matters. `origin` names who asks, so that two panes do not drop each other's. One that
    is `light` too runs no forward, and so can be done inside one of a running job.
    """

    quick: ClassVar[bool] = False
    light: ClassVar[bool] = False
    origin: str = ""


class LoadModel(Task, frozen=True):
    """Make `name` the current model: `demo`, a folder, a GGUF file, or a hub id.

    `auto` leaves device and dtype to the engine.
    """

    name: str
    device: str = "auto"
    dtype: str = "auto"


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
    """The logit lens of every layer at one position."""

    quick: ClassVar[bool] = True
    prompt: str
    position: int
    k: int = 5
    stack: str = ""


class Earlier(Record, frozen=True):
    """What a run that stopped has left: its name among all sessions, its control, its results by their index."""

    run: str
    control: Control
    interpretations: tuple[tuple[int, Interpretation], ...]


class Interpret(Task, frozen=True):
    """Run a self-interpretation, from where an `earlier` run of the same request stopped if there is one."""

    request: Request
    earlier: Earlier | None = None


RunTask = Interpret
"""Tasks that make a run: their results are kept, and read back from a session."""

"""What an event of the engine, or a key, has changed in the state: what there is to draw again."""

from __future__ import annotations

from typing import NamedTuple

from selfie_tui.records import Task
from selfie_tui.tui.runs import Run


class Changed(NamedTuple):
    """What an event or a key has changed in the state."""

    model: bool = False
    """Another model is the current one."""
    stack: bool = False
    """Another stack of the model is read."""
    tokens: bool = False
    """The prompt has other tokens, or a note on them."""
    selection: bool = False
    """The cursor is elsewhere, or other cells are marked."""
    edits: bool = False
    """Other edits of the model stand: what was read before is of another model."""
    lens: bool = False
    """The lens at the cursor has been read."""
    settings: bool = False
    """The settings of the next run are others, or what can be chosen for them."""
    calibration: bool = False
    """More of a calibration is known, or it ended."""
    comparison: bool = False
    """More of a comparison with another model is known, or it ended."""
    preset: bool = False
    """The tokens of an interpretation prompt are known, or why it cannot be used."""
    status: bool = False
    """Something began, got on or ended."""
    run: Run | None = None
    """The run that changed."""
    header: bool = False
    """How that run stands has changed."""
    indices: tuple[int, ...] = ()
    """Its interpretations that changed, `CONTROL` for the control."""
    pair: bool = False
    """Another prompt is the source of the pair, or none, or its tokens are known."""
    kept: bool = False
    """The list of the runs that were kept is another."""
    ended: Task | None = None
    """The task that ended."""
    stale: bool = False
    """What ended concerns a prompt, a stack or a model that is not the current one any more."""


NOTHING = Changed()

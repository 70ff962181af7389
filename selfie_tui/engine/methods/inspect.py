"""Inspecting: any module of a model looked into while it reads a prompt, and changed to see what depends on it.

The numbers that a module gives for a text are not the model's reasons: many directions of them change nothing, and a
norm says how long a state is, not what it holds (Elhage et al. 2021, "A mathematical framework for transformer
circuits"). Attention patterns show from where a head reads, not what it reads or whether it matters (Jain and Wallace
2019, arXiv 1902.10186). An edit is the stronger evidence, as it shows what an answer depends on; when that misleads is
said in `engine.edits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from selfie_tui.engine.inspecting.answers import answer
from selfie_tui.engine.inspecting.attention import attention
from selfie_tui.engine.inspecting.peek import peek
from selfie_tui.engine.inspecting.standing import set_edits
from selfie_tui.engine.inspecting.states import keep_vector
from selfie_tui.engine.inspecting.steps import peek_steps
from selfie_tui.engine.inspecting.tree import module_nodes
from selfie_tui.engine.model import Model
from selfie_tui.records import (
    Answer,
    EditsSet,
    Event,
    KeepVector,
    ModulesRead,
    Peek,
    PeekSteps,
    ReadAttention,
    ReadModules,
    SetEdits,
)

Cancelled = Callable[[], bool]


def modules(model: Model, task: ReadModules, cancelled: Cancelled) -> Iterator[Event]:
    """Do a `ReadModules` task of the model in hand."""
    yield ModulesRead(model=model.name, nodes=module_nodes(model.module, model.anatomy))


def values(model: Model, task: Peek, cancelled: Cancelled) -> Iterator[Event]:
    """Do a `Peek` task; raises as `peek`."""
    yield peek(model, task, cancelled)


def steps(model: Model, task: PeekSteps, cancelled: Cancelled) -> Iterator[Event]:
    """Do a `PeekSteps` task; raises as `peek_steps`."""
    yield from peek_steps(model, task, cancelled)


def patterns(model: Model, task: ReadAttention, cancelled: Cancelled) -> Iterator[Event]:
    """Do a `ReadAttention` task; raises as `attention`."""
    yield attention(model, task, cancelled)


def answers(model: Model, task: Answer, cancelled: Cancelled) -> Iterator[Event]:
    """Do an `Answer` task; raises as `answer`."""
    yield from answer(model, task, cancelled)


def edits(model: Model, task: SetEdits, cancelled: Cancelled) -> Iterator[Event]:
    """Do a `SetEdits` task; raises as `set_edits`."""
    set_edits(model, task.edits)
    yield EditsSet(model=model.info())


def vector(model: Model, task: KeepVector, cancelled: Cancelled) -> Iterator[Event]:
    """Do a `KeepVector` task; raises as `keep_vector`."""
    yield keep_vector(model, task, cancelled)


RUNS = {
    ReadModules: modules,
    Peek: values,
    PeekSteps: steps,
    ReadAttention: patterns,
    Answer: answers,
    SetEdits: edits,
    KeepVector: vector,
}

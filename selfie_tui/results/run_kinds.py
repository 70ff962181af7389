"""What kinds of runs are kept, one row a kind: what a list calls them, what was asked, what is searched of a result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from selfie_tui.records import (
    Interpret,
    Interpretation,
    Kept,
    PatchActivations,
    PatchedRun,
    RunTask,
    Steer,
    SteeredSoFar,
    layer_name,
)

METRIC_WORDS = {"logit_difference": "logit diff", "logit": "logit", "probability": "probability", "kl": "KL"}
"""A metric of patching in a few letters."""


class RunKind(NamedTuple):
    """A kind of run, by its task: a word for what it did, and the noun of its results.

    `prompt` is the text that was read, `asked` in a few words what was asked of it, `texts` what else is searched; all
    are unsafe to print as they are. `results` is how many results there are to be, where the task says so.
    """

    word: str
    noun: str
    prompt: Callable[[Any], str]
    asked: Callable[[Any], str]
    texts: Callable[[Any], Iterable[str]]
    results: Callable[[Any], int]


KINDS: dict[type[RunTask], RunKind] = {
    Interpret: RunKind(
        "read",
        "interpretation",
        lambda task: task.request.prompt,
        lambda task: f"{task.request.preset.name} at {layer_name(task.request.injection_layer)}",
        lambda task: (task.request.preset.name, task.request.preset.text),
        lambda task: len(task.request.cells),
    ),
    PatchActivations: RunKind(
        "patch",
        "site",
        lambda task: task.clean,
        lambda task: f"{METRIC_WORDS.get(task.metric, task.metric)} {direction(task)}",
        lambda task: (task.corrupt, task.correct, task.wrong, *task.sites),
        lambda task: 0,
    ),
    Steer: RunKind(
        "steer",
        "answer",
        lambda task: task.prompt,
        lambda task: f"{task.line} × {', '.join(f'{strength:g}' for strength in task.strengths)}",
        lambda task: (task.line,),
        lambda task: 1,
    ),
}
"""All kinds, by the type of their task."""


def kind_of(task: RunTask) -> RunKind:
    """The kind of run that a task makes."""
    return KINDS[type(task)]


def direction(task: PatchActivations) -> str:
    """Whose activations go into whose run: A is the clean prompt, B the corrupt one."""
    return "B→A" if task.noise else "A→B"


def shortened(task: RunTask) -> RunTask:
    """A task as a list of runs keeps it: without the cells of a request, of which there can be many."""
    if not isinstance(task, Interpret):
        return task
    return msgspec.structs.replace(task, request=msgspec.structs.replace(task.request, cells=()))


def said(value: Kept) -> str:
    """The words of a result, on one line where they are of several texts; "" of one without."""
    if isinstance(value, Interpretation):
        return value.text
    if isinstance(value, PatchedRun):
        return " ".join(token.text.strip() for token in value.top)
    if isinstance(value, SteeredSoFar):
        return " ".join("".join(token.text for token in tokens) for tokens in answers_of(value))
    return ""


def answers_of(value: SteeredSoFar) -> list[tuple[Any, ...]]:
    """The tokens of the plain answer, and of each steered one."""
    return [value.plain, *(each.tokens for each in value.steered)]

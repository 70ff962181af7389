"""Steered answers as a kind of run."""

from __future__ import annotations

from selfie_tui.records import GeneratedToken, Steer, SteeredSoFar
from selfie_tui.results.run_kinds.kind import RunKind, Words


def answers_in(value: SteeredSoFar) -> list[tuple[GeneratedToken, ...]]:
    """The tokens of the plain answer, and of each steered one."""
    return [value.plain, *(each.tokens for each in value.steered)]


def said(value: SteeredSoFar) -> str:
    """All answers."""
    return " ".join("".join(token.text for token in tokens) for tokens in answers_in(value))


def asked(task: Steer) -> str:
    """The vector and its strengths."""
    return f"{task.line} × {', '.join(f'{strength:g}' for strength in task.strengths)}"


KIND = RunKind(
    "steer",
    "answer",
    lambda task: task.prompt,
    asked,
    lambda task: (task.line,),
    lambda task: 1,
    words={SteeredSoFar: Words(said)},
    events=lambda results: (value for value in results.values() if isinstance(value, SteeredSoFar)),
    resumed=lambda id, task, results: task,
    label=lambda index, results: "the answers",
    compared="sets of answers",
)

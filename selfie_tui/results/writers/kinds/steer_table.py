"""Steered answers as a table: a row for the plain answer, which has no strength, and one for each that was steered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from selfie_tui.records import GeneratedToken, Steer, Steered, SteeredSoFar
from selfie_tui.results.writers.columns import SHARED, Column, Kind, Table, of_run
from selfie_tui.results.writers.runs import KeptRun


@dataclass(frozen=True)
class Row:
    """An answer; `steered` is None of the plain one."""

    run: KeptRun
    answers: SteeredSoFar
    index: int
    steered: Steered | None = None

    @property
    def tokens(self) -> tuple[GeneratedToken, ...]:
        """The answer."""
        return self.answers.plain if self.steered is None else self.steered.tokens


def answers_of(run: KeptRun) -> SteeredSoFar | None:
    """The answers of a run; None of one that has none."""
    found = run.results.get(0)
    return found if isinstance(found, SteeredSoFar) else None


def rows(run: KeptRun) -> Iterator[Row]:
    """The rows of a run: the plain answer, then the others in the order of the strengths that were asked for."""
    answers = answers_of(run)
    if answers is not None:
        yield Row(run, answers, 0)
        yield from (Row(run, answers, index, each) for index, each in enumerate(answers.steered, 1))


def of_task(name: str, kind: Kind, value: Callable[[Steer], Any]) -> Column:
    """A column of what was asked."""
    return of_run(name, kind, lambda run: value(run.began.task))  # type: ignore[arg-type]


def of_steered(name: str, kind: Kind, value: Callable[[Steered], Any]) -> Column:
    """A column of a steered answer; None of the plain one."""
    return Column(name, kind, lambda row: None if row.steered is None else value(row.steered))


COLUMNS: tuple[Column, ...] = (
    *SHARED,
    of_task("prompt", "text", lambda task: task.prompt),
    of_task("stack", "text", lambda task: task.stack),
    of_task("line", "text", lambda task: task.line),
    Column("layers", "integers", lambda row: list(row.answers.layers)),
    of_task("where", "text", lambda task: task.where),
    of_task("positions", "integers", lambda task: None if task.positions is None else list(task.positions)),
    of_task("mode", "text", lambda task: task.mode),
    of_task("max_new_tokens", "integer", lambda task: task.max_new_tokens),
    of_task("words", "texts", lambda task: list(task.words)),
    of_task("against", "texts", lambda task: list(task.against)),
    Column("index", "integer", lambda row: row.index),
    of_steered("strength", "number", lambda steered: steered.strength),
    Column("text", "text", lambda row: "".join(token.text for token in row.tokens)),
    of_steered("differs_from", "integer", lambda steered: steered.differs_from),
    of_steered("added", "number", lambda steered: steered.added),
    Column("log_odds", "number", lambda row: (row.steered or row.answers).log_odds),
    Column("tokens", "texts", lambda row: [token.text for token in row.tokens]),
    Column("token_ids", "integers", lambda row: [token.id for token in row.tokens]),
    Column("probabilities", "numbers", lambda row: [token.probability for token in row.tokens]),
)
"""All of them; `added` is the median share of a state's norm that it was moved by."""

TABLE = Table(COLUMNS, rows)

"""What has been read of a prompt: the runs of equal settings together are one map, whoever asked for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from selfie_tui.records import Cell, Control, Interpretation, ModelInfo, Request, Token
from selfie_tui.results.run_kinds.readings import is_whole
from selfie_tui.tui.runs import Run
from selfie_tui.tui.state import AppState

ALIVE = ("waiting", "running")
"""States of a run that still reads."""


class Asked(NamedTuple):
    """What must be equal for readings to stand in one map: the model, its edits, and all of the request but its cells.

    Readings of other settings, or of a model that was edited meanwhile, are not comparable cell by cell.
    """

    model: str
    info: ModelInfo | None
    request: Request

    @classmethod
    def of(cls, run: Run) -> Asked:
        """What a run asks."""
        return cls(run.model, run.info, msgspec.structs.replace(run.request, cells=()))


@dataclass(frozen=True)
class Reading:
    """Where the words of a cell are: in a run, at an index."""

    run: Run
    index: int

    @property
    def finished(self) -> Interpretation | None:
        """The interpretation; None while the cell waits or its text grows."""
        return self.run.interpretations.get(self.index)

    @property
    def text(self) -> str:
        """The text so far; unsafe to print as is."""
        return self.run.text(self.index)

    @property
    def is_awaited(self) -> bool:
        """Whether the cell waits, or its text grows; not so where its run has stopped."""
        return self.finished is None and self.run.state in ALIVE


class Readings:
    """The readings of a prompt by cell, of all runs that asked the same; the newest finished one stands for a cell."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.runs: list[Run] = []
        self._at: dict[Cell, Reading] = {}

    def add(self, run: Run) -> None:
        """Take a run; its cells stand for those of earlier runs once they are finished."""
        self.runs.append(run)
        for index, cell in enumerate(run.request.cells):
            before = self._at.get(cell)
            if before is None or before.finished is None or index in run.interpretations:
                self._at[cell] = Reading(run, index)

    def update(self, run: Run, index: int) -> Cell | None:
        """Take note that an interpretation of a run has got on; its cell, None for a control."""
        if index < 0:
            return None
        cell = run.request.cells[index]
        if index in run.interpretations or self.at(cell) is None:
            self._at[cell] = Reading(run, index)
        return cell

    def at(self, cell: Cell) -> Reading | None:
        """The reading of a cell: a finished one, or one that is on its way or was stopped; None for none."""
        return self._at.get(cell)

    def interpretation(self, cell: Cell) -> Interpretation | None:
        """The finished interpretation of a cell."""
        reading = self.at(cell)
        return reading.finished if reading else None

    def control_at(self, cell: Cell) -> Control | None:
        """The control that the reading of a cell is compared with."""
        reading = self.at(cell)
        return reading.run.control if reading else None

    @property
    def like(self) -> Reading | None:
        """A finished reading of the newest run that has one: what a cell that is read later will be told like."""
        return next((reading for run in reversed(self.runs) if (reading := self._first_of(run))), None)

    def _first_of(self, run: Run) -> Reading | None:
        """The first reading of a run that came to an end without a problem."""
        found = (index for index, each in run.interpretations.items() if index >= 0 and not each.problem)
        return next((Reading(run, index) for index in found), None)

    @property
    def finished(self) -> Iterator[tuple[Cell, Interpretation]]:
        """The cells that are finished, in no order."""
        return ((cell, found) for cell, reading in self._at.items() if (found := reading.finished))

    def with_text(self) -> Iterator[Cell]:
        """The cells that have a text, whole or in part."""
        return (cell for cell, reading in self._at.items() if reading.text)

    def asked_for(self) -> set[Cell]:
        """The cells that are finished or on their way."""
        return {cell for cell, reading in self._at.items() if reading.finished or reading.is_awaited}

    def stopped(self) -> Run | None:
        """The last run that stopped before all of its cells were read, and that none goes on with; None for none."""
        return next((run for run in reversed(self.runs) if self._left(run)), None)

    def left_of(self, run: Run) -> tuple[Cell, ...]:
        """The cells that a run has left which stopped."""
        return tuple(self._left(run))

    def _left(self, run: Run) -> list[Cell]:
        if run.state in (*ALIVE, "finished") or run.gone_on:
            return []
        there = {index for index, found in run.interpretations.items() if is_whole(found, run.request)}
        left = [cell for index, cell in enumerate(run.request.cells) if index not in there]
        return [cell for cell in left if not self._is_read_elsewhere(cell, run)]

    def _is_read_elsewhere(self, cell: Cell, run: Run) -> bool:
        reading = self._at[cell]
        return reading.run is not run and (reading.finished is not None or reading.is_awaited)

    def kept_runs(self) -> list[Run]:
        """The runs that are exported: all but those that another one has gone on with."""
        return [run for run in self.runs if run.interpretations and not run.gone_on]


def maps_of(state: AppState) -> list[Readings]:
    """All maps there are of the prompt, the stack and the model as they are now, the one that was begun first first."""
    found: dict[Asked, Readings] = {}
    for run in runs_of(state):
        if concerns(run, state):
            found.setdefault(Asked.of(run), Readings(Asked.of(run))).add(run)
    return list(found.values())


def runs_of(state: AppState) -> Iterator[Run]:
    """All runs that are at hand: those opened from earlier sessions, then those of this one."""
    return (run for run in (*state.opened.values(), *state.runs.values()))


def concerns(run: Run, state: AppState) -> bool:
    """Whether a run reads the tokens that are shown, with the model that is loaded."""
    selection, model = state.selection, state.model
    if model is None or run.model != model.name or run.request.stack != selection.stack:
        return False
    return run.request.prompt == selection.prompt and _same_tokens(run.sources.values(), selection.tokens)


def _same_tokens(sources: Iterable[Token], tokens: tuple[Token, ...]) -> bool:
    return all(token.position < len(tokens) and tokens[token.position].text == token.text for token in sources)

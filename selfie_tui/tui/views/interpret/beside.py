"""What a pair's source says in the cells that a run of the prompt reads, where that is something else."""

from __future__ import annotations

from itertools import chain

import msgspec

from selfie_tui.records import Cell, ModelInfo, Request
from selfie_tui.tui.runs import Run
from selfie_tui.tui.state import AppState

Asked = tuple[str, ModelInfo | None, Request]
"""A model and all of a request but its prompt and its cells: readings that differ in these are not compared."""


class Beside:
    """The finished readings of a pair's source, as they were when they were last looked at."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._texts: list[tuple[Asked, dict[Cell, str]]] = []

    def look(self) -> None:
        """Look at all runs again: the pair, the prompt or the model is another, or a run has ended."""
        self._texts = []
        pair = self._state.pair
        if pair is None or self._state.alignment is None:
            return
        for run in chain(self._state.opened.values(), self._state.runs.values()):
            if (run.request.prompt, run.request.stack) == (pair.prompt, pair.stack):
                texts = self._of(run)
                found = run.interpretations.items()
                texts |= {run.cell(index): each.text for index, each in found if not each.problem}

    def _of(self, run: Run) -> dict[Cell, str]:
        """The texts of A that a run's readings are compared with, by cell of A."""
        asked = _asked(run)
        known = next((texts for other, texts in self._texts if other == asked), None)
        if known is None:
            known = {}
            self._texts.append((asked, known))
        return known

    def texts(self, run: Run, indices: tuple[int, ...] | None = None) -> dict[int, str]:
        """What A says beside a run's readings, all of them or some, by index, where it says something else."""
        state, alignment = self._state, self._state.alignment
        here = (run.request.prompt, run.request.stack) == (state.selection.prompt, state.stack)
        if not self._texts or alignment is None or not here:
            return {}
        texts, found = self._of(run), {}
        for index in run.interpretations if indices is None else indices:
            reading = run.interpretations.get(index)
            there = alignment.of(run.cell(index).position) if reading is not None else None
            said = texts.get(Cell(run.cell(index).layer, there)) if there is not None else None
            if reading is not None and said is not None and said.strip() != reading.text.strip():
                found[index] = said
        return found


def _asked(run: Run) -> Asked:
    return run.model, run.info, msgspec.structs.replace(run.request, prompt="", cells=())

"""The lenses that the view has read, those on their way, and what to ask for next."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from selfie_tui.records import LensRead, ReadLens, Task
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.lens.asking import ORIGIN, next_task
from selfie_tui.tui.views.lens.table import LensTable

Key = tuple[str, str, str]
"""A prompt, a stack, the folder of a tuned lens."""


class Readings:
    """Tables of the prompt and of the pair's source; one task at a time is asked for."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._tables: dict[Key, LensTable] = {}
        self._asked: ReadLens | None = None
        self.track = ""
        """The word that is tracked."""
        self.tuned = ""
        """The folder of the tuned lens that is read with, "" for the model's own norm and head."""

    @property
    def here(self) -> LensTable:
        """The table of the prompt."""
        return self._table(self._state.selection.prompt, self._state.stack)

    @property
    def source(self) -> LensTable | None:
        """The table of the pair's source; None where there is none, or where it is the prompt itself."""
        pair = self._state.pair
        return None if pair is None or self._state.at_source else self._table(pair.prompt, pair.stack)

    @property
    def waiting(self) -> frozenset[int]:
        """Positions of the prompt that have been asked for."""
        asked = self._asked
        return frozenset(asked.positions) if asked and asked.prompt == self._state.selection.prompt else frozenset()

    def ask(self, wanted: Iterable[int], cursor: int, *, pair: bool) -> bool:
        """Ask for what is missing of the wanted positions, then, with `pair`, of the source's; whether anything is."""
        state, positions = self._state, list(wanted)
        if not state.selection.prompt or state.model is None:
            return False
        task = self._task(self.here, state.selection.prompt, state.stack, positions, cursor)
        alignment = state.alignment
        if task is None and pair and state.pair is not None and self.source is not None and alignment is not None:
            there = [at for position in positions if (at := alignment.of(position)) is not None]
            task = self._task(self.source, state.pair.prompt, state.pair.stack, there, alignment.of(cursor) or 0)
        if task is not None and not self._is_asked(task):
            self._asked = task
            state.submit(task)
        return task is not None

    def _is_asked(self, task: ReadLens) -> bool:
        """Whether all that a task asks for is on its way already."""
        asked = self._asked
        if asked is None or not set(task.positions) <= set(asked.positions):
            return False
        return msgspec.structs.replace(task, positions=asked.positions) == asked

    def take(self, event: LensRead, keep: Iterable[int]) -> bool:
        """Take what was read, if it is of the prompt or of the source; whether it is."""
        table = self._tables.get((event.prompt, event.stack, event.tuned))
        if table is None:
            return False
        table.take(event, keep)
        asked = self._asked
        if asked is not None and (asked.prompt, asked.stack, asked.track) == (event.prompt, event.stack, event.track):
            left = not all(table.tracks(position, asked.track) for position in asked.positions)
            self._asked = asked if left else None
        return True

    def ended(self, task: Task | None) -> bool:
        """Take note that a task failed: a word that was refused is tracked no more; whether it was this view's task."""
        if not isinstance(task, ReadLens) or task.origin != ORIGIN:
            return False
        if task == self._asked:
            self._asked = None
        table = self._tables.get((task.prompt, task.stack, task.tuned))
        if task.track and task.track == self.track and (table is None or task.track not in table.tracked):
            self.track = ""
        elif task.tuned and task.tuned == self.tuned and (table is None or not table.rows):
            self.tuned = ""
        elif table is not None:
            table.failed |= set(task.positions)
        return True

    def clear(self) -> None:
        """Forget all: the model is another one, or another in effect."""
        self._tables.clear()
        self._asked = None

    def drop(self) -> None:
        """Forget the prompt's lens, to have it read anew, and those of earlier prompts."""
        self._tables.pop((self._state.selection.prompt, self._state.stack, self.tuned), None)
        self._asked = None

    def _table(self, prompt: str, stack: str) -> LensTable:
        key = (prompt, stack, self.tuned)
        if key not in self._tables:
            self._tables = {known: table for known, table in self._tables.items() if known[0] in self._prompts}
            self._tables[key] = LensTable()
        return self._tables[key]

    @property
    def _prompts(self) -> set[str]:
        pair = self._state.pair
        return {self._state.selection.prompt, *([pair.prompt] if pair else [])}

    def _task(self, table: LensTable, prompt: str, stack: str, positions: list[int], cursor: int) -> ReadLens | None:
        return next_task(table, prompt, stack, positions, cursor, self.track, self.tuned)

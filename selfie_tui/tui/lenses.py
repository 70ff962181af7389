"""The lenses that have been read of the prompt as it is now, and the one that is on its way."""

from __future__ import annotations

from selfie_tui.records import LensRead, LensRow, ReadLens, Task

MOST = 512
"""How many positions' lenses are kept."""

TOKENS = 8
"""Top tokens that are asked for, by whichever pane: what one has read serves the others."""

Key = tuple[str, str, tuple[int, ...]]
"""A stack, a prompt and the one position in a tuple."""


class Lenses:
    """Lenses by stack, prompt and position; those of earlier prompts are dropped: they would keep their texts too."""

    def __init__(self) -> None:
        self._rows: dict[Key, tuple[LensRow, ...]] = {}
        self._asked: ReadLens | None = None
        """The one that was asked for last, as it replaces those that wait."""

    def __len__(self) -> int:
        return len(self._rows)

    def of(self, task: ReadLens) -> tuple[LensRow, ...] | None:
        """The lens that a task asks for, if it has been read."""
        return self._rows.get(_key(task))

    def ask(self, task: ReadLens) -> bool:
        """Note that a lens is wanted; False where it is on its way already."""
        if task == self._asked:
            return False
        self._asked = task
        return True

    def take(self, event: LensRead, prompt: str) -> None:
        """Keep a lens that has been read with the model's own head, if it is of the prompt as it is now."""
        if event.prompt == prompt and len(event.positions) == 1 and not event.tuned:
            if len(self._rows) >= MOST:
                self._rows.pop(next(iter(self._rows)))
            self._rows[_key(event)] = event.rows
        if self._asked is not None and _key(self._asked) == _key(event):
            self._asked = None

    def ended(self, task: Task | None) -> None:
        """Take note of a task that ended otherwise than with a lens: it can be asked for again."""
        if task == self._asked:
            self._asked = None

    def keep(self, prompt: str) -> None:
        """Drop the lenses of all other prompts."""
        self._rows = {key: rows for key, rows in self._rows.items() if key[1] == prompt}

    def clear(self) -> None:
        """Forget all: another model is the current one."""
        self._rows.clear()
        self._asked = None


def _key(lens: ReadLens | LensRead) -> Key:
    return lens.stack, lens.prompt, lens.positions

"""How far the lens of the prompt is from that of a pair's source, as far as it is known; what to ask next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from selfie_tui.records import EMBED, CompareLenses, LensesCompared, Task
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.lens.asking import AT_ONCE, ORIGIN

Place = tuple[int, int]
"""A layer, and a position in the prompt."""


class Distances:
    """Jensen-Shannon divergences in bits by place, of one pair of prompts; one task at a time is asked for."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._of: CompareLenses | None = None
        """Which prompts they are of, and how these are read; without positions."""
        self._bits: dict[Place, float] = {}
        self._known: set[int] = set()
        """Positions that have been compared, or cannot be."""
        self._asked: CompareLenses | None = None

    def at(self, layer: int, position: int) -> float | None:
        """The divergence in a cell, None while it is not known."""
        return self._bits.get((layer, position))

    def ask(self, wanted: Iterable[int], cursor: int, tuned: str) -> bool:
        """Ask for what is missing of the wanted positions, those near the cursor first; whether anything is."""
        state, alignment = self._state, self._state.alignment
        if state.pair is None or alignment is None or state.model is None:
            return False
        of = CompareLenses(state.selection.prompt, (), state.pair.prompt, (), state.stack, tuned)
        if of != self._of:
            self.clear()
            self._of = of
        pairs = [(at, there) for at in {*wanted} - self._known if (there := alignment.of(at)) is not None]
        if pairs and self._asked is None:
            near = sorted(sorted(pairs, key=lambda pair: (abs(pair[0] - cursor), pair))[:AT_ONCE])
            here, others = tuple(at for at, _ in near), tuple(there for _, there in near)
            self._asked = msgspec.structs.replace(of, positions=here, other_positions=others, origin=ORIGIN)
            state.submit(self._asked)
        return bool(pairs)

    def take(self, event: LensesCompared) -> set[Place]:
        """Take what was compared, if it is of these prompts; the cells that are known by it."""
        of = CompareLenses(event.prompt, (), event.other, (), event.stack, event.tuned)
        if of != self._of:
            return set()
        found = dict(_places(event))
        self._bits |= found
        self._known |= set(event.positions)
        if self._asked is not None and set(self._asked.positions) <= self._known:
            self._asked = None
        return set(found)

    def ended(self, task: Task | None) -> None:
        """Take note that a task failed: what cannot be compared is not asked for again."""
        if isinstance(task, CompareLenses) and task == self._asked:
            self._known |= set(task.positions)
            self._asked = None

    def clear(self) -> None:
        """Forget all: the model is another one, or another in effect."""
        self._of = self._asked = None
        self._bits.clear()
        self._known.clear()


def _places(event: LensesCompared) -> Iterator[tuple[Place, float]]:
    for position, row in zip(event.positions, event.bits, strict=True):
        yield from (((layer, position), bits) for layer, bits in enumerate(row, EMBED))

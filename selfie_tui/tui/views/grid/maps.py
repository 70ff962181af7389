"""The maps there are of a prompt, and which of them is shown: that of the newest run, or the one that was gone to."""

from __future__ import annotations

import msgspec

from selfie_tui.tui.runs import Run
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.grid.readings import Asked, Readings, concerns, maps_of, runs_of


class Maps:
    """The readings of the prompt as it is now, by what was asked; and of a pair's source, what is compared with."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.all: list[Readings] = []
        self.shown: Readings | None = None
        self._source: Readings | None = None

    def rebuild(self) -> None:
        """Look at all runs again: the prompt, the stack, the model or the pair is another.

        What was shown stays, if it can.
        """
        before = self.shown.asked if self.shown else None
        self.all = maps_of(self.state)
        self.shown = self._asked(before) or self._newest()
        self._source = None

    def take(self, run: Run) -> Readings | None:
        """The readings that a run belongs to; a run that is new is shown from now on. None for one that has no part."""
        source = self.source
        if source is not None and Asked.of(run) == source.asked:
            if not _holds(source, run):
                source.add(run)
            return source
        if not concerns(run, self.state):
            return None
        readings = self._asked(Asked.of(run))
        if readings is None:
            readings = Readings(Asked.of(run))
            self.all.append(readings)
        if not _holds(readings, run):
            readings.add(run)
            self.shown = readings
        return readings

    def knows(self, run: Run) -> bool:
        """Whether a run is in the map that is shown, or in what that is compared with."""
        return any(readings is not None and _holds(readings, run) for readings in (self.shown, self._source))

    @property
    def source(self) -> Readings | None:
        """What a pair's source says with the settings of the map that is shown; None without a pair, or on A itself."""
        pair = self.state.pair
        if self.shown is None or pair is None or self.state.at_source:
            return None
        request = msgspec.structs.replace(self.shown.asked.request, prompt=pair.prompt, stack=pair.stack)
        asked = self.shown.asked._replace(request=request)
        if self._source is None or self._source.asked != asked:
            self._source = Readings(asked)
            for run in runs_of(self.state):
                if Asked.of(run) == asked:
                    self._source.add(run)
        return self._source

    def step(self, step: int) -> bool:
        """Show the map before or after the one that is shown, around the end; False where there is no other."""
        if len(self.all) < 2 or self.shown is None:
            return False
        self.shown = self.all[(self.all.index(self.shown) + step) % len(self.all)]
        return True

    @property
    def present(self) -> Readings | None:
        """The readings that the next run belongs to, with the settings as they are; None where there are none."""
        state = self.state
        request = state.settings.request(state.selection.prompt, (), state.stack)
        return self._asked(Asked(state.model.name, state.model, request)) if state.model else None

    def _asked(self, asked: Asked | None) -> Readings | None:
        return next((readings for readings in self.all if readings.asked == asked), None)

    def _newest(self) -> Readings | None:
        runs = [run for run in runs_of(self.state) if concerns(run, self.state)]
        return self._asked(Asked.of(runs[-1])) if runs else None


def _holds(readings: Readings, run: Run) -> bool:
    return any(known is run for known in readings.runs)

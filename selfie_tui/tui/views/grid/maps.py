"""The maps there are of a prompt, and which of them is shown: that of the newest run, or the one that was gone to."""

from __future__ import annotations

from selfie_tui.tui.runs import Run
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.grid.readings import Asked, Readings, concerns, maps_of, runs_here


class Maps:
    """The readings of the prompt as it is now, by what was asked."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.all: list[Readings] = []
        self.shown: Readings | None = None

    def rebuild(self) -> None:
        """Look at all runs again: the prompt, the stack or the model is another. What was shown stays, if it can."""
        before = self.shown.asked if self.shown else None
        self.all = maps_of(self.state)
        self.shown = self._asked(before) or self._newest()

    def take(self, run: Run) -> Readings | None:
        """The readings that a run belongs to; a run that is new is shown from now on. None for one that has no part."""
        if not concerns(run, self.state):
            return None
        asked = Asked.of(run)
        readings = self._asked(asked)
        if readings is None:
            readings = Readings(asked)
            self.all.append(readings)
        if not any(known is run for known in readings.runs):
            readings.add(run)
            self.shown = readings
        return readings

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
        runs = list(runs_here(self.state))
        return self._asked(Asked.of(runs[-1])) if runs else None

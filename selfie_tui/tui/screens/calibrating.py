"""Calibration on the main screen: its page opened, kept up to date, and what it proposes put into the settings."""

from __future__ import annotations

from textual import on

from selfie_tui.records import Calibrate, InjectionSetting, Task
from selfie_tui.tui.calibrating import with_setting
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.screens.kept import KeptScreen
from selfie_tui.tui.widgets.messages import CalibrationWanted


class CalibratingScreen(KeptScreen):
    """The views, with the calibration of the preset at hand."""

    @on(CalibrationWanted)
    def show_calibration(self) -> None:
        """Open what is known of the preset on the model, and begin to find out where nothing is."""
        if self.app.screen is not self:
            return  # a page that an earlier key of the same burst has opened
        if self.state.model is None:
            self.app.toast("No model is loaded yet.", "information")
            return
        from selfie_tui.tui.pages.calibration import CalibrationScreen  # not needed for the first paint

        self.app.push_screen(CalibrationScreen(self.state, self.app.look, self._use))

    def _use(self, setting: InjectionSetting) -> None:
        """Write vectors in this way from now on."""
        self.show(self.state.choose(with_setting(self.state.settings, setting)))

    def show(self, changed: Changed) -> None:
        super().show(changed)
        if changed.calibration:
            self._show_found(changed.ended)

    def _show_found(self, ended: Task | None) -> None:
        """Have the page draw what has been found; where it is not open, say so at the end."""
        from selfie_tui.tui.pages.calibration import CalibrationScreen

        pages = [page for page in self.app.screen_stack if isinstance(page, CalibrationScreen)]
        for page in pages:
            page.show_found()
        if not pages and isinstance(ended, Calibrate):
            self._say_ended(ended)

    def _say_ended(self, task: Calibrate) -> None:
        """Say what a calibration proposes."""
        model, name = self.state.model, task.preset.name
        found = self.state.calibrations.of(model, task.preset, task.system) if model else None
        if found is not None and found.finished:
            said = f"{found.proposal} reads back most" if found.proposal else "no setting reads enough words back"
            self.app.toast(f"{name}: {said}.", "information")

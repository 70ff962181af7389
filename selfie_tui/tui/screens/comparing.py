"""A comparison with another model on the main screen: asked for in a line, its page opened and kept up to date."""

from __future__ import annotations

from selfie_tui.records import CompareModels
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.comparing import compare_with
from selfie_tui.tui.screens.calibrating import CalibratingScreen


class ComparingScreen(CalibratingScreen):
    """The views, with the model compared with another at hand."""

    def action_compare(self) -> None:
        """Open the comparison of this prompt in this model; ask for the other model where there is none yet."""
        if self.app.screen is not self:
            return  # a page that an earlier key of the same burst has opened
        task, state = self.state.compared.task, self.state
        if task is not None and state.compared.model == state.model and task.prompt == state.prompt:
            self._open_comparison()
        else:
            self.ask_other()

    def ask_other(self) -> None:
        """Ask for another model to compare with."""
        if self.state.model is None:
            self.app.toast("No model is loaded yet.", "information")
            return
        task = self.state.compared.task
        proposal = task.other.name if task else self.state.model.name

        async def compare(name: str, again: bool) -> None:
            compare_with(self.state, name, self.models.device, self.models.dtype)
            self.call_after_refresh(self._open_comparison)

        self.ask_for("compare with the model (a name, folder or file)", proposal, compare)

    def _open_comparison(self) -> None:
        from selfie_tui.tui.pages.comparison import ComparisonScreen  # not needed for the first paint

        if self.app.screen is self:
            self.app.push_screen(ComparisonScreen(self.state, self.ask_other))

    def show(self, changed: Changed) -> None:
        super().show(changed)
        if not changed.comparison:
            return
        from selfie_tui.tui.pages.comparison import ComparisonScreen

        pages = [page for page in self.app.screen_stack if isinstance(page, ComparisonScreen)]
        for page in pages:
            page.show_found()
        if not pages and isinstance(changed.ended, CompareModels) and not self.state.compared.problem:
            self.app.toast("The comparison is there.", "information")

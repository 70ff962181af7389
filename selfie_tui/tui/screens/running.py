"""Runs on the main screen: begun by a key, or once model and tokens are there, and asked about where they are long."""

from __future__ import annotations

from selfie_tui.tui.estimates import MANY, about, seconds_for
from selfie_tui.tui.screens.fields import FieldScreen
from selfie_tui.tui.state import AppState


class RunningScreen(FieldScreen):
    """The views, with the keys that run the job of the one that is shown."""

    def __init__(self, state: AppState, device: str, dtype: str) -> None:
        super().__init__(state, device, dtype)
        self._question: str | None = None
        """What is asked before very many cells are read, where it is; the next enter says yes."""

    def update_status(self) -> None:
        """Write how things stand."""
        raise NotImplementedError

    def update_hints(self) -> None:
        """Write the hint line, with the question where there is one."""
        raise NotImplementedError

    def action_interpret(self) -> None:
        """Run the job of the view, now or as soon as model and tokens are there."""
        if not self.state.prompt:
            self.app.toast("The prompt is empty: type what is to be read.", "warning")
            self.edit(self.prompt_text)
        elif self.state.model is None and self.state.loading is None:
            self.app.toast("No model is loaded: choose one.", "warning")
            self.enter_pane(self.model_pane)
        elif problem := self.state.refusal or self.view.problem():
            self.app.toast(problem, "error")
        else:
            self.state.pending_view = self.view.NAME
            self.run_if_ready()
        self.update_status()

    def run_if_ready(self) -> None:
        """Run the job that waits, if its model and its tokens are there; one of very many cells at the second time."""
        model = self.state.model
        if not self.state.pending_view or model is None or not self.state.ready:
            return
        view, self.state.pending_view = self.opened[self.state.pending_view], ""
        cells = view.job_cells()
        if len(cells) > MANY and self._question is None:
            seconds = seconds_for(len(cells), self.state.settings, model, self.state.runs.values())
            self.ask(f"{len(cells):,} cells · {about(seconds)}")
            return
        self.ask(None)
        view.run_job()

    def ask(self, question: str | None) -> None:
        """Have the hints ask whether so much is to be run; `None` asks no more."""
        if question != self._question:
            self.hints.show_keys()
            self._question = question
            self.update_hints()

    def action_run_prompt(self) -> None:
        """Run the view's job, and leave the text for its tokens; where it stands over a view, only go back to that."""
        if self.prompt_over:
            self.show_prompt_over(False)
            return
        self.leave_field()
        self.action_interpret()

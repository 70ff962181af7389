"""Control of a layer: a copy of its MLP is trained towards the vector under the cursor, as a line at the foot asks."""

from __future__ import annotations

from collections.abc import Sequence

from selfie_tui.errors import SelfieError
from selfie_tui.records import Cell, ControlLayer, Event, JobFinished, ModelInfo, Request, RunTask, layer_name
from selfie_tui.tui.controlled import Controlled
from selfie_tui.tui.keepable import ENDING, check_name
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import key_of
from selfie_tui.tui.views.vectors.control_line import Training, parse_training, proposal
from selfie_tui.tui.views.vectors.writing import WritingView


def task_of(training: Training, request: Request, line: str, overwrite: bool) -> ControlLayer:
    """The task of what was typed."""
    return ControlLayer(
        request=request,
        line=line,
        retain=training.retain,
        held_out=training.held_out,
        also=training.also,
        steps=training.steps,
        rate=training.rate,
        keep=training.weight,
        random=training.random,
        file=training.name,
        overwrite=overwrite,
    )


class ControllingView(WritingView):
    """The view with the training of a layer at hand."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.controlled = Controlled()

    def ready(self) -> bool:
        """Whether there are a vector and a model to use it with; what is missing is said."""
        raise NotImplementedError

    def control(self) -> None:
        """Show the training towards this vector; ask for one where there is none yet."""
        known, state = self.controlled, self.state
        is_of_this = known.title == self.title and known.model == state.model
        if known.running or (known.task is not None and is_of_this and known.task.request.prompt == state.prompt):
            self.open_page()
        elif self.ready():
            self.ask_control()

    def ask_control(self) -> None:
        """Ask how to train; the tokens are those that are marked, or the one under the cursor."""
        state, selection, title = self.state, self.state.selection, self.title
        if self.comparison.problem:
            self.app.toast(self.comparison.problem, "warning")
            return
        if not state.ready or not selection.tokens:
            self.app.toast("The tokens of the prompt are still to come.", "warning")
            return
        line = self.shelf.resolved(self.line)
        positions = tuple(sorted(selection.marked_positions)) or (selection.position,)
        prompt, stack = selection.prompt, selection.stack

        async def train(typed: str, again: bool) -> None:
            training = parse_training(typed, state.blocks)
            self.check_weights(training.name, again)
            cells = tuple(Cell(training.layer, position) for position in positions)
            task = task_of(training, self.state.settings.request(prompt, cells, stack), line, again)
            self.controlled.begin(task, state.submit(task), state.model, title)
            self.call_after_refresh(self.open_page)

        tokens = ", ".join(f"{at} {self.app.look.visible(selection.tokens[at].text)}" for at in positions)
        self.app.ask_for(f"train a layer at {tokens} towards {title}", proposal(self.own_layer()), train)

    def own_layer(self) -> int:
        """The layer of the vector, where it is of one, else that under the cursor."""
        compared = self.comparison.compared
        own = compared.here.layers if compared is not None else ()
        return own[0] if len(own) == 1 and own[0] >= 0 else self.state.selection.layer

    def check_weights(self, name: str, again: bool) -> None:
        """Refuse a name that weights cannot have, or, the first time, one that is taken; raises SelfieError."""
        if not name:
            return
        check_name(name)
        if (self.app.weights_dir / f"{name}{ENDING}").exists() and not again:
            raise SelfieError("There are such weights.", "Once more: enter replaces them")

    def open_page(self) -> None:
        """Open the page of the last training."""
        from selfie_tui.tui.pages.control import ControlScreen  # not needed for the first paint

        if self.app.screen is self.screen:
            self.app.push_screen(ControlScreen(self.controlled, self.ask_another))

    def open_control(self, task: ControlLayer, model: ModelInfo | None, events: Sequence[Event], origin: str) -> None:
        """Show one that was kept, on its page."""
        self.controlled.show_kept(task, model, events, origin)
        self.call_after_refresh(self.open_page)

    def resume_kept(self, task: RunTask) -> None:
        """Begin one that was kept again, and show it; what else was kept goes on as ever."""
        if not isinstance(task, ControlLayer):
            super().resume_kept(task)
            return
        self.controlled.begin(task, self.state.submit(task), self.state.model, task.line)
        self.call_after_refresh(self.open_page)

    def ask_another(self) -> None:
        """Ask for another training, towards the vector under the cursor."""
        if self.controlled.running:
            self.app.toast("This one is still under way: escape cancels it.", "warning")
        elif self.ready():
            self.ask_control()

    def take(self, event: Event) -> None:
        super().take(event)
        if not self.controlled.take(event):
            return
        from selfie_tui.tui.pages.control import ControlScreen

        pages = [page for page in self.app.screen_stack if isinstance(page, ControlScreen)]
        for page in pages:
            page.show_found()
        if not pages and isinstance(event, JobFinished):
            shows = key_of("vector.control", self.app.keymap)
            self.app.confirm(f"The layer is trained: {shows} shows what is read and answered before and after.")

    def owns(self, job: int) -> bool:
        return super().owns(job) or job == self.controlled.job

    def under_way(self) -> Pieces:
        known = self.controlled
        if known.running and known.job == self.state.running:
            layer = layer_name(known.task.request.cells[0].layer) if known.task else ""
            return (Piece(f"control of {layer}: {known.step}", "accent"),)
        return super().under_way()

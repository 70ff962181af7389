"""Vectors: kept, computed, compared, put into words, and steered with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from selfie_tui.errors import RequestError
from selfie_tui.records import ControlLayer, Event, Steer, SteeredSoFar, VectorFileRead, VectorKept
from selfie_tui.results.entries import RunBegan
from selfie_tui.results.resuming import decisive
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.keepable import Keepable, KeepableLine
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.vectors.actions import ENTRY
from selfie_tui.tui.views.vectors.controlling import ControllingView
from selfie_tui.tui.views.vectors.result_lines import plain_result
from selfie_tui.tui.views.vectors.steer_settings import SteerSettings
from selfie_tui.tui.views.vectors.wanted import Wanted


class VectorsView(ControllingView):
    """What is done with the vector under the cursor."""

    NAME, TITLE, LETTER, FUNCTION_KEY, ACTIONS, SECTIONS, _ = ENTRY

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        for part in (self.list, self.directions, self.line_view, self.result, self.steer):
            part.asked, part.typed = self.asked, self.typed
        self.line_field.accepted = self.accept_line
        self.line_field.names = self.shelf.names
        self.steer.chosen, self.steer.zeroed = self.change, self.zero

    def asked(self, what: Wanted) -> None:
        """Do what is wanted."""
        if what == "drop":
            self.drop()
            return
        self.forget_drop()
        self._doing()[what]()

    def _doing(self) -> dict[Wanted, Callable[[], object]]:
        return {
            "open": self.open,
            "interpret": self.interpret,
            "mark": self.mark,
            "mark_all": self.mark_all,
            "undo": self.undo,
            "rename": self.rename,
            "edit": self.edit,
            "stronger": lambda: self.change("strength", 1),
            "weaker": lambda: self.change("strength", -1),
            "centre": self.centre,
            "write": self.write,
            "open_file": self.open_file,
            "mean": self.mean,
            "control": self.control,
        }

    # Files -----------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Put the vector into words, look through the directions, or take the adapter."""
        here = self.list.here
        if here is not None and here.usable and here.kind == "directions":
            self.open_directions(here)
        elif here is not None and here.usable and here.kind == "adapter":
            self.readings.adapter = "" if self.readings.adapter == here.file else here.file
            self.readings.forget()
            through = "go through it" if self.readings.adapter else "do not go through it any more"
            self.app.confirm(f"{here.name}: vectors {through} before they are put into words.")
        else:
            self.interpret()

    # Words -----------------------------------------------------------------------------------------------------------

    def interpret(self) -> None:
        """Put the line into words, with the settings of Read."""
        if not self.ready():
            return
        self.bring_to_front(self.result_pane)
        if self.readings.ask(self.title):
            self.show_result()
        elif not self.readings.problem_of(self.title):
            self.app.toast("This is being interpreted already.", "information")

    def ready(self) -> bool:
        """Whether there are a vector and a model to use it with; what is missing is said."""
        here = self.list.here
        if self.state.model is None:
            self.app.toast("Vectors are read once the model is there.", "information")
        elif here is not None and not here.usable:
            self.app.toast(f"{here.name} is {here.why}.", "warning")
        elif not self.line:
            self.app.toast("There is no vector here: in Read, Grid, Lens or Inspect v keeps one.", "information")
        else:
            return True
        return False

    # Steering --------------------------------------------------------------------------------------------------------

    def change(self, field: str, step: int) -> None:
        """Change a setting of steering, and answer once the keys pause."""
        self._steer_with(self.steering.settings.changed(field, step, self.state.blocks))

    def zero(self) -> None:
        """Strength 0: the plain answer."""
        self._steer_with(self.steering.settings._replace(strength=0.0))

    def _steer_with(self, settings: SteerSettings) -> None:
        self.steering.settings = settings
        self.bring_to_front(self.steer_pane)
        self.show_steering()
        if self.line and self.state.model is not None:
            self._steer_pause.again()

    def typed(self, text: str) -> bool:
        """Take a strength or layers, or go to the vector of a name; raises RequestError for what is out of range."""
        settings = self.steering.settings.typed(self.steer.field, text, self.state.blocks)
        if settings is not None:
            self._steer_with(settings)
            return True
        return self.list.go_to_name(text)

    def problem(self) -> str:
        if not self.line:
            return "There is no vector to steer with: in Read, Grid, Lens or Inspect v keeps one."
        return self.comparison.problem

    def run_job(self) -> None:
        self.steering.ask(anew=True)
        self.show_steering()

    def open_kept(self, began: RunBegan, events: Sequence[Event], origin: str, kept_as: str = "") -> None:
        """Show answers that were kept, or the control of a layer; a line that is not in the list is put there."""
        task = began.task
        if isinstance(task, ControlLayer):
            self.open_control(task, began.info, events, origin)
        if not isinstance(task, Steer):
            return
        self.app.show_prompt(task.prompt)
        settings = SteerSettings(
            task.strengths[0], task.where, task.layers, task.mode, task.max_new_tokens, task.positions
        )
        self.steering.settings = settings
        self.shelf.model = self.state.model
        self.shelf.list_kept()
        known = next((item for item in self.shelf.items if item.line == task.line), None)
        if known is None:
            self.shelf.write_line(task.line)
        self.show_list(known.name if known else task.line)
        self.steering.line = self.line
        answers = next((event for event in events if isinstance(event, SteeredSoFar)), None)
        self.steering.show_kept(began, answers, f"{origin}{self._of_other_model(began)}")
        self.look()
        self.app.enter_pane(self.steer_pane)

    def _of_other_model(self, began: RunBegan) -> str:
        """What stands behind the time of kept answers that another model gave, which is said at once too."""
        model = self.state.model
        others = decisive(began, model) if model is not None else ()
        if not others:
            return ""
        what = self.app.look.prose(", ".join(map(str, others)))
        self.app.toast(f"Another model gave these answers: {what}. The one that is loaded gives the next.", "warning")
        return f" · not by this model: {what}"

    def exportable(self) -> Exportable | None:
        return self.steering.exportable()

    # Keeping -------------------------------------------------------------------------------------

    def keepable(self) -> Keepable | KeepableLine | None:
        line = self.line
        if not line or self.state.model is None or self.comparison.problem:
            return None
        try:
            return KeepableLine(self.shelf.resolved(line), name_for(self.title))
        except RequestError:
            return None

    # Events and copying ----------------------------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        super().take(event)
        if isinstance(event, VectorKept):
            self.comparison.forget()
            file = Path(event.file)
            name = file.stem if file.parent == self.shelf.folder else ""
            if self.display:
                self.shelf.list_kept()
                self._listed_anew(name)
            else:
                self.newest = name or self.newest
        if isinstance(event, VectorFileRead):
            item = self.shelf.open_read(event)
            self._listed_anew(item.name if item else "")

    def step_out(self) -> bool:
        if self._to_drop:
            self.forget_drop()
            return True
        if self.line_field.has_focus:
            self.leave_line()
            return True
        if self.browsing.item is not None and (self.search_text.has_focus or self.list_pane.has_class("-active")):
            if self.browsing.search:
                self.search_text.value = ""
                self.search()
                self.search_text.add_class("-hidden")
                self.screen.set_focus(self.directions)
            else:
                self.close_directions()
            return True
        return False

    def copyable(self, *, all: bool) -> tuple[str, str] | None:
        answers = self.steering.answers
        if self.steer.has_focus and answers is not None:
            steered = "".join(token.text for token in answers.steered[0].tokens) if answers.steered else ""
            plain = "".join(token.text for token in answers.plain)
            return f"plain\t{plain}\nsteered\t{steered}", "the answers"
        if not self.line:
            return None
        if self.list.has_focus and not all:
            return self.line, "the line"
        return plain_result(self.title, self.comparison.compared, self.readings.of(self.title)), "what is known of it"


def name_for(line: str) -> str:
    """A name that is proposed for what a line is: its names with signs that a file's name can have."""
    kept = "".join(letter if letter.isalnum() or letter in "_@+-." else "" for letter in line.replace("*", "x"))
    return kept.strip("+-.")[:40] or "vector"

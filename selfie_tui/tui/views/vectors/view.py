"""Vectors: kept, computed, compared, put into words, and steered with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from selfie_tui import text
from selfie_tui.errors import RequestError
from selfie_tui.records import Event, Steer, SteeredSoFar, VectorFileRead, VectorKept
from selfie_tui.results.entries import RunBegan
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.keepable import Keepable, KeepableLine, check_name
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.vectors.actions import ENTRY
from selfie_tui.tui.views.vectors.items import Item
from selfie_tui.tui.views.vectors.opening import OpeningView
from selfie_tui.tui.views.vectors.result_lines import plain_result
from selfie_tui.tui.views.vectors.steer_settings import SteerSettings
from selfie_tui.tui.views.vectors.wanted import Wanted
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.pause import Pause
from selfie_tui.vector_line import written

SEARCH_PAUSE = 0.3
"""Seconds without a key after which what was typed is looked for: all of a file is gone through."""


class VectorsView(OpeningView):
    """What is done with the vector under the cursor."""

    NAME, TITLE, LETTER, FUNCTION_KEY, ACTIONS, SECTIONS, _ = ENTRY

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        for part in (self.list, self.directions, self.line_view, self.result, self.steer):
            part.asked, part.typed = self.asked, self.typed
        self.line_field.accepted = self.accept_line
        self.line_field.names = self.shelf.names
        self.steer.chosen, self.steer.zeroed = self.change, self.zero
        self._search_pause = Pause(self, SEARCH_PAUSE, self.search)
        self._before_line: Widget | None = None
        self._instead = ""
        """The line that is written anew."""
        self._to_drop = ""
        """The name of what a second key drops."""

    def asked(self, what: Wanted) -> None:
        """Do what is wanted."""
        if what == "drop":
            self.drop()
            return
        self.forget_drop()
        self._doing()[what]()

    def moved(self) -> None:
        self.forget_drop()
        super().moved()

    def forget_drop(self) -> None:
        """Another key: what was asked is not asked any more."""
        if self._to_drop:
            self._to_drop = ""
            self.update_list()

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
        }

    # The line --------------------------------------------------------------------------------------------------------

    def edit(self) -> None:
        """Write a line, beginning with the vector under the cursor."""
        here = self.list.here
        self._before_line = self.screen.focused
        self._instead = here.line if here is not None and here.kind == "line" else ""
        value = self.line if here is None or here.kind != "file" else written(here.name)
        self.line_view.add_class("-hidden")
        self.line_field.value = value
        self.line_field.cursor_position = len(value)
        self.app.edit(self.line_field)
        self.follow()

    @on(Input.Changed, "#vector-line")
    def line_typed(self) -> None:
        """Let the results follow each state of the line."""
        if self.writing:
            self.follow()

    def accept_line(self) -> None:
        """Have the line in the list, and interpret it; it stays open where it cannot be read."""
        line = self.line_field.value.strip()
        refusal = self.comparison.refusal() if line else ""
        if refusal:
            self.app.toast(refusal, "warning")
            return
        if line and self.shelf.named(line) is None:
            self.shelf.write_line(line, self._instead)
        self.leave_line()
        if self.browsing.item is not None and line:
            self.close_directions()
        self.show_list(line)
        self.look()
        if line:
            self.interpret()

    def leave_line(self) -> None:
        """Close the field; the keys go where they went before."""
        self.line_field.add_class("-hidden")
        self.line_view.remove_class("-hidden")
        before = self._before_line
        self.screen.set_focus(before if before is not None and before is not self.line_view else self.list)
        self.follow()

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
            self.app.toast(f"{here.name}: vectors {through} before they are put into words.", "information")
        else:
            self.interpret()

    def open_directions(self, item: Item) -> None:
        """Show the directions of a file in place of the list."""
        self.browsing.open(item)
        self.directions.cursor = 0
        self._swap(opened=True)
        name = text.clip(self.app.look.prose(item.name), max(self.list_pane.size.width // 2, 8))
        self.list_pane.heading = f"{name} · {item.count:,}"
        self.list_pane.retitle()
        self.look()

    def close_directions(self) -> None:
        """Show the list again."""
        self.browsing.close()
        self.search_text.value = ""
        self.search_text.add_class("-hidden")
        self._swap(opened=False)
        self.list_pane.heading = "Vectors"
        self.list_pane.retitle()
        self.update_list()
        self.look()

    def _swap(self, *, opened: bool) -> None:
        home = self.directions if opened else self.list
        self.list.set_class(opened, "-hidden")
        self.directions.set_class(not opened, "-hidden")
        self.list_pane.home = home
        self.query_one("#vectors-left").set_class(opened, "-browsing")
        self.screen.set_focus(home)

    def search_field(self) -> Field | None:
        return self.search_text if self.browsing.item is not None else None

    @on(Input.Changed, "#direction-search")
    def search_typed(self) -> None:
        """Look for a word, or for what is like a line, when the typing pauses."""
        self._search_pause.again()

    def search(self) -> None:
        """Look for what is typed."""
        if self.browsing.item is None or self.search_text.value.strip() == self.browsing.search:
            return
        self.browsing.forget()
        self.browsing.search = self.search_text.value.strip()
        self.directions.cursor = self.directions.top = 0
        self.directions.refresh()
        self.look()

    # Words -----------------------------------------------------------------------------------------------------------

    def interpret(self) -> None:
        """Put the line into words, with the settings of Read."""
        if not self._ready():
            return
        self.bring_to_front(self.result_pane)
        if self.readings.ask(self.title):
            self.show_result()
        elif not self.readings.problem_of(self.title):
            self.app.toast("This is being interpreted already.", "information")

    def _ready(self) -> bool:
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

    # Marks -----------------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """Mark the vector under the cursor, or take its mark away."""
        here = self.list.here
        if here is None or not here.is_vector:
            return
        marked = self.comparison.marked
        self._mark(tuple(name for name in marked if name != here.name) if here.name in marked else (*marked, here.name))

    def mark_all(self) -> None:
        """Mark all vectors that can be used, or none where all are marked."""
        names = tuple(item.name for item in self.shelf.vectors())
        self._mark(() if set(names) == set(self.comparison.marked) else names)

    def _mark(self, marked: tuple[str, ...]) -> None:
        self.comparison.marked = marked
        self.list.mark(marked)
        self.update_list()
        self.look()

    def centre(self) -> None:
        """Take cosines with the mean taken off, or as they are."""
        self.comparison.centred = not self.comparison.centred
        self.look()

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

    def open_kept(self, began: RunBegan, events: Sequence[Event], origin: str) -> None:
        """Show answers that were kept; a line that is not in the list is put there."""
        task = began.task
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
        self.steering.show_kept(began, answers, origin)
        self.look()
        self.app.enter_pane(self.steer_pane)

    def exportable(self) -> Exportable | None:
        return self.steering.exportable()

    # Dropping, renaming, keeping -------------------------------------------------------------------------------------

    def drop(self) -> None:
        """Ask, and drop what is under the cursor when it is asked for again."""
        here = self.list.here
        if here is None:
            return
        if self._to_drop != here.name:
            self._to_drop = here.name
            kept, narrow = here.kind == "kept", self.screen.has_class("-narrow")
            what = "deletes the vector" if kept else "takes it off the list"
            short = "delete" if kept else "drop it"
            self.update_list(f"d again: {short}" if narrow else f"d again {what}")
            return
        self._to_drop = ""
        try:
            self.shelf.drop(here)
        except RequestError as error:
            self.app.toast(f"{error.cause} {error.remedy}", "warning")
        self._mark(tuple(name for name in self.comparison.marked if name != here.name))
        self._listed_anew()

    def undo(self) -> None:
        """Bring back what was dropped last."""
        try:
            item = self.shelf.bring_back()
        except RequestError as error:
            self.app.toast(f"{error.cause} {error.remedy}", "warning")
            return
        if item is None:
            self.app.toast("Nothing was dropped.", "information")
        else:
            self._listed_anew(item.name)

    def _listed_anew(self, here: str = "") -> None:
        """Show a list in which names may stand for other vectors."""
        self.comparison.forget()
        self.show_list(here)
        self.follow()

    def rename(self) -> None:
        """Ask for another name of a kept vector."""
        here = self.list.here
        if here is None or here.kind != "kept":
            self.app.toast("Only vectors that are kept have a name: v keeps this one.", "information")
            return

        async def take(name: str, again: bool) -> None:
            check_name(name)
            self.shelf.rename(here, name)
            self._listed_anew(name)

        self.app.ask_for(f"rename {self.app.look.prose(here.name)} to", here.name, take)

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

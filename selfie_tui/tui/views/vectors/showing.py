"""How the panes of the view follow the list, the engine and the state."""

from __future__ import annotations

import time

from textual.timer import Timer

from selfie_tui.errors import RequestError
from selfie_tui.records import Event
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.render.styles import Piece, Pieces
from selfie_tui.tui.state import AppState
from selfie_tui.tui.views.vectors.items import about_item, layers_words
from selfie_tui.tui.views.vectors.panes import PanesView
from selfie_tui.tui.views.vectors.result_lines import compared_lines, problem_lines, read_lines, table_lines
from selfie_tui.tui.views.vectors.steer_view import answer_lines, steering_note, unsteered_lines
from selfie_tui.tui.widgets.pause import Pause

STEER_PAUSE = 0.3
"""Seconds without a key after which other settings are steered with."""

STALE = 0.2
"""Seconds for which the results of the line before may stand while others are being computed."""

TOO_FAST = 1 / 15
"""Seconds between two steps of the cursor below which the results do not follow each of them."""


class ShowingView(PanesView):
    """The panes, following the line that is looked at."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.list.moved = self.directions.moved = self.moved
        self.result.resized, self.steer.resized = self.show_result, self.show_steering
        self._pause = Pause(self, TOO_FAST, self.look)
        self._steer_pause = Pause(self, STEER_PAUSE, self.steer_on)
        self.newest = ""
        """The vector that was kept last while another view was shown."""
        self._stale: Timer | None = None
        self._is_stale = False
        """Whether the title says that the results are of another line."""
        self._stepped = 0.0
        self._answered = ""
        """The line that was answered since the cursor came to it, whose answers are shown whole."""

    # The line that is looked at --------------------------------------------------------------------------------------

    @property
    def writing(self) -> bool:
        """Whether a line is being written."""
        return not self.line_field.has_class("-hidden")

    @property
    def line(self) -> str:
        """The line that is looked at: the one that is written, or the vector under the cursor; "" for none."""
        if self.writing:
            return self.line_field.value.strip()
        if self.browsing.item is not None:
            index = self.directions.here
            return "" if index is None else f"{self.browsing.item.line}[{index}]"
        here = self.list.here
        return here.line if here is not None and here.is_vector else ""

    @property
    def title(self) -> str:
        """The line as it is shown."""
        item, index = self.browsing.item, self.directions.here
        if self.writing or (item is None and self.list.here is None):
            return self.line
        if item is not None:
            return f"{item.name}[{index}]" if index is not None else ""
        return self.list.here.name if self.list.here else ""

    def on_show(self) -> None:
        """Catch up with what has changed while another view was shown."""
        self.shelf.model = self.state.model
        self.shelf.list_kept()
        here, self.newest = self.newest, ""
        self.show_list(here)
        self.follow()

    def moved(self) -> None:
        """Follow the cursor."""
        self._answered = ""
        self.follow()

    def follow(self) -> None:
        """Let all panes follow the line that is looked at; while steps come faster than they are read, at a pause."""
        now, before = time.monotonic(), self._stepped
        self._stepped = now
        self.comparison.line = self.steering.line = self.line
        if now - before < TOO_FAST:
            self._pause.again()
        else:
            self.look()

    def look(self) -> None:
        """Ask for what is to be known of the line, and show what is known."""
        if self.display:
            self.look_through()
            self.comparison.line = self.steering.line = self.line
            self.comparison.ask()
            self.show_line()
            self.show_result()
            self.show_steering()

    def look_through(self) -> None:
        """Ask for the directions that are in sight."""
        if self.browsing.item is not None:
            first = self.directions.top
            try:
                like = self.shelf.resolved(self.browsing.like)
            except RequestError as error:
                self.browsing.problem = f"{error.cause} {error.remedy}"
            else:
                self.browsing.ask(first, first + max(self.directions.size.height, 1), like)

    def steer_on(self) -> None:
        """Have the model answer with the settings as they are now."""
        self.steering.ask()
        self.show_steering()

    # What has changed ------------------------------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        if self.comparison.take(event) or self.readings.take(event):
            self.show_line()
            self.show_result()
        if self.steering.take(event):
            self._answered = self.line
            self.show_steering()
        if self.browsing.take(event):
            self.directions.refresh()
            self.directions.settle()
            self.update_list()
            self.look()

    def owns(self, job: int) -> bool:
        return (
            self.comparison.owns(job) or self.readings.owns(job) or self.steering.owns(job) or self.browsing.owns(job)
        )

    def show(self, changed: Changed) -> None:
        if changed.model or changed.edits:
            self.comparison.forget()
            self.readings.forget()
            self.steering.forget()
            self.browsing.forget()
            self.shelf.show_model(self.state.model)
            self.show_list()
            self.follow()
        if changed.tokens and self.display:
            self.show_steering()
        if changed.status:
            self.readings.forget_waiting()
            self.steering.forget_waiting()

    def show_list(self, here: str = "") -> None:
        """Show the vectors that there are now, and how many."""
        self.list.show_items(self.shelf.items, self.comparison.marked, here)
        self.update_list()

    def update_list(self, asked: str = "") -> None:
        """Write below the list what is asked, or how many vectors there are and how many are marked."""
        if self.browsing.item is not None:
            self.list_pane.update_subtitle(asked or self.directions.extent())
            return
        kept = sum(item.kind == "kept" for item in self.shelf.items)
        marked = f"{len(self.comparison.marked)} marked · " if self.comparison.marked else ""
        extent = self.list.extent()
        count = asked or f"{marked}{extent or f'{kept} kept'}"
        self.list_pane.update_subtitle(count)

    # What is drawn ---------------------------------------------------------------------------------------------------

    def show_line(self) -> None:
        """Show the line, and on its border what it is, or why it is nothing."""
        self.line_view.show_line(self.title)
        compared = self.comparison.compared
        problem = self.comparison.problem
        if compared is not None:
            here = compared.here
            edited = " · ✎ edited model" if here.edited else ""
            said = f"{layers_words(here.layers)} · norm {here.norm:.4g} · {here.width}{edited}"
        else:
            said = problem if self.writing else ""
        self.line_pane.update_subtitle(self.app.look.prose(said))

    def show_result(self) -> None:
        """Show what is known of the line; what is known of the one before stands for a moment."""
        pending = self.comparison.is_pending
        if pending and self._stale is None:
            self._stale = self.set_timer(STALE, self.name_stale)
        if not pending:
            self.result.show_lines(self._result_lines())
            self._mark_stale(False)

    def name_stale(self) -> None:
        """Say that the results are still those of another line when this one's are not there in time.

        To take them away, and to draw the new ones on blank lines, would send twice as much.
        """
        self._stale = None
        self._mark_stale(self.comparison.is_pending)

    def _mark_stale(self, stale: bool) -> None:
        if stale != self._is_stale:
            self._is_stale = stale
            self.result_pane.retitle(" …" if stale else "")

    def _result_lines(self) -> list[Pieces]:
        width, look, here = self.result.cells, self.app.look, self.list.here
        if not self.line:
            about = about_item(here) if here is not None and not self.writing else ""
            return problem_lines(about, width, look, "text" if here is not None and here.usable else "warn")
        if self.comparison.problem:
            is_unfinished = self.writing and self.comparison.refusal()
            return [] if is_unfinished else problem_lines(self.comparison.problem, width, look)
        compared = self.comparison.compared
        if compared is None:
            lines: list[Pieces] = [(Piece("…" if self.state.model else "the rest comes with the model", "dim"),)]
        else:
            lines = compared_lines(compared, width, look, brief=not self.result.has_focus)
        lines += read_lines(self.readings.of(self.title), self.readings.problem_of(self.title), width, look)
        if compared is not None and len(self.comparison.marked) > 1:
            lines += [(), *table_lines(compared.others, width, look)]
        return lines

    def show_steering(self) -> None:
        """Show settings and answers, and below them where these differ."""
        exact, before = self.steering.answers, self.steering.before
        answers, look = exact or before, self.app.look
        body: list[Pieces] = []
        if self.steering.problem:
            body = problem_lines(self.steering.problem, self.steer.cells, look)
        elif answers is not None:
            whole = self.steer.has_focus or self._answered == self.line or bool(self.steering.origin)
            body = answer_lines(answers, self.steer.cells, look, stale=exact is None, brief=not whole)
        elif self.steering.waiting:
            body = [(Piece("waits for what runs", "dim"),)]
        elif self.line and not self.comparison.problem:
            body = unsteered_lines(self.steering.plain, self.steer.cells, look)
        self.steer.show_steering(self.steering.settings, body)
        differs = steering_note(answers, self.steer.cells) if answers is not None and exact is not None else ""
        parts = [part for part in (self.steering.origin, differs) if part]
        self.steer_pane.update_subtitle(" · ".join(parts))

    def under_way(self) -> Pieces:
        if self.steering.running:
            done, most = self.steering.tokens_done
            return (Piece(f"steering {done} of {most} tokens", "accent"),)
        if self.readings.running:
            return (Piece("interpreting the vector", "accent"),)
        return ()

    # Sizes -----------------------------------------------------------------------------------------------------------

    def on_descendant_focus(self) -> None:
        """Bring results or steering to the front where one of them has the keys; steer a text that was written anew.

        What the keys go to is shown whole.
        """
        if self.steering.is_of_other_prompt:
            self._steer_pause.again()
        for pane in (self.result_pane, self.steer_pane):
            if pane.has_class("-active"):
                self.bring_to_front(pane)
        self.turn_columns()
        self.show_steering()

    def on_resize(self) -> None:
        """Lay out all lines anew."""
        self.call_after_refresh(self.follow)
        self.call_after_refresh(self.update_list)

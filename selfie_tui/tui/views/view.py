"""What a view is: the panes of one way to look at a model, between a state that it reads and keys that it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.widget import Widget

from selfie_tui.records import Cell, Event, RunTask
from selfie_tui.results.entries import RunBegan
from selfie_tui.tui.action import Action, Scope, Section
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.host import Host
from selfie_tui.tui.keepable import Keepable, KeepableLine, keepable_of
from selfie_tui.tui.pages.palette import Command
from selfie_tui.tui.render.styles import Pieces
from selfie_tui.tui.runs import Run
from selfie_tui.tui.state import AppState
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.pane import Pane

FRAME_PANES = frozenset({"model", "prompt", "layers"})


class View(Widget):
    """One way to look at a model; a package under `views`, and an entry in `VIEWS`.

    `LETTER` shows it from outside text fields, `FUNCTION_KEY` from anywhere. Of the frame's panes it keeps
    `FRAME_PANES` in sight; its own are `panes`, the first of which has the keys at first.
    """

    DEFAULT_CSS = "View { height: 1fr; layout: vertical; }"
    NAME: ClassVar[str]
    TITLE: ClassVar[str]
    LETTER: ClassVar[str]
    FUNCTION_KEY: ClassVar[str]
    SCOPES: ClassVar[tuple[Scope, ...]] = ()
    ACTIONS: ClassVar[tuple[Action, ...]] = ()
    SECTIONS: ClassVar[Mapping[Scope, Section]] = {}
    FRAME_PANES: ClassVar[frozenset[str]] = FRAME_PANES
    JOB: ClassVar[str] = "interpret"
    """The word for what the view's job does."""
    TEXT: ClassVar[bool] = True
    """Whether the prompt's text stands above its tokens when it is not being typed."""
    PROMPT_OVER: ClassVar[bool] = False
    """Whether a view without the prompt's pane has the prompt edited over itself, instead of in the first view."""
    app: Host

    def __init__(self, state: AppState) -> None:
        super().__init__(id=self.NAME)
        self.state = state
        self.panes: tuple[Pane, ...] = ()

    def compose(self) -> ComposeResult:
        yield from self.panes

    @property
    def beside(self) -> Pane | None:
        """The pane that stays in sight under the prompt where the screen is too small for more."""
        return self.panes[-1] if self.panes else None

    def take(self, event: Event) -> None:
        """Take an event of the engine, after the state has taken it."""

    def owns(self, job: int) -> bool:
        """Whether a job is the view's own, which then says itself what there is to know of it, or why it is refused."""
        return False

    def show(self, changed: Changed) -> None:
        """Show what has changed in the state."""

    def copyable(self, *, all: bool) -> tuple[str, str] | None:
        """What is copied with the focus in this view, and what that is called: the cursor's own, or all there is."""
        return None

    def exportable(self) -> Exportable | None:
        """What the view has to export: what the cursor is on; None where there is nothing."""
        return None

    @property
    def cell_here(self) -> Cell:
        """The cell under the shared cursor; where a map has blocks of cells, the one that stands for the block."""
        return Cell(self.state.selection.layer, self.state.selection.position)

    def keepable(self) -> Keepable | KeepableLine | None:
        """The states that can be kept as a vector: those of the marks, or of the cell; None where there are none."""
        return keepable_of(self.state, self.cell_here)

    def problem(self) -> str:
        """Why the view's job cannot be run with the present settings; "" where it can."""
        return ""

    def job_cells(self) -> tuple[Cell, ...]:
        """The cells that the view's job would read; many are confirmed first."""
        return ()

    def run_job(self) -> None:
        """Run the view's job over the selected cells; called once the model and the tokens of the prompt are there."""

    def under_way(self) -> Pieces:
        """What a job of the view's own is doing, which is no run; nothing where it has none."""
        return ()

    def outcome(self) -> Pieces:
        """How the view's own job ended last; nothing where what is told is how the last run ended."""
        return ()

    def job_dropped(self) -> None:
        """Take note that the job which was to be confirmed, or which waited, will not run."""

    def open_run(self, run: Run, query: str = "") -> None:
        """Show a run that was kept as if it were just run, searched for the text by which it was found."""

    def open_kept(self, began: RunBegan, events: Sequence[Event], origin: str, kept_as: str = "") -> None:
        """Show a run of the view's own method that was kept as if it were just run.

        `events` are those that the engine yielded, as far as they were kept; `origin` says when: `from 24 Nov 11:34`;
        `kept_as` is its name among all sessions.
        """

    def resume_kept(self, task: RunTask) -> None:
        """Go on with the run that was opened last, which stopped; the task has what it left."""
        self.state.submit(task)

    def search_field(self) -> Field | None:
        """The field of the view's search; None where there is nothing to search."""
        return None

    def find(self, direction: int) -> bool:
        """Go to the next match in a direction; False where there is none."""
        return False

    def step_out(self) -> bool:
        """Go one level out inside the view, as from a search; False where it is at its outermost."""
        return False

    def preset_field(self) -> Field | None:
        """The field of the interpretation prompt, with its text in it; None where the view has none."""
        return None

    def commands(self) -> Iterable[Command]:
        """What the palette offers in this view beside its actions."""
        return ()

    def choices(self) -> Iterable[str]:
        """The names that `choose` knows."""
        return ()

    def choose(self, name: str) -> bool:
        """Choose a preset, or what else the view knows by name; False where it does not know it."""
        return False

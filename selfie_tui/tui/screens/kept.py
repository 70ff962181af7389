"""Runs that were kept: listed when the program has begun, followed as they come, opened, gone on with, deleted."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from textual import on
from textual.timer import Timer

from selfie_tui.errors import SelfieError
from selfie_tui.records import ControlLayer, Interpret, LoadModel, ModelInfo, PatchActivations, RunTask, Steer, Task
from selfie_tui.results.history import read_began
from selfie_tui.results.resuming import DECISIVE, check_resumable, differences, resume_task
from selfie_tui.results.stored import StoredRun
from selfie_tui.results.undeleting import put_back
from selfie_tui.tui import views
from selfie_tui.tui.background import in_background
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.kept import played_back, read_back
from selfie_tui.tui.opening import ask_again, next_number, resume, run_open, take_opened, under_way
from selfie_tui.tui.runs import Run
from selfie_tui.tui.screens.keeping import KeepingScreen
from selfie_tui.tui.screens.kept_pages import PAGES
from selfie_tui.tui.state import AppState
from selfie_tui.tui.widgets.messages import DeletionRegretted, RunWanted

FOLLOW = 1.0
"""Seconds after which results of a run that is under way are looked for in the session's file."""

SOON = 0.05
"""Seconds after which a run that is new or has ended is looked for there."""

SHOWN_IN: dict[type[Task], str] = {PatchActivations: "patch", Steer: "vectors", ControlLayer: "vectors"}
"""The views that show runs of their own, by the type of the task; others have a page, and readings are in the log."""


class KeptScreen(KeepingScreen):
    """The views, with the runs of all sessions at hand."""

    def __init__(self, state: AppState, device: str, dtype: str) -> None:
        super().__init__(state, device, dtype)
        self._following: Timer | None = None
        self._to_resume: StoredRun | None = None
        """The run that is gone on with once its model is loaded."""

    def show(self, changed: Changed) -> None:
        super().show(changed)
        self._say_missing()
        if changed.run is not None and not changed.run.origin:
            self._follow(changed.run, ended=changed.header)
        elif changed.header and changed.run is None:
            self._follow_other(changed.ended or self.state.sent.of(self.state.running))
        if self._to_resume is not None and (changed.model or isinstance(changed.ended, LoadModel)):
            stored, self._to_resume = self._to_resume, None
            if changed.model:
                self._start(self._resume(stored))

    # Which there are -------------------------------------------------------------------------------------------------

    def list_kept(self) -> None:
        """Look for the runs of all sessions, while the interface goes on."""
        self.run_worker(self._list_kept(), group="kept")

    async def _list_kept(self) -> None:
        self.state.kept.take(await in_background(self.state.kept.find))
        for problem in self.state.kept.problems:
            self.app.toast(problem, "warning")
        self.show(Changed(kept=True))

    def _follow(self, run: Run, *, ended: bool) -> None:
        """Look for what has been written of a run of this session: now when it ended or is new, else in a while."""
        kept = self.state.kept
        if kept.own is None or not kept.listed:
            return
        soon = ended or kept.of_job(run.number) is None
        if self._following is not None and soon:
            self._following.stop()
        elif self._following is not None:
            return
        self._following = self.set_timer(SOON if soon else FOLLOW, self._find_own)

    def _follow_other(self, task: Task | None) -> None:
        """Look for what has been written of a run that a view keeps for itself, which began or ended."""
        kept = self.state.kept
        if is_of_its_own(task) and kept.own is not None and kept.listed:
            if self._following is not None:
                self._following.stop()
            self._following = self.set_timer(SOON, self._find_own)

    def _find_own(self) -> None:
        self._following = None
        if self.state.kept.own is not None:
            self.run_worker(self._find_in(self.state.kept.own), group="kept")

    async def _find_in(self, path: Path) -> None:
        kept = self.state.kept
        try:
            found = await in_background(partial(kept.find_in, path))
        except OSError as error:
            self.app.toast(f"{path}: {error.strerror}", "warning")
            return
        kept.take_in(path, found)
        self.show(Changed(kept=True))
        if self._following is None and any(run.ending == "running" and is_of_its_own(run.began.task) for run in found):
            self._following = self.set_timer(FOLLOW, self._find_own)

    # What is done with one -------------------------------------------------------------------------------------------

    @on(RunWanted)
    def run_wanted(self, event: RunWanted) -> None:
        """Do what is wanted with a run."""
        stored = event.stored
        if event.what == "resume":
            self.resume(stored)
        else:
            self._start(
                self._delete(stored)
                if event.what == "delete"
                else self._open(stored, event.query, again=event.what == "again")
            )

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self.run_worker(self._refusing(work), group="run")

    async def _refusing(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something with a run; a run that has been changed since it was listed is said, and all are listed anew."""
        try:
            await work
        except SelfieError as error:
            self.app.toast(f"{error.cause} {error.remedy}", "error")
        except (OSError, ValueError) as error:
            self.app.toast(f"The run cannot be read: {error}. It was changed since it was listed.", "error")
            self.list_kept()

    async def _open(self, stored: StoredRun, query: str, *, again: bool) -> None:
        if again and type(stored.began.task) in (*PAGES, ControlLayer):
            await self._make_again(stored)
            return
        if is_of_its_own(stored.began.task):
            await self._show_played_back(stored)
            if again:
                self._say_differences(stored)
                self.action_interpret()
            return
        run = run_open(self.state, stored)
        if run is None:
            run = await in_background(partial(read_back, stored, next_number(self.state)))
            changed = take_opened(self.state, stored, run)
        else:
            changed = ask_again(self.state, run)
        there, all = self.state.asked_again
        await self._show_opened(run, changed, "" if again else query)
        if again and (there or not all):  # where the tokens are still to come, what waits for them is dropped then
            self._say_differences(stored)
            self.action_interpret()

    async def _show_opened(self, run: Run, changed: Changed, query: str = "") -> None:
        await self.action_view(views.VIEWS[0].NAME)
        self.prompt_text.value = run.request.prompt
        self.view.open_run(run, query)
        self.show(changed)

    async def _show_played_back(self, stored: StoredRun) -> None:
        """Show a run in the view of its own method, or on its page."""
        kind = type(stored.began.task)
        found = await in_background(partial(played_back, stored))
        if kind in PAGES:
            if self.app.screen is self:
                PAGES[kind].show(self, stored, found)
            return
        name = SHOWN_IN[kind]
        await self.action_view(name)
        self.view.open_kept(*found)
        self.update_status()

    async def _make_again(self, stored: StoredRun) -> None:
        """Make a run again whose view has no settings for it, with the current model."""
        if self.state.model is None:
            self.app.toast("No model is loaded yet.", "information")
            return
        began = await in_background(partial(read_began, stored))
        self._say_differences(stored)
        await self._begin(stored.kind.again(began.task))

    async def _begin(self, task: RunTask) -> None:
        """Begin a run on its page, or in the view of its own method."""
        if type(task) in PAGES:
            PAGES[type(task)].begin(self, task)
        else:
            await self.action_view(SHOWN_IN[type(task)])
            self.view.resume_kept(task)
        self.update_status()

    def _say_missing(self) -> None:
        """Say how many cells of an opened run the model does not have; where it has none, nothing is asked again."""
        there, all = self.state.asked_again
        self.state.asked_again = (0, 0)
        if there < all:
            had = f"{all - there} of its {all} cells are not" if there else "None of its cells is"
            self.app.toast(f"{had} in this model: other tokens, layers or stack.", "warning")
        if all and not there:
            self.state.pending_view = ""

    def _say_differences(self, stored: StoredRun) -> None:
        model = self.state.model
        changed = differences(stored.began, model) if model is not None else ()
        if changed:
            self.app.toast(f"Not as it was then: {', '.join(map(str, changed))}.", "warning")

    # Going on with one -----------------------------------------------------------------------------------------------

    def resume(self, stored: StoredRun) -> None:
        """Go on with a run that stopped; with its model, which is loaded first where it is another."""
        if not stored.is_partial:
            self.app.toast(
                "This run is still running." if stored.ending == "running" else "This run is whole: enter opens it.",
                "information",
            )
        elif self.state.model is not None and not other_model(stored, self.state.model):
            self._start(self._resume(stored))
        else:
            began = stored.began
            self.app.confirm(f"Loading {began.model}, to go on with its run.")
            self._to_resume = stored
            if began.info is not None and began.info.layer_paths:
                self.state.layer_paths[began.model] = began.info.layer_paths
            self.state.load(began.model, self.models.device, began.info.dtype if began.info else self.models.dtype)
            self.update_status()

    async def _resume(self, stored: StoredRun) -> None:
        task = await in_background(partial(resume_task, stored))
        if self.state.model is None or under_way(self.state, task):
            return
        check_resumable(stored.began, self.state.model)
        if not isinstance(task, Interpret):
            if type(task) not in PAGES:
                await self._show_played_back(stored)
            await self._begin(task)
            return
        run = resume(self.state, stored, task)
        await self._show_opened(run, ask_again(self.state, run))

    # Deleting one ----------------------------------------------------------------------------------------------------

    async def _delete(self, stored: StoredRun) -> None:
        kept = self.state.kept
        lines = await in_background(partial(kept.delete, stored))
        kept.deleted.append((stored, lines))
        await self._find_in(stored.path)
        self.app.confirm("Deleted the run. u takes that back.")

    @on(DeletionRegretted)
    def take_back(self) -> None:
        """Take the last deletion back."""
        if self.state.kept.deleted:
            self._start(self._take_back(*self.state.kept.deleted.pop()))
        else:
            self.app.toast("Nothing was deleted.", "information")

    async def _take_back(self, stored: StoredRun, lines: bytes) -> None:
        await in_background(partial(put_back, stored.path, lines))
        await self._find_in(stored.path)

    def action_interpret(self) -> None:
        """Run the job of the view."""
        raise NotImplementedError

    def ask_other(self) -> None:
        """Ask for another model to compare with."""
        raise NotImplementedError


def is_of_its_own(task: Task | None) -> bool:
    """Whether a task makes a run that is not in the log."""
    return isinstance(task, RunTask) and not isinstance(task, Interpret)


def other_model(stored: StoredRun, model: ModelInfo) -> bool:
    """Whether a run was made with another model than this one, or in another precision."""
    return any(difference.name in DECISIVE for difference in differences(stored.began, model))

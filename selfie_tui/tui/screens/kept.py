"""Runs that were kept: listed when the program has begun, followed as they come, opened as if just run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
from textual import on
from textual.binding import BindingsMap
from textual.timer import Timer

from selfie_tui.errors import SelfieError
from selfie_tui.presets import RESERVED
from selfie_tui.results import writers
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui import views
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.background import in_background
from selfie_tui.tui.exporting import Exportable, proposed_name
from selfie_tui.tui.kept import read_back
from selfie_tui.tui.opening import ask_again, next_number, run_open, take_opened
from selfie_tui.tui.restoring import offer_saved
from selfie_tui.tui.runs import Run
from selfie_tui.tui.screens.source import DRAFT_PAUSE
from selfie_tui.tui.screens.views import ViewScreen
from selfie_tui.tui.state import AppState, Changed
from selfie_tui.tui.widgets.messages import RunWanted
from selfie_tui.tui.widgets.models import ModelList

FOLLOW = 1.0
"""Seconds after which results of a run that is under way are looked for in the session's file."""


class KeptScreen(ViewScreen, inherit_bindings=False):
    """The views, with the runs of all sessions at hand."""

    BINDINGS = bindings("main", "views")

    def __init__(self, state: AppState, device: str, dtype: str) -> None:
        super().__init__(state, device, dtype)
        self._bindings = BindingsMap(bindings("main", "views"))
        self._following: Timer | None = None
        self._keeping: Timer | None = None
        self._to_keep: set[str] = set()
        """What the user has chosen that the next start is to have, and that is not kept yet."""

    def show(self, changed: Changed) -> None:
        super().show(changed)
        if changed.run is not None and not changed.run.origin:
            self._follow(changed.run, ended=changed.header)
        if (changed.settings or changed.stack) and not changed.model:
            self._remember_soon(settings=changed.settings, stack=changed.stack)

    # For the next start ----------------------------------------------------------------------------------------------

    @on(ModelList.PlacementChanged)
    def placement_changed(self) -> None:
        """Keep the chosen device and precision."""
        self._remember_soon(device=True, dtype=True)

    def _remember_soon(self, **fields: bool) -> None:
        """Keep these for the next start, once there is a pause."""
        self._to_keep |= {name for name, changed in fields.items() if changed}
        if self._keeping is not None:
            self._keeping.stop()
        self._keeping = self.set_timer(DRAFT_PAUSE, self.remember_all)

    def remember_all(self) -> None:
        """Keep the draft and what has been chosen for the next start, now."""
        now = {
            "settings": self.state.settings,
            "stack": self.state.stack,
            "device": self.models.device,
            "dtype": self.models.dtype,
        }
        self.app.remember(draft=self.prompt_text.value, **{name: now[name] for name in self._to_keep})
        self._to_keep.clear()

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
        self._following = self.set_timer(0.05 if soon else FOLLOW, self._find_own)

    def _find_own(self) -> None:
        self._following = None
        if self.state.kept.own is not None and self.state.kept.own.exists():
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

    # Opening ---------------------------------------------------------------------------------------------------------

    @on(RunWanted)
    def run_wanted(self, event: RunWanted) -> None:
        """Open a run, and ask the same again where that is wanted."""
        self.run_worker(self._open(event.stored, again=event.again), exclusive=True, group="open")

    async def _open(self, stored: StoredRun, *, again: bool) -> None:
        run = run_open(self.state, stored)
        if run is None:
            try:
                run = await in_background(partial(read_back, stored, next_number(self.state)))
            except (OSError, msgspec.DecodeError) as error:
                self.app.toast(f"The run cannot be read: {error}. It was changed since it was listed.", "error")
                self.list_kept()
                return
            changed = take_opened(self.state, stored, run)
        else:
            changed = ask_again(self.state, run)
        await self.action_view(views.VIEWS[0].NAME)
        self.prompt_text.value = run.request.prompt
        self.view.open_run(run)
        self.show(changed)
        if again:
            self.action_interpret()

    # Exporting -------------------------------------------------------------------------------------------------------

    def action_export(self) -> None:
        """Ask for a file, and write to it what the view has to export."""
        exportable = self.view.exportable()
        if exportable is None:
            self.app.toast("There is nothing to export yet: enter makes readings.", "information")
        else:
            self.export(exportable)

    def export(self, exportable: Exportable) -> None:
        """Ask for a file in the folder that the program was started in, and write to it."""

        async def write(typed: str, again: bool) -> None:
            path = Path(typed).expanduser()
            try:
                done = await in_background(lambda: writers.export(exportable.entries(), path, overwrite=again))
            except writers.FileThere as there:
                raise SelfieError("There is such a file.", "Once more: enter overwrites it") from there
            self.app.toast(f"Exported {done}", "information")

        self.ask_for(f"export {exportable.what} to", proposed_name(exportable, Path.cwd()), write)

    # Presets of one's own --------------------------------------------------------------------------------------------

    def action_save_preset(self) -> None:
        """Ask for a name, and keep the interpretation prompt under it."""
        preset = self.state.settings.preset

        async def save(name: str, again: bool) -> None:
            named = msgspec.structs.replace(preset, name=name, source="")
            taken = next((known for known in self.state.bounds.presets if known.name == name), None)
            if taken is not None and name not in RESERVED and not again:
                raise SelfieError("There is such a preset.", "Once more: enter replaces it")
            path = self.app.save_preset(named)
            offer_saved(self.state, named)
            self.show(Changed(settings=True))
            self.app.toast(f"Saved: {path}", "information")

        self.ask_for("save this interpretation prompt as", "" if preset.name in RESERVED else preset.name, save)

    def action_interpret(self) -> None:
        """Run the job of the view."""
        raise NotImplementedError

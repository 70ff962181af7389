"""What is written for later: choices for the next start, presets of one's own, vectors, exports."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
from textual import on
from textual.timer import Timer

from selfie_tui.errors import SelfieError
from selfie_tui.paths import under_home
from selfie_tui.presets import RESERVED
from selfie_tui.tui.background import in_background
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.exporting import Exportable, proposed_name
from selfie_tui.tui.restoring import offer_saved
from selfie_tui.tui.screens.source import DRAFT_PAUSE
from selfie_tui.tui.screens.views import ViewScreen
from selfie_tui.tui.state import AppState
from selfie_tui.tui.widgets.models import ModelList


class KeepingScreen(ViewScreen):
    """The views, with keys that write what is on the screen to files."""

    def __init__(self, state: AppState, device: str, dtype: str) -> None:
        super().__init__(state, device, dtype)
        self._keeping: Timer | None = None
        self._to_keep: set[str] = set()
        """What the user has chosen that the next start is to have, and that is not kept yet."""
        self._placement_untried = False
        """Whether a device or precision was chosen that no model has been loaded with."""

    def show(self, changed: Changed) -> None:
        super().show(changed)
        if (changed.settings or changed.stack) and not changed.model:
            self._remember_soon(settings=changed.settings, stack=changed.stack)
        if changed.model and self._placement_untried:
            self._placement_untried = False
            self._remember_soon(device=True, dtype=True)

    # For the next start ----------------------------------------------------------------------------------------------

    @on(ModelList.PlacementChanged)
    def placement_changed(self) -> None:
        """Keep the chosen device and precision once a model is loaded with them: the next start begins with a load."""
        self._placement_untried = True

    def _remember_soon(self, **fields: bool) -> None:
        """Keep these for the next start, once there is a pause."""
        self._to_keep |= {name for name, changed in fields.items() if changed}
        if self._keeping is not None:
            self._keeping.stop()
        self._keeping = self.set_timer(DRAFT_PAUSE, self.remember_all)

    def remember_all(self) -> str:
        """Keep the draft and what has been chosen for the next start, now; what `Host.remember` says of it."""
        now = {
            "settings": self.state.settings,
            "stack": self.state.stack,
            "device": self.models.device,
            "dtype": self.models.dtype,
        }
        chosen = {name: now[name] for name in self._to_keep}
        self._to_keep.clear()
        return self.app.remember(draft=self.prompt_text.value, **chosen)

    # Presets of one's own --------------------------------------------------------------------------------------------

    def action_save_preset(self) -> None:
        """Ask for a name, and keep the interpretation prompt under it."""
        preset = self.state.settings.preset

        async def save(name: str, again: bool) -> None:
            named = msgspec.structs.replace(preset, name=name, source="")
            taken = any(known.name == name for known in self.state.bounds.presets)
            if taken and name not in RESERVED and not again:
                raise SelfieError("There is such a preset.", "Once more: enter replaces it")
            path = self.app.save_preset(named)
            offer_saved(self.state, named)
            self.show(Changed(settings=True))
            self.app.confirm(f"Saved: {under_home(str(path))}")

        self.ask_for("save this interpretation prompt as", "" if preset.name in RESERVED else preset.name, save)

    # Vectors ---------------------------------------------------------------------------------------------------------

    def action_keep_vector(self) -> None:
        """Ask for a name, and keep the state of the cell, or the mean of those that are marked, under it."""
        keepable = self.view.keepable()
        if keepable is None:
            self.app.toast("There is no state to keep here: it comes with the model and the tokens.", "information")
            return

        async def keep(name: str, again: bool) -> None:
            self.state.submit(keepable.task(name, self.app.vectors_dir, overwrite=again))

        self.ask_for(f"keep {keepable.what} as the vector", keepable.name, keep)

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
            from selfie_tui.results import writers  # not needed for the first paint

            path = Path(typed).expanduser()
            try:
                if exportable.write is not None:
                    done: object = await in_background(partial(exportable.write, path, again))
                else:
                    done = await in_background(lambda: writers.export(exportable.entries(), path, overwrite=again))
            except writers.FileThere as there:
                raise SelfieError("There is such a file.", "Once more: enter overwrites it") from there
            self.app.confirm(f"Exported {done}")

        self.ask_for(f"export {exportable.what} to", proposed_name(exportable, Path.cwd()), write)

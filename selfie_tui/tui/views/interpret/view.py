"""Interpretations of hidden states: the settings of a run above, all runs of the session below."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from textual import on
from textual.widgets import Input

from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.modes import MODES
from selfie_tui.records import EMBED, Cell, Event, Notice, layer_name
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.changes import Changed
from selfie_tui.tui.exporting import Exportable, exportable_of
from selfie_tui.tui.kept import local, moment
from selfie_tui.tui.pages.palette import Command
from selfie_tui.tui.state import AppState
from selfie_tui.tui.status import key_of
from selfie_tui.tui.views.interpret.actions import ACTIONS, SECTIONS
from selfie_tui.tui.views.interpret.beside import Beside
from selfie_tui.tui.views.interpret.log import Log
from selfie_tui.tui.views.view import View
from selfie_tui.tui.widgets.bars import Fixed
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.lines import TALL
from selfie_tui.tui.widgets.pane import Pane
from selfie_tui.tui.widgets.preset_view import PresetView
from selfie_tui.tui.widgets.settings_line import SettingsLine

if TYPE_CHECKING:
    from selfie_tui.tui.runs import Run


class InterpretView(View):
    """What the model says of the states that are injected into an interpretation prompt."""

    NAME, TITLE, LETTER, FUNCTION_KEY = "interpret", "Read", "R", "f2"
    ACTIONS, SECTIONS = ACTIONS, SECTIONS
    DEFAULT_CSS = """
    InterpretView #settings-pane { height: auto; }
    InterpretView #log { height: 1fr; }
    """

    def __init__(self, state: AppState) -> None:
        super().__init__(state)
        self.settings = SettingsLine(state, id="settings")
        self.preset_text = Field(
            placeholder="interpretation prompt, with _ as placeholder", id="preset-text", classes="-hidden"
        )
        self.preset_view = PresetView(id="preset")
        self.log_view = Log(id="interpretations")
        self.search_text = Field(placeholder="search", id="search", classes="-hidden")
        self.settings_pane = Pane(
            3,
            "Settings",
            self.settings,
            self.preset_text,
            self.preset_view,
            id="settings-pane",
            above=(Fixed(" 3", id="settings-digit"),),
            classes="-described",
        )
        self.log_pane = Pane(5, "Interpretations", self.log_view, self.search_text, id="log")
        self.panes = (self.settings_pane, self.log_pane)
        self._beside = Beside(state)
        self._runs: list[Run] = []
        """The runs of the log, in the order in which they were made or opened."""

    # What has changed ------------------------------------------------------------------------------------------------

    def take(self, event: Event) -> None:
        if isinstance(event, Notice) and event.severity != "information":
            self.log_view.notice(event.text, event.severity)

    def show(self, changed: Changed) -> None:
        if changed.settings:
            self.settings.show_settings()
            self.describe_setting()
            self.preset_view.show_preset(self.state.settings.preset)
        elif changed.calibration or changed.model:
            self.describe_setting()
        if changed.preset and self.state.preset_tokens is not None:
            self.preset_view.show_tokens(self.state.preset_tokens)
            self._fold()
        if changed.kept:
            self.log_view.show_earlier(earlier(self.state.kept.before, key_of("view.history", self.app.keymap)))
        if changed.run is not None:
            self._show_run(changed.run, changed)
        self._show_beside(changed)

    def _show_beside(self, changed: Changed) -> None:
        """Put what a pair's source says under what this prompt says, where it is something else."""
        run = changed.run
        if changed.pair or changed.tokens or changed.model or changed.edits or changed.stack or changed.header:
            self._beside.look()
            for shown in self._runs:
                self.log_view.put_beside(shown, self._beside.texts(shown))
        elif run is not None and (new := self._beside.texts(run, changed.indices)):
            self.log_view.add_beside(run, new)

    def _show_run(self, run: Run, changed: Changed) -> None:
        """Show what of a run has changed; one that another view has made is shown from when it begins."""
        if run not in self._runs:
            self._begin(run)
        if changed.header:
            self.log_view.update_header(run)
        for index in changed.indices:
            self.log_view.update(run, index)
        if not changed.header and any(run.finished(index) for index in changed.indices):
            self.log_view.update_header(run)

    # Settings --------------------------------------------------------------------------------------------------------

    @on(SettingsLine.Moved)
    def describe_setting(self) -> None:
        """Describe the setting under the cursor on the pane's border."""
        self.settings_pane.update_subtitle(self.app.look.prose(self.settings.description()))

    @on(Input.Changed, "#preset-text")
    def preset_typed(self, event: Input.Changed) -> None:
        """Use the interpretation prompt as it is typed."""
        if event.value != self.settings.values.preset.text:
            self.settings.choose_text(event.value)

    def preset_field(self) -> Field:
        self.preset_text.value = self.settings.values.preset.text
        return self.preset_text

    def on_descendant_focus(self) -> None:
        """Describe the setting where the keys go to the settings."""
        self.describe_setting()
        self._fold()

    def on_descendant_blur(self) -> None:
        """Describe the settings as a whole where the keys go elsewhere."""
        self.describe_setting()
        self._fold()

    def on_resize(self) -> None:
        """Fold the settings on a low screen."""
        self._fold()

    def _fold(self) -> None:
        """On a low screen the settings are one line, unless the keys go there or the prompt cannot be used."""
        unfolded = self.settings_pane.has_class("-active") or self.preset_view.problem
        self.settings_pane.set_class(self.app.size.height < TALL and not unfolded, "-folded")

    # Runs ------------------------------------------------------------------------------------------------------------

    def problem(self) -> str:
        problem = self.preset_view.problem
        return f"This interpretation prompt cannot be used. {problem}" if problem else ""

    def job_cells(self) -> tuple[Cell, ...]:
        return self.state.selection.cells()

    def run_job(self) -> None:
        cells = self.state.selection.cells()
        if not cells:
            return
        run = self.state.interpret(cells)
        if run is None:
            self.app.toast("These cells are being interpreted already.", "information")
        else:
            self._begin(run)

    def _begin(self, run: Run) -> None:
        self._runs.append(run)
        self.log_view.begin(run)

    def open_run(self, run: Run, query: str = "") -> None:
        if run not in self._runs:
            self._runs.append(run)
        self.log_view.open(run)
        if query:
            with self.search_text.prevent(Input.Changed):
                self.search_text.value = query
            self.search_text.remove_class("-hidden")
            self.log_view.search_from_here(query)
        self.screen.set_focus(self.log_view)

    @on(Log.DetailsWanted)
    def show_details(self, event: Log.DetailsWanted) -> None:
        """Open the details of an interpretation; the cursor goes with them to the one where they are closed."""
        if self.app.screen is not self.screen:
            return  # a page that an earlier key of the same burst has opened
        from selfie_tui.tui.views.interpret.details import DetailsScreen  # not needed for the first paint

        page = DetailsScreen(self.log_view, event.run, event.index, self.app.look)

        def closed(_: object) -> None:
            self.log_view.go_to_reading(page.run, page.index)

        self.app.push_screen(page, closed)

    # Search ----------------------------------------------------------------------------------------------------------

    def search_field(self) -> Field:
        return self.search_text

    @on(Input.Changed, "#search")
    def search_typed(self, event: Input.Changed) -> None:
        """Search while typing."""
        self.log_view.search(event.value)

    def find(self, direction: int) -> bool:
        return self.log_view.find(direction)

    def step_out(self) -> bool:
        if not self.search_text.value:
            return False
        self.search_text.value = ""
        self.log_view.search("")
        if self.search_text.has_focus:
            self.screen.set_focus(self.log_view)
        self.search_text.add_class("-hidden")
        return True

    # Exporting -------------------------------------------------------------------------------------------------------

    def exportable(self) -> Exportable | None:
        """The run under the cursor of the log; the last one while the keys go elsewhere."""
        run = self.log_view.run_here if self.log_view.has_focus else None
        run = run or (self._runs[-1] if self._runs else None)
        return exportable_of([run], self.state.kept) if run is not None and run.interpretations else None

    def export_all(self) -> None:
        """Export all runs of the log to one file."""
        runs = [run for run in self._runs if run.interpretations]
        if runs:
            self.app.export(exportable_of(runs, self.state.kept))
        else:
            self.app.toast("There is nothing to export yet.", "information")

    # Copying and choosing --------------------------------------------------------------------------------------------

    def copyable(self, *, all: bool) -> tuple[str, str] | None:
        if self.log_view.has_focus:
            if all:
                return self.log_view.copyable_all(), "the interpretations"
            return self.log_view.copyable(), "the interpretation"
        return (self.settings.values.preset.text, "the interpretation prompt") if self.settings.has_focus else None

    def change(self, settings: InterpretSettings) -> None:
        """Use these settings from now on."""
        self.settings.choose(settings)

    def choices(self) -> Iterator[str]:
        return (preset.name for preset in self.settings.bounds.presets)

    def choose(self, name: str) -> bool:
        preset = next((preset for preset in self.settings.bounds.presets if preset.name == name), None)
        if preset is not None:
            self.change(msgspec.structs.replace(self.settings.values, preset=preset))
        return preset is not None

    def commands(self) -> Iterator[Command]:
        look, bounds = self.app.look, self.settings.bounds
        changed = partial(msgspec.structs.replace, self.settings.values)
        for preset in bounds.presets:
            run = partial(self.change, changed(preset=preset))
            yield Command(f"Preset: {look.prose(preset.name)}", "the interpretation prompt", run)
        for mode in MODES.values():
            run = partial(self.change, changed(mode=mode.name))
            yield Command(f"Mode: {mode.name}", look.glyphs(mode.formula), run)
        yield Command("Export all runs of the log", "to one file, its ending is the format", self.export_all, "save")
        for layer in range(EMBED, bounds.blocks):
            run = partial(self.change, changed(injection_layer=layer))
            yield Command(f"Inject at: {layer_name(layer)}", "the injection layer", run)


def earlier(run: StoredRun | None, key: str) -> str:
    """How to open the last run of an earlier session: `H enter opens the 90 readings of yesterday 18:02.`"""
    if run is None:
        return ""
    readings = f"{run.done} reading{'' if run.done == 1 else 's'}"
    return f"{key} enter opens the {readings} of {moment(local(run.began.began))}."

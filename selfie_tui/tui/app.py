"""The application: a thin shell around the main screen that owns the jobs, the look, the clipboard and what is kept."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from textual.driver import Driver
from textual.message import Message
from textual.screen import Screen

from selfie_tui import paths, themes
from selfie_tui.jobs import Engine, Jobs, default_engine
from selfie_tui.records import Event, Notice
from selfie_tui.results import sessions
from selfie_tui.results.calibrations import CalibrationKeeper
from selfie_tui.results.recorder import Recorder
from selfie_tui.tui.action import Action, Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.calibrations import Calibrations
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.handlers import handle
from selfie_tui.tui.host import Answer
from selfie_tui.tui.kept import KeptRuns
from selfie_tui.tui.keymap import UNBOUND, resolve
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.restoring import placement, restore
from selfie_tui.tui.screens.main import MainScreen
from selfie_tui.tui.state import AppState
from selfie_tui.tui.themed import ThemedApp
from selfie_tui.tui.widgets.field import Field
from selfie_tui.tui.widgets.pane import Pane

log = logging.getLogger(__name__)

FIRST_PROMPT = "The Eiffel Tower is located in the city of"
TWICE = 2.0
"""Seconds within which a second ctrl+c quits."""


class EngineEvent(Message, bubble=False):
    """An event of the engine, on its way from the job thread to the main screen."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class SelfieApp(ThemedApp, inherit_bindings=False):
    """Self-interpretation in a terminal."""

    TITLE = "selfie"
    CSS_PATH = "screens/main.tcss"
    CSS = """
    Toast { width: 60; }
    ToastRack { dock: top; align: right top; margin: 2 1 0 0; }
    """
    BINDINGS = bindings("app")
    ENABLE_COMMAND_PALETTE = False
    ESCAPE_TO_MINIMIZE = False
    ALLOW_SELECT = False

    def __init__(
        self,
        engine: Callable[[], Engine] = default_engine,
        options: AppOptions | None = None,
        *,
        driver_class: type[Driver] | None = None,
    ) -> None:
        options = options or AppOptions()
        super().__init__(options, driver_class)
        keep = options.state_dir
        self.animation_level = "none"
        self.HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide"), (160, "-huge")]
        self.VERTICAL_BREAKPOINTS = [(0, "-flat"), (18, "-low"), (30, "-high")]
        self.keymap: Mapping[str, str] = {}
        self._interrupted = -TWICE
        self.crash = ""
        self.parting = ""
        path = sessions.new_path(keep / "sessions") if keep and options.session else None
        self.vectors_dir = keep / "vectors" if keep else paths.vectors_dir()
        self.weights_dir = keep / "weights" if keep else paths.weights_dir()
        self.session = sessions.Session(path)
        self.kept = KeptRuns(keep / "sessions" if keep else None, path)
        self._calibrations = keep / "calibrations" if keep else None
        keeper = CalibrationKeeper(self.post_event, self._calibrations)
        self.jobs = Jobs(Recorder(keeper, self.session.append), engine)

    # Life ---------------------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        options = self.options
        prompt = (self.memory.draft if options.prompt is None else options.prompt) or FIRST_PROMPT
        state = AppState(self.jobs, self.kept, Calibrations(self._calibrations))
        state.layer_paths[options.model] = options.layer_paths
        self._notes += restore(state, self.memory, options.user_presets)
        device, dtype = placement(self.memory, options.device, options.dtype)
        self.main = MainScreen(state, prompt, options.model, device, dtype)
        return self.main

    def on_mount(self) -> None:
        """Begin to work once the screen has been drawn."""
        self._apply_keymap()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.jobs.start()
        self.offer_models()
        self.main.list_kept()
        loaded = themes.load_all(*self._theme_folders)
        for theme in loaded.themes:
            self.register_theme(theme)
        problems = [*self._notes, *resolve(self.options.config.keymap).problems, *loaded.problems]
        for problem in problems:
            log.warning("%s", self.look.prose(problem))
            handle(self.main, Notice(text=problem, severity="warning"))

    def on_unmount(self) -> None:
        """Stop the job thread, however the program ends."""
        self.jobs.close()

    async def action_quit(self) -> None:
        """Leave: what runs is cancelled, and nobody waits for it."""
        self._leave(0)

    def leave(self, code: int) -> None:
        """Leave with this exit code as by the quit key; callable from a signal's handler.

        Raises:
            SystemExit: the app is not running yet, or no more.
        """
        if self._loop is None:
            raise SystemExit(code)
        self._loop.call_soon_threadsafe(self.call_later, self._leave, code)

    def _leave(self, code: int) -> None:
        self.jobs.close()
        self.parting = self.main.remember_all()
        self.session.close()
        self.exit(return_code=code)

    def _handle_exception(self, error: Exception) -> None:
        """Have an error that ends the app in the log; on the terminal is one line, which says where that is."""
        if not self.crash:
            self.crash = f"selfie-tui ended for an error of its own ({type(error).__name__})."
            log.critical(self.crash, exc_info=error)
            if self._is_mounted:
                self.remember(draft=self.main.prompt_text.value)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    def post_event(self, event: Event) -> None:
        """Hand an event to the interface; called on the job thread."""
        self.post_message(EngineEvent(event))

    def on_engine_event(self, message: EngineEvent) -> None:
        """Let the main screen handle it, whatever is open above it."""
        handle(self.main, message.event)

    def confirm(self, done: str) -> None:
        """Say in the hint line what the user has just done; in a toast where that is covered, or too narrow."""
        shown = self.look.prose(self.look.glyphs(done))
        if self.screen is not self.main or not self.main.hints.confirm(shown):
            self.toast(done, "information")

    def export(self, exportable: Exportable) -> None:
        """Ask for a file, and write to it."""
        self.main.export(exportable)

    def ask_for(self, question: str, proposal: str, answer: Answer) -> None:
        """Ask for a name in the line at the foot of the screen."""
        self.main.ask_for(question, proposal, answer)

    def edit(self, field: Field) -> None:
        """Put the cursor into a field of the view that is shown."""
        self.main.edit(field)

    def show_prompt(self, prompt: str) -> None:
        """Have this as the prompt, as if it were typed."""
        self.main.prompt_text.hold(prompt)

    def enter_pane(self, pane: Pane) -> None:
        """Focus a pane of the view that is shown."""
        self.main.enter_pane(pane)

    def first_load_is_over(self) -> None:
        """Collect garbage from now on, but never again look at what has been imported."""
        if not gc.isenabled():
            gc.freeze()
            gc.enable()

    # Keys ---------------------------------------------------------------------------------------------------------

    def _apply_keymap(self) -> None:
        self.keymap = resolve(self.options.config.keymap).keys
        self.set_keymap({id: keys or UNBOUND for id, keys in self.keymap.items()})

    def action_interrupt(self) -> None:
        """The second ctrl+c within two seconds quits."""
        now = time.monotonic()
        if now - self._interrupted <= TWICE:
            self.run_worker(self.action_quit())
        else:
            self._interrupted = now
            self.toast("ctrl+c once more quits.", "information", seconds=TWICE)

    def action_repaint(self) -> None:
        """Draw the whole screen anew."""
        self.repaint()

    def action_help(self) -> None:
        """Help for what has the focus."""
        from selfie_tui.tui.pages.help import HelpScreen

        if isinstance(self.screen, MainScreen):
            own: tuple[Scope, ...] = getattr(self.screen.focused, "SCOPES", ())
            self.push_screen(HelpScreen(own or ("list",), self.keymap))

    async def carry_out(self, action: Action) -> None:
        """Do an action where it belongs, whatever has the focus."""
        from selfie_tui.tui.palette import target_of

        target = target_of(action, self, self.main)
        if target is None:
            self.toast(f"“{action.title}” has nothing to work on here.", "information")
        else:
            await self.run_action(action.handler, target)

    async def action_palette(self) -> None:
        """Everything by name; what is typed meanwhile waits for the palette."""
        from selfie_tui.tui.pages.palette import Command, Palette
        from selfie_tui.tui.palette import commands

        def run(command: Command) -> None:
            self.call_later(command.run)

        if isinstance(self.screen, MainScreen):
            await self.push_screen(Palette(commands(self, self.main), run))

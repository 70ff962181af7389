"""The application: a thin shell around the main screen that owns the jobs, the look, the clipboard and what is kept."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from textual.driver import Driver
from textual.message import Message
from textual.screen import Screen

from selfie_tui import clipboard, config, paths, themes
from selfie_tui.errors import RequestError
from selfie_tui.jobs import Engine, Jobs, default_engine
from selfie_tui.preset_files import save_preset
from selfie_tui.presets import RESERVED
from selfie_tui.records import Event, ModelInfo, Notice, Preset, Severity
from selfie_tui.results import sessions
from selfie_tui.results.calibrations import CalibrationKeeper
from selfie_tui.results.recorder import Recorder
from selfie_tui.tui import catalog
from selfie_tui.tui.action import Action, Scope
from selfie_tui.tui.actions import bindings
from selfie_tui.tui.calibrations import Calibrations
from selfie_tui.tui.exporting import Exportable
from selfie_tui.tui.handlers import handle
from selfie_tui.tui.host import Answer
from selfie_tui.tui.kept import KeptRuns
from selfie_tui.tui.keyboard import KeyboardApp
from selfie_tui.tui.keymap import UNBOUND, resolve
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.render.styles import Look, plain_terminal
from selfie_tui.tui.restoring import placement, restore
from selfie_tui.tui.screens.main import MainScreen
from selfie_tui.tui.state import AppState
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


class SelfieApp(KeyboardApp, inherit_bindings=False):
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
        self.options = options = options or AppOptions()
        # Textual turns colours to grey for NO_COLOR unless they are the terminal's own; those it takes away.
        super().__init__(
            driver_class, ansi_color=True if "NO_COLOR" in os.environ else None, stock_display=options.stock_display
        )
        self.animation_level = "none"
        self.HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide"), (160, "-huge")]
        self.VERTICAL_BREAKPOINTS = [(0, "-flat"), (18, "-low"), (30, "-high")]
        self.keymap: Mapping[str, str] = {}
        self._keep = keep = options.state_dir
        self.memory, problem = config.read_memory(keep / "memory.json") if keep else (config.Memory(), "")
        self._notes = [*options.notes, *([problem] if problem else [])]
        self._theme_folders = [themes.shipped_dir(), *([options.user_themes] if options.user_themes else [])]
        self._interrupted = -TWICE
        self.copied = ""
        self.crash = ""
        self.parting = ""
        ascii = options.config.ascii if options.ascii is None else options.ascii
        self._ascii = plain_terminal(os.environ) if ascii is None else ascii
        self._coloured = config.colours_cells(options.config.cell_colours, os.environ)
        self._choose_theme(options.theme or options.config.theme or self.memory.theme)
        path = sessions.new_path(keep / "sessions") if keep and options.session else None
        self.vectors_dir = keep / "vectors" if keep else paths.vectors_dir()
        self.session = sessions.Session(path)
        self.kept = KeptRuns(keep / "sessions" if keep else None, path)
        self._calibrations = keep / "calibrations" if keep else None
        keeper = CalibrationKeeper(self.post_event, self._calibrations)
        self.jobs = Jobs(Recorder(keeper, self.session.append), engine)

    # Life ---------------------------------------------------------------------------------------------------------

    main: MainScreen

    def get_default_screen(self) -> Screen[Any]:
        options = self.options
        prompt = (self.memory.draft if options.prompt is None else options.prompt) or FIRST_PROMPT
        state = AppState(self.jobs, self.kept, Calibrations(self._calibrations))
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

    # Look ---------------------------------------------------------------------------------------------------------

    def _choose_theme(self, chosen: str | None) -> None:
        plain = self.no_color or self.console.color_system in (None, "standard")
        name = chosen or (themes.DEFAULT_ANSI if plain else themes.DEFAULT)
        theme = themes.load_named(name, *self._theme_folders)
        if theme is not None:
            self.register_theme(theme)
        elif name not in self.available_themes:
            self._notes.append(f"There is no theme {name!r}: using {themes.DEFAULT}.")
            name = themes.DEFAULT
            self.register_theme(themes.load(themes.shipped_dir() / f"{name}.toml"))
        self.look = self._look(name)
        self.theme = name

    def _look(self, theme: str) -> Look:
        return Look(self.available_themes[theme], ascii=self._ascii, coloured=self._coloured)

    def watch_theme(self, name: str) -> None:
        """Draw in the new theme, and remember it."""
        self.look = self._look(name)
        if self.is_running:  # the first theme is set before there is a screen
            self.draw_at_once(anew=True)
            self.main.look_changed()
            self.remember(theme=name)

    def action_next_theme(self) -> None:
        """The next of our own themes."""
        own = sorted(name for name, theme in self.available_themes.items() if "heat-1" in theme.variables)
        self.theme = own[(own.index(self.theme) + 1) % len(own)] if self.theme in own else own[0]
        self.toast(f"Theme: {self.theme}", "information")

    # Toasts -------------------------------------------------------------------------------------------------------

    def toast(self, message: str, severity: Severity, *, seconds: float | None = None) -> None:
        """A toast, at the top, where no reading appears; any text is safe here."""
        shown = self.look.prose(self.look.glyphs(message)).replace("↵", "\n")
        self.notify(shown, severity=severity, markup=False, timeout=seconds)

    def copy_text(self, copied: str, what: str) -> None:
        """Copy to the clipboard of the user's terminal, and say what became of it."""
        if not copied:
            self.toast("There is nothing to copy here.", "information")
            return
        self.copied = copied
        done = clipboard.copy(copied, what, (self._keep or paths.state_dir()) / "clipboard.txt")
        if done.sequence and self._driver is not None:
            self._driver.write(done.sequence)
        self.toast(done.message, "information" if done.ok else "warning")

    def copy_to_clipboard(self, text: str) -> None:
        self.copy_text(text, "the selection")

    def export(self, exportable: Exportable) -> None:
        """Ask for a file, and write to it."""
        self.main.export(exportable)

    def ask_for(self, question: str, proposal: str, answer: Answer) -> None:
        """Ask for a name in the line at the foot of the screen."""
        self.main.ask_for(question, proposal, answer)

    def edit(self, field: Field) -> None:
        """Put the cursor into a field of the view that is shown."""
        self.main.edit(field)

    def enter_pane(self, pane: Pane) -> None:
        """Focus a pane of the view that is shown."""
        self.main.enter_pane(pane)

    def tuned_lens(self, model: str) -> str:
        """The folder of the tuned lens that the user's settings have for a model; "" where they have none."""
        return self.options.config.tuned_lenses.get(model, "")

    def save_preset(self, preset: Preset) -> Path:
        """Write a preset to a file of its name."""
        if self.options.user_presets is None:
            raise RequestError("This session keeps no presets.")
        return save_preset(self.options.user_presets, preset, RESERVED)

    # Keeping ------------------------------------------------------------------------------------------------------

    def remember(self, **changes: Any) -> str:
        """Keep something for the next start; a disk that refuses is reported once, by a toast and what is returned."""
        memory = msgspec.structs.replace(self.memory, **changes)
        if memory == self.memory or self._keep is None:
            return ""
        self.memory = memory
        try:
            config.write_memory(self._keep / "memory.json", memory)
        except OSError as error:
            problem = f"Drafts and settings are not kept: {self._keep}: {error.strerror}"
            if problem not in self._notes:
                self._notes.append(problem)
                self.toast(problem, "warning")
                return problem
        return ""

    def model_ready(self, model: ModelInfo) -> None:
        """Remember a model that could be loaded."""
        self.remember(recent=self.memory.with_model(model.name).recent)
        self.offer_models()

    def first_load_is_over(self) -> None:
        """Collect garbage from now on, but never again look at what has been imported."""
        if not gc.isenabled():
            gc.freeze()
            gc.enable()

    def offer_models(self) -> None:
        """Fill the list of models."""
        state = self.main.state
        current = state.loading.name if state.loading else state.model.name if state.model else ""
        cached = catalog.cached_models(paths.hub_cache_dir())
        self.main.models.show_offers(catalog.offers(current, self.memory.recent, cached))
        self.main.models.show_gpus(catalog.gpus(visible=os.environ.get("CUDA_VISIBLE_DEVICES")))

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

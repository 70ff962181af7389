"""How the app looks and what it says in passing: its theme, glyphs and colours, toasts, and the clipboard."""

from __future__ import annotations

import os

from textual.driver import Driver

from selfie_tui import clipboard, config, paths, themes
from selfie_tui.records import Severity
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.remembering import RememberingApp
from selfie_tui.tui.render.styles import Look, plain_terminal


class ThemedApp(RememberingApp, inherit_bindings=False):
    """An app in one of our themes, the one of the time before where none is asked for."""

    def __init__(self, options: AppOptions, driver_class: type[Driver] | None) -> None:
        super().__init__(options, driver_class)
        self._theme_folders = [themes.shipped_dir(), *([options.user_themes] if options.user_themes else [])]
        self.copied = ""
        ascii = options.config.ascii if options.ascii is None else options.ascii
        self._ascii = plain_terminal(os.environ) if ascii is None else ascii
        self._coloured = config.colours_cells(options.config.cell_colours, os.environ)
        self._choose_theme(options.theme or options.config.theme or self.memory.theme)

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
            self.draw_at_once()
            self.main.look_changed()
            self.remember(theme=name)

    def action_next_theme(self) -> None:
        """The next of our own themes."""
        own = sorted(name for name, theme in self.available_themes.items() if "heat-1" in theme.variables)
        self.theme = own[(own.index(self.theme) + 1) % len(own)] if self.theme in own else own[0]
        self.confirm(f"Theme: {self.theme}")

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
        if done.ok:
            self.confirm(done.message)
        else:
            self.toast(done.message, "warning")

    def copy_to_clipboard(self, text: str) -> None:
        self.copy_text(text, "the selection")

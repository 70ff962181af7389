"""Runs the app in this terminal: with the user's settings and folders, and with stderr in the log file."""

from __future__ import annotations

import logging
import sys

import msgspec

from selfie_tui import config, paths
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.keyboard import register_alt_digits
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.terminal.signals import leaving_on_signals
from selfie_tui.tui.terminal.stderr_guard import StderrGuard

LOGGED = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def run_app(options: AppOptions) -> int:
    """Run the program in this terminal until the user leaves it; return its exit code.

    The user's folders and configuration file take the place of those in `options`.
    """
    user_config, problems = config.read_config(paths.config_file())
    sys.setswitchinterval(
        0.001
    )  # the engine's thread imports and computes: keys should not wait for the end of its turn
    register_alt_digits()
    with StderrGuard(paths.log_file()) as guard:
        options = msgspec.structs.replace(
            options,
            state_dir=paths.state_dir(),
            user_themes=paths.user_themes_dir(),
            user_presets=paths.user_presets_dir(),
            config=user_config,
            notes=tuple(note for note in (*problems, guard.problem) if note),
        )
        # The log, while the terminal is drawn on; Textual puts something of its own in the place of `sys.stderr`.
        logging.basicConfig(stream=sys.__stderr__, level=logging.WARNING, format=LOGGED)
        app = SelfieApp(options=options, driver_class=guard.driver_class())
        with leaving_on_signals(app.leave, lambda: guard.give_back()):
            app.run(mouse=options.mouse and user_config.mouse)
    if app.parting:
        print(app.look.prose(app.parting), file=sys.stderr)
    if app.crash:
        where = guard.problem or f"Its traceback is in {guard.log_path}"
        print(f"{app.crash} {where}", file=sys.stderr)
    return 1 if app.crash else app.return_code or 0

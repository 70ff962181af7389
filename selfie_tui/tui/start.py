"""Runs the app in this terminal: with the user's settings and folders, and with stderr in the log file."""

from __future__ import annotations

import sys

import msgspec

from selfie_tui import config, paths
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.keyboard import register_alt_digits
from selfie_tui.tui.options import AppOptions
from selfie_tui.tui.terminal.stderr_guard import StderrGuard


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
            config=user_config,
            notes=tuple(note for note in (*problems, guard.problem) if note),
        )
        app = SelfieApp(options=options, driver_class=guard.driver_class())
        app.run(mouse=options.mouse and user_config.mouse)
    return app.return_code or 0

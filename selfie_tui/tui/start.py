"""Runs the app in this terminal: with the user's settings and folders, and with stderr out of its way."""

from __future__ import annotations

import sys

from selfie_tui import config, paths
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.keyboard import take_alt_digits
from selfie_tui.tui.terminal.stderr_guard import StderrGuard


def run_app(
    *,
    model: str = "demo",
    device: str = "auto",
    dtype: str = "auto",
    prompt: str | None = None,
    mouse: bool = True,
    theme: str | None = None,
    ascii: bool | None = None,
    stock_display: bool = False,
    session: bool = True,
) -> int:
    """Run the program in this terminal until the user leaves it; its exit code."""
    settings, problem = config.read_config(paths.config_file())
    sys.setswitchinterval(0.001)  # the engine imports and computes beside us: keys should not wait for its turn to end
    take_alt_digits()
    with StderrGuard(paths.log_file()) as guard:
        app = SelfieApp(
            model=model,
            device=device,
            dtype=dtype,
            prompt=prompt,
            theme=theme,
            ascii=ascii,
            stock_display=stock_display,
            keep=paths.state_dir(),
            session_off=not session,
            settings=settings,
            user_themes=paths.user_themes_dir(),
            notes=tuple(note for note in (problem, guard.problem) if note),
            driver_class=guard.driver_class(),
        )
        app.run(mouse=mouse and settings.mouse)
    return app.return_code or 0

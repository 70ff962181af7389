"""The whole program with the bundled model: what the first screen and the first run must show."""

from __future__ import annotations

from selfie_tui.jobs import default_engine
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.screens.error import ErrorScreen
from tests.tui.driving import log_text, run_to_end, text_of, toasts, until

LOADING = 120.0
"""Seconds that importing torch and loading may take on a machine under load."""


async def test_the_first_run_reads_paris_at_the_last_token_and_the_control_does_not():
    app = SelfieApp(default_engine, theme="dusk", ascii=False)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: "will interpret when ready" in text_of(app) or log_text(app), LOADING)
        await until(pilot, lambda: len(log_text(app)) >= 11, LOADING)
        await run_to_end(app, pilot)
        lines = log_text(app)
        assert "control" in lines[1]
        assert "Paris" not in lines[1]
        assert any("Paris" in line for line in lines[2:])
        assert "Paris" not in lines[2], "the embedding of the last token knows nothing of Paris"
        assert "Paris" in text_of(app).split("4 Layers")[1], "the lens reads it too"
        assert text_of(app).count("[_]") == 5

        await pilot.press("g", "right", "right")
        await until(pilot, lambda: "▌2 " in text_of(app))
        await pilot.press("enter")
        await run_to_end(app, pilot)
        assert any("Eiffel" in line for line in log_text(app)[11:])

        await pilot.press("o", *"/no/such/folder", "enter")
        await until(pilot, lambda: isinstance(app.screen, ErrorScreen), LOADING)
        await pilot.press("escape", "2", "right", "enter")
        await run_to_end(app, pilot)
        assert len([line for line in log_text(app) if "control" in line]) == 3, toasts(app)

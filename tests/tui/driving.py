"""Drives the app in tests: starts it on a scripted engine, waits for what must come, reads what is on the screen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

import pytest
from textual._compositor import Compositor
from textual.notifications import Notification, Notifications
from textual.pilot import Pilot
from textual.strip import Strip

from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.fake_engine import FakeEngine

SECONDS = 8.0
"""How long a test waits for what must come before it fails."""


@contextmanager
def drawn_when_looked_at() -> Iterator[None]:
    """Have no screen drawn for a terminal that is not there: that is half of all the time these tests take.

    `strips`, and so all that looks at the screen, draws all of it, as does the end of each test that ran.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Compositor, "render_update", lambda self, **options: self._dirty_regions.clear())
        yield


@asynccontextmanager
async def running(
    engine: FakeEngine | None = None, size: tuple[int, int] = (120, 40), *, ready: bool = True, **options: Any
) -> AsyncIterator[tuple[SelfieApp, Pilot[None]]]:
    """The app on a terminal of a size; with `ready`, once the model's tokens and lens are shown."""
    engine = engine or FakeEngine()
    app = SelfieApp(lambda: engine, AppOptions(**{"theme": "dusk", "ascii": False, **options}))
    app._notifications = AllNotifications()
    with drawn_when_looked_at():
        async with app.run_test(size=size, notifications=True) as pilot:
            if ready:
                await until(pilot, lambda: bool(app.main.tokens.tokens and app.main.layer_list.lens))
                await pilot.pause()
            try:
                yield app, pilot
                if app.is_running:
                    strips(app)
            finally:
                engine.loaded.set()
                engine.step.set()


async def until(pilot: Pilot[None], true: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait for something to become true."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, f"waited in vain; the screen:\n{text_of(pilot.app)}"
        await asyncio.sleep(0.005)
    await pilot.pause()


def strips(app: Any) -> list[Strip]:
    """What is drawn on the whole screen, line by line."""
    drawn: list[Strip] = app.screen._compositor.render_strips()
    return drawn


def text_of(app: Any) -> str:
    """The screen as plain text."""
    return "\n".join(strip.text.rstrip() for strip in strips(app))


class AllNotifications(Notifications):
    """Textual's, which forget a toast once its time is over, with the texts of all so far."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def add(self, notification: Notification) -> Self:
        self.messages.append(notification.message)
        return super().add(notification)


def toasts(app: SelfieApp) -> list[str]:
    """The toasts so far, the oldest first; of an app that `running` has not made, those in sight."""
    kept = app._notifications
    return kept.messages if isinstance(kept, AllNotifications) else [notification.message for notification in kept]


def confirmed(app: SelfieApp) -> str:
    """What the hint line says was just done; the screen shows it."""
    done = app.main.hints.confirmed
    assert not done or done in text_of(app).splitlines()[-1]
    return done


def log_text(app: SelfieApp) -> list[str]:
    """The lines of the log, whether in sight or not."""
    log = app.main.view.log_view
    return ["".join(piece.text for piece in log.pieces(line)).rstrip() for line in range(log.outline.lines)]


async def run_to_end(app: SelfieApp, pilot: Pilot[None]) -> None:
    """Wait until nothing is under way any more."""
    await until(pilot, lambda: not app.main.state.busy and not app.main.state.pending_view)

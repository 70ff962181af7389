"""What a long session uses: threads and open files stay as they are."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from tests.tui.driving import run_to_end, running, until

FILES = Path("/proc/self/fd")


def used() -> tuple[int, int]:
    """Threads, and open files where the system lists them."""
    return threading.active_count(), len(os.listdir(FILES)) if FILES.exists() else 0


async def test_threads_and_files_are_as_many_after_many_runs_and_loads(tmp_path: Path):
    async with running(state_dir=tmp_path) as (app, pilot):
        await pilot.press("escape", "enter")
        await run_to_end(app, pilot)
        before = used()
        for number in range(20):
            await pilot.press("left" if number % 2 else "right", "enter")
            await run_to_end(app, pilot)
            if number % 5 == 0:
                app.main.load("demo")
                await until(pilot, lambda: app.main.state.loading is None and app.main.layer_list.lens)
        assert used() == before

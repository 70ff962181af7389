"""`python screenshots/make.py`: the README's picture, from the real app reading the bundled model.

Writes an SVG and, where `rsvg-convert` is installed, the PNG that the README shows.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

from selfie_tui.tui.app import SelfieApp

HERE = Path(__file__).parent
FONT = "DejaVu Sans Mono"


async def first_reading() -> str:
    """The app after one key, as SVG."""
    app = SelfieApp()
    async with app.run_test(size=(110, 30)) as pilot:
        await until(lambda: app.main.state.model is not None)
        await pilot.press("enter")
        await until(lambda: app.jobs.state == "idle" and len(app.main.state.runs) > 0)
        await pilot.pause(0.5)
        return app.export_screenshot(title="selfie-tui")


async def until(holds: object) -> None:
    """Wait for the engine."""
    while not holds():  # type: ignore[operator]
        await asyncio.sleep(0.1)


def main() -> None:
    picture = HERE / "first-reading.svg"
    svg = asyncio.run(first_reading()).replace("Fira Code", FONT)
    picture.write_text(svg.replace("<text ", '<text xml:space="preserve" '))  # or edge spaces are lost
    if shutil.which("rsvg-convert"):
        subprocess.run(["rsvg-convert", "--zoom", "1.2", "-o", picture.with_suffix(".png"), picture], check=True)
        picture.unlink()


if __name__ == "__main__":
    main()

"""`python screenshots/make.py [name …]`: the README's pictures, from the real app reading the bundled model.

Writes an SVG of each, or of those that are named; where `rsvg-convert` is installed, the PNG that the README shows.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

from selfie_tui.tui.app import SelfieApp

HERE = Path(__file__).parent
FONT = "DejaVu Sans Mono"


PICTURES: dict[str, tuple[tuple[int, int], tuple[str, ...], tuple[str, ...]]] = {
    "first-reading": ((110, 30), ("enter",), ()),
    "grid": ((110, 30), ("f3", "enter"), ("G", "k")),
}
"""Of each picture the size of the terminal, the keys before the job that is shown, and those after it."""


async def picture_of(name: str) -> str:
    """The app after the keys of a picture, as SVG."""
    size, before, after = PICTURES[name]
    app = SelfieApp()
    async with app.run_test(size=size) as pilot:
        await until(lambda: app.main.state.model is not None and app.main.state.ready)
        await pilot.press(*before)
        await until(lambda: app.jobs.state == "idle" and len(app.main.state.runs) > 0)
        await pilot.pause(1.5)
        await pilot.press(*after)
        await pilot.pause(0.5)
        return app.export_screenshot(title="selfie-tui")


async def until(holds: object) -> None:
    """Wait for the engine."""
    while not holds():  # type: ignore[operator]
        await asyncio.sleep(0.1)


def write(name: str) -> None:
    """Write a picture."""
    picture = HERE / f"{name}.svg"
    svg = asyncio.run(picture_of(name)).replace("Fira Code", FONT)
    picture.write_text(svg.replace("<text ", '<text xml:space="preserve" '))  # or edge spaces are lost
    if shutil.which("rsvg-convert"):
        subprocess.run(["rsvg-convert", "--zoom", "1.2", "-o", picture.with_suffix(".png"), picture], check=True)
        picture.unlink()


def main() -> None:
    for name in sys.argv[1:] or PICTURES:
        write(name)


if __name__ == "__main__":
    main()

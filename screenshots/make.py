"""`python screenshots/make.py [NAME ...]`: the README's pictures, from the real app reading the bundled model.

Writes an SVG and, where `rsvg-convert` is installed, the PNG that the README shows. A picture is a size and what its
user presses; between two groups of keys the engine comes to rest.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from selfie_tui import paths
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions

HERE = Path(__file__).parent
FONT = "DejaVu Sans Mono"


class Picture(NamedTuple):
    """A screen of so many columns and lines, and groups of keys."""

    size: tuple[int, int]
    keys: tuple[tuple[str, ...], ...]


def kept(word: str) -> tuple[tuple[str, ...], ...]:
    """Keys that keep the state of a word at layer 2 under its own name."""
    return (("R", "i", "ctrl+u"), tuple(word), ("down",), tuple(":L2,1"), ("enter", "v", "ctrl+u"),
            (*word.lower(), "enter"))  # fmt: skip


PICTURES = {
    "first-reading": Picture((110, 30), (("enter",),)),
    "grid": Picture((110, 30), (("number_sign",), ("enter",), tuple(":L5,9"), ("enter",))),
    "lens": Picture((110, 30), (("L",), tuple(":L5,9"), ("enter",), ("t",), tuple("Paris"), ("enter",))),
    "inspect": Picture(
        (110, 34), (("I",), ("slash",), tuple("embed_tokens"), ("enter",), ("e",), tuple("zero at 2"), ("enter",))
    ),
    "patch": Picture(
        (110, 30),
        (
            ("i", "ctrl+u"),
            tuple("The capital of France is"),
            ("down", "p"),
            ("P",),
            ("i", "ctrl+u"),
            tuple("The capital of Japan is"),
            ("enter",),
            ("enter",),
            ("enter",),
            tuple(":L3,5"),
            ("enter",),
        ),
    ),
    "control": Picture(
        (110, 34),
        (
            ("V", "e", "ctrl+u"),
            tuple("'The Colosseum is located in the city of'@5"),
            ("enter",),
            ("4", "t", "ctrl+u"),
            tuple('60 steps at L5 also "The Eiffel Tower is in the city of"'),
            ("enter",),
        ),
    ),
    "vectors": Picture(
        (110, 30),
        (
            *kept("Paris"),
            *kept("France"),
            *kept("Japan"),
            ("i", "ctrl+u"),
            tuple("The capital of France is"),
            ("down", "V", "e", "ctrl+u"),
            tuple("paris - france + japan"),
            ("enter",),
            ("a",),
            tuple(":L3"),
            ("enter",),
            tuple(":1.5"),
            ("enter",),
        ),
    ),
}


async def drawn(picture: Picture) -> str:
    """The app after the keys, as SVG."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder  # the engine looks for vectors there
        app = SelfieApp(options=AppOptions(state_dir=paths.state_dir()))
        async with app.run_test(size=picture.size) as pilot:
            await until(lambda: app.main.state.ready)
            for keys in picture.keys:
                await pilot.press(*("space" if key == " " else key for key in keys))
                await pilot.pause(0.5)
                await until(lambda: app.jobs.state == "idle" and not app.main.state.busy)
                await pilot.pause(0.5)
            return app.export_screenshot(title="selfie-tui")


async def until(holds: Callable[[], bool]) -> None:
    """Wait for the engine."""
    while not holds():
        await asyncio.sleep(0.1)


def main() -> None:
    for name in sys.argv[1:] or PICTURES:
        path = HERE / f"{name}.svg"
        svg = asyncio.run(drawn(PICTURES[name])).replace("Fira Code", FONT)
        path.write_text(svg.replace("<text ", '<text xml:space="preserve" '))  # or edge spaces are lost
        if shutil.which("rsvg-convert"):
            subprocess.run(["rsvg-convert", "--zoom", "1.2", "-o", path.with_suffix(".png"), path], check=True)
            path.unlink()


if __name__ == "__main__":
    main()

"""The view of the lens with the bundled model, by keyboard in a real terminal, in colours, without, and in ASCII."""

from __future__ import annotations

import pytest

from tests.tui.ptys import PtyProgram

RIGHT, DOWN = "\x1b[C", "\x1b[B"
LOADING = 150.0
"""Seconds that importing torch and loading may take on a machine under load."""


@pytest.mark.parametrize(
    ("size", "environment"),
    [((120, 40), {}), ((80, 24), {}), ((80, 24), {"NO_COLOR": "1"}), ((80, 24), {"TERM": "linux"})],
    ids=["wide", "small", "no-color", "linux"],
)
def test_the_lens_is_read_tracked_compared_and_interpreted_by_keyboard(tmp_path, size, environment):
    prompt = "The Eiffel Tower is located in the city of"
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "LC_ALL": "C.UTF-8", **environment}
    space = "~" if environment.get("TERM") == "linux" else "·"
    with PtyProgram("-m", "selfie_tui.cli", "--prompt", prompt, size=size, env=home) as program:
        assert program.until(lambda: "verified" in program.text() and "Layers" in program.text(), LOADING)
        program.send("L")
        assert program.until(lambda: says(program.text())[-1:] == [f"{space}Paris"]), program.text()
        program.send("G")
        assert program.shows("L7")
        lines = program.text().splitlines()
        last = next(line for line in lines if line[1:].startswith((" L7 ", "| L7 ")) or " L7 " in line[:5])
        assert f"{space}Paris" in last
        assert program.shows("entropy")
        program.send("tParis\r")
        assert program.shows(f"track {space}Paris")
        program.send("c")
        assert program.shows("rank of the tracked")
        program.send("\x1b")
        assert program.until(lambda: "track" not in program.text().splitlines()[1 + (size[1] >= 30)])
        program.send("\r")
        assert program.shows("read: Paris"), program.text()
        program.send("pi\x15The Colosseum is located in the city of\r")
        assert program.until(lambda: says(program.text())[-1:] == [f"{space}Rome"], 60), program.text()
        program.send(":difference\r")
        assert program.until(lambda: f"{space}Rome|{space}Paris"[:7] in program.text()), program.text()
        program.send("q")
        assert program.until(lambda: program.process.poll() is not None)


def says(screen: str) -> list[str]:
    """The tokens that the model itself puts next at the positions in sight."""
    line = next((line for line in screen.splitlines() if line[1:].lstrip().startswith("says  ")), "")
    return line[1:-1].split()[1:]

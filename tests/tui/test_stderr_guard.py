"""The guard keeps stray output off the screen, and gives the terminal back."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from selfie_tui.tui.terminal.stderr_guard import StderrGuard
from tests.tui.ptys import PtyProgram

PROGRAM = """
import logging, os, subprocess, sys
early = logging.StreamHandler()
logging.getLogger("early").addHandler(early)
from textual.app import App
from textual.widgets import Static
from pathlib import Path
from selfie_tui.tui.terminal.stderr_guard import StderrGuard

class Noisy(App):
    BINDINGS = [("n", "noise", "Noise"), ("s", "suspend_it", "Suspend"), ("x", "fail", "Fail"), ("q", "quit", "Quit")]

    def compose(self):
        yield Static(f"ready {self.size.width}x{self.size.height}", id="state")

    def action_noise(self):
        os.write(2, b"STRAY-C\\n")
        os.write(1, b"STRAY-OUT\\n")
        subprocess.run(["sh", "-c", "echo STRAY-CHILD >&2; echo STRAY-CHILD-OUT"])
        logging.getLogger("early").warning("STRAY-LOGGER")
        print("STRAY-STDERR", file=sys.__stderr__, flush=True)
        self.query_one("#state").update("noise made")

    def action_suspend_it(self):
        with self.suspend():
            shell = subprocess.run(["sh", "-c", "test -t 1 && test -t 2 && echo IN-THE-SHELL"])
        self.query_one("#state").update(f"back again {shell.returncode}")

    def action_fail(self):
        raise RuntimeError("ON PURPOSE")

before = os.fstat(2)
with StderrGuard(Path(sys.argv[1])) as guard:
    Noisy(driver_class=guard.driver_class()).run(mouse=False)
os.write(2, f"AFTER {os.path.samestat(before, os.fstat(2))} {sorted(os.listdir('/dev/fd'))}\\r\\n".encode())
"""
STRAYS = ("STRAY-C\n", "STRAY-OUT", "STRAY-CHILD\n", "STRAY-CHILD-OUT", "STRAY-LOGGER", "STRAY-STDERR")


@pytest.fixture
def program(tmp_path: Path) -> str:
    path = tmp_path / "noisy.py"
    path.write_text(PROGRAM)
    return str(path)


def test_stray_output_goes_to_the_log_and_the_terminal_comes_back(program: str, tmp_path: Path) -> None:
    log = tmp_path / "state" / "log"
    with PtyProgram(program, str(log)) as noisy:
        assert noisy.shows("ready 80x24")
        noisy.send("n")
        assert noisy.shows("noise made")
        assert "STRAY" not in noisy.text()
        assert all(stray in log.read_text() for stray in STRAYS)
        noisy.send("s")
        assert noisy.shows("back again 0")
        assert "IN-THE-SHELL" not in log.read_text()
        noisy.send("n")
        assert noisy.shows("noise made")
        assert log.read_text().count("STRAY-CHILD\n") == 2
        noisy.send("q")
        assert noisy.shows("AFTER True")
        # What is open at the end is what was open at the start, and the listing itself.
        assert re.search(r"AFTER True \['0', '1', '2', '3'\]", noisy.text())
        assert noisy.process.wait(10) == 0
    assert "AFTER" not in log.read_text()


def test_the_terminal_comes_back_after_an_error_and_shows_it(program: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with PtyProgram(program, str(log), size=(100, 40)) as noisy:
        assert noisy.shows("ready 100x40")
        noisy.send("x")
        assert noisy.shows("AFTER True")
        assert "ON PURPOSE" in noisy.text()
    assert "ON PURPOSE" not in log.read_text()


@pytest.mark.parametrize("redirection", ["2>{}", ">{}", "2>{} >&2"])
def test_what_the_user_sent_elsewhere_stays_there_and_the_app_still_draws(
    redirection: str, program: str, tmp_path: Path
) -> None:
    elsewhere, log = tmp_path / "elsewhere", tmp_path / "log"
    with PtyProgram(program, str(log), shell=f'"$0" "$@" {redirection.format(elsewhere)}', size=(90, 20)) as noisy:
        assert noisy.shows("ready 90x20")
        noisy.send("n")
        assert noisy.shows("noise made")
        assert "STRAY" not in noisy.text()
        assert ("STRAY-C\n" in elsewhere.read_text()) is ("2>" in redirection)
        assert ("STRAY-OUT" in elsewhere.read_text()) is (">&2" in redirection or redirection == ">{}")
        assert "ready" not in elsewhere.read_text()
        noisy.send("q")
        assert noisy.until(lambda: noisy.process.poll() is not None)
        assert noisy.process.returncode == 0
    assert ("AFTER True" in elsewhere.read_text()) is ("2>" in redirection)


def test_a_log_that_cannot_be_written_costs_the_log_and_nothing_else(program: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with PtyProgram(program, str(tmp_path / "file" / "log")) as noisy:
        assert noisy.shows("ready 80x24")
        noisy.send("n")
        assert noisy.shows("noise made")
        assert "STRAY" not in noisy.text()


def test_without_a_terminal_the_guard_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "isatty", lambda descriptor: False)
    before = os.fstat(2)
    with StderrGuard(tmp_path / "log") as guard:
        assert guard.driver_class() is None
        assert os.path.samestat(before, os.fstat(2))
    assert not (tmp_path / "log").exists()
    assert sys.__stderr__ is not None


def test_the_screen_is_drawn_in_the_encoding_of_the_locale_whatever_pythons_streams_have(tmp_path: Path) -> None:
    program = tmp_path / "drawing.py"
    program.write_text(
        "import sys\nfrom pathlib import Path\nfrom textual.app import App\nfrom textual.widgets import Static\n"
        "from selfie_tui.tui.terminal.stderr_guard import StderrGuard\n"
        "class Boxes(App):\n    def compose(self):\n        yield Static('box \\u2500\\u2502')\n"
        "with StderrGuard(Path(sys.argv[1])) as guard:\n    Boxes(driver_class=guard.driver_class()).run(mouse=False)\n"
    )
    env = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C.UTF-8"}
    with PtyProgram(str(program), str(tmp_path / "log"), env=env) as boxes:
        assert boxes.shows("box ─│")
        boxes.send("\x11")
        assert boxes.until(lambda: boxes.process.poll() is not None)

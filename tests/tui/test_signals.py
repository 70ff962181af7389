"""Signals that end the program: it leaves as by its quit key, with 128 + n, and the terminal is as it was."""

from __future__ import annotations

import json
import os
import re
import signal
import termios
import time
from pathlib import Path

import pytest

from tests.tui.ptys import PtyProgram

MODES = (1049, 1000, 1003, 1004, 1006, 1015, 2004)
"""Of DEC's private modes those that are set while the app runs."""

STUCK = """
import sys, time
from selfie_tui.tui.app import SelfieApp
SelfieApp.action_help = lambda app: time.sleep(1000)
sys.argv = ["selfie-tui"]
from selfie_tui.cli import run
run()
"""


class Selfie(PtyProgram):
    """The program, with folders of its own; what it sends is kept."""

    def __init__(
        self, home: Path, *arguments: str, program: tuple[str, ...] = ("-m", "selfie_tui.cli"), shell: str = ""
    ) -> None:
        self.sent = ""
        folders = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "STATE", "CACHE", "DATA")}
        super().__init__(*program, *arguments, size=(100, 40), env={"HOME": str(home), **folders}, shell=shell)
        self.modes_before = termios.tcgetattr(self._master)
        self.state = home / "state" / "selfie-tui"

    def _feed(self, text: str) -> None:
        self.sent += text
        super()._feed(text)

    def ends(self, seconds: float = 10) -> int | None:
        """The exit code, once the program has ended."""
        self.until(lambda: self.process.poll() is not None, seconds)
        while self.read(0.05):  # what it wrote last may have come after the last look
            pass
        return self.process.poll()

    def has_given_back_the_terminal(self) -> bool:
        """Whether every mode that was set is off, the cursor is seen, and lines are edited by the terminal again."""
        on = {mode for mode in MODES if re.findall(rf"\x1b\[\?{mode}([hl])", self.sent)[-1:] == ["h"]}
        cursor = re.findall(r"\x1b\[\?25([hl])", self.sent)[-1:]
        return not on and cursor != ["l"] and termios.tcgetattr(self._master) == self.modes_before


def terminate(selfie: Selfie, number: int) -> None:
    """Send the signal to the program alone."""
    os.kill(selfie.process.pid, number)


def draft(selfie: Selfie) -> str:
    """The draft that was kept."""
    return str(json.loads((selfie.state / "memory.json").read_text())["draft"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_the_terminal_comes_back_in_mid_load(number: int, tmp_path: Path):
    with Selfie(tmp_path, "--prompt", "a draft") as selfie:
        assert selfie.shows("Model")
        assert not termios.tcgetattr(selfie._master)[1] & termios.OPOST, "line feeds are sent as they are"
        terminate(selfie, number)
        assert selfie.ends() == 128 + number
        assert selfie.has_given_back_the_terminal()
        assert draft(selfie) == "a draft"


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7])
def test_the_terminal_comes_back_at_any_moment_of_the_start(seconds: float, tmp_path: Path):
    with Selfie(tmp_path) as selfie:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            selfie.read(0.01)
        terminate(selfie, signal.SIGTERM)
        assert selfie.ends() in (128 + signal.SIGTERM, -signal.SIGTERM)
        assert selfie.has_given_back_the_terminal()


def test_a_run_is_kept_as_far_as_it_came(tmp_path: Path):
    with Selfie(tmp_path) as selfie:
        assert selfie.shows("verified")
        selfie.send("\x12")
        assert selfie.until(lambda: any((selfie.state / "sessions").glob("*.jsonl")))
        terminate(selfie, signal.SIGTERM)
        assert selfie.ends() == 128 + signal.SIGTERM
        assert selfie.has_given_back_the_terminal()
        (session,) = (selfie.state / "sessions").glob("*.jsonl")
        assert [json.loads(line) for line in session.read_text().splitlines()]


def test_the_terminal_comes_back_from_an_interface_that_is_stuck(tmp_path: Path):
    with Selfie(tmp_path, program=("-c", STUCK)) as selfie:
        assert selfie.shows("verified")
        selfie.send("?")
        selfie.read(0.5)
        terminate(selfie, signal.SIGTERM)
        assert selfie.ends() == 128 + signal.SIGTERM
        assert selfie.has_given_back_the_terminal()


def test_a_terminal_that_vanishes_counts_as_sighup(tmp_path: Path):
    with Selfie(tmp_path) as selfie:
        assert selfie.shows("verified")
        selfie.hang_up()
        assert selfie.process.wait(10) == 128 + signal.SIGHUP
        assert draft(selfie)


SIGNALLED_AT_THE_END = """
import signal, sys
from selfie_tui import cli
sys.argv = ["selfie-tui"]
code = cli.main([])
for number in (signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP):
    signal.raise_signal(number)
print("nobody is told")
sys.exit(code)
"""


def test_what_the_terminal_says_while_the_program_ends_is_nobodys_concern(tmp_path: Path):
    with Selfie(tmp_path, program=("-c", SIGNALLED_AT_THE_END)) as selfie:
        assert selfie.shows("verified")
        selfie.send("q")
        assert selfie.until(lambda: state_of(selfie) in ("T", "Z", ""), 10)
        assert state_of(selfie) == "T", selfie.text()  # the key by which a shell stops what it runs
        os.kill(selfie.process.pid, signal.SIGCONT)
        assert selfie.ends() == 0, selfie.text()
        assert "nobody is told" in selfie.sent
        assert "Traceback" not in selfie.sent


def state_of(selfie: Selfie) -> str:
    """The state of the process: `T` stopped, `Z` ended; "" once it is gone."""
    try:
        with open(f"/proc/{selfie.process.pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""

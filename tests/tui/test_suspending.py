"""ctrl+z: the shell has the terminal, and the program goes on when it is in the foreground again, however often."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.tui.test_signals import Selfie


def stopped(selfie: Selfie, seconds: float = 5) -> bool:
    """Whether the program stops within this time; what it sends is read meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        selfie.read(0.05)
        with open(f"/proc/{selfie.process.pid}/stat") as stat:
            if stat.read().rpartition(")")[2].split()[0] == "T":
                return True
    return False


def go_on(selfie: Selfie) -> None:
    os.kill(selfie.process.pid, signal.SIGCONT)


def test_a_suspended_program_gives_the_terminal_back_and_draws_all_again(tmp_path: Path):
    with Selfie(tmp_path) as selfie:
        assert selfie.shows("verified")
        selfie.send("\x1a")
        assert stopped(selfie)
        assert selfie.until(selfie.has_given_back_the_terminal, 3)
        before = len(selfie.sent)
        go_on(selfie)
        assert selfie.until(lambda: "verified" in selfie.sent[before:])
        selfie.send("?")
        assert selfie.shows("Help")


def test_many_suspends_in_one_burst_leave_the_program_alive(tmp_path: Path):
    with Selfie(tmp_path) as selfie:
        assert selfie.shows("verified")
        for burst in ("\x1a\x1a\x1a", "\x1aj\x1a\x14\x1a", "\x1a\x1a") * 10:
            selfie.send(burst)
            if stopped(selfie, 0.1):
                go_on(selfie)
        while stopped(selfie, 0.5):
            go_on(selfie)
        selfie.send("\x1b")
        selfie.read(0.5)
        selfie.send("?")
        assert selfie.shows("Help"), selfie.text()


def test_a_stop_from_outside_is_drawn_over_when_it_ends(tmp_path: Path):
    with Selfie(tmp_path) as selfie:
        assert selfie.shows("verified")
        os.kill(selfie.process.pid, signal.SIGSTOP)
        assert stopped(selfie)
        threads = os.listdir(f"/proc/{selfie.process.pid}/task")
        before = len(selfie.sent)
        go_on(selfie)
        assert selfie.until(lambda: "verified" in selfie.sent[before:])
        assert len(os.listdir(f"/proc/{selfie.process.pid}/task")) == len(threads)

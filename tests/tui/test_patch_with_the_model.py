"""Patching with the bundled model, by keyboard in a real terminal: run, cancelled half-way, gone on with."""

from __future__ import annotations

import re

import pytest

from tests.tui.ptys import PtyProgram

LOADING = 150.0
"""Seconds that importing torch and loading may take on a machine under load."""

SLOW = """
import sys, time
from selfie_tui.engine.methods import patch
quickly = patch.runs_left
def runs_left(*arguments):
    for number, runs in enumerate(quickly(*arguments)):
        yield runs
        time.sleep(1.5)
patch.runs_left = runs_left
from selfie_tui.cli import main
sys.exit(main())
"""
"""The program, slow enough between two batches of sites to be cancelled there."""


@pytest.mark.parametrize(
    ("size", "environment"),
    [((120, 40), {}), ((80, 24), {}), ((80, 24), {"NO_COLOR": "1"}), ((80, 24), {"TERM": "linux"})],
    ids=["wide", "small", "no-color", "linux"],
)
def test_a_pair_is_patched_cancelled_and_gone_on_with_by_keyboard(tmp_path, size, environment):
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "LC_ALL": "C.UTF-8", **environment}
    plain = environment.get("TERM") == "linux"
    space, full = ("~", "@") if plain else ("·", "█")
    with PtyProgram("-c", SLOW, "--prompt", "The capital of France is", size=size, env=home) as program:
        assert program.until(lambda: "verified" in program.text() and "Layers" in program.text(), LOADING)
        assert program.until(lambda: f"{space}France" in program.text(), 30)
        program.send("pP")
        assert program.shows("This prompt is A itself"), program.text()
        assert program.shows("enter patch"), "the keys go to the map"
        program.send("i\x15The capital of Japan is\r")
        assert program.until(lambda: f"says {space}Tokyo" in program.text(), 30), program.text()
        assert f"says {space}Paris" in program.text()
        program.send("\r")
        assert program.until(lambda: re.search(r"patch [1-9]\d* of 48", program.text()), 30), program.text()
        program.send("\x1b")
        assert program.until(lambda: re.search(r"cancelled . [1-9]\d* of 48", program.text()), 30), program.text()
        done = int(re.search(r"cancelled . (\d+) of 48", program.text())[1])
        assert 0 < done < 48
        program.send("\r")
        assert program.until(lambda: f"{full}1.0" in program.text() and "of 48" not in program.text(), 30)
        program.send("gjj")  # L1
        program.send("h")  # Japan
        assert program.until(lambda: "recovered" in program.text()), program.text()
        score = re.search(r"recovered (\S+)", program.text())[1]
        assert 0.5 < float(score) <= 1.0, "the country's own token has it in the early layers"
        assert f"{space}Paris ." in program.text()
        program.send("s")
        assert program.shows("attn")
        program.send("sss")
        assert program.until(lambda: "resid" in program.text() and f"{full}1.0" in program.text())
        program.send("q")
        assert program.until(lambda: program.process.poll() is not None)

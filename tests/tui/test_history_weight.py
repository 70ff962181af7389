"""What the view of kept runs sends to the terminal, with a session of many runs whose texts differ."""

from __future__ import annotations

import random
from pathlib import Path

from tests.results.runs import run_of, write
from tests.tui.test_weight import Terminal

PROGRAM = """
from pathlib import Path
from selfie_tui.tui.app import SelfieApp
from selfie_tui.tui.options import AppOptions
from tests.tui.fake_engine import FakeEngine
SelfieApp(FakeEngine, AppOptions(theme="dusk", ascii=False, state_dir=Path("{folder}"))).run()
"""

WORDS = ("Paris", "the", "capital", "of", "France", "a", "tower", "in", "England", "word", "river", "city")


def many_runs(folder: Path, count: int) -> None:
    """A session of runs of 33 readings each, no two of which say the same."""
    chance = random.Random(1)
    runs = []
    for number in range(1, count + 1):
        texts = [" ".join(chance.choices(WORDS, k=8)) for _ in range(33)]
        prompt = " ".join(chance.choices(WORDS, k=6))
        began = f"2026-01-{1 + number // 40:02}T{number % 24:02}:{number % 60:02}:00+00:00"
        runs.append(run_of(texts, number, prompt=prompt, began=began))
    write(folder / "sessions" / "old.jsonl", *runs)


def test_the_view_of_kept_runs_stays_within_the_budgets(tmp_path: Path):
    many_runs(tmp_path, 200)
    terminal = Terminal(PROGRAM.replace("{folder}", str(tmp_path)))
    try:
        terminal.settle(b"enter opens")
        change = terminal.press(b"H", b"capital")
        steps = [terminal.press(b"j") for _ in range(12)]
        edge = terminal.mean(b"j", 40)
        back = terminal.press(b"R")
        assert change <= 6144
        assert back <= 6144
        assert max(steps) <= 512
        assert edge <= 1024
    finally:
        terminal.close()

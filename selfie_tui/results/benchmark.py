"""`python -m selfie_tui.results.benchmark`: what a session of 100,000 interpretations costs to list, open and search.

The session is made up: words drawn at random, twelve tokens each. Each step is timed in a process of its own, as a
program that has just been started would do it.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from selfie_tui.presets import PRESETS
from selfie_tui.records import CONTROL, Cell, Control, GeneratedToken, Interpret, Interpretation, Request, Token
from selfie_tui.results.entries import Entry, Result, RunBegan, RunEnded, encode
from selfie_tui.results.history import read_run, search, stored_runs

WORDS = ("Paris", "capital", "of", "France", "the", "tower", "a", "city", "word", "river", "England", "Japan", "is")
TOKENS = 12
SCREENFUL = 40


def main() -> None:
    """Make a session, time each step, and print the seconds and the memory above the start."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--readings", type=int, default=100_000)
    arguments.add_argument("--per-run", type=int, default=310, help="interpretations of one run")
    arguments.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    arguments.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.step:
        measure(STEPS[chosen.step], chosen.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.jsonl"
        make_session(path, chosen.readings, chosen.per_run)
        print(f"{chosen.readings} interpretations, {chosen.per_run} a run, {path.stat().st_size / 2**20:.0f} MiB")
        for step in STEPS:
            command = [sys.executable, "-m", "selfie_tui.results.benchmark", "--step", step, "--folder", folder]
            print(f"{step:24}", subprocess.run(command, capture_output=True, text=True, check=True).stdout, end="")


def measure(step: Callable[[Path], str], folder: Path) -> None:
    """Do a step; print its seconds, the memory that it took at most, and what it found."""
    before, started = peak_memory(), time.perf_counter()
    found = step(folder)
    seconds = time.perf_counter() - started
    print(f"{seconds * 1000:7.0f} ms   {(peak_memory() - before) / 2**20:5.0f} MiB   {found}")


def peak_memory() -> int:
    """The most memory that this process has had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # what `getrusage` gives there counts the parent's memory too
        return next(int(line.split()[1]) * 1024 for line in status.open() if line.startswith("VmHWM"))
    import resource  # not on every system

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def listed(folder: Path) -> str:
    """List all runs."""
    return f"{len(stored_runs(folder, folder / 'cache'))} runs"


def opened(folder: Path) -> str:
    """List all runs, and read the first screenful of the newest."""
    newest = stored_runs(folder, folder / "cache")[0]
    return f"{len(list(islice(read_run(newest), SCREENFUL)))} entries of {newest.done}"


def read_whole(folder: Path) -> str:
    """List all runs, and decode every entry of the newest, keeping none."""
    newest = stored_runs(folder, folder / "cache")[0]
    return f"{sum(1 for _ in read_run(newest))} entries of {newest.done}"


def searched(text: str) -> Callable[[Path], str]:
    """A search of all runs, once they have been listed, timed by itself."""

    def step(folder: Path) -> str:
        runs = stored_runs(folder, folder / "cache")
        started = time.perf_counter()
        found = list(search(runs, text))
        seconds = time.perf_counter() - started
        return f"search {seconds * 1000:.0f} ms: {sum(each.matches for each in found)} in {len(found)} runs"

    return step


STEPS: dict[str, Callable[[Path], str]] = {
    "list, first time": listed,
    "list": listed,
    "open": opened,
    "read a run": read_whole,
    "search a rare text": searched("Japan England Japan"),
    "search a common text": searched("paris"),
    "search one letter": searched("a"),
    "search nothing there": searched("zebra"),
}


def make_session(path: Path, readings: int, per_run: int) -> None:
    """Write a session of so many interpretations."""
    draw = random.Random(0)
    with path.open("wb") as file:
        for number in range(-(-readings // per_run)):
            cells = min(per_run, readings - number * per_run)
            file.writelines(encode(entry) + b"\n" for entry in made_run(number + 1, cells, draw))


def made_run(number: int, cells: int, draw: random.Random) -> Iterator[Entry]:
    """The entries of a run with words drawn at random."""
    request = Request("The Eiffel Tower", tuple(Cell(index % 31, index // 31) for index in range(cells)), PRESETS[0])
    yield RunBegan(run=number, model="demo", began=f"2026-01-01T00:00:00.{number:06}+00:00", task=Interpret(request))
    yield Result(number, CONTROL, Control("none", "the message is empty."))
    for index, cell in enumerate(request.cells):
        yield Result(number, index, made_interpretation(cell, draw))
    yield RunEnded(number, "finished")


def made_interpretation(cell: Cell, draw: random.Random) -> Interpretation:
    """An interpretation with words drawn at random."""
    words = draw.choices(WORDS, k=TOKENS)
    tokens = tuple(GeneratedToken(f" {word}", len(word), draw.random(), draw.random()) for word in words)
    return Interpretation(cell, Token(cell.position, 275, " of"), " ".join(words), tokens, draw.random(), draw.random())


if __name__ == "__main__":
    main()

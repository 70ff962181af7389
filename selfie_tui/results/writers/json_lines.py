"""JSON lines: the entries of a session file, without loss; they are read back as a session is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from selfie_tui.results.entries import encode
from selfie_tui.results.writers.runs import KeptRun


def write(runs: Iterable[KeptRun], path: Path) -> None:
    """Write runs, one entry a line; raises OSError."""
    with path.open("wb") as file:
        for run in runs:
            file.writelines(encode(entry) + b"\n" for entry in run.entries())

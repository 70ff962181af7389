"""Markdown: for people. A heading, what was asked and a table for each run; controls and line ends are marks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from selfie_tui.results.writers.facts import facts
from selfie_tui.results.writers.kinds import written
from selfie_tui.results.writers.markdown_text import plain
from selfie_tui.results.writers.runs import KeptRun


def write(runs: Iterable[KeptRun], path: Path) -> None:
    """Write runs as sections of one document; raises OSError."""
    with path.open("w", encoding="utf-8") as file:
        for run in runs:
            file.writelines(f"{line}\n" for line in section(run))


def section(run: KeptRun) -> Iterator[str]:
    """The lines of a run."""
    began = run.began
    yield f"## {plain(began.model)}: {plain(run.kind.prompt(began.task))}"
    yield ""
    yield from (f"- {name}: {plain(value)}" for name, value in facts(run) if value)
    yield ""
    yield from written(run).markdown(run)
    yield ""

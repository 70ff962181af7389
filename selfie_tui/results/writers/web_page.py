"""A page for a browser, by itself: no script in it and nothing that is fetched. Heat is a colour and a number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from selfie_tui.results.writers.facts import facts
from selfie_tui.results.writers.html import plain
from selfie_tui.results.writers.kinds import written
from selfie_tui.results.writers.runs import KeptRun

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>selfie-tui</title>
<style>
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
section { margin-bottom: 3rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; font-size: .9em; }
dt { opacity: .7; } dd { margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .5rem; text-align: left; vertical-align: top; border: 1px solid #8883; }
th { font-weight: 600; } td.number { text-align: right; }
span.token { border-radius: 2px; }
</style>
</head>
<body>
"""

TAIL = "</body>\n</html>\n"


def write(runs: Iterable[KeptRun], path: Path) -> None:
    """Write runs as sections of one page; raises OSError."""
    with path.open("w", encoding="utf-8", errors="replace") as file:
        file.write(HEAD)
        for run in runs:
            file.writelines(f"{line}\n" for line in section(run))
        file.write(TAIL)


def section(run: KeptRun) -> Iterator[str]:
    """The lines of a run."""
    began = run.began
    yield "<section>"
    yield f"<h2>{plain(began.model)}: {plain(run.kind.prompt(began.task))}</h2>"
    yield "<dl>"
    yield from (f"<dt>{plain(name)}</dt><dd>{plain(value)}</dd>" for name, value in facts(run) if value)
    yield "</dl>"
    yield from written(run).page(run)
    yield "</section>"

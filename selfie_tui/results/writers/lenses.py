"""Lenses as files: the table of `lens_table.COLUMNS`, written prompt by prompt, in the format of the file's ending."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from selfie_tui.lens_table import COLUMNS, rows_of
from selfie_tui.records import Lens
from selfie_tui.results.writers.markdown_text import escaped, plain
from selfie_tui.results.writers.table_files import ExportedTables, Rows, TableFiles
from selfie_tui.text import visible


def section(rows: Rows) -> Iterator[str]:
    """The lines of a lens in Markdown."""
    first = rows[0]
    facts = [first[name] for name in ("model", "revision", "device", "dtype", "verdict")]
    tokens = {row["position"]: row for row in rows}
    yield f"## {plain(first['prompt'])}"
    yield ""
    yield f"- model: {plain(' · '.join(part for part in facts if part))}"
    yield f"- lens: {plain(first['tuned'] or 'logit lens')}"
    yield from (f"- edit: {plain(edit)}" for edit in first["edits"])
    yield ""
    names = [f"{position} {escaped(visible(row['token']))}" for position, row in tokens.items()]
    yield f"| | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(tokens)}"
    for name in dict.fromkeys(row["layer_name"] for row in rows):
        yield f"| {name} | {' | '.join(top_of(row) for row in rows if row['layer_name'] == name)} |"
    yield f"| says | {' | '.join(escaped(visible(row['answer'])) for row in tokens.values())} |"
    yield ""


def top_of(row: dict[str, Any]) -> str:
    """The top token of a row with its probability."""
    return f"{escaped(visible(row['top'][0]))} {row['probabilities'][0]:.2f}" if row["top"] else ""


FILES = TableFiles("A lens", COLUMNS, section)
"""The formats of lenses."""


def export_lenses(lenses: Iterable[Lens], path: Path, *, overwrite: bool = False) -> ExportedTables:
    """Write lenses to a file as they come, in the format of its ending; raises as `TableFiles.export`."""
    return FILES.export(map(rows_of, lenses), path, overwrite=overwrite)

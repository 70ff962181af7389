"""Comparisons of two models as files: the table of `comparison_table.COLUMNS`, in the format of the file's ending."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from selfie_tui.comparison_table import COLUMNS, rows_of
from selfie_tui.records import Comparison
from selfie_tui.results.writers.kinds.comparisons import tables
from selfie_tui.results.writers.markdown_text import plain
from selfie_tui.results.writers.table_files import ExportedTables, Rows, TableFiles


def section(rows: Rows) -> Iterator[str]:
    """The lines of a comparison in Markdown: layers down, tokens across, both models' words where they differ."""
    first = rows[0]
    yield f"## {plain(first['prompt'])}"
    yield ""
    for name in ("", "other_"):
        facts = [first[f"{name}{fact}"] for fact in ("model", "revision", "device", "dtype", "verdict")]
        yield f"- {'other model' if name else 'model'}: {plain(' · '.join(part for part in facts if part))}"
        yield from (f"- edit: {plain(edit)}" for edit in first[f"{name}edits"])
    yield ""
    yield from tables(rows)


FILES = TableFiles("A comparison", COLUMNS, section)
"""The formats of comparisons."""


def export_comparisons(comparisons: Iterable[Comparison], path: Path, *, overwrite: bool = False) -> ExportedTables:
    """Write comparisons to a file, in the format of its ending; raises as `TableFiles.export`."""
    return FILES.export(map(rows_of, comparisons), path, overwrite=overwrite)

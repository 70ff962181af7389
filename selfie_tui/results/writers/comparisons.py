"""Comparisons of two models as files: the table of `comparison_table.COLUMNS`, in the format of the file's ending."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from selfie_tui.comparison_table import COLUMNS, rows_of
from selfie_tui.records import Comparison
from selfie_tui.results.writers.markdown_text import escaped, plain
from selfie_tui.results.writers.table_files import ExportedTables, Rows, TableFiles
from selfie_tui.text import visible


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
    tokens = {row["position"]: row for row in rows}
    names = [f"{position} {escaped(visible(row['token']))}" for position, row in tokens.items()]
    yield f"| | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(tokens)}"
    for name in dict.fromkeys(row["layer_name"] for row in rows):
        yield f"| {name} | {' | '.join(words_of(row) for row in rows if row['layer_name'] == name)} |"
    yield ""
    if any(row["text"] is not None for row in rows):
        yield from readings(rows)
        yield ""


def words_of(row: dict[str, Any]) -> str:
    """The top token of both models at a cell, once where it is the same, and the bits between them."""
    own, other = (escaped(visible(row[name][0])) for name in ("top", "other_top"))
    bits = "" if row["bits"] is None else f" {row['bits']:.2f}"
    return f"{own} ≠ {other}{bits}" if row["differs"] else f"{own}{bits}"


def readings(rows: Rows) -> Iterator[str]:
    """What both models say of each cell."""
    mapped = any(row["mapped_text"] is not None for row in rows)
    more = " mapped | shuffled |" if mapped else ""
    yield f"| cell | model | other model | |{more}"
    yield f"|---|---|---|---|{'---|---|' if mapped else ''}"
    for row in rows:
        texts = [row[name] or "" for name in ("text", "other_text", "texts")]
        texts += [row[name] or "" for name in ("mapped_text", "shuffled_text")] if mapped else []
        cell = f"{row['layer_name']} {row['position']} {escaped(visible(row['token']))}"
        yield f"| {cell} | {' | '.join(plain(text) for text in texts)} |"


FILES = TableFiles("A comparison", COLUMNS, section)
"""The formats of comparisons."""


def export_comparisons(comparisons: Iterable[Comparison], path: Path, *, overwrite: bool = False) -> ExportedTables:
    """Write comparisons to a file, in the format of its ending; raises as `TableFiles.export`."""
    return FILES.export(map(rows_of, comparisons), path, overwrite=overwrite)

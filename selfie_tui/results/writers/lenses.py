"""Lenses as files: the table of `lens_table.COLUMNS`, written prompt by prompt, in the format of the file's ending.

A prompt's lens comes here as its rows, each a dictionary with the columns' names.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.lens_table import COLUMNS, rows_of
from selfie_tui.paths import replacing
from selfie_tui.records import Lens
from selfie_tui.results.writers import ExportError, check
from selfie_tui.results.writers.csv_file import field
from selfie_tui.results.writers.markdown_text import escaped, plain
from selfie_tui.results.writers.parquet import arrow_type, encodable
from selfie_tui.text import visible

Rows = list[dict[str, Any]]
"""The rows of one prompt."""

NAMES = [column.name for column in COLUMNS]


def write_json_lines(lenses: Iterable[Rows], path: Path) -> None:
    """Write lenses as JSON lines; raises OSError."""
    with path.open("wb") as file:
        for rows in lenses:
            file.writelines(encode_ascii(row) + b"\n" for row in rows)


def write_csv(lenses: Iterable[Rows], path: Path) -> None:
    """Write lenses as CSV, lists as JSON; raises OSError."""
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(NAMES)
        for rows in lenses:
            lines.writerows([field(row[name]) for name in NAMES] for row in rows)


def write_parquet(lenses: Iterable[Rows], path: Path) -> None:
    """Write lenses as a typed table, a group of rows a prompt; raises OSError."""
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")  # heavy, and not always installed
    schema = arrow.schema([(column.name, arrow_type(arrow, column.kind)) for column in COLUMNS])
    with parquet.ParquetWriter(path, schema) as writer:
        for rows in lenses:
            table = {name: [encodable(row[name]) for row in rows] for name in NAMES}
            writer.write_table(arrow.table(table, schema=schema))


def write_markdown(lenses: Iterable[Rows], path: Path) -> None:
    """Write lenses for people: layers down, tokens across, in each cell the top token; raises OSError."""
    with path.open("w", encoding="utf-8") as file:
        for rows in lenses:
            file.writelines(f"{line}\n" for line in section(rows))


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


WRITERS: dict[str, Callable[[Iterable[Rows], Path], None]] = {
    ".jsonl": write_json_lines,
    ".csv": write_csv,
    ".md": write_markdown,
    ".parquet": write_parquet,
}
"""The formats by the ending of their files."""


def check_lens_file(path: Path, overwrite: bool = False) -> None:
    """Refuse a file that lenses cannot be written to; raises as `check`."""
    check(path, overwrite)
    if path.suffix.lower() not in WRITERS:
        raise ExportError(f"A lens is not written as {path.suffix}.", f"Use one of: {' '.join(WRITERS)}.")


class ExportedLenses(NamedTuple):
    """What was written: the file, and how many prompts and cells it holds."""

    path: Path
    prompts: int
    cells: int

    def __str__(self) -> str:
        of = "" if self.prompts == 1 else f" of {self.prompts} prompts"
        return f"{self.cells} cell{'' if self.cells == 1 else 's'}{of}: {self.path}"


def export_lenses(lenses: Iterable[Lens], path: Path, *, overwrite: bool = False) -> ExportedLenses:
    """Write lenses to a file as they come, in the format of its ending; raises as `export_rows`."""
    return export_rows(map(rows_of, lenses), path, overwrite=overwrite)


def export_rows(lenses: Iterable[Rows], path: Path, *, overwrite: bool = False) -> ExportedLenses:
    """Write the rows of lenses, prompt by prompt, to a file as they come, in the format of its ending.

    Raises:
        FileThere: for a file that is there, unless it is to be overwritten.
        ExportError: as `check`, or for a disk that refuses.
    """
    check_lens_file(path, overwrite)
    counts: Counter[str] = Counter()

    def counted() -> Iterator[Rows]:
        for rows in lenses:
            if rows:
                counts.update(prompts=1, cells=len(rows))
                yield rows

    try:
        with replacing(path) as fresh:
            WRITERS[path.suffix.lower()](counted(), fresh)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}.", "Choose another file.") from error
    return ExportedLenses(path, counts["prompts"], counts["cells"])

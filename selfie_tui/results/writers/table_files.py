"""Tables of any columns as files, written table by table, in the format of the file's ending.

A table comes here as its rows, each a dictionary with the columns' names; the tables of one prompt each follow one
another in the file.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.paths import replacing
from selfie_tui.results.writers import ExportError, check
from selfie_tui.results.writers.csv_file import field
from selfie_tui.results.writers.parquet import arrow_type, encodable

Rows = list[dict[str, Any]]
"""The rows of one table."""


class TypedColumn(Protocol):
    """A column with its name and the kind of its values (see `columns.Kind`)."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...


class ExportedTables(NamedTuple):
    """What was written: the file, and how many prompts and cells it holds."""

    path: Path
    prompts: int
    cells: int

    def __str__(self) -> str:
        of = "" if self.prompts == 1 else f" of {self.prompts} prompts"
        return f"{self.cells} cell{'' if self.cells == 1 else 's'}{of}: {self.path}"


class TableFiles:
    """Files of tables of one kind: what such a table is called, its columns, and its section in Markdown."""

    def __init__(self, what: str, columns: Sequence[TypedColumn], section: Callable[[Rows], Iterator[str]]) -> None:
        self.what, self.columns, self.section = what, columns, section
        self.names = [column.name for column in columns]
        self.writers: dict[str, Callable[[Iterable[Rows], Path], None]] = {
            ".jsonl": write_json_lines,
            ".csv": self.write_csv,
            ".md": self.write_markdown,
            ".parquet": self.write_parquet,
        }

    def write_csv(self, tables: Iterable[Rows], path: Path) -> None:
        """Write tables as CSV, lists as JSON; raises OSError."""
        with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(self.names)
            for rows in tables:
                lines.writerows([field(row[name]) for name in self.names] for row in rows)

    def write_parquet(self, tables: Iterable[Rows], path: Path) -> None:
        """Write tables with typed columns, a group of rows each; raises OSError."""
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")  # heavy, and not always installed
        schema = arrow.schema([(column.name, arrow_type(arrow, column.kind)) for column in self.columns])
        with parquet.ParquetWriter(path, schema) as writer:
            for rows in tables:
                table = {name: [encodable(row[name]) for row in rows] for name in self.names}
                writer.write_table(arrow.table(table, schema=schema))

    def write_markdown(self, tables: Iterable[Rows], path: Path) -> None:
        """Write tables for people; raises OSError."""
        with path.open("w", encoding="utf-8") as file:
            for rows in tables:
                file.writelines(f"{line}\n" for line in self.section(rows))

    def check(self, path: Path, overwrite: bool = False) -> None:
        """Refuse a file that such tables cannot be written to; raises as `writers.check`."""
        check(path, overwrite)
        if path.suffix.lower() not in self.writers:
            raise ExportError(f"{self.what} is not written as {path.suffix}.", f"Use one of: {' '.join(self.writers)}.")

    def export(self, tables: Iterable[Rows], path: Path, *, overwrite: bool = False) -> ExportedTables:
        """Write tables to a file as they come, in the format of its ending.

        Raises:
            FileThere: for a file that is there, unless it is to be overwritten.
            ExportError: as `check`, or for a disk that refuses.
        """
        self.check(path, overwrite)
        counts: Counter[str] = Counter()

        def counted() -> Iterator[Rows]:
            for rows in tables:
                if rows:
                    counts.update(prompts=1, cells=len(rows))
                    yield rows

        try:
            with replacing(path) as fresh:
                self.writers[path.suffix.lower()](counted(), fresh)
        except OSError as error:
            raise ExportError(
                f"{path} cannot be written: {error.strerror or error}.", "Choose another file."
            ) from error
        return ExportedTables(path, counts["prompts"], counts["cells"])


def write_json_lines(tables: Iterable[Rows], path: Path) -> None:
    """Write tables as JSON lines; raises OSError."""
    with path.open("wb") as file:
        for rows in tables:
            file.writelines(encode_ascii(row) + b"\n" for row in rows)

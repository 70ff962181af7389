"""Parquet: the table of `table.COLUMNS` with typed columns and lists, where pyarrow is installed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.results.writers.table import COLUMNS, rows, values


def write(runs: Iterable[KeptRun], path: Path) -> None:
    """Write the interpretations of runs, a group of rows for each run; raises OSError."""
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")  # heavy, and not always installed
    schema = arrow.schema([(column.name, arrow_type(arrow, column.kind)) for column in COLUMNS])
    with parquet.ParquetWriter(path, schema) as writer:
        for run in runs:
            table = [[encodable(value) for value in values(row)] for row in rows(run)]
            if table:
                columns = dict(zip(schema.names, zip(*table, strict=True), strict=True))
                writer.write_table(arrow.table(columns, schema=schema))


def arrow_type(arrow: Any, kind: str) -> Any:
    """The type of a column."""
    single = {"text": arrow.string(), "integer": arrow.int64(), "number": arrow.float64(), "switch": arrow.bool_()}
    return single[kind] if kind in single else arrow.list_(single[kind.removesuffix("s")])


def encodable(value: Any) -> Any:
    """A value with a replacement for each half of a surrogate pair, which no table can hold."""
    if isinstance(value, list):
        return [encodable(each) for each in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value

"""Parquet: the table of `tables` with typed columns and lists, where pyarrow is installed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.results.writers.tables import table_of


def write(runs: Iterable[KeptRun], path: Path) -> None:
    """Write the results of runs of one kind, a group of rows a run; raises OSError, RequestError for several kinds."""
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")  # heavy, and not always installed
    table, each = table_of(runs)
    schema = arrow.schema([(column.name, arrow_type(arrow, column.kind)) for column in table.columns])
    with parquet.ParquetWriter(path, schema) as writer:
        for run in each:
            values = [[encodable(value) for value in row] for row in table.values(run)]
            if values:
                columns = dict(zip(schema.names, zip(*values, strict=True), strict=True))
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

"""CSV: a table with a row for each result; lists are JSON, an empty field is what was not measured.

Texts are written as they are, so that what is read back is what the model said. A spreadsheet takes a field that begins
with `=`, `+`, `-` or `@` for a formula: import the columns as text there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.results.writers.tables import table_of


def write(runs: Iterable[KeptRun], path: Path) -> None:
    """Write the results of runs of one kind; raises OSError, and RequestError for runs of several."""
    table, each = table_of(runs)
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(table.names)
        for run in each:
            lines.writerows([field(value) for value in row] for row in table.values(run))


def field(value: Any) -> Any:
    """A value as a field of CSV."""
    return encode_ascii(value).decode() if isinstance(value, list) else value

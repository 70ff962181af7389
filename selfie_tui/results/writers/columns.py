"""Tables of runs: what a column is, and the columns that runs of every kind have.

One list of columns serves every format that has columns. The values are exact: texts as the model wrote them, floats
unrounded; None is what was not measured, or what there is none of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.edits import edit_line
from selfie_tui.records import ModelInfo
from selfie_tui.results.writers.runs import KeptRun

Kind = Literal["text", "integer", "number", "switch", "texts", "integers", "numbers"]


class Column(NamedTuple):
    """A column: its name, what kind of value it holds, and the value of a row; None where there is none.

    A row is an object of the table's own that has its `run`.
    """

    name: str
    kind: Kind
    value: Callable[[Any], Any]


class Table(NamedTuple):
    """How runs of a kind are written as a table: its columns, and the rows of a run in their order."""

    columns: tuple[Column, ...]
    rows: Callable[[KeptRun], Iterator[Any]]

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    def values(self, run: KeptRun) -> Iterator[list[Any]]:
        """The values of each row of a run, in the order of the columns."""
        return ([column.value(row) for column in self.columns] for row in self.rows(run))


def of_run(name: str, kind: Kind, value: Callable[[KeptRun], Any]) -> Column:
    """A column that is the same for all rows of a run."""
    return Column(name, kind, lambda row: value(row.run))


def of_model(name: str, value: Callable[[ModelInfo], Any]) -> Column:
    """A column of what the model said of itself; "" where the run does not know."""
    return of_run(name, "text", lambda run: value(run.began.info) if run.began.info else "")


SHARED: tuple[Column, ...] = (
    of_run("run", "integer", lambda run: run.began.run),
    of_run("began", "text", lambda run: run.began.began),
    of_run("ending", "text", lambda run: run.ended.ending if run.ended else ""),
    of_run("model", "text", lambda run: run.began.model),
    of_model("revision", lambda info: info.revision),
    of_model("device", lambda info: info.device),
    of_model("dtype", lambda info: info.dtype),
    of_model("verdict", lambda info: info.verdict),
    of_model("edits", lambda info: "; ".join(edit_line(edit) for edit in info.edits)),
    of_run("versions", "text", lambda run: encode_ascii(run.began.versions).decode()),
)
"""What a row says of its run, whatever that did."""

"""Comparisons of two models as they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from selfie_tui import comparison_table
from selfie_tui.comparison_table import rows_of
from selfie_tui.edits import edit_line
from selfie_tui.records import CompareModels, Interpretation
from selfie_tui.results.run_kinds import said
from selfie_tui.results.run_kinds.comparisons import began_in, comparison_of
from selfie_tui.results.writers import html
from selfie_tui.results.writers.columns import SHARED, Column, Table
from selfie_tui.results.writers.html import number, shown, table
from selfie_tui.results.writers.kinds.kind import Facts, Written
from selfie_tui.results.writers.markdown_text import escaped, plain
from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.settings import SETTINGS
from selfie_tui.text import visible

Rows = list[dict[str, Any]]
"""The table of a comparison: a dictionary for each pair of cells."""


class Row(NamedTuple):
    """A pair of cells of a run."""

    run: KeptRun
    values: dict[str, Any]


def rows(run: KeptRun) -> Iterator[Row]:
    """The pairs of cells that both models have read, position by position."""
    return (Row(run, values) for values in values_of(run))


def values_of(run: KeptRun) -> Rows:
    """The same as dictionaries."""
    found = comparison_of(run.results)
    return [] if found is None else rows_of(found)


def value_of(name: str) -> Callable[[Row], Any]:
    """The value of a column of the comparison."""
    return lambda row: row.values[name]


NAMES = {column.name for column in comparison_table.COLUMNS}
TABLE = Table(
    (
        *(column for column in SHARED if column.name not in NAMES),
        *(Column(each.name, each.kind, value_of(each.name)) for each in comparison_table.COLUMNS),  # type: ignore[arg-type]
    ),
    rows,
)


def asked(run: KeptRun) -> Facts:
    """What was asked, and of which other model."""
    task, began = run.began.task, began_in(run.results)
    assert isinstance(task, CompareModels)
    other = began.other if began else None
    facts = (other.revision, other.device, other.dtype, other.verdict) if other else ()
    yield "other model", " · ".join(part for part in (task.other.name, *facts) if part)
    yield "its edits", "; ".join(edit_line(edit) for edit in other.edits) if other else ""
    if task.request is not None:
        yield "interpretation prompt", task.request.preset.text
        yield "settings", " · ".join(f"{setting.field} {setting.written(task.request)}" for setting in SETTINGS)
    yield "texts for maps", str(len(task.texts) or "")


def how_far(run: KeptRun) -> str:
    """`243 of 243 results`."""
    began = began_in(run.results)
    return f"{run.parts} of {began.parts.count if began else 0} results"


def markdown(run: KeptRun) -> Iterator[str]:
    """Both models' words layer by token, and what they say of each cell."""
    found = values_of(run)
    if found:
        yield from tables(found)


def tables(rows: Rows) -> Iterator[str]:
    """Layers down, tokens across, both models' words where they differ; then what they say of each cell."""
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


def page(run: KeptRun) -> Iterator[str]:
    """Layers down, tokens across, coloured by the bits between the models; then what they say of each cell."""
    found = values_of(run)
    if not found:
        return
    names = {each["position"]: f"{each['position']} {shown(each['token'])}" for each in found}
    lines = [html.row(["", *names.values()], "th")]
    for name in dict.fromkeys(each["layer_name"] for each in found):
        lines.append(html.row([name, *(lens_cell(each) for each in found if each["layer_name"] == name)]))
    yield from table(lines)
    if any(each["text"] is not None for each in found):
        yield from table(reading_rows(found))


def lens_cell(each: dict[str, Any]) -> str:
    """The top token of both models at a cell, once where it is the same."""
    own, other = shown(each["top"][0]), shown(each["other_top"][0])
    words = f"{own} ≠ {other}" if each["differs"] else own
    return number(words if each["bits"] is None else f"{words} {each['bits']:.2f}", each["bits"])


def reading_rows(found: Rows) -> Iterator[str]:
    """What both models say of each cell, and of what was mapped."""
    texts = ["text", "other_text", "texts"]
    texts += ["mapped_text", "shuffled_text"] if any(each["mapped_text"] is not None for each in found) else []
    heads = {"text": "model", "other_text": "other model", "texts": "", "mapped_text": "mapped"}
    yield html.row(["cell", *(heads.get(name, "shuffled") for name in texts)], "th")
    for each in found:
        cell = f"{each['layer_name']} {each['position']} {shown(each['token'])}"
        yield html.row([cell, *(html.plain(each[name] or "") for name in texts)])


def remade(run: KeptRun) -> Iterator[tuple[int, str]]:
    """The words of lenses and of readings."""
    for index, value in sorted(run.results.items()):
        if index >= 0 and (isinstance(value, Interpretation) or said(value)):
            yield index, said(value)


WRITTEN = Written(asked, how_far, TABLE, markdown, page, remade)

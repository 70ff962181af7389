"""The lens of a prompt as a table: a row for each cell with all that is known of it, so that it can stand by itself.

The values are exact: texts as the vocabulary has them, floats unrounded; None is what was not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from selfie_tui.edits import edit_text
from selfie_tui.records import Event, Lens, LensRead, LensRow, LensToken, ModelInfo, ReadLens, Token, layer_name


class Cell(NamedTuple):
    """A row of a lens, with its token and the model's own answer there."""

    lens: Lens
    row: LensRow
    token: Token
    answer: LensToken


class Column(NamedTuple):
    """A column: its name, the kind of its values (see `results.writers.columns`), and the value of a cell."""

    name: str
    kind: str
    value: Callable[[Cell], Any]


def of_model(name: str, value: Callable[[ModelInfo], str]) -> Column:
    """A column of what the model said of itself; "" where that is not known."""
    return Column(name, "text", lambda cell: value(cell.lens.info) if cell.lens.info else "")


def edits_of(info: ModelInfo | None) -> list[str]:
    """The edits that stand in a model, as they are typed, each after the path of its module."""
    return [f"{edit.path} {edit_text(edit)}" for edit in (info.edits if info else ())]


COLUMNS: tuple[Column, ...] = (
    of_model("model", lambda info: info.name),
    of_model("revision", lambda info: info.revision),
    of_model("device", lambda info: info.device),
    of_model("dtype", lambda info: info.dtype),
    of_model("verdict", lambda info: info.verdict),
    Column("edits", "texts", lambda cell: edits_of(cell.lens.info)),
    Column("prompt", "text", lambda cell: cell.lens.prompt),
    Column("stack", "text", lambda cell: cell.lens.stack),
    Column("tuned", "text", lambda cell: cell.lens.tuned),
    Column("layer", "integer", lambda cell: cell.row.cell.layer),
    Column("layer_name", "text", lambda cell: layer_name(cell.row.cell.layer)),
    Column("position", "integer", lambda cell: cell.row.cell.position),
    Column("token", "text", lambda cell: cell.token.text),
    Column("token_id", "integer", lambda cell: cell.token.id),
    Column("special", "switch", lambda cell: cell.token.special),
    Column("top", "texts", lambda cell: [token.text for token in cell.row.top]),
    Column("top_ids", "integers", lambda cell: [token.id for token in cell.row.top]),
    Column("probabilities", "numbers", lambda cell: [token.probability for token in cell.row.top]),
    Column("entropy", "number", lambda cell: cell.row.entropy),
    Column("kl", "number", lambda cell: cell.row.kl),
    Column("answer", "text", lambda cell: cell.answer.text),
    Column("answer_id", "integer", lambda cell: cell.answer.id),
    Column("answer_probability", "number", lambda cell: cell.answer.probability),
    Column("answer_rank", "integer", lambda cell: cell.row.answer_rank),
    Column("tracked", "text", lambda cell: cell.lens.tracked.text if cell.lens.tracked else None),
    Column("tracked_probability", "number", lambda cell: cell.row.tracked),
    Column("tracked_rank", "integer", lambda cell: cell.row.tracked_rank),
)
"""All of them; `layer` is -1 for the embeddings, and `answer_probability` what the last layer gives the answer."""


def gathered(task: ReadLens, tokens: Sequence[Token], events: Iterable[Event], info: ModelInfo | None) -> Lens:
    """The lens that a task's events make up, of the `tokens` of its prompt; no event is waited for after the last."""
    read = list(until_read(task, events))
    return Lens(
        prompt=task.prompt,
        tokens=tuple(tokens[position] for event in read for position in event.positions),
        rows=tuple(row for event in read for row in event.rows),
        answers=tuple(answer for event in read for answer in event.answers),
        stack=task.stack,
        track=task.track,
        tracked=read[0].tracked if read else None,
        tuned=task.tuned,
        info=info,
    )


def until_read(task: ReadLens, events: Iterable[Event]) -> Iterator[LensRead]:
    """The lenses among a task's events, up to that of its last positions: a quick task is ended by nothing else."""
    left = len(task.positions)
    for event in events if left else ():
        if isinstance(event, LensRead):
            yield event
            left -= len(event.positions)
            if left <= 0:
                return


def cells(lens: Lens) -> Iterator[Cell]:
    """The cells of a lens, in the order of its rows."""
    tokens = {token.position: (token, answer) for token, answer in zip(lens.tokens, lens.answers, strict=True)}
    return (Cell(lens, row, *tokens[row.cell.position]) for row in lens.rows)


def rows_of(lens: Lens) -> list[dict[str, Any]]:
    """The table as one dictionary a cell."""
    return [{column.name: column.value(cell) for column in COLUMNS} for cell in cells(lens)]


def columns_of(lens: Lens) -> dict[str, list[Any]]:
    """The table as equally long lists under the names of its columns."""
    rows = rows_of(lens)
    return {column.name: [row[column.name] for row in rows] for column in COLUMNS}

"""Interpretations as a table: a row for each, with all that is known of its run, so that a row can stand by itself.

One list of columns serves every format that has columns. The values are exact: texts as the model wrote them, floats
unrounded; None is what was not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from selfie_tui.ascii_json import encode_ascii
from selfie_tui.edits import edit_line
from selfie_tui.marks import mark_of
from selfie_tui.measures import agreement, control_agreement
from selfie_tui.records import Interpretation, ModelInfo, layer_name
from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.settings import SETTINGS, Setting

Kind = Literal["text", "integer", "number", "switch", "texts", "integers", "numbers"]


@dataclass(frozen=True)
class Row:
    """An interpretation, its index in the request, and its run."""

    run: KeptRun
    index: int
    interpretation: Interpretation


class Column(NamedTuple):
    """A column: its name, what kind of value it holds, and the value of a row; None where there is none."""

    name: str
    kind: Kind
    value: Callable[[Row], Any]


def of_run(name: str, kind: Kind, value: Callable[[KeptRun], Any]) -> Column:
    """A column that is the same for all rows of a run."""
    return Column(name, kind, lambda row: value(row.run))


def of_model(name: str, value: Callable[[ModelInfo], Any]) -> Column:
    """A column of what the model said of itself; "" where the run does not know."""
    return of_run(name, "text", lambda run: value(run.began.info) if run.began.info else "")


def of_cell(name: str, kind: Kind, value: Callable[[Interpretation], Any]) -> Column:
    """A column of an interpretation."""
    return Column(name, kind, lambda row: value(row.interpretation))


def of_setting(setting: Setting) -> Column:
    """A column of a setting: its value where that is a plain one, else as it is written on the command line."""
    kinds: dict[type, Kind] = {bool: "switch", int: "integer", float: "number", str: "text"}
    kind = kinds.get(type(setting.default))
    if setting.field == "injection_layer" or kind is None:
        return of_run(setting.field, "text", lambda run: setting.written(run.began.request))
    return of_run(setting.field, kind, lambda run: setting.of(run.began.request))


COLUMNS: tuple[Column, ...] = (
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
    of_run("prompt", "text", lambda run: run.began.request.prompt),
    of_run("stack", "text", lambda run: run.began.request.stack),
    of_run("module", "text", lambda run: str(run.began.request.module or "")),
    *(of_setting(setting) for setting in SETTINGS),
    of_run("preset_text", "text", lambda run: run.began.request.preset.text),
    of_run("placeholder", "text", lambda run: run.began.request.preset.placeholder),
    of_run("control", "text", lambda run: run.control.text if run.control else None),
    Column("index", "integer", lambda row: row.index),
    of_cell("layer", "integer", lambda each: each.cell.layer),
    of_cell("layer_name", "text", lambda each: layer_name(each.cell.layer)),
    of_cell("position", "integer", lambda each: each.cell.position),
    of_cell("token", "text", lambda each: each.token.text),
    of_cell("token_id", "integer", lambda each: each.token.id),
    of_cell("special", "switch", lambda each: each.token.special),
    of_cell("text", "text", lambda each: each.text),
    of_cell("mark", "text", mark_of),
    of_cell("effect", "number", lambda each: each.treatment_effect),
    of_cell("relevancy_floor", "number", lambda each: each.relevancy_floor),
    of_cell("lead", "number", lambda each: each.lead),
    of_cell("first_probability", "number", lambda each: each.first_probability),
    of_cell("entropy", "number", lambda each: each.entropy),
    Column("control_agreement", "number", lambda row: control_agreement(row.interpretation, row.run.control)),
    of_cell("agreement", "number", agreement),
    of_cell("lens", "text", lambda each: each.lens.text if each.lens else None),
    of_cell("lens_probability", "number", lambda each: each.lens.probability if each.lens else None),
    of_cell("bare", "text", lambda each: each.bare),
    of_cell("norm", "number", lambda each: each.norm),
    of_cell("layer_norm", "number", lambda each: each.layer_norm),
    of_cell("problem", "text", lambda each: each.problem),
    of_cell("random", "text", lambda each: each.random.text if each.random else None),
    of_cell("sample_texts", "texts", lambda each: list(each.samples)),
    of_cell("tokens", "texts", lambda each: [token.text for token in each.tokens]),
    of_cell("token_ids", "integers", lambda each: [token.id for token in each.tokens]),
    of_cell("probabilities", "numbers", lambda each: [token.probability for token in each.tokens]),
    of_cell("effects", "numbers", lambda each: [token.effect for token in each.tokens]),
)
"""All of them; `layer` is -1 for the embeddings, and `tokens` and the three after it are those of the text.

`measures` says what the agreements are."""


def rows(run: KeptRun) -> Iterator[Row]:
    """The rows of a run, in the order of its request."""
    return (Row(run, index, interpretation) for index, interpretation in run.in_order())


def values(row: Row) -> list[Any]:
    """The values of a row, in the order of the columns."""
    return [column.value(row) for column in COLUMNS]

"""Interpretations as a table: a row for each, with all that is known of its run, so that a row can stand by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from selfie_tui.marks import mark_of
from selfie_tui.measures import agreement, control_agreement
from selfie_tui.records import Interpretation, layer_name
from selfie_tui.results.writers.columns import SHARED, Column, Kind, Table, of_run
from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.settings import SETTINGS, Setting


@dataclass(frozen=True)
class Row:
    """An interpretation, its index in the request, and its run."""

    run: KeptRun
    index: int
    interpretation: Interpretation


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
    *SHARED,
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


TABLE = Table(COLUMNS, rows)

"""Control of a layer as it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from selfie_tui.control_table import rows_of
from selfie_tui.records import ControlLayer, LayerControlled, layer_name
from selfie_tui.results.run_kinds.controls import began_in, done_in, target, texts_of
from selfie_tui.results.writers import html
from selfie_tui.results.writers.columns import SHARED, Column, Kind, Table, of_run
from selfie_tui.results.writers.html import number, row, table
from selfie_tui.results.writers.kinds.kind import Facts, Written
from selfie_tui.results.writers.markdown_text import plain
from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.settings import SETTINGS


class Row(NamedTuple):
    """A cell, an answer or a retained prompt, before and after."""

    run: KeptRun
    done: LayerControlled
    values: dict[str, Any]


def values_of(run: KeptRun) -> list[dict[str, Any]]:
    """What became of the layer; nothing where the training stopped."""
    began, done = began_in(run.results), done_in(run.results)
    return rows_of(began, done) if began and done else []


def rows(run: KeptRun) -> Iterator[Row]:
    """The rows of a run."""
    done = done_in(run.results)
    if done is not None:
        yield from (Row(run, done, values) for values in values_of(run))


def of_task(name: str, kind: Kind, value: Callable[[ControlLayer], Any]) -> Column:
    """A column of what was asked."""
    return of_run(name, kind, lambda run: value(run.began.task))  # type: ignore[arg-type]


def of_text(name: str, kind: Kind) -> Column:
    """A column of what is set beside each other."""
    return Column(name, kind, lambda row: row.values[name])


COLUMNS: tuple[Column, ...] = (
    *SHARED,
    of_task("source", "text", lambda task: task.request.prompt),
    of_task("stack", "text", lambda task: task.request.stack),
    of_task("positions", "integers", lambda task: [cell.position for cell in task.request.cells]),
    Column("layer", "integer", lambda row: row.done.layer),
    Column("layer_name", "text", lambda row: layer_name(row.done.layer)),
    Column("module", "text", lambda row: row.done.module),
    of_task("line", "text", lambda task: task.line),
    of_task("like", "text", lambda task: task.like),
    of_task("like_position", "integer", lambda task: task.like_position),
    of_task("random", "switch", lambda task: task.random),
    of_task("steps", "integer", lambda task: task.steps),
    of_task("rate", "number", lambda task: task.rate),
    of_task("keep", "number", lambda task: task.keep),
    Column("distance", "number", lambda row: row.done.distance),
    Column("drift", "number", lambda row: row.done.drift),
    Column("changed", "number", lambda row: row.done.changed),
    Column("distances", "numbers", lambda row: [distance for distance, _ in row.done.curve]),
    Column("drifts", "numbers", lambda row: [drift for _, drift in row.done.curve]),
    of_text("kind", "text"),
    of_text("prompt", "text"),
    of_text("before", "text"),
    of_text("after", "text"),
    of_text("kl", "number"),
    of_text("agreement", "number"),
    of_text("loss_before", "number"),
    of_text("loss_after", "number"),
)
"""All of them; `distances` and `drifts` are the curve of the training, a number a step."""


def asked(run: KeptRun) -> Facts:
    """What was asked, and how far it came."""
    task, began, done = run.began.task, began_in(run.results), done_in(run.results)
    assert isinstance(task, ControlLayer)
    if began is not None:
        yield "layer", f"{layer_name(began.layer)} {began.module}, {began.parameters} weights"
    yield "target", target(task)
    if began is not None:
        yield "distance", f"{began.distance:.4g} away, of states {began.norm:.4g} long"
    yield "training", f"{task.steps} steps · rate {task.rate:g} · weight of what is retained {task.keep:g}"
    if done is not None:
        left = f"{done.distance:.1%} of the way left"
        yield "came of it", f"{left} · weights moved by {done.changed:.1%} · retained states by {done.drift:.1%}"
        yield "weights", done.file
    yield "interpretation prompt", task.request.preset.text
    yield "settings", " · ".join(f"{setting.field} {setting.written(task.request)}" for setting in SETTINGS)


HEADS = ("what", "prompt", "before", "after", "KL", "same next token")


def cells_of(values: dict[str, Any]) -> list[str]:
    """A row for people; unsafe to print as it is."""
    numbers = [values["kl"], values["agreement"]]
    measured = ["" if each is None else f"{each:.3g}" for each in numbers]
    return [values["kind"], values["prompt"], values["before"], values["after"], *measured]


def markdown(run: KeptRun) -> Iterator[str]:
    """What is said before and after, and the curve of the training; before alone where it stopped."""
    began, done = began_in(run.results), done_in(run.results)
    if done is None:
        yield from (f"- before: {plain(text)}" for text in (texts_of(began.before) if began else ()))
        return
    yield f"| {' | '.join(HEADS)} |"
    yield "|---|---|---|---|---:|---:|"
    for values in values_of(run):
        yield f"| {' | '.join(plain(each) for each in cells_of(values))} |"
    yield ""
    yield "| step | of the way left | others moved by |"
    yield "|---:|---:|---:|"
    for step, (distance, drift) in enumerate(done.curve, 1):
        yield f"| {step} | {distance:.4f} | {drift:.4f} |"


def page(run: KeptRun) -> Iterator[str]:
    """The same for a browser, each step coloured by what is left."""
    began, done = began_in(run.results), done_in(run.results)
    if done is None:
        yield from (f"<p>before: {html.plain(text)}</p>" for text in (texts_of(began.before) if began else ()))
        return
    lines = [row(map(html.plain, cells_of(values))) for values in values_of(run)]
    yield from table([row(HEADS, "th"), *lines])
    steps = [
        row([number(str(step)), number(f"{distance:.4f}", distance), number(f"{drift:.4f}", drift)])
        for step, (distance, drift) in enumerate(done.curve, 1)
    ]
    yield from table([row(["step", "of the way left", "others moved by"], "th"), *steps])


def remade(run: KeptRun) -> Iterator[tuple[int, str]]:
    """What is said after the training."""
    done = done_in(run.results)
    yield from enumerate(texts_of(done.after) if done else ())


WRITTEN = Written(
    asked,
    lambda run: "trained" if run.parts else "not trained to the end",
    Table(COLUMNS, rows),
    markdown,
    page,
    remade,
)

"""Markdown: for people. A heading, the settings and a table for each run; controls and line ends are shown as marks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from selfie_tui.edits import edit_line
from selfie_tui.marks import MEANINGS, mark_of
from selfie_tui.records import Interpretation, layer_name
from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.settings import SETTINGS
from selfie_tui.text import prose, visible

HEADER = (
    "| layer | token | interpretation | effect | mark | lens | bare embedding |\n|---|---|---|---:|---|---|---|",
    "| layer | token | interpretation | effect | mark |\n|---|---|---|---:|---|",
)
"""The head of the table of a run with baselines, and of one without."""

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|!~&$]")


def write(runs: Iterable[KeptRun], path: Path) -> None:
    """Write runs as sections of one document; raises OSError."""
    with path.open("w", encoding="utf-8") as file:
        for run in runs:
            file.writelines(f"{line}\n" for line in section(run))


def section(run: KeptRun) -> Iterator[str]:
    """The lines of a run."""
    began = run.began
    yield f"## {plain(began.model)}: {plain(began.request.prompt)}"
    yield ""
    yield from (f"- {name}: {plain(value)}" for name, value in facts(run) if value)
    yield ""
    beside = any(each.lens or each.bare is not None for each in run.interpretations.values())
    yield HEADER[0 if beside else 1]
    yield from (line(interpretation, beside) for _, interpretation in run.in_order())
    yield ""
    yield ", ".join(f"{plain(mark)} {meaning}" for mark, meaning in MEANINGS.items())
    yield ""


def facts(run: KeptRun) -> Iterator[tuple[str, str]]:
    """What is known of a run, by name."""
    began = run.began
    yield "began", began.began
    if began.info:
        info = began.info
        yield "model", " · ".join(part for part in (info.revision, info.device, info.dtype, info.verdict) if part)
        yield "edits", "; ".join(edit_line(edit) for edit in info.edits)
    yield "states of", str(began.request.module or "")
    yield "interpretation prompt", began.request.preset.text
    yield "settings", " · ".join(f"{setting.field} {setting.written(began.request)}" for setting in SETTINGS)
    yield "versions", " · ".join(f"{name} {version}" for name, version in began.versions.items())
    done = f"{len(run.interpretations)} of {len(began.request.cells)} cells"
    yield "ending", f"{run.ended.ending if run.ended else 'no end'} · {done}"
    if run.control is not None:
        yield "control", run.control.text


def line(interpretation: Interpretation, beside: bool) -> str:
    """An interpretation as a row of the table, with what stands `beside` it."""
    effect = interpretation.treatment_effect
    columns = [
        layer_name(interpretation.cell.layer),
        f"{interpretation.cell.position} {escaped(visible(interpretation.token.text))}",
        plain(interpretation.text),
        "" if effect is None else f"{effect:.3f}",
        escaped(mark_of(interpretation)),
    ]
    if beside:
        lens = interpretation.lens
        columns += [
            f"{escaped(visible(lens.text))} {lens.probability:.2f}" if lens else "",
            plain(interpretation.bare or ""),
        ]
    return f"| {' | '.join(columns)} |"


def plain(text: str) -> str:
    """Running text on one line that Markdown shows as it is."""
    return escaped(prose(text))


def escaped(text: str) -> str:
    """A text with a backslash before each character that Markdown would take for its own."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)

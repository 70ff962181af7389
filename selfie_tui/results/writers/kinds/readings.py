"""Self-interpretations as they are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from selfie_tui.marks import MEANINGS, mark_of
from selfie_tui.records import GeneratedToken, Interpretation, layer_name
from selfie_tui.results.writers import html
from selfie_tui.results.writers.html import heat, number, row, says, shown, table
from selfie_tui.results.writers.kinds.kind import Facts, Written
from selfie_tui.results.writers.kinds.reading_table import TABLE
from selfie_tui.results.writers.markdown_text import escaped, plain
from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.settings import SETTINGS
from selfie_tui.text import visible

HEADER = (
    "| layer | token | interpretation | effect | mark | lens | bare embedding |\n|---|---|---|---:|---|---|---|",
    "| layer | token | interpretation | effect | mark |\n|---|---|---|---:|---|",
)
"""The head of the table of a run with baselines, and of one without."""


def asked(run: KeptRun) -> Facts:
    """What was asked."""
    request = run.began.request
    yield "states of", str(request.module or "")
    yield "interpretation prompt", request.preset.text
    yield "settings", " · ".join(f"{setting.field} {setting.written(request)}" for setting in SETTINGS)


def markdown(run: KeptRun) -> Iterator[str]:
    """The table of interpretations."""
    beside = any(each.lens or each.bare is not None for each in run.interpretations.values())
    yield HEADER[0 if beside else 1]
    yield from (line(interpretation, beside) for _, interpretation in run.in_order())
    yield ""
    yield ", ".join(f"{plain(mark)} {meaning}" for mark, meaning in MEANINGS.items())


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


def page(run: KeptRun) -> Iterator[str]:
    """The interpretations, each word coloured by its relevancy."""
    head = ["layer", "token", "interpretation", "effect", "mark", "lens", "bare embedding"]
    yield from table([row(head, "th"), *(reading(each) for _, each in run.in_order())])
    yield f"<p>{'; '.join(f'{html.plain(mark)} {html.plain(meaning)}' for mark, meaning in MEANINGS.items())}</p>"


def reading(each: Interpretation) -> str:
    """An interpretation as a row."""
    effect = each.treatment_effect
    return row(
        [
            layer_name(each.cell.layer),
            f"{each.cell.position} {shown(each.token.text)}",
            words(each.tokens) if each.tokens and not each.problem else html.plain(each.text or each.problem),
            number("" if effect is None else f"{effect:.3f}", effect),
            html.plain(mark_of(each)),
            says([each.lens]) if each.lens else "",
            html.plain(each.bare or ""),
        ]
    )


def words(tokens: Iterable[GeneratedToken]) -> str:
    """Generated tokens, each coloured by its relevancy."""
    return "".join(
        f'<span class="token" style="{heat(token.relevancy or 0.0)}">{html.plain(token.text)}</span>'
        for token in tokens
    )


WRITTEN = Written(
    asked,
    lambda run: f"{run.parts} of {len(run.began.request.cells)} cells",
    TABLE,
    markdown,
    page,
    lambda run: ((index, each.text) for index, each in run.in_order()),
)

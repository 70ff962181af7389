"""A page for a browser, by itself: no script in it and nothing that is fetched. Heat is a colour and a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from html import escape
from pathlib import Path

from selfie_tui.marks import MEANINGS, mark_of
from selfie_tui.patch_maps import PatchMap, patch_maps, score_words, sites_words, strongest, target_tokens
from selfie_tui.records import (
    GeneratedToken,
    Interpret,
    Interpretation,
    LensToken,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    RunTask,
    Steer,
    layer_name,
)
from selfie_tui.results.writers.facts import facts
from selfie_tui.results.writers.patch_table import attribution_of, began_of
from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.results.writers.steer_table import answers_of
from selfie_tui.text import prose, visible

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>selfie-tui</title>
<style>
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
section { margin-bottom: 3rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; font-size: .9em; }
dt { opacity: .7; } dd { margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .5rem; text-align: left; vertical-align: top; border: 1px solid #8883; }
th { font-weight: 600; } td.number { text-align: right; }
span.token { border-radius: 2px; }
</style>
</head>
<body>
"""

TAIL = "</body>\n</html>\n"

STRONGEST = 40
"""Sites that are listed below the maps, with what the model says then."""

ABOVE, BELOW = "230, 120, 20", "60, 110, 230"
"""The colours of what is above 0, and of what is below."""


def write(runs: Iterable[KeptRun], path: Path) -> None:
    """Write runs as sections of one page; raises OSError."""
    with path.open("w", encoding="utf-8", errors="replace") as file:
        file.write(HEAD)
        for run in runs:
            file.writelines(f"{line}\n" for line in section(run))
        file.write(TAIL)


def section(run: KeptRun) -> Iterator[str]:
    """The lines of a run."""
    began = run.began
    yield "<section>"
    yield f"<h2>{plain(began.model)}: {plain(run.kind.prompt(began.task))}</h2>"
    yield "<dl>"
    yield from (f"<dt>{plain(name)}</dt><dd>{plain(value)}</dd>" for name, value in facts(run) if value)
    yield "</dl>"
    yield from RESULTS[type(began.task)](run)
    yield "</section>"


def plain(text: str) -> str:
    """Running text on one line that a browser shows as it is."""
    return escape(prose(text))


def shown(text: str) -> str:
    """A token's text, with its blanks to be seen."""
    return escape(visible(text))


def row(cells: Iterable[str], tag: str = "td") -> str:
    """A row of a table, of cells that are HTML; one that begins with `<td` stands as it is."""
    return f"<tr>{''.join(cell if cell.startswith('<td') else f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def table(lines: Iterable[str]) -> Iterator[str]:
    """A table of rows that scrolls by itself where it is wide."""
    yield '<div class="scroll"><table>'
    yield from lines
    yield "</table></div>"


def heat(value: float) -> str:
    """The style of something with a share, coloured by it: -1 to 1."""
    share = 0.0 if math.isnan(value) else max(-1.0, min(1.0, value))
    return f"background: rgba({ABOVE if share >= 0 else BELOW}, {abs(share):.2f})"


def number(text: str, value: float | None = None) -> str:
    """A cell with a number, coloured by a share where one is given."""
    style = "" if value is None else f' style="{heat(value)}"'
    return f'<td class="number"{style}>{text}</td>'


def readings(run: KeptRun) -> Iterator[str]:
    """The interpretations, each word coloured by its relevancy."""
    head = ["layer", "token", "interpretation", "effect", "mark", "lens", "bare embedding"]
    yield from table([row(head, "th"), *(reading(each) for _, each in run.in_order())])
    yield f"<p>{'; '.join(f'{plain(mark)} {plain(meaning)}' for mark, meaning in MEANINGS.items())}</p>"


def reading(each: Interpretation) -> str:
    """An interpretation as a row."""
    effect = each.treatment_effect
    return row(
        [
            layer_name(each.cell.layer),
            f"{each.cell.position} {shown(each.token.text)}",
            words(each.tokens) if each.tokens and not each.problem else plain(each.text or each.problem),
            number("" if effect is None else f"{effect:.3f}", effect),
            plain(mark_of(each)),
            says([each.lens]) if each.lens else "",
            plain(each.bare or ""),
        ]
    )


def words(tokens: Iterable[GeneratedToken]) -> str:
    """Generated tokens, each coloured by its relevancy."""
    return "".join(
        f'<span class="token" style="{heat(token.relevancy or 0.0)}">{plain(token.text)}</span>' for token in tokens
    )


def says(top: Iterable[LensToken]) -> str:
    """The most probable tokens, with their probabilities."""
    return ", ".join(f"{shown(token.text)} {token.probability:.2f}" for token in top)


def patching(run: KeptRun) -> Iterator[str]:
    """A map of scores for each site, and the strongest sites with what the model says then."""
    began = began_of(run)
    if began is None:
        return
    patched = {index: each for index, each in run.results.items() if isinstance(each, PatchedRun)}
    for each in patch_maps(began):
        yield from table(map_rows(each, began, patched))
    tokens, estimates = target_tokens(began), attribution_of(run)
    lines = [row(["site", "score", "value", "attribution", "the model says"], "th")]
    for found in strongest(patched, STRONGEST):
        site = plain(sites_words(began.sites[found.index], tokens))
        estimate = number(score_words(estimates[found.index]), estimates[found.index]) if estimates else ""
        score = number(score_words(found.score), found.score)
        lines.append(row([site, score, number(f"{found.value:.4g}"), estimate, says(found.top)]))
    yield from table(lines)


def map_rows(each: PatchMap, began: PatchBegan, patched: dict[int, PatchedRun]) -> Iterator[str]:
    """The scores of a map: layers down, tokens or heads across; what the model says then is shown on hovering."""
    tokens = target_tokens(began)
    yield row([escape(each.title(tokens)), *(escape(each.heading(column, tokens)) for column in each.columns)], "th")
    for layer in each.layers:
        found = (patched.get(each.at_cell(layer, column)) for column in each.columns)
        yield row([layer_name(layer), *(score_cell(run) for run in found)])


def score_cell(run: PatchedRun | None) -> str:
    """A cell of a map."""
    if run is None:
        return number(score_words(None))
    text = f"{'▽ ' if run.score < 0 else ''}{score_words(run.score)}"
    return f'<td class="number" style="{heat(run.score)}" title="{says(run.top)}">{text}</td>'


def steering(run: KeptRun) -> Iterator[str]:
    """The plain answer and those of each strength."""
    answers = answers_of(run)
    if answers is None:
        return
    lines = [row(["strength", "answer", "differs from", "states moved by", "log odds"], "th")]
    lines.append(row(["plain", answer(answers.plain), "", "", odds(answers.log_odds)]))
    for each in answers.steered:
        differs = "–" if each.differs_from is None else f"token {each.differs_from}"
        strength = number(f"{each.strength:g}")
        lines.append(row([strength, answer(each.tokens), differs, number(f"{each.added:.2f}"), odds(each.log_odds)]))
    yield from table(lines)


def answer(tokens: Iterable[GeneratedToken]) -> str:
    """An answer as text."""
    return plain("".join(token.text for token in tokens))


def odds(value: float | None) -> str:
    """A cell with log odds, empty where they are not known."""
    return number("" if value is None else f"{value:+.2f}")


RESULTS: dict[type[RunTask], Callable[[KeptRun], Iterator[str]]] = {
    Interpret: readings,
    PatchActivations: patching,
    Steer: steering,
}
"""The lines of a run's results, by the type of its task."""

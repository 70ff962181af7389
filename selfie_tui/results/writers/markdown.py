"""Markdown: for people. A heading, what was asked and a table for each run; controls and line ends are marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from selfie_tui.marks import MEANINGS, mark_of
from selfie_tui.patch_maps import PatchMap, patch_maps, score_words, sites_words, strongest, target_tokens
from selfie_tui.records import (
    GeneratedToken,
    Interpret,
    Interpretation,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    RunTask,
    Steer,
    Steered,
    layer_name,
)
from selfie_tui.results.writers.facts import facts
from selfie_tui.results.writers.markdown_text import escaped, plain
from selfie_tui.results.writers.patch_table import attribution_of, began_of
from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.results.writers.steer_table import answers_of
from selfie_tui.text import visible

HEADER = (
    "| layer | token | interpretation | effect | mark | lens | bare embedding |\n|---|---|---|---:|---|---|---|",
    "| layer | token | interpretation | effect | mark |\n|---|---|---|---:|---|",
)
"""The head of the table of a run with baselines, and of one without."""

STRONGEST = 40
"""Sites that are listed below the maps, with what the model says then."""


def write(runs: Iterable[KeptRun], path: Path) -> None:
    """Write runs as sections of one document; raises OSError."""
    with path.open("w", encoding="utf-8") as file:
        for run in runs:
            file.writelines(f"{line}\n" for line in section(run))


def section(run: KeptRun) -> Iterator[str]:
    """The lines of a run."""
    began = run.began
    yield f"## {plain(began.model)}: {plain(run.kind.prompt(began.task))}"
    yield ""
    yield from (f"- {name}: {plain(value)}" for name, value in facts(run) if value)
    yield ""
    yield from RESULTS[type(began.task)](run)
    yield ""


def readings(run: KeptRun) -> Iterator[str]:
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


def patching(run: KeptRun) -> Iterator[str]:
    """A map of scores for each site, and the strongest sites with what the model says then."""
    began = began_of(run)
    if began is None:
        return
    patched = {index: each for index, each in run.results.items() if isinstance(each, PatchedRun)}
    for each in patch_maps(began):
        yield from map_lines(each, began, patched)
        yield ""
    tokens, estimates = target_tokens(began), attribution_of(run)
    yield "| site | score | value | attribution | the model says |\n|---|---:|---:|---:|---|"
    for found in strongest(patched, STRONGEST):
        estimate = score_words(estimates[found.index]) if estimates else ""
        site = escaped(sites_words(began.sites[found.index], tokens))
        says = ", ".join(f"{escaped(visible(token.text))} {token.probability:.2f}" for token in found.top)
        yield f"| {site} | {score_words(found.score)} | {found.value:.4g} | {estimate} | {says} |"


def map_lines(each: PatchMap, began: PatchBegan, patched: dict[int, PatchedRun]) -> Iterator[str]:
    """The scores of a map: layers down, tokens or heads across."""
    tokens = target_tokens(began)
    names = [escaped(each.heading(column, tokens)) for column in each.columns]
    yield f"| {escaped(each.title(tokens))} | {' | '.join(names)} |"
    yield f"|---|{'---:|' * len(names)}"
    for layer in each.layers:
        indices = [each.at_cell(layer, column) for column in each.columns]
        scores = [score_words(patched[index].score if index in patched else None) for index in indices]
        yield f"| {layer_name(layer)} | {' | '.join(scores)} |"


def steering(run: KeptRun) -> Iterator[str]:
    """The plain answer and those of each strength."""
    answers = answers_of(run)
    if answers is None:
        return
    odds = any(each is not None for each in (answers.log_odds, *(each.log_odds for each in answers.steered)))
    yield f"| strength | answer | differs from | states moved by |{' log odds |' if odds else ''}"
    yield f"|---:|---|---|---:|{'---:|' if odds else ''}"
    yield answer_row("plain", answers.plain, None, answers.log_odds, odds)
    for each in answers.steered:
        yield answer_row(f"{each.strength:g}", each.tokens, each, each.log_odds, odds)


def answer_row(
    name: str, tokens: tuple[GeneratedToken, ...], steered: Steered | None, log_odds: float | None, odds: bool
) -> str:
    """An answer as a row, with its log odds where any of them are known."""
    differs = "" if steered is None else "–" if steered.differs_from is None else f"token {steered.differs_from}"
    columns = [
        name,
        plain("".join(token.text for token in tokens)),
        differs,
        "" if steered is None else f"{steered.added:.2f}",
        *(["" if log_odds is None else f"{log_odds:+.2f}"] if odds else []),
    ]
    return f"| {' | '.join(columns)} |"


RESULTS: dict[type[RunTask], Callable[[KeptRun], Iterator[str]]] = {
    Interpret: readings,
    PatchActivations: patching,
    Steer: steering,
}
"""The lines of a run's results, by the type of its task."""

"""Patchings as they are written."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from selfie_tui.patch_maps import (
    PatchMap,
    pair_words,
    patch_maps,
    score_words,
    sites_words,
    strongest,
    target_tokens,
)
from selfie_tui.records import PatchActivations, PatchBegan, PatchedRun, layer_name
from selfie_tui.results.writers import html
from selfie_tui.results.writers.html import heat, number, row, says, table
from selfie_tui.results.writers.kinds.kind import Facts, Written
from selfie_tui.results.writers.kinds.patch_table import TABLE, agreement_of, attribution_of, began_of
from selfie_tui.results.writers.markdown_text import escaped
from selfie_tui.results.writers.runs import KeptRun
from selfie_tui.text import visible

STRONGEST = 40
"""Sites that are listed below the maps, with what the model says then."""


def asked(run: KeptRun) -> Facts:
    """What was asked of a patching, and what its two prompts are answered with."""
    task, began, agreement = run.began.task, began_of(run), agreement_of(run)
    assert isinstance(task, PatchActivations)
    yield "clean", task.clean
    yield "corrupt", task.corrupt
    written = "corrupt into clean (noise)" if task.noise else "clean into corrupt (denoise)"
    yield "patched", f"{written} · {', '.join(task.sites)} · positions {task.kind}"
    if began is None:
        return
    answers = pair_words(began)
    yield "metric", f"{task.metric}{f' {answers}' if answers else ''}"
    yield "values", f"clean {began.clean.value:.4g} · corrupt {began.corrupt.value:.4g}"
    yield "no scores", began.problem
    if agreement is not None:
        yield "attribution", f"rank correlation with the scores {agreement:.2f}"


def how_far(run: KeptRun) -> str:
    """`900 of 900 sites`."""
    began = began_of(run)
    return f"{run.parts} of {len(began.sites) if began else 0} sites"


def patched_in(run: KeptRun) -> dict[int, PatchedRun]:
    """The patched runs by their index."""
    return {index: each for index, each in sorted(run.results.items()) if isinstance(each, PatchedRun)}


def markdown(run: KeptRun) -> Iterator[str]:
    """A map of scores for each site, and the strongest sites with what the model says then."""
    began = began_of(run)
    if began is None:
        return
    patched = patched_in(run)
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


def page(run: KeptRun) -> Iterator[str]:
    """A map of scores for each site, and the strongest sites with what the model says then."""
    began = began_of(run)
    if began is None:
        return
    patched = patched_in(run)
    for each in patch_maps(began):
        yield from table(map_rows(each, began, patched))
    tokens, estimates = target_tokens(began), attribution_of(run)
    lines = [row(["site", "score", "value", "attribution", "the model says"], "th")]
    for found in strongest(patched, STRONGEST):
        site = html.plain(sites_words(began.sites[found.index], tokens))
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


WRITTEN = Written(
    asked,
    how_far,
    TABLE,
    markdown,
    page,
    lambda run: ((index, each.score) for index, each in patched_in(run).items()),
)

"""A patching as lines that fit a terminal: both prompts, a map of scores for each site, and the strongest sites."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from selfie_tui.commands.map_lines import map_lines
from selfie_tui.glyphs import NOT_A_NUMBER, bar
from selfie_tui.patch_maps import (
    PatchMap,
    pair_words,
    patch_maps,
    score_words,
    sites_words,
    strongest,
    target_tokens,
)
from selfie_tui.records import LensToken, PatchBegan, PatchedRun, PromptRun, layer_name
from selfie_tui.text import clip, pad, visible

NEGATIVE = "▽"
"""What stands before a score below 0, where a bar would."""

MOST_LISTED = 10
"""Sites that are listed below the maps."""

SITE_WIDTH = 28

LEGEND = "▁ 0, as the prompt that is run · █ 1, as the one that is written into it · ▽ below 0 · × not run, or no score"


def patch_lines(
    began: PatchBegan, runs: Mapping[int, PatchedRun], attribution: Sequence[float], width: int
) -> Iterator[str]:
    """The lines of a patching as far as it is: where nothing was run, the maps are of the attribution."""
    yield from pair_lines(began, width)
    scores = {index: run.score for index, run in runs.items()} or dict(enumerate(attribution))
    for each in patch_maps(began):
        yield ""
        yield from one_map(each, began, scores, width)
    if runs:
        yield ""
        yield f"{pad('strongest', SITE_WIDTH)} score{'  attrib.' if attribution else ''}  says"
        for run in strongest(runs, MOST_LISTED):
            estimate = attribution[run.index] if attribution else None
            yield clip(site_line(began, run, estimate), width)


def pair_lines(began: PatchBegan, width: int) -> Iterator[str]:
    """Both prompts, what each says next, the metric's number of each, and what is asked of the answers."""
    for name, prompt in (("A clean", began.clean), ("B corrupt", began.corrupt)):
        yield clip(f"{name:10}{''.join(visible(token.text) for token in prompt.tokens)}   {said_next(prompt)}", width)
    answers = pair_words(began)
    way = "A into B" if not began.noise else "B into A"
    yield clip(f"{began.metric}{f' {answers}' if answers else ''} · {way}", width)
    if began.problem:
        yield clip(began.problem, width)


def said_next(prompt: PromptRun) -> str:
    """What a prompt says next, and the metric's number."""
    return f"says {says(prompt.top[:1])} · {prompt.value:.4g}" if prompt.top else f"{prompt.value:.4g}"


def says(top: Sequence[LensToken]) -> str:
    """The most probable tokens, with their probabilities."""
    return "  ".join(f"{visible(token.text)} {token.probability:.2f}" for token in top)


def one_map(each: PatchMap, began: PatchBegan, scores: Mapping[int, float], width: int) -> Iterator[str]:
    """The scores of a map under its name: layers down, tokens or heads across."""
    tokens = target_tokens(began)
    yield each.title(tokens)
    rows = [(layer_name(layer), layer) for layer in each.layers]
    columns = [(each.heading(column, tokens), column) for column in each.columns]
    yield from map_lines(
        rows, columns, lambda layer, column: score_cell(scores.get(each.at_cell(layer, column))), width
    )


def score_cell(score: float | None) -> str:
    """A bar and the number; a mark before one below 0, and in place of one that there is not."""
    if score is None or math.isnan(score):
        return NOT_A_NUMBER
    return f"{bar(score) if score >= 0 or score_words(score) == '.00' else NEGATIVE}{score_words(score)}"


def site_line(began: PatchBegan, run: PatchedRun, attribution: float | None) -> str:
    """A patched run on a line: its sites, its score, what it was estimated to be, and what the model says."""
    sites = clip(sites_words(began.sites[run.index], target_tokens(began)), SITE_WIDTH)
    estimate = "" if attribution is None else f"  {score_words(attribution):>7}"
    return f"{pad(sites, SITE_WIDTH)} {score_words(run.score):>5}{estimate}  {says(run.top)}"

"""Patchings in the list of runs: what both prompts are answered with, and the strongest sites."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from selfie_tui import text
from selfie_tui.patch_maps import score_words, sites_words, strongest, target_tokens
from selfie_tui.records import Kept, PatchActivations, PatchBegan, PatchedRun
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces, heat, share
from selfie_tui.tui.views.history.kinds.kind import STRONGEST, Shown
from selfie_tui.tui.views.history.rows import how_many

SITES = 10_000
"""Sites of a patching that are read at most: the strongest of them are those that come first in its file."""

SITE_CELLS = 24
"""Cells of a site's name at most."""

Seen = tuple[PatchBegan | None, list[PatchedRun]]
"""How the patching began, and its strongest sites."""


def more(task: PatchActivations) -> list[str]:
    """The sites, the answers and the corrupt prompt."""
    answers = [f"{task.correct} against {task.wrong}" if task.wrong else task.correct] if task.correct else []
    return [" · ".join([", ".join(task.sites), f"positions: {task.kind}", *answers]), f"corrupt: “{task.corrupt}”"]


def seen(results: Mapping[int, Kept]) -> Seen:
    """The beginning and the strongest of the sites that were looked at."""
    patched = {value.index: value for value in results.values() if isinstance(value, PatchedRun)}
    began = next((value for value in results.values() if isinstance(value, PatchBegan)), None)
    return began, list(strongest(patched, STRONGEST))


def lines(found: Seen, width: int, look: Look, most: int | None) -> Iterator[Pieces]:
    """What both prompts are answered with, and the sites, a line each."""
    began, sites = found
    if began is not None:
        yield from pair_lines(began, width, look)
        for run in sites[:most]:
            yield site_line(began, run, width, look)


def pair_lines(began: PatchBegan, width: int, look: Look) -> Iterator[Pieces]:
    """What both prompts are answered with, or why there are no scores."""
    answers = [
        f"{name} {look.visible(prompt.top[0].text)} {share(prompt.top[0].probability)}"
        for name, prompt in (("A", began.clean), ("B", began.corrupt))
        if prompt.top
    ]
    yield (Piece(text.clip("  ".join(answers), width), "dim"),)
    if began.problem:
        yield from flow([Piece(look.prose(began.problem), "warn")], width)


def site_line(began: PatchBegan, run: PatchedRun, width: int, look: Look) -> Pieces:
    """A site, its score, and what the model says then."""
    labels = min(SITE_CELLS, width // 2)
    says = look.visible(run.top[0].text) if run.top else ""
    number = f" {score_words(run.score):>5}"
    body = max(width - labels - 1 - len(number), 4)
    return (
        Piece(text.pad(look.prose(sites_words(began.sites[run.index], target_tokens(began))), labels) + " ", "key"),
        Piece(text.pad(says, body), "text"),
        Piece(number, "dim" if math.isnan(run.score) else heat(min(max(run.score, 0.0), 1.0))),
    )


SHOWN = Shown(
    lambda run: f"{run.kind.asked(run.began.task)} · {how_many(run.cells, 'site')}",
    more,
    seen,
    lines,
    lambda offsets: offsets[:SITES],
)

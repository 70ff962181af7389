"""Two patchings side by side: how far their scores agree, and the sites at which they are furthest apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from selfie_tui import text
from selfie_tui.patch_maps import score_words, sites_words, target_tokens
from selfie_tui.ranks import rank_correlation
from selfie_tui.records import BEGINNING, Kept, PatchActivations, PatchBegan, PatchedRun, PatchedSite
from selfie_tui.results.entries import local_time
from selfie_tui.results.resuming import contents
from selfie_tui.results.stored import StoredRun
from selfie_tui.tui.render.flow import flow
from selfie_tui.tui.render.styles import Look, Piece, Pieces

MOST = 40
"""Sites that are listed at most."""

SAME = 0.005
"""How far apart scores are that read alike in two places."""

ASKED = ("clean", "corrupt", "correct", "wrong", "noise", "metric", "kind")
"""What of a task is said where it is another."""


class Site(NamedTuple):
    """A site that both have, and its score in each."""

    label: str
    first: float
    second: float

    @property
    def apart(self) -> float:
        """How far apart the scores are; infinite where one of them alone is none."""
        known = [math.isfinite(score) for score in (self.first, self.second)]
        return abs(self.first - self.second) if all(known) else math.inf if any(known) else 0.0


class ComparedPatchings(NamedTuple):
    """Two patchings: what was asked otherwise, what both have, those furthest apart first, and how far they agree."""

    asked: tuple[str, ...]
    sites: tuple[Site, ...]
    agreement: float | None
    """The rank correlation of the scores; None where there is none."""


def read_patchings(first: StoredRun, second: StoredRun) -> ComparedPatchings:
    """Compare two patchings that were kept; raises RequestError where one is no longer there."""
    (one, scores), (other, others) = (patching_in(run) for run in (first, second))
    sites = [Site(scores[key][0], scores[key][1], others[key][1]) for key in scores if key in others]
    agreement = rank_correlation([site.first for site in sites], [site.second for site in sites])
    asked = tuple(
        f"{name}: {getattr(one, name)} | {getattr(other, name)}"
        for name in ASKED
        if getattr(one, name) != getattr(other, name)
    )
    return ComparedPatchings(asked, tuple(sorted(sites, key=lambda site: -site.apart)), agreement)


def patching_in(run: StoredRun) -> tuple[PatchActivations, dict[tuple[PatchedSite, ...], tuple[str, float]]]:
    """The task of a patching, and by their sites the labels and scores of its runs."""
    task, results = contents(run)
    assert isinstance(task, PatchActivations)
    return task, scores_in(results)


def scores_in(results: Mapping[int, Kept]) -> dict[tuple[PatchedSite, ...], tuple[str, float]]:
    """The label and score of each run, by the sites that were written together in it."""
    began = results.get(BEGINNING)
    if not isinstance(began, PatchBegan):
        return {}
    tokens = target_tokens(began)
    patched = (each for each in results.values() if isinstance(each, PatchedRun))
    return {
        began.sites[run.index]: (sites_words(began.sites[run.index], tokens), run.score)
        for run in sorted(patched, key=lambda run: run.index)
    }


def patchings_lines(
    found: ComparedPatchings, first: StoredRun, second: StoredRun, width: int, look: Look
) -> list[Pieces]:
    """The comparison as a page."""
    lines: list[Pieces] = []
    for name, run in (("A", first), ("B", second)):
        info = run.began.info
        facts = [run.began.model, *([info.dtype, info.device] if info else []), local_time(run.began.began)]
        facts += [run.kind.asked(run.began.task), f"{run.done} sites"]
        lines += flow([Piece(f"{name}  ", "key"), Piece(look.prose(" · ".join(facts)), "dim")], width)
    for changed in found.asked:
        lines += flow([Piece(look.prose(changed), "warn")], width)
    lines += [(), *flow([Piece(summary(found), "strong")], width)]
    apart = [site for site in found.sites if site.apart >= SAME]
    if apart:
        lines += [(), (Piece(f"{'site':<{label_cells(width)}}{'A':>8}{'B':>8}{'B − A':>9}", "dim"),)]
    for site in apart[:MOST]:
        label = text.pad(text.clip(look.prose(site.label), label_cells(width) - 1), label_cells(width))
        difference = f"{site.second - site.first:+.2f}" if math.isfinite(site.apart) else look.glyphs("×")
        scores = f"{score_words(site.first):>8}{score_words(site.second):>8}"
        lines.append((Piece(label, "key"), Piece(scores), Piece(f"{difference:>9}", "accent")))
    if len(apart) > MOST:
        lines.append((Piece(f"and {len(apart) - MOST:,} more", "dim"),))
    return lines


def label_cells(width: int) -> int:
    """Cells for the name of a site."""
    return max(min(width - 25, 44), 12)


def summary(found: ComparedPatchings) -> str:
    """How far two patchings agree, in a sentence or two."""
    if not found.sites:
        return "The two patchings have no site in common."
    apart = sum(site.apart >= SAME for site in found.sites)
    said = f"Other scores at {apart} of {len(found.sites)} sites that both have" if apart else ""
    said = said or f"All {len(found.sites)} sites that both have score the same"
    return f"{said}; rank correlation {found.agreement:.2f}." if found.agreement is not None else f"{said}."

"""Patching without a model: scores that can be foreseen, in the order of estimates that nearly tell them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from selfie_tui.errors import Cancelled
from selfie_tui.records import (
    AttributionFinished,
    Event,
    LensToken,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    PatchedSite,
    PatchEnded,
    PatchProgress,
    PromptRun,
    SitesPatched,
    Token,
    TrackedToken,
)

HEADS = 4
BATCH = 5
CLEAN, CORRUPT = 3.0, -2.0
"""The metric's number of each prompt."""


def positions_of(task: PatchActivations, tokens: int) -> list[tuple[int, ...]]:
    """The positions of each run."""
    every = range(tokens)
    match task.kind:
        case "each":
            return [(at,) for at in every]
        case "all":
            return [tuple(every)]
        case "last":
            return [(tokens - 1,)]
        case "lastk":
            return [(at,) for at in every[-task.positions[0] :]]
        case _:
            return [(at,) for at in task.positions]


def sites_of(task: PatchActivations, blocks: int, tokens: int) -> tuple[tuple[PatchedSite, ...], ...]:
    """The sites of each run, as the engine has them: by name, layer, positions and head."""
    if task.chosen:
        return (task.chosen,)
    groups = positions_of(task, tokens)
    return tuple(
        (PatchedSite(name, layer, positions, head),)
        for name in task.sites
        for layer in range(blocks)
        for positions in groups
        for head in (range(HEADS) if name in "qkvo" else (None,))
    )


def score_of(sites: tuple[PatchedSite, ...], differing: frozenset[int], tokens: int, blocks: int) -> float:
    """1 early where the prompts differ, more and more at the last token; less than 0 at the one before it."""
    total = 0.0
    for site in sites:
        early = 1 - site.layer / blocks
        head = 1.0 if site.head is None else (site.head + 1) / HEADS / 4
        at_end, before = tokens - 1 in site.positions, tokens - 2 in site.positions
        share = early if differing & set(site.positions) else 0.0
        total += head * (share + (1 - early if at_end else 0.0) - (0.25 if before else 0.0))
    return total


def patched(
    task: PatchActivations,
    clean: tuple[Token, ...],
    corrupt: tuple[Token, ...],
    blocks: int,
    cancelled: Callable[[], bool],
    step: threading.Event,
    pause: float = 0.0,
) -> Iterator[Event]:
    """The events of a task, `BATCH` runs at a time."""
    target = clean if task.noise else corrupt
    both = zip(clean, corrupt, strict=False)
    differing = frozenset(at for at, (one, other) in enumerate(both) if one.id != other.id)
    sites = sites_of(task, blocks, len(target))
    runs = [PromptRun(clean, CLEAN, top(task.correct)), PromptRun(corrupt, CORRUPT, top(task.wrong))]
    yield PatchBegan(
        clean=runs[0],
        corrupt=runs[1],
        sites=sites,
        correct=TrackedToken(task.correct, 1),
        wrong=TrackedToken(task.wrong, 2),
        noise=task.noise,
        metric=task.metric,
        problem="Both prompts are answered alike: 1 and 1." if task.correct == task.wrong else "",
    )
    scores = [score_of(each, differing, len(target), blocks) for each in sites]
    estimates = [score * 0.5 + 0.01 * (index % 3) for index, score in enumerate(scores)]
    earlier = {run.index: run for run in task.earlier.runs} if task.earlier else {}
    if task.attribution:
        yield AttributionFinished(scores=task.earlier.attribution if task.earlier else tuple(estimates))
    if earlier:
        yield SitesPatched(runs=tuple(earlier.values()))
    order = sorted(range(len(sites)), key=lambda index: -abs(estimates[index]))
    left = [index for index in order if index not in earlier]
    done = len(earlier)
    for first in range(0, len(left), BATCH):
        while not step.wait(0.005):
            if cancelled():
                raise Cancelled
        if cancelled():
            raise Cancelled
        time.sleep(pause)
        batch = left[first : first + BATCH]
        start, whole = (CLEAN, CORRUPT) if task.noise else (CORRUPT, CLEAN)
        yield SitesPatched(
            runs=tuple(
                PatchedRun(index, scores[index], start + scores[index] * (whole - start), top(task.correct))
                for index in batch
            )
        )
        done += len(batch)
        yield PatchProgress(done=done, sites=len(sites))
    yield PatchEnded(sites=done, agreement=0.5 if task.attribution else None)


def top(word: str) -> tuple[LensToken, ...]:
    """Three tokens, of which the first is the word."""
    return LensToken(word.strip('"'), 0.5, 1), LensToken(" the", 0.25, 2), LensToken(" a", 0.125, 3)

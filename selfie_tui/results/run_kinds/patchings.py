"""Patchings as a kind of run."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from selfie_tui.patch_maps import sites_words, target_tokens
from selfie_tui.records import (
    ATTRIBUTION,
    BEGINNING,
    END,
    AttributionFinished,
    EarlierPatching,
    Event,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    PatchEnded,
    SitesPatched,
)
from selfie_tui.results.run_kinds.kind import Results, RunKind, Words

METRIC_WORDS = {"logit_difference": "logit diff", "logit": "logit", "probability": "probability", "kl": "KL"}
"""A metric of patching in a few letters."""


def direction(task: PatchActivations) -> str:
    """Whose activations go into whose run: A is the clean prompt, B the corrupt one."""
    return "B→A" if task.noise else "A→B"


def events(results: Results) -> Iterator[Event]:
    """The beginning, the attribution, the patched sites in one, the end."""
    began, attribution, ended = (results.get(index) for index in (BEGINNING, ATTRIBUTION, END))
    runs = tuple(value for value in results.values() if isinstance(value, PatchedRun))
    if isinstance(began, PatchBegan):
        yield began
    if isinstance(attribution, AttributionFinished):
        yield attribution
    if runs:
        yield SitesPatched(runs=runs)
    if isinstance(ended, PatchEnded):
        yield ended


def resumed(id: str, task: PatchActivations, results: Results) -> PatchActivations:
    """The same patching, with the sites that were done."""
    runs = tuple(each for each in results.values() if isinstance(each, PatchedRun))
    attribution = results.get(ATTRIBUTION)
    scores = attribution.scores if isinstance(attribution, AttributionFinished) else ()
    return msgspec.structs.replace(task, earlier=EarlierPatching(id, scores, runs) if runs or scores else None)


def label(index: int, results: Results) -> str:
    """The sites of a patched run."""
    began = results.get(BEGINNING)
    return sites_words(began.sites[index], target_tokens(began)) if isinstance(began, PatchBegan) else ""


KIND = RunKind(
    "patch",
    "site",
    lambda task: task.clean,
    lambda task: f"{METRIC_WORDS.get(task.metric, task.metric)} {direction(task)}",
    lambda task: (task.corrupt, task.correct, task.wrong, *task.sites),
    lambda task: 0,
    words={
        PatchedRun: Words(lambda value: " ".join(token.text.strip() for token in value.top), lambda value: value.top)
    },
    events=events,
    resumed=resumed,
    label=label,
    compared="scores",
    number=lambda value: value.score,
)

"""Activation patching: which activations carry what tells two prompts apart.

A prompt is run with activations of another written in, one site at a time, and scored by how far its answer goes over
to the other prompt's (Vig et al. 2020, arXiv 2004.12265; Meng et al. 2022, arXiv 2202.05262; Wang et al. 2022, arXiv
2211.00593, from whom the logit difference is). Attribution estimates all scores from one backward run (Nanda 2023; Syed
et al. 2023, arXiv 2310.10348).

When it misleads: a score is of this pair of prompts and of this metric. Denoising finds what is enough to bring the
answer back, noising what is needed for it, and with several ways to the answer the two differ: a site that noising does
not find may be backed up by another (Zhang and Nanda 2024, arXiv 2309.16042). Prompts that differ in more than what is
asked about patch that too. An attribution is a slope and not a change: near a saturated softmax it is small where the
effect is large (Kramar et al. 2024, AtP*, arXiv 2403.00745), which is why the sites are run as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.logit_reductions import LogSumExp, Top, sweep
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.attribution import Attribution
from selfie_tui.engine.patching.metrics import METRICS, is_near_zero
from selfie_tui.engine.patching.pair import TokenizedPair, answer_token, check_pair, tokenize_pair
from selfie_tui.engine.patching.runs import Runs
from selfie_tui.engine.patching.scores import PatchScores, patch_scores
from selfie_tui.engine.patching.sites import Intervention, PatchSite, expand, position_groups
from selfie_tui.engine.prompts.tokens import token_texts
from selfie_tui.errors import RequestError
from selfie_tui.ranks import rank_correlation
from selfie_tui.records import (
    AttributionFinished,
    EarlierPatching,
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
    TrackedToken,
)

ALIGNED_AT_THE_END = ("last", "lastk")
"""Kinds of positions for which prompts need not be of one length."""


def run(model: Model, task: PatchActivations, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do a `PatchActivations` task, lazily; what an `earlier` one has left comes first, as it was.

    Raises:
        PromptError: for a prompt that is empty or too long, and two of unequal lengths, with both tokenisations.
        RequestError: for a word that is no token, and for what the model does not have.
        Cancelled: before any block, once `cancelled` gives true; the model is then as it was.
    """
    check_request(task)
    prompts = tokenize_pair(model, task.clean, task.corrupt)
    pair = prompts.pair(task.noise)
    if task.chosen or task.kind not in ALIGNED_AT_THE_END:
        check_pair(prompts.pair(False), model.tokenizer)
    interventions = interventions_of(model, task, len(pair.target))
    correct, wrong = (answer_token(model, word) if word else None for word in (task.correct, task.wrong))

    def scores_of(several: Sequence[Intervention]) -> PatchScores[Runs]:
        one, other = (0 if each is None else each.id for each in (correct, wrong))
        name: Any = task.metric
        return patch_scores(model, pair, several, one, other, name, task.noise, cancelled=cancelled)

    scored = scores_of(interventions)
    with model.inference(cancelled):
        began = beginning(model, task, prompts, scored, (correct, wrong))
    yield began
    estimates: list[float] = []
    earlier = task.earlier or EarlierPatching("")
    if task.attribution and not began.problem:
        estimates = list(earlier.attribution) or attributed(model, scored, interventions, cancelled)
        yield AttributionFinished(scores=tuple(estimates))
    order = strongest_first(estimates, len(interventions))
    ordered = scores_of([interventions[index] for index in order])
    scores: dict[int, float] = {}
    for runs in itertools.chain([earlier.runs] if earlier.runs else [], runs_left(model, task, ordered, order)):
        scores.update((each.index, each.score) for each in runs)
        yield SitesPatched(runs=runs)
        yield PatchProgress(done=len(scores), sites=len(order))
    found = [scores[index] for index in range(len(order))]
    yield PatchEnded(sites=len(order), agreement=rank_correlation(estimates, found) if estimates else None)


def runs_left(
    model: Model, task: PatchActivations, ordered: PatchScores[Runs], order: Sequence[int]
) -> Iterator[tuple[PatchedRun, ...]]:
    """The patched runs, a batch at a time, but for those that are there already; `order` has the index of each."""
    there = {each.index for each in task.earlier.runs} if task.earlier else set()
    for found in ordered.of({place for place, index in enumerate(order) if index in there}):
        with model.inference(ordered.runs.cancelled):
            tops = tops_of(model, ordered.runs.target if found.logits is None else found.logits, task.k)
        tops = tops * len(found.indices) if found.logits is None else tops
        numbers = zip(found.indices, found.scores.tolist(), found.values.tolist(), tops, strict=True)
        runs = (PatchedRun(order[place], score, value, top) for place, score, value, top in numbers)
        yield tuple(each for each in runs if each.index not in there)


def check_request(task: PatchActivations) -> None:
    """Refuse a metric that is unknown or lacks its answers."""
    if task.metric not in METRICS:
        raise RequestError(f"Unknown metric “{task.metric}”.", f"Choose of {', '.join(METRICS)}.")
    if task.metric != "kl" and not task.correct:
        raise RequestError("There is no correct answer.", "Give the word that the clean prompt is answered with.")
    if task.metric == "logit_difference" and not task.wrong:
        raise RequestError("There is no wrong answer.", "Give the word that the corrupt prompt is answered with.")


def interventions_of(model: Model, task: PatchActivations, tokens: int) -> list[Intervention]:
    """The sites of each run; those that are `chosen` make one."""
    if task.chosen:
        heads = [None if site.head is None else (site.head,) for site in task.chosen]
        sites = zip(task.chosen, heads, strict=True)
        return [tuple(PatchSite(site.name, site.layer, site.positions, head) for site, head in sites)]
    chosen: Any = task.positions[0] if task.kind == "lastk" and len(task.positions) == 1 else task.positions
    groups = position_groups(task.kind, tokens, chosen)  # type: ignore[arg-type]
    return [(site,) for site in expand(model, task.sites, groups, task.layers)]


def beginning(
    model: Model,
    task: PatchActivations,
    prompts: TokenizedPair,
    scored: PatchScores[Runs],
    answers: tuple[TrackedToken | None, TrackedToken | None],
) -> PatchBegan:
    """Both prompts' own runs."""
    target, source = (
        (value, tops_of(model, logits, task.k)[0])
        for value, logits in ((scored.target, scored.runs.target), (scored.source, scored.runs.source))
    )
    clean, corrupt = (target, source) if task.noise else (source, target)
    near = is_near_zero(scored.target, scored.source)
    return PatchBegan(
        clean=PromptRun(prompts.clean, *clean),
        corrupt=PromptRun(prompts.corrupt, *corrupt),
        sites=tuple(tuple(record_of(site) for site in sites) for sites in scored.runs.interventions),
        correct=answers[0],
        wrong=answers[1],
        noise=task.noise,
        metric=task.metric,
        problem=f"Both prompts are answered alike: {clean[0]:.3g} and {corrupt[0]:.3g}, so that nothing can be scored."
        if near
        else "",
    )


def record_of(site: PatchSite) -> PatchedSite:
    """A site as a record."""
    return PatchedSite(site.name, site.layer, site.positions, None if site.heads is None else site.heads[0])


def attributed(
    model: Model, scored: PatchScores[Runs], interventions: Sequence[Intervention], cancelled: Callable[[], bool]
) -> list[float]:
    """The scores to first order."""
    changes = Attribution(model, scored.runs.pair, interventions, scored.metric, cancelled=cancelled).scores()
    found: list[float] = (changes / (scored.source - scored.target)).tolist()
    return found


def strongest_first(estimates: Sequence[float], count: int) -> list[int]:
    """The indices of sites, those of the largest estimates first; in their order where there are none."""
    if not estimates:
        return list(range(count))
    return sorted(range(count), key=lambda index: -abs(estimates[index]) if estimates[index] == estimates[index] else 0)


def tops_of(model: Model, logits: SlicedLogits, k: int) -> list[tuple[LensToken, ...]]:
    """The `k` most probable tokens of each row; to be called within `Model.inference`."""
    if k < 1:
        return [()] * logits.rows
    top, total = sweep(logits, Top(k), LogSumExp())
    probabilities = total.probabilities(top.values)
    rows = []
    for ids, row in zip(top.indices.tolist(), probabilities.tolist(), strict=True):
        texts = token_texts(model.tokenizer, ids)
        rows.append(tuple(LensToken(*each) for each in zip(texts, row, ids, strict=True)))
    return rows


RUNS = {PatchActivations: run}

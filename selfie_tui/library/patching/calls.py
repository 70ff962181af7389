"""Activation patching, ablation and attribution of many sites in a call each, in the signatures of nnpatch.

Each returns a tensor by site name, float32 on the CPU: `(layers,)`, with an axis of positions behind it where they are
written in turn, and one of heads where the site has them. What was not run is NaN. With `per_example` the rows of the
batch come first; else they are averaged: the mean of the metric over the examples that have the site, from the mean of
the targets (0) to that of the sources (1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from selfie_tui.engine.patching.attribution import Attribution, Line
from selfie_tui.engine.patching.metrics import METRICS, Metric, MetricName
from selfie_tui.engine.patching.replacement import ZERO, Replacement
from selfie_tui.engine.patching.runs import patching_runs
from selfie_tui.engine.patching.scores import patch_scores
from selfie_tui.engine.patching.sites import Intervention
from selfie_tui.errors import RequestError
from selfie_tui.library.arguments import describe
from selfie_tui.library.patching.means import mean_values
from selfie_tui.library.patching.models import patchable
from selfie_tui.library.patching.prompts import Example, examples
from selfie_tui.library.patching.sites import MultiSite, Site, Sites
from selfie_tui.library.patching.tables import Found, Results, tables


def activation_patch(
    model: Any,
    api: Any = None,
    sites: Any = None,
    source_tokens: Any = None,
    target_tokens: Any = None,
    source_answer_index: Any = None,
    target_answer_index: Any = None,
    source_attention_mask: Any = None,
    target_attention_mask: Any = None,
    *,
    attention_mask: Any = None,
    metric: MetricName = "logit_difference",
    noise: bool = False,
    per_example: bool = False,
    force_model_confidence: bool = False,
    results_as_tensors: bool = True,
    validate: bool = False,
    scan: bool = False,
) -> Results:
    """How far each site's values of the source carry the target's run from its own number to the source's.

    The metric is the logit of the source's answer less that of the target's at the last position. `api`, the class
    that describes a model's family, may be left out; `validate` and `scan` are not needed.

    Args:
        model: of `selfie_tui.load`, an nnsight model, or a module of transformers.
        source_tokens: ids `(rows, positions)`, what a tokenizer returns, or texts; so are `target_tokens`.
        source_answer_index: the token of each source's answer, or its word; so is `target_answer_index`.
        attention_mask: 0 at padding, of both prompts; the other two masks are of one.
        noise: whether the targets are the clean prompts, whose answers are then the target's.
        force_model_confidence: refuse prompts whose own answer the model does not prefer.

    Raises:
        RequestError: for what the model or the prompts do not have.
        PromptError: for prompts of unequal lengths, with both tokenisations, unless positions count from the end.
    """
    del validate, scan
    given = (api, sites, source_tokens, target_tokens, source_answer_index, target_answer_index)
    sites, source, target, correct, wrong = without_api(given)
    masks = masks_of(attention_mask, source_attention_mask, target_attention_mask)
    opened, kind = patchable(model), as_sites(sites)
    check_metric(metric)
    rows, width = examples(opened, source, target, correct, wrong, masks, not kind.counts_from_the_end)

    def run(example: Example, interventions: Sequence[Intervention]) -> Found:
        one, other = (example.wrong, example.correct) if noise else (example.correct, example.wrong)
        found = patch_scores(opened, example.pair, interventions, one, other, metric, noise)
        if force_model_confidence:
            check_confidence(found.target, found.source, noise)
        return Found(found.all()[0], found.target, found.source)

    return tables(opened, kind, rows, width, run, per_example, results_as_tensors)


act_patch = activation_patch


def activation_zero_patch(
    model: Any,
    api: Any = None,
    sites: Any = None,
    target_tokens: Any = None,
    target_answer_index: Any = None,
    target_attention_mask: Any = None,
    *,
    attention_mask: Any = None,
    per_example: bool = False,
    results_as_tensors: bool = True,
    validate: bool = False,
    scan: bool = False,
) -> Results:
    """By which share zero at each site changes the logit of the answer: `(l - l0) / l0`.

    Arguments as of `activation_patch`.
    """
    del validate, scan
    sites, target, answer = without_api((api, sites, target_tokens, target_answer_index))
    mask = attention_mask if target_attention_mask is None else target_attention_mask
    return ablated(model, sites, target, answer, mask, lambda _: ZERO, per_example, results_as_tensors)


def activation_mean_patch(
    model: Any,
    api: Any = None,
    sites: Any = None,
    mean_tokens: Any = None,
    target_tokens: Any = None,
    target_answer_index: Any = None,
    target_attention_mask: Any = None,
    *,
    attention_mask: Any = None,
    mean_attention_mask: Any = None,
    per_example: bool = False,
    results_as_tensors: bool = True,
) -> Results:
    """By which share the mean at each site changes the logit of the answer: that over all tokens of `mean_tokens`.

    Arguments as of `activation_patch`.
    """
    given = (api, sites, mean_tokens, target_tokens, target_answer_index)
    sites, others, target, answer = without_api(given)
    opened = patchable(model)
    mask = attention_mask if target_attention_mask is None else target_attention_mask

    def means(interventions: Sequence[Intervention]) -> Replacement:
        return Replacement(means=mean_values(opened, others, mean_attention_mask, interventions))

    return ablated(opened, sites, target, answer, mask, means, per_example, results_as_tensors)


def ablated(
    model: Any,
    sites: Any,
    target: Any,
    answer: Any,
    mask: Any,
    replacement: Callable[[Sequence[Intervention]], Replacement],
    per_example: bool,
    results_as_tensors: bool,
) -> Results:
    """The change of the answer's logit by values that depend on no other prompt of the example."""
    opened, kind = patchable(model), as_sites(sites)
    rows, width = examples(opened, target, target, answer, None, (mask, mask), False)
    chosen: dict[str, Replacement] = {}

    def run(example: Example, interventions: Sequence[Intervention]) -> Found:
        if not chosen:
            chosen["all"] = replacement(interventions)
        found = patch_scores(
            opened, example.pair, interventions, example.correct, metric="logit", replacement=chosen["all"]
        )
        return Found(found.all()[0], found.target, 2 * found.target)

    return tables(opened, kind, rows, width, run, per_example, results_as_tensors)


def attribution_patch(
    model: Any,
    api: Any = None,
    sites: Any = None,
    source_tokens: Any = None,
    target_tokens: Any = None,
    source_answer_index: Any = None,
    target_answer_index: Any = None,
    source_attention_mask: Any = None,
    target_attention_mask: Any = None,
    *,
    attention_mask: Any = None,
    steps: int = 0,
    line: Line = "embed",
    per_example: bool = False,
    results_as_tensors: bool = True,
    force_model_confidence: bool = False,
    validate: bool = False,
    scan: bool = False,
) -> Results:
    """What `activation_patch` would find to first order, from the gradients at the target, all sites at once.

    With `steps` the gradients are means over so many points of the line between both prompts' embeddings, or with
    `line="site"` between both values of each activation. Other arguments as of `activation_patch`.
    """
    del validate, scan
    given = (api, sites, source_tokens, target_tokens, source_answer_index, target_answer_index)
    sites, source, target, correct, wrong = without_api(given)
    masks = masks_of(attention_mask, source_attention_mask, target_attention_mask)
    opened, kind = patchable(model), as_sites(sites)
    rows, width = examples(opened, source, target, correct, wrong, masks, not kind.counts_from_the_end)

    def run(example: Example, interventions: Sequence[Intervention]) -> Found:
        plain = patch_scores(opened, example.pair, [], example.correct, example.wrong)
        if force_model_confidence:
            check_confidence(plain.target, plain.source, False)
        change = Attribution(opened, example.pair, interventions, plain.metric, steps=steps, line=line).scores()
        return Found(change + plain.target, plain.target, plain.source)

    return tables(opened, kind, rows, width, run, per_example, results_as_tensors)


def attribution_zero_patch(
    model: Any,
    api: Any = None,
    sites: Any = None,
    target_tokens: Any = None,
    target_answer_index: Any = None,
    target_attention_mask: Any = None,
    *,
    attention_mask: Any = None,
    per_example: bool = False,
    results_as_tensors: bool = True,
    validate: bool = False,
    scan: bool = False,
) -> Results:
    """What `activation_zero_patch` would find to first order: `-a . d(l / l0)/da`; arguments as there."""
    del validate, scan
    sites, target, answer = without_api((api, sites, target_tokens, target_answer_index))
    mask = attention_mask if target_attention_mask is None else target_attention_mask
    opened, kind = patchable(model), as_sites(sites)
    rows, width = examples(opened, target, target, answer, None, (mask, mask), False)

    def run(example: Example, interventions: Sequence[Intervention]) -> Found:
        metric = Metric("logit", example.correct)
        own = float(metric.of_sliced(patching_runs(opened, example.pair, []).target)[0])
        change = Attribution(opened, example.pair, interventions, metric, zero=True).scores()
        return Found(change + own, own, 2 * own)

    return tables(opened, kind, rows, width, run, per_example, results_as_tensors)


def without_api(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments from the sites on, whether or not a class for the model's family stands before them."""
    first, second = arguments[:2]
    if isinstance(first, Sites | Site | MultiSite) or (
        isinstance(first, list | tuple) and not isinstance(second, Sites)
    ):
        if arguments[-1] is not None:
            raise RequestError("One argument too many.", "Give the sites, then the prompts, then their answers.")
        return arguments[:-1]
    return arguments[1:]


def as_sites(sites: Any) -> Sites:
    """Sites, or those of a list made by hand.

    Raises:
        RequestError: for anything else.
    """
    if isinstance(sites, Sites):
        return sites
    listed = list(sites) if isinstance(sites, list | tuple) else [sites]
    if not listed or not all(isinstance(each, Site | MultiSite) for each in listed):
        raise RequestError(f"Expected sites, got {describe(sites)}.", 'Such as Sites("resid", seq_pos_type="each").')
    return Sites.from_list_of_sites(listed)


def masks_of(both: Any, source: Any, target: Any) -> tuple[Any, Any]:
    """The masks of the sources and of the targets."""
    return both if source is None else source, both if target is None else target


def check_metric(metric: str) -> None:
    """Refuse an unknown metric."""
    if metric not in METRICS:
        raise RequestError(f"Unknown metric “{metric}”.", f"Choose of {', '.join(METRICS)}.")


def check_confidence(target: float, source: float, noise: bool) -> None:
    """Refuse a pair whose own answers the model does not prefer."""
    clean, corrupt = (target, source) if noise else (source, target)
    if clean < 0 or corrupt > 0:
        raise RequestError(
            f"The model does not prefer each prompt's own answer: the difference is {clean:.2f} and {corrupt:.2f}.",
            "Choose prompts that it answers, or leave force_model_confidence out.",
        )

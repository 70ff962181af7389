"""Path patching in a call: which senders tell which receivers what carries the answer over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selfie_tui.engine.patching.metrics import MetricName
from selfie_tui.engine.patching.path_forward import Ways
from selfie_tui.engine.patching.paths import Path
from selfie_tui.engine.patching.scores import path_scores
from selfie_tui.engine.patching.sites import Intervention
from selfie_tui.errors import RequestError
from selfie_tui.library.patching.calls import as_sites, check_confidence, check_metric, masks_of
from selfie_tui.library.patching.models import patchable
from selfie_tui.library.patching.prompts import Example, examples
from selfie_tui.library.patching.sites import Sites
from selfie_tui.library.patching.tables import Found, Results, intervention_in, tables

LOGITS = "logits"
"""The receiver that is the answer itself."""


def path_patch(
    model: Any,
    senders: Any,
    receivers: Any,
    source_tokens: Any,
    target_tokens: Any,
    source_answer_index: Any,
    target_answer_index: Any = None,
    *,
    attention_mask: Any = None,
    source_attention_mask: Any = None,
    target_attention_mask: Any = None,
    metric: MetricName = "logit_difference",
    noise: bool = False,
    through_mlps: bool = False,
    onward: bool = False,
    per_example: bool = False,
    force_model_confidence: bool = False,
    results_as_tensors: bool = True,
) -> Results:
    """How far each sender carries the target's answer over to the source's through its direct path to the receivers.

    Each sender in turn adds to the stream what it adds in the source's run; the receivers, all together, are given what
    they compute of that while every other head and MLP is held at its value in the target's run; then the target is run
    with the receivers so (Wang et al. 2022, arXiv 2211.00593, appendix B; Goldowsky-Dill et al. 2023, arXiv
    2304.05969). A sender with no way to a receiver scores 0.

    Args:
        model: of `selfie_tui.load`, an nnsight model, or a module of transformers.
        senders: `Sites`, or sites made by hand: `o` (a head), `attn`, `mlp`, `resid`, `embed`.
        receivers: `"logits"` for the direct effect on the answer; `Sites`, a site, or several: `q`, `k`, `v`, `o`,
            `attn`, `mlp`; a list may have both.
        source_tokens: ids `(rows, positions)`, what a tokenizer returns, or texts; so are `target_tokens`.
        source_answer_index: the token of each source's answer, or its word; so is `target_answer_index`.
        attention_mask: 0 at padding, of both prompts; the other two masks are of one.
        noise: whether the targets are the clean prompts, whose answers are then the target's.
        through_mlps: whether MLPs are not held, so that paths through them count too, as Wang et al. have it.
        onward: whether a receiver sees what earlier receivers change.

    Returns:
        Tensors by the senders' names, as of `activation_patch`.

    Raises:
        RequestError: for what the model or the prompts do not have, and what cannot send or receive.
        PromptError: for prompts of unequal lengths, unless the senders' positions count from the end.
    """
    opened, kind = patchable(model), as_sites(senders)
    receiving, to_logits = receivers_in(receivers)
    check_metric(metric)
    masks = masks_of(attention_mask, source_attention_mask, target_attention_mask)
    given = (source_tokens, target_tokens, source_answer_index, target_answer_index)
    rows, width = examples(opened, *given, masks, not kind.counts_from_the_end)
    chosen = [] if receiving is None else receiving.in_prompt(opened, width).values()
    receiver_sites = [site for several in chosen for each in several for site in each.sites]

    def run(example: Example, interventions: Sequence[Intervention]) -> Found:
        own = [intervention_in(site, example, width) for site in receiver_sites]
        received = tuple(site for each in own if each is not None for site in each)
        if not received and not to_logits:
            raise RequestError("All receivers lie in a prompt's padding.", "Choose positions near the end.")
        paths = [Path(sender, received, to_logits) for sender in interventions]
        one, other = (example.wrong, example.correct) if noise else (example.correct, example.wrong)
        ways = Ways(through_mlps, onward)
        found = path_scores(opened, example.pair, paths, one, other, metric, noise, ways=ways)
        if force_model_confidence:
            check_confidence(found.target, found.source, noise)
        return Found(found.all()[0], found.target, found.source)

    return tables(opened, kind, rows, width, run, per_example, results_as_tensors)


def receivers_in(receivers: Any) -> tuple[Sites | None, bool]:
    """The receivers that are sites, and whether the logits are among them.

    Raises:
        RequestError: for anything else.
    """
    given = list(receivers) if isinstance(receivers, list | tuple) else [receivers]
    sites = [each for each in given if not (isinstance(each, str) and each == LOGITS)]
    to_logits = len(sites) < len(given)
    if not sites and to_logits:
        return None, True
    return as_sites(sites[0] if len(sites) == 1 else sites), to_logits

"""Patching as records: both prompts' own runs, what was estimated, and what came of each site."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.methods.patch import run
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.metrics import MetricName
from selfie_tui.engine.patching.sites import PositionKind
from selfie_tui.library.arguments import Facade, as_int, as_list, as_model
from selfie_tui.library.cells import Layer, layer_numbers
from selfie_tui.library.requests import prompt_text
from selfie_tui.library.tables import Table
from selfie_tui.parse import parse_layers
from selfie_tui.patch_maps import sites_words, strongest, target_tokens
from selfie_tui.records import (
    AttributionFinished,
    ModelInfo,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    PatchEnded,
    SitesPatched,
)


@dataclass(frozen=True)
class Patched(Table):
    """A patching with its records: what was asked, both prompts' own runs, and the patched runs by their index.

    `attribution` has the scores to first order in the order of `began.sites`, and is empty where none were asked for;
    `agreement` is their rank correlation with the scores. A score is 0 where a run is as the target's own, 1 where it
    is as the source's, and NaN where both prompts are answered alike.
    """

    task: PatchActivations
    began: PatchBegan
    runs: dict[int, PatchedRun]
    attribution: tuple[float, ...] = ()
    agreement: float | None = None
    info: ModelInfo | None = None

    def strongest(self, most: int | None = None) -> list[PatchedRun]:
        """The patched runs with the largest scores, the largest first, whatever their sign."""
        return strongest(self.runs, most)

    def columns(self) -> dict[str, list[Any]]:
        """Equally long lists, a row a site: `site`, `score`, `value`, `attribution`, `answer`, `probability`.

        `answer` is the most probable next token of the patched run.
        """
        tokens, rows = target_tokens(self.began), [self.runs[index] for index in sorted(self.runs)]
        tops = [each.top[0] if each.top else None for each in rows]
        return {
            "site": [sites_words(self.began.sites[each.index], tokens) for each in rows],
            "score": [each.score for each in rows],
            "value": [each.value for each in rows],
            "attribution": [self.attribution[each.index] if self.attribution else math.nan for each in rows],
            "answer": ["" if top is None else top.text for top in tops],
            "probability": [math.nan if top is None else top.probability for top in tops],
        }


def patch(
    model: Model | Facade,
    clean: str,
    corrupt: str,
    correct: str = "",
    wrong: str = "",
    *,
    sites: str | Sequence[str] = ("resid", "attn", "mlp"),
    layers: str | int | Sequence[Layer] | None = None,
    kind: PositionKind = "each",
    positions: int | Sequence[int] = (),
    noise: bool = False,
    metric: MetricName = "logit_difference",
    attribution: bool = True,
    k: int = 3,
) -> Patched:
    """Write a prompt's activations into the run of another, site by site, and score what becomes of the answer.

    Args:
        clean: the prompt whose answer is `correct`.
        corrupt: the prompt whose answer is `wrong`; as long as the other, unless positions count from the end.
        sites: `resid`, `attn`, `mlp`, and by head `q`, `k`, `v`, `o`.
        layers: such as `12`, `"8-14"` or a list; all if None.
        kind: `each` position in turn, `all` at once, the `last`, `lastk` with how many as `positions`, those of a list
            in turn (`custom`) or at once (`custom_constant`).
        noise: whether the corrupt prompt's activations are written into the clean one's run, in place of the reverse.
        metric: `logit_difference`, `logit`, `probability` or `kl`.
        attribution: whether all scores are first estimated from gradients.
        k: the number of the most probable tokens that each run has.

    Raises:
        RequestError: for what the model or the prompts do not have, and a missing answer.
        PromptError: for prompts of unequal lengths, with both tokenisations, and for one that is empty or too long.
    """
    opened = as_model(model)
    chosen = parse_layers(layers, opened.layers) if isinstance(layers, str) else layers
    task = PatchActivations(
        clean=prompt_text(clean),
        corrupt=prompt_text(corrupt),
        correct=correct,
        wrong=wrong,
        sites=tuple(as_list(sites, "site")),
        layers=None if chosen is None else tuple(layer_numbers(chosen)),
        kind=kind,
        positions=tuple(as_int(each, "token position") for each in as_list(positions, "token position")),
        noise=noise,
        metric=metric,
        attribution=attribution,
        k=as_int(k, "number of tokens"),
    )
    return collect_patched(opened, task)


def collect_patched(model: Model, task: PatchActivations) -> Patched:
    """Do a `PatchActivations` task to its end and gather its records; raises as `patch`."""
    began: PatchBegan | None = None
    runs: dict[int, PatchedRun] = {}
    attribution: tuple[float, ...] = ()
    agreement: float | None = None
    for event in run(model, task, never):
        match event:
            case PatchBegan():
                began = event
            case AttributionFinished(scores=scores):
                attribution = scores
            case SitesPatched(runs=found):
                runs.update((each.index, each) for each in found)
            case PatchEnded(agreement=correlation):
                agreement = correlation
    assert began is not None
    return Patched(task, began, runs, attribution, agreement, model.info())

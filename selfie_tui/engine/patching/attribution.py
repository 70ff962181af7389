"""Attribution patching: what patching would change, to first order, from gradients, for all sites at once.

A site's score is `(a_source - a_target) . dM/da` at the target's run, summed over its positions and heads (Nanda 2023;
Syed et al. 2023, arXiv 2310.10348): two forwards and one backward, whatever the number of sites. With zero in place of
`a_source` it is what zero ablation would change.

The integrated score takes the mean gradient over a line in place of the one at the target: over the line between both
prompts' embeddings, for all sites at once (Hanna et al. 2024, arXiv 2403.17806), or over each activation's own line, so
that an activation's scores add up to what patching all of it does (Sundararajan et al. 2017, arXiv 1703.01365).

When it misleads: where the model is far from linear between the two prompts, as in a softmax that is saturated or early
in the stream, the score is far off, also in sign; the strongest sites are worth a patched run each (Kramar et al. 2024,
AtP*, arXiv 2403.00745).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch

from selfie_tui.engine.anatomy.calls import tensor_at
from selfie_tui.engine.anatomy.locations import Activation, TensorLocation
from selfie_tui.engine.edits import with_tensor
from selfie_tui.engine.generation.prefill import last_logits, never
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.both_runs import passing, watch
from selfie_tui.engine.patching.metrics import Metric
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.plain import activations_of
from selfie_tui.engine.patching.sites import Intervention, check_sites
from selfie_tui.engine.tracing import in_order
from selfie_tui.errors import RequestError

Line = Literal["embed", "site"]
"""Between both prompts' embeddings, or between both values of each activation."""

States = dict[TensorLocation, torch.Tensor]
"""Tensors `(1, positions, width)` by location."""

TOKENS = 1024
"""Tokens of one batch of a line's points at most."""


@dataclass(frozen=True)
class Attribution:
    """The activations of sites on a pair of prompts, and the metric whose change is attributed to them.

    With `zero` it is the change by writing zero; with `steps` the gradients are means over so many points of a `line`.
    """

    model: Model
    pair: PromptPair
    interventions: Sequence[Intervention]
    metric: Metric
    zero: bool = False
    steps: int = 0
    line: Line = "embed"
    cancelled: Callable[[], bool] = never

    def scores(self) -> torch.Tensor:
        """The change of the metric that each intervention would make, to first order, `(interventions,)` float64.

        NaN for positions that the shorter source does not have. Raises RequestError for sites that are not there.
        """
        check_sites(self.model, (site for sites in self.interventions for site in sites), len(self.pair.target))
        if self.steps and self.pair.shift:
            raise RequestError(
                f"The prompts have {len(self.pair.source)} and {len(self.pair.target)} tokens: no line leads from one "
                "to the other.",
                "Reword one, or take the gradient at the target alone.",
            )
        activations = activations_of(self.model, self.interventions)
        tables = self.by_line(activations) if self.steps else self.at_target(activations)
        found = torch.zeros(len(self.interventions), dtype=torch.float64)
        for index, sites in enumerate(self.interventions):
            for site in sites:
                table = tables[site.name, site.layer][list(site.positions)]
                found[index] += (table if site.heads is None else table[:, list(site.heads)]).sum()
        return found

    def at_target(self, activations: Mapping[tuple[str, int], Activation]) -> dict[tuple[str, int], torch.Tensor]:
        """The scores by activation, `(positions,)` or `(positions, heads)`, with the gradients at the target."""
        locations = places(activations.values())
        target, gradients = self.gradients(locations, {}, [0.0])
        changes = self.changes(target)
        return {key: table(each, changes, gradients) for key, each in activations.items()}

    def by_line(self, activations: Mapping[tuple[str, int], Activation]) -> dict[tuple[str, int], torch.Tensor]:
        """The scores by activation, `(positions,)` or `(positions, heads)`, with the mean gradients over a line."""
        start = self.model.sublayers[-1].blocks[0].pre
        locations = places(activations.values())
        target = self.read(self.pair.target, [*locations, start])
        changes = self.changes(target)
        points = [(step + 0.5) / self.steps for step in range(self.steps)]
        if self.line == "embed":
            moved = {start: (target[start], target[start] + changes[start])}
            _, gradients = self.gradients(locations, moved, points)
            return {key: table(each, changes, gradients) for key, each in activations.items()}
        found = {}
        for key, each in activations.items():
            own = {
                location: (target[location], target[location] + own_columns(each, changes[location]))
                for location in each.locations
            }
            _, gradients = self.gradients(list(own), own, points)
            found[key] = table(each, changes, gradients)
        return found

    def changes(self, target: States) -> States:
        """What patching would add to the target's tensors, NaN at positions that the source does not have."""
        if self.zero:
            return {location: -state for location, state in target.items()}
        found, shift = {}, self.pair.shift
        for location, source in self.read(self.pair.source, list(target)).items():
            start = torch.full_like(target[location][:, : max(0, -shift)], math.nan)
            found[location] = torch.cat([start, source[:, max(0, shift) :]], 1) - target[location]
        return found

    def read(self, ids: Sequence[int], locations: Sequence[TensorLocation]) -> States:
        """The tensors of a prompt at locations."""
        found: States = {}

        def keep(location: TensorLocation) -> Callable[[Any], None]:
            return lambda value: found.update({location: location.of(value, 1).clone()})

        inputs = self.model.inputs([list(ids)], use_cache=False) | last_logits(self.model)
        with self.model.edits.reading_prompt(), self.model.inference(self.cancelled), ExitStack() as hooks:
            for location in in_order(locations):
                hooks.callback(watch(self.model, location, keep(location)).remove)
            self.model.module(**inputs)
        return found

    def gradients(
        self,
        locations: Sequence[TensorLocation],
        moved: Mapping[TensorLocation, tuple[torch.Tensor, torch.Tensor]],
        points: Sequence[float],
    ) -> tuple[States, States]:
        """The tensors at locations in the first run, and the metric's mean gradients there over points of a line.

        All are `(1, positions, width)`. What is `moved` is written as far between two values as a point says.
        """
        size = max(1, TOKENS // len(self.pair.target))
        totals: States = {}
        first: States = {}
        for begin in range(0, len(points), size):
            values, gradients = self.gradients_at(locations, moved, points[begin : begin + size])
            first = first or values
            for location, gradient in zip(values, gradients, strict=True):
                mean = gradient.sum(0, keepdim=True) / len(points)
                totals[location] = totals[location] + mean if location in totals else mean
        return first, totals

    def gradients_at(
        self,
        locations: Sequence[TensorLocation],
        moved: Mapping[TensorLocation, tuple[torch.Tensor, torch.Tensor]],
        points: Sequence[float],
    ) -> tuple[States, tuple[torch.Tensor, ...]]:
        """One batch of `gradients`: the first row's tensors, and gradients `(points, positions, width)` in order."""
        rows = len(points)
        along = torch.tensor(points)[:, None, None]
        values: States = {}
        added: list[torch.Tensor] = []

        def pass_on(location: TensorLocation, value: Any) -> Any:
            path = location.stream.tensor_path
            value = with_tensor(value, path, tensor_at(path, value).clone(memory_format=torch.contiguous_format))
            state = location.of(value, rows)
            if location in moved:
                one, other = moved[location]
                state.copy_(one + along.to(one) * (other - one))
            if location in measured:
                values[location] = state[:1].detach().clone()
                added.append(torch.zeros_like(state, requires_grad=True))
                state.add_(added[-1])
            return value

        measured = set(locations)
        model = self.model
        inputs = model.inputs([list(self.pair.target)] * rows, use_cache=False) | last_logits(model)
        with model.edits.reading_prompt(), model.inference(self.cancelled), torch.enable_grad(), ExitStack() as hooks:
            for location in in_order({*measured, *moved}):
                hooks.callback(passing(model, location, partial(pass_on, location)).remove)
            logits = model.anatomy.logits_in(model.module(**inputs))[:, -1]
            total = self.metric.of(logits.double()).sum()
            return values, torch.autograd.grad(total, added, materialize_grads=True, allow_unused=True)


def places(activations: Any) -> list[TensorLocation]:
    """The locations of activations in the order of a forward."""
    return in_order(location for each in activations for location in each.locations)


def own_columns(activation: Activation, change: torch.Tensor) -> torch.Tensor:
    """A change `(1, positions, width)` in the columns of an activation alone: `q`, `k` and `v` may share a location."""
    if activation.columns is None:
        return change
    kept = torch.zeros_like(change)
    columns = activation.columns.flatten().to(change.device)
    kept[..., columns] = change[..., columns]
    return kept


def table(activation: Activation, changes: States, gradients: States) -> torch.Tensor:
    """The scores of an activation by position, `(positions,)`, or by position and head, `(positions, heads)`."""
    each = [(changes[location] * gradients[location])[0].double().cpu() for location in activation.locations]
    if activation.columns is not None:
        return each[0][:, activation.columns.cpu()].sum(-1)
    return torch.stack(each).sum((0, 2))

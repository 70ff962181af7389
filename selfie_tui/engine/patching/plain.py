"""Interventions as rows of whole forwards: the target prompt in every row, each with values written at its own sites.

For any decoder. `joined` runs the same in a fraction of the time where a model is seen to allow it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.anatomy.locations import Activation, Patch
from selfie_tui.engine.generation.prefill import last_logits, never
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.replacement import PATCH, Replacement
from selfie_tui.engine.patching.sites import Intervention, PatchSite, activation_of

TOKENS = 1024
"""Tokens of one batch at most, on a processor; there are as many rows as fit, at least one."""

TOKENS_ON_DEVICES = 16 * TOKENS


@dataclass(frozen=True)
class Outcome:
    """The last position's logits of some interventions, by their indices in order.

    Without `logits` they are those of the target prompt itself: what would be written is what is there, or nothing of
    it reaches the last position.
    """

    indices: tuple[int, ...]
    logits: SlicedLogits | None


class PlainRuns:
    """The interventions on one pair of prompts, which may differ in length."""

    def __init__(
        self,
        model: Model,
        pair: PromptPair,
        interventions: Sequence[Intervention],
        replacement: Replacement = PATCH,
        cancelled: Callable[[], bool] = never,
    ) -> None:
        self.model, self.pair, self.interventions = model, pair, interventions
        self.replacement, self.cancelled = replacement, cancelled

    @cached_property
    def target(self) -> SlicedLogits:
        """The target's own logits at the last position, `(1, vocabulary)`."""
        return self.run(self.pair.target, 1, ())

    @cached_property
    def source(self) -> SlicedLogits:
        """The source's own logits at the last position, `(1, vocabulary)`."""
        return self.run(self.pair.source, 1, ())

    def outcomes(self, done: Collection[int] = ()) -> Iterator[Outcome]:
        """The outcomes of the interventions in order, a batch at a time, with the values of its sites.

        A batch of which all indices are `done` is left out; the others are as they are without.
        """
        size = max(1, (TOKENS if self.model.device.type == "cpu" else TOKENS_ON_DEVICES) // len(self.pair.target))
        for start in range(0, len(self.interventions), size):
            batch = self.interventions[start : start + size]
            if all(index in done for index in range(start, start + len(batch))):
                continue
            values = read_values(self.model, self.pair, batch, self.replacement, self.cancelled)
            patches = [
                Patch(site.activation(self.model), (row,), site.positions, values[site].unsqueeze(0), site.heads)
                for row, intervention in enumerate(batch)
                for site in intervention
            ]
            logits = self.run(self.pair.target, len(batch), patches)
            yield Outcome(tuple(range(start, start + len(batch))), logits)

    def run(self, ids: Sequence[int], rows: int, patches: Sequence[Patch]) -> SlicedLogits:
        """The last position's logits `(rows, vocabulary)` of a prompt in every row, with values written."""
        inputs = self.model.inputs([list(ids)] * rows, use_cache=False) | last_logits(self.model)
        with self.model.edits.reading_prompt(), self.model.inference(self.cancelled):
            output = tracing.run_patched(self.model.traced, inputs, patches)
        return SlicedLogits(self.model.anatomy.logits_in(output)[:, -1])


def activations_of(model: Model, interventions: Sequence[Intervention]) -> dict[tuple[str, int], Activation]:
    """The activations of interventions, by the name and the layer that their sites give."""
    sites = dict.fromkeys((site.name, site.layer) for intervention in interventions for site in intervention)
    return {(name, layer): activation_of(model, name, layer) for name, layer in sites}


def read_values(
    model: Model,
    pair: PromptPair,
    interventions: Sequence[Intervention],
    replacement: Replacement,
    cancelled: Callable[[], bool] = never,
) -> dict[PatchSite, torch.Tensor]:
    """What is written at each site, `(positions, width)` or `(positions, heads, head_dim)`."""
    chosen = activations_of(model, interventions)
    inputs = model.inputs([list(pair.source)], use_cache=False)
    with model.edits.reading_prompt(), model.inference(cancelled):
        read = tracing.read_activations(model.traced, inputs, list(chosen.values()))
    states = dict(zip(chosen, read, strict=True))
    found = {}
    for site in dict.fromkeys(site for intervention in interventions for site in intervention):
        positions = [position + pair.shift for position in site.positions]
        value = replacement.whole(chosen[site.name, site.layer], states[site.name, site.layer][0, positions])
        found[site] = value if site.heads is None else value[:, list(site.heads)]
    return found

"""One forward over paths: the target's row, and for each path a shadow and a main row between which values are copied.

Hooks, as every row of a batch is written at other places.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.engine.anatomy.locations import Activation, Patch, TensorLocation
from selfie_tui.engine.generation.prefill import last_logits, never
from selfie_tui.engine.head_slices import SlicedLogits
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.both_runs import Key, watch
from selfie_tui.engine.patching.sites import Intervention, PatchSite
from selfie_tui.engine.sublayers import BlockParts, Part, PartKind
from selfie_tui.engine.tracing import in_order

TARGET = 0
"""The row of the target's own run."""

HEAD_SUMS: dict[str, PartKind] = {"z": "attention", "cross_z": "cross"}
"""Senders that are heads, and the kind of part whose output they make up."""

Change = Callable[[TensorLocation, torch.Tensor], None]
"""Writes into the tensor `(rows, positions, width)` at a location."""


@dataclass(frozen=True)
class Ways:
    """Which ways lead from a sender to a receiver.

    The direct one; with `through_mlps` those through MLPs too (Wang et al. hold attention heads alone). `onward` lets
    receivers see what earlier receivers change.
    """

    through_mlps: bool = False
    onward: bool = False


class PathForward:
    """A batch of paths, to be added one by one and then run.

    `values` are what is written at each sender's sites, `(positions, width)` or `(positions, heads, head_dim)`.
    """

    def __init__(
        self,
        model: Model,
        activations: Mapping[Key, Activation],
        values: Mapping[PatchSite, torch.Tensor],
        ways: Ways,
    ) -> None:
        self.model, self.activations, self.values, self.ways = model, activations, values, ways
        self.changes: dict[TensorLocation, list[Change]] = defaultdict(list)
        """What is done at a location, in order."""
        self.rows = 1
        self.answers: list[int] = []
        """The rows whose logits are those of the paths."""

    def add(self, sender: Intervention, receivers: Intervention, to_logits: bool) -> None:
        """Lay out the rows of a path; one whose only receiver is the final stream needs its shadow alone."""
        shadow, main = self.rows, self.rows + 1
        self.rows += 2 if receivers else 1
        shadowed = main if receivers and self.ways.onward else TARGET
        for site in receivers:
            for location in self.activation(site).locations:
                self.changes[location].append(self.receiving(site, shadow, main))
        for location in self.held(sender):
            self.changes[location].append(copying(shadowed, shadow))
        for site in sender:
            patch = Patch(self.activation(site), (shadow,), site.positions, self.values[site].unsqueeze(0), site.heads)
            for location in patch.activation.locations:
                self.changes[location].append(patch.write)
        if receivers and to_logits:
            self.changes[self.model.sublayers[-1].blocks[-1].post].append(passing_on(shadowed, shadow, main))
        self.answers.append(main if receivers else shadow)

    def activation(self, site: PatchSite) -> Activation:
        """The activation of a site."""
        return self.activations[site.name, site.layer]

    def held(self, sender: Intervention) -> list[TensorLocation]:
        """The locations that are copied into a shadow: all that is added to the stream from the sender's layer on.

        In a layer of which heads are the sender, these are held one by one, so that they may differ.
        """
        found: list[TensorLocation] = []
        for block in self.model.sublayers[-1].blocks[min(site.layer for site in sender) :]:
            names = {self.activation(site).name for site in sender if site.layer == block.layer}
            apart = {name: part_of_heads(block, name) for name in names & set(HEAD_SUMS)}
            found += [location for name in apart for location in block.activation(name).locations]
            for part in block.parts:
                open_way = part.kind == "mlp" and self.ways.through_mlps
                if not open_way and not any(part is other for other in apart.values()):
                    found += part.out
        return found

    def receiving(self, site: PatchSite, shadow: int, main: int) -> Change:
        """Give a receiver of the main row what the shadow has computed there."""
        activation = self.activation(site)

        def change(location: TensorLocation, state: torch.Tensor) -> None:
            positions = torch.tensor(site.positions, device=state.device)[:, None]
            if activation.columns is None:
                state[main, positions[:, 0]] = state[shadow, positions[:, 0]]
                return
            chosen = activation.columns if site.heads is None else activation.columns[list(site.heads)]
            columns = chosen.flatten().to(state.device)
            state[main, positions, columns] = state[shadow, positions, columns]

        return change

    def logits(self, target: Sequence[int], cancelled: Callable[[], bool] = never) -> SlicedLogits:
        """Run the paths over the target's tokens: their logits `(paths, vocabulary)` at the last position."""
        model = self.model
        inputs = model.inputs([list(target)] * self.rows, use_cache=False) | last_logits(model)
        with model.edits.reading_prompt(), model.inference(cancelled), ExitStack() as hooks:
            for location in in_order(self.changes):
                hooks.callback(watch(model, location, self.changing(location)).remove)
            output = model.module(**inputs)
        return SlicedLogits(model.anatomy.logits_in(output)[self.answers, -1])

    def changing(self, location: TensorLocation) -> Callable[[Any], None]:
        """What makes the changes of a location."""

        def change_all(value: Any) -> None:
            state = location.of(value, self.rows)
            for change in self.changes[location]:
                change(location, state)

        return change_all


def copying(source: int, row: int) -> Change:
    """Make a row as another."""

    def change(location: TensorLocation, state: torch.Tensor) -> None:
        state[row] = state[source]

    return change


def passing_on(shadowed: int, shadow: int, main: int) -> Change:
    """Add to the main row, at the last position, by what the shadow differs from the row that it shadows."""

    def change(location: TensorLocation, state: torch.Tensor) -> None:
        wide = torch.promote_types(state.dtype, torch.float32)
        sent = state[shadow, -1].to(wide) - state[shadowed, -1].to(wide)
        state[main, -1] = (state[main, -1].to(wide) + sent).to(state.dtype)

    return change


def part_of_heads(block: BlockParts, name: str) -> Part:
    """The part whose output the heads of an activation make up."""
    return next(part for part in block.parts if part.kind == HEAD_SUMS[name])

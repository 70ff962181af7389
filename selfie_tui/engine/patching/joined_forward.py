"""A forward of a batch that grows from layer to layer: rows join as copies of the target's, with values of the source.

Hooks, as a trace has one batch from beginning to end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.engine.anatomy.locations import Activation, TensorLocation
from selfie_tui.engine.edits import with_tensor
from selfie_tui.engine.generation.cache import take_rows
from selfie_tui.engine.generation.prefill import after_cached, never
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.both_runs import SOURCE, TARGET, BothRuns, Key, watch
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.replacement import PATCH, Replacement
from selfie_tui.engine.patching.sites import Intervention, PatchSite
from selfie_tui.engine.tracing import in_order

FIRST = 2
"""The first row of an intervention; before it come the target's and the source's own."""


class ReachedTheEnd(Exception):  # noqa: N818 - it ends a forward that has done what it is for
    """Raised behind the last block, whose output has been read: the head need not run."""


@dataclass(frozen=True)
class Row:
    """An intervention in a batch: its index among all, its sites, and the layer at whose entry it joins.

    That is the number of layers for one that joins behind the last. A row that joins above its one site's layer has the
    site written into the stream that leaves it.
    """

    index: int
    sites: Intervention
    layer: int

    @property
    def first(self) -> int:
        """The first position that is written."""
        return min(min(site.positions) for site in self.sites)


@dataclass(frozen=True)
class Shared:
    """What all forwards of one set of interventions share."""

    model: Model
    pair: PromptPair
    activations: Mapping[Key, Activation]
    both: BothRuns
    replacement: Replacement = PATCH
    cancelled: Callable[[], bool] = never

    def activation(self, site: PatchSite) -> Activation:
        """The activation of a site."""
        return self.activations[site.name, site.layer]


class JoinedForward:
    """One forward over the positions from `start` on, of rows in the order in which they join."""

    def __init__(self, shared: Shared, rows: Sequence[Row], start: int) -> None:
        self.shared, self.rows, self.start = shared, rows, start
        self.cache: Any = take_rows(shared.both.cache, [TARGET, SOURCE], start) if start else None
        self.running = FIRST
        """The number of rows in the layer that runs."""
        self.states = torch.empty(0)
        """The stream behind the last block at the last position, `(interventions, width)`."""
        self.writes: dict[TensorLocation, list[tuple[int, PatchSite]]] = defaultdict(list)
        """The rows and sites that are written at a location."""
        self.behind: dict[int, list[tuple[int, PatchSite]]] = defaultdict(list)
        """The rows and sites that are written at the entry of a layer, into what leaves the block before."""
        self.seen: dict[TensorLocation, torch.Tensor] = {}
        """The tensors of the first two rows at locations whose change is written behind their block."""
        kept: list[TensorLocation] = []
        for number, row in enumerate(rows, FIRST):
            for site in row.sites:
                activation = shared.activation(site)
                if row.layer > site.layer:
                    self.behind[row.layer].append((number, site))
                    kept += activation.locations if activation.name != "resid_post" else ()
                else:
                    for location in activation.locations:
                        self.writes[location].append((number, site))
        self.kept = frozenset(kept)

    def last_states(self) -> torch.Tensor:
        """The stream behind the last block at the last position of every intervention, `(interventions, width)`."""
        model, blocks = self.shared.model, self.shared.model.anatomy.main.blocks
        ids = [list(self.shared.pair.target)]
        inputs = after_cached(model.inputs(ids, use_cache=self.cache is not None), self.start)
        if self.cache is not None and model.feed.cache_name:
            inputs[model.feed.cache_name] = self.cache
        with model.inference(self.shared.cancelled), ExitStack() as hooks, suppress(ReachedTheEnd):
            for layer, block in enumerate(blocks):
                entry = model.modules[block.entry_path]
                hooks.callback(entry.register_forward_pre_hook(self.entering(layer), with_kwargs=True).remove)
            for location in in_order({*self.writes, *self.kept}):
                hooks.callback(watch(model, location, self.writer(location)).remove)
            hooks.callback(model.modules[blocks[-1].path].register_forward_hook(self.leave).remove)
            model.module(**inputs)
        return self.states

    def entering(self, layer: int) -> Callable[[Any, Any, Any], Any]:
        """The hook before a layer: rows join, and what all rows share is made to fit."""
        location = self.shared.model.anatomy.main.blocks[layer].input

        def enter(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            stream = location.of((args, kwargs)) if layer else self.shared.both.embed[:, self.start :]
            grown = self.joined(stream, layer)
            self.running = len(grown)
            if self.cache is not None:
                self.grow_cache(layer)
            args, kwargs = with_tensor((args, kwargs), location.tensor_path, grown)
            alibi = kwargs.get("alibi")
            if isinstance(alibi, torch.Tensor):  # the one argument of blocks that is not spread over rows by itself
                kwargs = kwargs | {"alibi": alibi.repeat(len(grown), *[1] * (alibi.dim() - 1))}
            return args, kwargs

        return enter

    def leave(self, module: Any, args: Any, output: Any) -> None:
        """The hook behind the last block."""
        blocks = self.shared.model.anatomy.main.blocks
        self.states = self.joined(blocks[-1].output.of(output), len(blocks))[FIRST:, -1].clone()
        raise ReachedTheEnd

    def joined(self, stream: torch.Tensor, layer: int) -> torch.Tensor:
        """The stream `(rows, positions, width)` with the rows that join at a layer, their values written."""
        more = FIRST + sum(row.layer <= layer for row in self.rows) - len(stream)
        if more:
            stream = torch.cat([stream, stream[TARGET].expand(more, *stream.shape[1:])])
        for number, site in self.behind[layer]:
            self.write_behind(stream, number, site)
        return stream

    def grow_cache(self, layer: int) -> None:
        """Make a layer's cache that of the target, the source, and copies of the target's."""
        kept = self.cache.layers[layer]
        order = [TARGET, SOURCE, *[TARGET] * (self.running - FIRST)]
        kept.batch_select_indices(torch.tensor(order, device=kept.keys.device))

    def positions(self, site: PatchSite) -> list[int]:
        """A site's positions among those that are run."""
        return [position - self.start for position in site.positions]

    def write_behind(self, stream: torch.Tensor, number: int, site: PatchSite) -> None:
        """Write a site into the stream `(rows, positions, width)` that leaves its block: the MLP by the difference."""
        activation, positions = self.shared.activation(site), self.positions(site)
        if activation.name == "resid_post":
            source = stream[SOURCE, positions]
            stream[number, positions] = self.shared.replacement.part(activation, activation.locations[0], None, source)
            return
        wide = torch.promote_types(stream.dtype, torch.float32)
        changed = stream[number, positions].to(wide)
        for location in activation.locations:
            own, source = self.seen[location][:, positions].to(stream.device)
            values = self.shared.replacement.part(activation, location, None, source)
            changed = changed + location.scale * (values.to(wide) - own.to(wide))
        stream[number, positions] = changed.to(stream.dtype)

    def writer(self, location: TensorLocation) -> Callable[[Any], None]:
        """What is done with the tensor at a location: kept of the first two rows, and written in those of its sites."""

        def write(value: Any) -> None:
            state = location.of(value, self.running)  # (rows, positions, width)
            if location in self.kept:
                self.seen[location] = state[:FIRST].clone()
            for number, site in self.writes[location]:
                self.write_at(state, location, number, site)

        return write

    def write_at(self, state: torch.Tensor, location: TensorLocation, number: int, site: PatchSite) -> None:
        """Write a site over one row of the tensor `(rows, positions, width)` at one of its locations."""
        activation, positions = self.shared.activation(site), self.positions(site)
        if activation.columns is None:
            source = state[SOURCE, positions]
            state[number, positions] = self.shared.replacement.part(activation, location, None, source)
            return
        chosen = activation.columns if site.heads is None else activation.columns[list(site.heads)]
        rows, columns = torch.tensor(positions, device=state.device)[:, None], chosen.flatten().to(state.device)
        source = state[SOURCE, rows, columns]
        state[number, rows, columns] = self.shared.replacement.part(activation, location, site.heads, source)

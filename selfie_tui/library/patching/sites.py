"""Sites in the terms of nnpatch: one, several at once, or all of some names, layers, positions and heads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from selfie_tui.engine import tracing
from selfie_tui.engine.anatomy.locations import Activation, Patch
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.sites import (
    SITE_NAMES,
    PatchSite,
    activation_of,
    from_start,
    heads_of,
    layers_with,
    position_groups,
)
from selfie_tui.errors import RequestError
from selfie_tui.library.arguments import as_int, as_list, describe
from selfie_tui.library.patching.models import known, patchable

Positions = tuple[int, ...] | None
"""Positions of a prompt, of which negative ones count from the end; None is all of them."""


class Site:
    """A place of a model where values can be taken and written: an activation of a layer, at positions, of a head.

    `site_name` is `resid`, `attn`, `mlp`, `q`, `k`, `v`, `o`, or the engine's name of an activation; `head` is one of
    those that have heads, all of them if None; `seq_pos` one position or several, all if None. What it holds is its
    own: no other site, and no later run, finds it.
    """

    def __init__(self, site_name: str, layer: int, head: int | None = None, seq_pos: Any = None) -> None:
        if not isinstance(site_name, str):
            raise RequestError(f"Invalid site name {describe(site_name)}.", f"Such as {', '.join(SITE_NAMES)}.")
        self.component_name = site_name
        self.layer = as_int(layer, "layer")
        self.head = None if head is None else as_int(head, "head")
        self.seq_pos: Positions = (
            None if seq_pos is None else tuple(as_int(each, "position") for each in listed(seq_pos))
        )
        self.result: torch.Tensor | None = None
        self.cached: torch.Tensor | None = None
        """The values of `cache`, `(rows, positions, width)` or `(rows, positions, heads, head_dim)`."""

    @staticmethod
    def get_site(api: Any = None, site_name: Any = None, layer: int = 0, head: int | None = None, seq_pos: Any = None,
                 cache_name: str = "default") -> Site:  # fmt: skip
        """A site; `api`, the class that describes a model's family, and `cache_name` are not needed."""
        if isinstance(api, str):
            return Site(api, layer if site_name is None else site_name, head, seq_pos)
        return Site(site_name, layer, head, seq_pos)

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites that are written at once: this one."""
        return (self,)

    def find(self, model: Any) -> Site:
        """Look at a model before a trace of it; returns the site. Raises RequestError if the model does not have it."""
        activation_of(patchable(model), self.component_name, self.layer)
        return self

    def in_prompt(self, tokens: int) -> PatchSite:
        """The site in a prompt of so many tokens; raises RequestError for positions that it does not have."""
        positions = range(tokens) if self.seq_pos is None else [from_start(each, tokens) for each in self.seq_pos]
        heads = None if self.head is None else (self.head,)
        return PatchSite(self.component_name, self.layer, tuple(dict.fromkeys(positions)), heads)

    def cache(self, model: Any) -> None:
        """Inside a trace of an nnsight model: take the values that run through, of every row.

        Sites are taken in the order of the forward, as modules are touched in a trace.

        Raises:
            RequestError: if the model was not looked at before the trace (see `find`).
        """
        activation, states = self.states(model)
        value = activation.of([state for _, state in states])
        value = value[:, list(self.in_prompt(value.shape[1]).positions)]
        self.cached = (value if self.head is None else value[:, :, [self.head]]).detach().clone()

    def patch(self, model: Any, zero: bool = False) -> None:
        """Inside a trace of an nnsight model: write the values that were taken, or zero, in every row.

        Raises:
            RequestError: if none were taken, or the model was not looked at before the trace.
        """
        if self.cached is None and not zero:
            raise RequestError(f"{self!r} holds no values.", "Run site.cache(model) in a trace of the source first.")
        activation, states = self.states(model)
        for location, state in states:
            rows, tokens, width = state.shape
            positions = self.in_prompt(tokens).positions
            heads = None if self.head is None else (self.head,)
            if zero or self.cached is None:
                count = (1,) if heads else () if activation.columns is None else (len(activation.columns),)
                shape = (width,) if activation.columns is None else (*count, activation.columns.shape[1])
                value = torch.zeros(rows, len(positions), *shape)
            else:
                value = self.cached.expand(rows, *self.cached.shape[1:])
            Patch(activation, tuple(range(rows)), positions, value, heads).write(location, state)

    def states(self, model: Any) -> tuple[Activation, list[tuple[Any, torch.Tensor]]]:
        """The site's activation, and the tensors `(rows, positions, width)` at its locations in the trace that runs."""
        found = known(model)
        activation = activation_of(found, self.component_name, self.layer)
        locations = activation.locations
        if any(location.flat for location in locations):  # how many rows there are is seen from the stream
            locations = (found.sublayers[-1].blocks[self.layer].pre, *locations)
        states = tracing.states_in_trace(model, found.module, locations)
        return activation, [pair for pair in states if pair[0] in activation.locations]

    def __repr__(self) -> str:
        return f"{self.component_name}({self.layer}, {self.head}, {self.seq_pos})"


def listed(value: Any) -> list[int]:
    """One position or several as a list; raises RequestError for anything else."""
    items = value.reshape(-1).tolist() if isinstance(value, torch.Tensor) else as_list(value, "position")
    return [as_int(each, "position") for each in items]


class MultiSite:
    """Several sites that are written in one run."""

    def __init__(self, sites: Iterable[Site]) -> None:
        self.sites = tuple(sites)
        if not self.sites:
            raise RequestError("A MultiSite without sites.", "Give it one or more.")
        self.component_names = tuple(dict.fromkeys(site.component_name for site in self.sites))
        self.component_name = f"MultiSite({self.component_names})"
        self.result: torch.Tensor | None = None

    def cache(self, model: Any) -> None:
        """Take the values of every site, as `Site.cache`."""
        for site in self.sites:
            site.cache(model)

    def patch(self, model: Any, zero: bool = False) -> None:
        """Write the values of every site, as `Site.patch`."""
        for site in self.sites:
            site.patch(model, zero)

    def __repr__(self) -> str:
        return f"MultiSite({', '.join(map(repr, self.sites))})"


AnySite = Site | MultiSite


class Sites:
    """All sites of some names, layers and positions, and of every head where there are heads.

    Args:
        site_names: one or more of `resid`, `attn`, `mlp`, `q`, `k`, `v`, `o`.
        layers: all that have such a site if None.
        seq_pos_type: `each` position in turn; None: all at once; `last`; `lastk`: the last `seq_pos` in turn; `custom`:
            those of the list `seq_pos` in turn; `custom_constant`: these at once.
    """

    def __init__(
        self,
        site_names: str | Sequence[str],
        layers: Sequence[int] | None = None,
        seq_pos_type: str | None = "custom",
        seq_pos: Any = None,
    ) -> None:
        self.component_names = [site_names] if isinstance(site_names, str) else list(site_names)
        self.layers = None if layers is None else [as_int(layer, "layer") for layer in layers]
        self.seq_pos_type = seq_pos_type
        self.seq_pos = (
            seq_pos if isinstance(seq_pos, int) or seq_pos is None else [int(each) for each in listed(seq_pos)]
        )
        self.given: dict[str, list[AnySite]] | None = None

    @staticmethod
    def from_list_of_dicts(dict_list: Iterable[Mapping[str, Any]]) -> Sites:
        """Sites of dictionaries with `site_name`, `layer` and, where wanted, `head` and `seq_pos`."""
        return Sites.from_list_of_sites(
            [Site(each["site_name"], each["layer"], each.get("head"), each.get("seq_pos")) for each in dict_list]
        )

    @staticmethod
    def from_list_of_sites(sites_list: Iterable[AnySite]) -> Sites:
        """Sites that were made by hand, each a run of its own."""
        found = Sites([])
        found.given = {}
        for site in sites_list:
            found.given.setdefault(site.component_name, []).append(site)
        found.component_names = list(found.given)
        return found

    @property
    def has_position_axis(self) -> bool:
        """Whether results have an axis of positions: where they are written in turn."""
        return self.given is not None or self.seq_pos_type in ("each", "lastk", "custom")

    @property
    def counts_from_the_end(self) -> bool:
        """Whether all positions are counted from the end, so that prompts need not be of one length."""
        if self.given is not None:
            sites = [site for several in self.given.values() for each in several for site in each.sites]
            return all(site.seq_pos is not None and max(site.seq_pos) < 0 for site in sites)
        chosen = self.seq_pos if isinstance(self.seq_pos, list) and self.seq_pos else [0]
        return self.seq_pos_type in ("last", "lastk") or (
            self.seq_pos_type in ("custom", "custom_constant") and max(chosen) < 0
        )

    def get_sites_dict(
        self, model: Any, api: Any = None, tensor: Any = None, cache_name: str = "default"
    ) -> dict[str, list[AnySite]]:
        """The sites by name, in the order of layers; `tensor` are the tokens `(rows, positions)` of the prompts.

        `api` and `cache_name` are not needed. Raises RequestError for what the model or the prompts do not have.
        """
        if tensor is None and isinstance(api, torch.Tensor):
            tensor = api
        found = patchable(model)
        if tensor is None and self.seq_pos_type not in ("last", "custom", "custom_constant", None):
            raise RequestError(f"{self.seq_pos_type} needs to know how long the prompts are.", "Give their tokens.")
        return self.in_prompt(found, None if tensor is None else int(tensor.shape[-1]))

    def in_prompt(self, model: Model, tokens: int | None) -> dict[str, list[AnySite]]:
        """The sites by name in a prompt of so many tokens."""
        if self.given is not None:
            return self.given
        groups = self.groups(tokens)
        return {name: self.of_name(model, name, groups) for name in self.component_names}

    def groups(self, tokens: int | None) -> list[Positions]:
        """The positions of each run; those that count from the end are negative."""
        if tokens is None:
            chosen = [-1] if self.seq_pos_type == "last" else listed(self.seq_pos)
            if self.seq_pos_type is None:
                return [None]
            return [(position,) for position in chosen] if self.seq_pos_type == "custom" else [tuple(chosen)]
        shift = tokens if self.counts_from_the_end else 0
        found = position_groups(self.seq_pos_type, tokens, self.seq_pos)  # type: ignore[arg-type]
        return [tuple(position - shift for position in group) for group in found]

    def of_name(self, model: Model, name: str, groups: Sequence[Positions]) -> list[AnySite]:
        """The sites of one name."""
        found: list[AnySite] = []
        for layer in layers_with(model, name) if self.layers is None else self.layers:
            count = heads_of(model, name, layer)
            heads = [None] if count is None else list(range(count))
            found += [Site(name, layer, head, positions) for positions in groups for head in heads]
        return found

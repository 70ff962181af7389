"""Results of sites as tensors: by layer, position and head, NaN where nothing was run, per example or as a mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.metrics import is_near_zero, normalised
from selfie_tui.engine.patching.sites import Intervention, PatchSite, from_start, heads_of, layers_with
from selfie_tui.library.patching.prompts import Example
from selfie_tui.library.patching.sites import AnySite, MultiSite, Site, Sites


@dataclass(frozen=True)
class Found:
    """The metric of interventions, `(interventions,)` float64, and those of the target (0) and the source (1)."""

    values: torch.Tensor
    zero: float
    one: float


Run = Callable[[Example, Sequence[Intervention]], Found]

Results = dict[str, torch.Tensor] | dict[str, list[AnySite]]
"""Tensors by site name, or the sites by name, each with its `result`."""


def tables(
    model: Model,
    sites: Sites,
    rows: Sequence[Example],
    width: int,
    run: Run,
    per_example: bool,
    as_tensors: bool,
) -> Results:
    """The results of all examples of a batch, whose prompts are padded to `width`; see `calls`."""
    by_name = sites.in_prompt(model, width)
    listed = [site for several in by_name.values() for site in several]
    values = torch.full((len(rows), len(listed)), math.nan, dtype=torch.float64)
    ends = torch.full((len(rows), 2), math.nan, dtype=torch.float64)
    for index, example in enumerate(rows):
        own = [intervention_in(site, example, width) for site in listed]
        kept = [number for number, intervention in enumerate(own) if intervention is not None]
        found = run(example, [each for each in own if each is not None])
        values[index, kept] = found.values
        ends[index, 0], ends[index, 1] = found.zero, found.one
    scores = example_scores(values, ends) if per_example else mean_scores(values, ends)
    for number, site in enumerate(listed):
        site.result = scores[..., number].float()
    if not as_tensors:
        return by_name
    return {name: as_tensor(model, sites, name, several, width) for name, several in by_name.items()}


def intervention_in(each: AnySite, example: Example, width: int) -> Intervention | None:
    """What a site writes in one example's own tokens, None if some of it lies in its padding."""
    found = [own_site(site, example, width) for site in each.sites]
    sites = tuple(site for site in found if site is not None)
    return sites if len(sites) == len(found) else None


def own_site(site: Site, example: Example, width: int) -> PatchSite | None:
    """A site in the tokens of an example, which is padded to `width`; None where all of it is padding.

    Positions from 0 are those of the padded row, negative ones count from the end of the example's own tokens.
    """
    tokens = len(example.pair.target)
    if site.seq_pos is None or max(site.seq_pos) < 0:
        return site.in_prompt(tokens)
    own = [from_start(position, width) - example.start for position in site.seq_pos]
    own = [position for position in own if 0 <= position < tokens]
    return Site(site.component_name, site.layer, site.head, own).in_prompt(tokens) if own else None


def example_scores(values: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """The scores `(examples, sites)` of values of that shape; `ends` are 0 and 1 of each example, `(examples, 2)`."""
    return torch.stack([normalised(row, *end) for row, end in zip(values, ends.tolist(), strict=True)])


def mean_scores(values: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
    """The scores `(sites,)` of the mean over the examples that have a site; shapes as of `example_scores`."""
    has = ~values.isnan()
    count = has.sum(0)
    zero, one = ((ends[:, [side]] * has).sum(0) / count for side in (0, 1))
    change = torch.where(has, values - ends[:, :1], 0).sum(0) / count  # exactly 0 where no example changes
    near = [is_near_zero(*pair) for pair in zip(zero.tolist(), one.tolist(), strict=True)]
    return torch.where(torch.tensor(near, dtype=torch.bool), math.nan, change / (one - zero))


def as_tensor(model: Model, sites: Sites, name: str, several: Sequence[AnySite], width: int) -> torch.Tensor:
    """The results of the sites of one name, `(layers,)` with axes of positions and heads, or `(sites,)` of several."""
    leading = several[0].result.shape if several and several[0].result is not None else torch.Size()
    if any(isinstance(each, MultiSite) for each in several):
        return torch.stack([each.result for each in several if each.result is not None], -1)
    count = heads_of(model, name, layers_with(model, name)[0])
    shape = [
        len(model.sublayers[-1].blocks),
        *([width] if sites.has_position_axis else []),
        *([count] if count else []),
    ]
    found = torch.full((*leading, *shape), math.nan)
    for each in several:
        (site,) = each.sites
        assert site.result is not None
        index: list[Any] = [site.layer]
        if sites.has_position_axis:
            index.append(list(range(width)) if site.seq_pos is None else list(site.seq_pos))
        if count:
            index.append(slice(None) if site.head is None else site.head)
        target = found[(..., *index)]
        found[(..., *index)] = expanded(site.result, target)
    return found


def expanded(result: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """A result `(...)` of each example over all the numbers `(..., positions)` of a site."""
    return result[(..., *[None] * (target.dim() - result.dim()))].expand_as(target)

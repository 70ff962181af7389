"""Which way interventions are run: joined where a model is seen to give the same so, and else as whole forwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import torch

from selfie_tui.engine.anatomy.calls import ModelFailed, model_code
from selfie_tui.engine.generation.cache import is_expandable
from selfie_tui.engine.generation.lower_layers import close
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.joined import JoinedRuns
from selfie_tui.engine.patching.joined_forward import Row
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.plain import PlainRuns
from selfie_tui.engine.patching.replacement import PATCH, Replacement
from selfie_tui.engine.patching.sites import Intervention, PatchSite, check_sites, heads_of, layers_with
from selfie_tui.engine.verify import sample_ids
from selfie_tui.errors import RequestError

Runs = JoinedRuns | PlainRuns


def patching_runs(
    model: Model,
    pair: PromptPair,
    interventions: Sequence[Intervention],
    replacement: Replacement = PATCH,
    cancelled: Callable[[], bool] = never,
) -> Runs:
    """The interventions on a pair of prompts, ready to be run.

    Raises:
        RequestError: for a model that is not a decoder, and for sites that it or one of the prompts does not have.
    """
    if model.kind != "decoder":
        raise RequestError(f"{model.name} is an {model.kind}.", "Patching takes a model that goes on writing a text.")
    check_sites(model, (site for sites in interventions for site in sites), len(pair.target))
    lowest = min((min(site.positions) for sites in interventions for site in sites), default=0)
    if replacement.copies and lowest + pair.shift < 0:
        raise RequestError(
            f"The other prompt has {len(pair.source)} tokens and none for token {lowest} of {len(pair.target)}.",
            "Choose positions near the end: the prompts are aligned there.",
        )
    plain = PlainRuns(model, pair, interventions, replacement, cancelled)
    if pair.shift or not interventions or not may_join(model):
        return plain
    names = sorted({site.name for sites in interventions for site in sites})
    if not all(joins(model, name) for name in names):
        return plain
    joined = JoinedRuns(model, pair, interventions, replacement, cancelled)
    return joined if has_cache_by_layer(joined) else plain


def may_join(model: Model) -> bool:
    """Whether a model is a plain stack of blocks, without edits or a user's hooks that would see the rows that join."""
    blocks = model.anatomy.main.blocks
    alone = all(
        block.call == 0
        and block.entry_path == block.path
        and block.input.axes == block.output.axes == (0, 1)
        and not block.input.offset
        and not block.output.offset
        for block in blocks
    )
    hooked = model.edits.now or model.blocks_with_new_hooks()
    return alone and model.cached and not hooked and model.unembedding() is not None


def has_cache_by_layer(runs: JoinedRuns) -> bool:
    """Whether the cache of both prompts can be cut and copied, one layer of it for each of the model's."""
    cache = runs.both.cache
    return is_expandable(cache) and len(cache.layers) == runs.model.layers


def joins(model: Model, name: str) -> bool:
    """Whether joined runs over an activation give the logits of whole forwards; tried once and kept with the model."""
    if name not in model.joins_patches:
        model.joins_patches[name] = False
        with suppress(ModelFailed), model_code():
            model.joins_patches[name] = is_joined_right(model, name)
    return model.joins_patches[name]


def is_joined_right(model: Model, name: str) -> bool:
    """Try it on a short prompt, with a cache of earlier tokens and without."""
    ids = sample_ids(model)
    pair = PromptPair((*ids[1:], ids[0]), tuple(ids))
    layers = layers_with(model, name)
    last = len(ids) - 2
    for position in (0, last):
        sites = [
            (PatchSite(name, layer, (position,), None if heads_of(model, name, layer) is None else (0,)),)
            for layer in dict.fromkeys((layers[0], layers[len(layers) // 2], layers[-1]))
        ]
        joined = JoinedRuns(model, pair, sites)
        if not has_cache_by_layer(joined):
            return False
        rows = [Row(index, each, joined.joining_layer(each)) for index, each in enumerate(sites)]
        found = joined.run(rows)
        (expected,) = PlainRuns(model, pair, sites).outcomes()
        assert found.logits is not None
        assert expected.logits is not None
        order = torch.tensor(found.indices)
        if not close(found.logits.whole(), expected.logits.whole()[order], model.dtype):
            return False
    return True

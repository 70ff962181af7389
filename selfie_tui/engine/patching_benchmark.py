"""`python -m selfie_tui.engine.patching_benchmark`: patching against one forward a site, as ratios of one run.

The model is a random one of GPT-2's size in float32. The sites are the residual stream, attention and the MLP of every
layer at every position of 16 tokens, and every head's q, k, v and o at the last position. The baseline is what tools of
the field do: for every site one forward of the whole prompt with a hook that writes the other prompt's values. It is
run for some of the sites, spread over all, and its time is multiplied up; the scores of these sites are compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from selfie_tui.engine.benchmark_runs import random_model
from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.metrics import normalised
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.runs import Runs
from selfie_tui.engine.patching.scores import PatchScores, patch_scores
from selfie_tui.engine.patching.sites import PatchSite, expand, position_groups

TOKENS = 16

Clock = Callable[[], float]


def main() -> None:
    """Measure both kinds of pairs and print a line for each set of sites."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--threads", type=int, default=1, help="torch threads")
    arguments.add_argument("--every", type=int, default=24, help="run the baseline for every so many of the sites")
    arguments.add_argument("--cpu-time", action="store_true", help="processor time: for a machine that others use too")
    chosen = arguments.parse_args()
    torch.set_num_threads(chosen.threads)
    clock = time.process_time if chosen.cpu_time else time.perf_counter
    model = random_model()
    grid = expand(model, ["resid", "attn", "mlp"], position_groups("each", TOKENS))
    heads = expand(model, ["q", "k", "v", "o"], position_groups("last", TOKENS))
    patch_scores(model, pair_of(TOKENS), [(site,) for site in (*grid[::16], *heads)], 0).all()  # is found out once
    print(f"CPU, {torch.get_num_threads()} threads, {model.layers} layers, {TOKENS} tokens", flush=True)
    for name, pair in (("every token differs", pair_of(TOKENS)), ("one token differs", pair_of(1))):
        print(f"\n{name}")
        for title, sites in (("resid attn mlp", grid), ("heads q k v o", heads), ("both at once", [*grid, *heads])):
            measure(model, pair, title, sites, chosen.every, clock)


def pair_of(differing: int) -> PromptPair:
    """Two prompts of random tokens that differ in all of them, or in the one in the middle."""
    generator = torch.Generator().manual_seed(0)
    one, other = torch.randint(3, 50_000, (2, TOKENS), generator=generator).tolist()
    middle = TOKENS // 2
    if differing == 1:
        other = [*one[:middle], other[middle], *one[middle + 1 :]]
    return PromptPair(tuple(one), tuple(other))


def measure(model: Model, pair: PromptPair, title: str, sites: Sequence[PatchSite], every: int, clock: Clock) -> None:
    """Run the sites both ways and print the ratio of the times, and the largest difference of a score."""
    correct, wrong = answers(model, pair)
    started = clock()
    scored = patch_scores(model, pair, [(site,) for site in sites], correct, wrong)
    _, scores = scored.all()
    seconds = clock() - started
    chosen = list(range(0, len(sites), every))
    started = clock()
    values = [hooked_difference(model, pair, sites[index], correct, wrong) for index in chosen]
    alone = (clock() - started) / len(chosen)
    error = float((score_of(values, scored) - scores[chosen]).abs().max())
    print(
        f"{title:15} {len(sites):5} sites  {seconds:6.2f} s  one forward a site {alone * 1000:5.0f} ms, "
        f"{alone * len(sites):6.1f} s  ratio {alone * len(sites) / seconds:5.1f}  largest error {error:.1e}",
        flush=True,
    )


def score_of(values: Sequence[float], scored: PatchScores[Runs]) -> torch.Tensor:
    """The scores `(sites,)` of values of the metric."""
    return normalised(torch.tensor(values, dtype=torch.float64), scored.target, scored.source)


def answers(model: Model, pair: PromptPair) -> tuple[int, int]:
    """The tokens that two prompts tell apart most."""
    with torch.no_grad():
        change = model.module(torch.tensor([pair.source, pair.target])).logits[:, -1]
    return int((change[0] - change[1]).argmax()), int((change[0] - change[1]).argmin())


def hooked_difference(model: Model, pair: PromptPair, site: PatchSite, correct: int, wrong: int) -> float:
    """The logit difference after one patched forward of GPT-2 with plain hooks, at every position as tools do."""
    values = hooked_values(model, pair)[site.name, site.layer]
    module, is_input, columns = place_of(model, site)

    def write(state: torch.Tensor) -> None:
        state[:, list(site.positions), columns] = values[:, list(site.positions), columns]

    def before(_: Any, args: Any) -> None:
        write(args[0])

    def after(_: Any, args: Any, output: Any) -> None:
        write(output[0] if isinstance(output, tuple) else output)

    handle = module.register_forward_pre_hook(before) if is_input else module.register_forward_hook(after)
    try:
        with torch.no_grad():
            logits = model.module(torch.tensor([pair.target]), use_cache=False).logits[0, -1].double()
    finally:
        handle.remove()
    return float(logits[correct] - logits[wrong])


KEPT: dict[tuple[PromptPair, int], dict[tuple[str, int], torch.Tensor]] = {}
"""The source's values for the baseline, which every tool reads once for all sites."""


def hooked_values(model: Model, pair: PromptPair) -> dict[tuple[str, int], torch.Tensor]:
    """The source's values `(1, positions, width)` at the modules of all sites, by name and layer, read once a pair."""
    if (pair, id(model)) not in KEPT:
        found: dict[tuple[str, int], torch.Tensor] = {}
        handles = []
        for layer in range(model.layers):
            for name in ("resid", "attn", "mlp", "q", "k", "v", "o"):
                module, is_input, _ = place_of(model, PatchSite(name, layer, (), (0,)))
                handles.append(keep(module, is_input, found, (name, layer)))
        with torch.no_grad():
            model.module(torch.tensor([pair.source]), use_cache=False)
        for handle in handles:
            handle.remove()
        KEPT[pair, id(model)] = found
    return KEPT[pair, id(model)]


def keep(module: Any, is_input: bool, found: dict[tuple[str, int], torch.Tensor], key: tuple[str, int]) -> Any:
    """A hook that keeps a module's input or output `(1, positions, width)`; returns its handle."""
    if is_input:
        return module.register_forward_pre_hook(lambda _, args: found.update({key: args[0].clone()}))
    return module.register_forward_hook(
        lambda _, args, output: found.update({key: (output[0] if isinstance(output, tuple) else output).clone()})
    )


def place_of(model: Model, site: PatchSite) -> tuple[Any, bool, slice]:
    """The module of a site in GPT-2, whether its input is meant, and the columns."""
    block, width = model.module.transformer.h[site.layer], model.hidden
    if site.name in ("resid", "attn", "mlp"):
        return {"resid": block, "attn": block.attn, "mlp": block.mlp}[site.name], False, slice(None)
    size = width // model.module.config.n_head
    start = (site.heads or (0,))[0] * size
    if site.name == "o":
        return block.attn.c_proj, True, slice(start, start + size)
    start += "qkv".index(site.name) * width
    return block.attn.c_attn, False, slice(start, start + size)


if __name__ == "__main__":
    main()

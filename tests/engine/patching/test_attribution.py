"""Attribution: the derivative of patching, by plain hooks and central differences; integrated, it adds up."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.patching.attribution import Attribution, Line
from selfie_tui.engine.patching.metrics import Metric
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.scores import patch_scores
from selfie_tui.engine.patching.sites import PatchSite, expand, position_groups
from selfie_tui.errors import RequestError
from tests.engine.patching.reference import FAMILIES, at, hooked, last_logits
from tests.engine.sublayer_models import build as build_kind
from tests.engine.zoo import CONFIGS, byte_tokenizer, prompt_ids, randomise

SHOWN = ("gpt2", "llama", "neox", "gemma2", "gemma3", "qwen3", "phi3", "falcon")
NAMES = ("resid", "attn", "mlp", "q", "k", "v", "o")
PAIR = PromptPair(tuple(prompt_ids(3)), tuple(prompt_ids(5)))
LD = Metric("logit_difference", 20, 30)
STEP = 4e-3
"""Of the way between two values; RMSNorm computes in float32, so that much smaller ones drown in its rounding."""

MILDER = 0.4
"""What matrices are multiplied by: a line through a softmax that is saturated takes thousands of points."""


@cache
def build(family: str) -> Model:
    """A random model of a family in float64."""
    torch.manual_seed(0)
    module = AutoModelForCausalLM.from_config(CONFIGS[family](4)).eval()
    randomise(module)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter *= MILDER if parameter.dim() > 1 else 1
    return adopt(module.double(), byte_tokenizer())


def ld(logits: torch.Tensor) -> float:
    return float(logits[20] - logits[30])


def value_of(model: Model, family: str, site: PatchSite, ids: tuple[int, ...]) -> torch.Tensor:
    """A site's values in a prompt's own run."""
    where, found = at(site, FAMILIES[family]), list[torch.Tensor]()
    with hooked(model, FAMILIES[family], site.name, site.layer, lambda state: found.append(state[where].clone())):
        last_logits(model, ids)
    return found[0]


def written(model: Model, family: str, site: PatchSite, value: torch.Tensor) -> float:
    """The logit difference of the target with values at a site."""
    where = at(site, FAMILIES[family])
    with hooked(model, FAMILIES[family], site.name, site.layer, lambda state: state.__setitem__(where, value)):
        return ld(last_logits(model, PAIR.target))


def slope(model: Model, family: str, site: PatchSite, zero: bool = False) -> float:
    """The central difference, of fourth order, of the logit difference along the way to the source's values or zero."""
    own = value_of(model, family, site, PAIR.target)
    way = (torch.zeros_like(own) if zero else value_of(model, family, site, PAIR.source)) - own
    near, far = (
        written(model, family, site, own + step * way) - written(model, family, site, own - step * way)
        for step in (STEP, 2 * STEP)
    )
    return (8 * near - far) / (12 * STEP)


def chosen_sites(model: Model) -> list[PatchSite]:
    found = expand(model, NAMES, position_groups("custom", 9, [3, -1]), layers=[0, 2, 3])
    return found[:: max(1, len(found) // 24)]


@pytest.mark.parametrize("family", SHOWN)
@pytest.mark.parametrize("zero", [False, True], ids=["source", "zero"])
def test_20_attribution_is_the_derivative_of_patching(family: str, zero: bool) -> None:
    model = build(family)
    sites = chosen_sites(model)
    found = Attribution(model, PAIR, [(site,) for site in sites], LD, zero=zero).scores().tolist()
    expected = [slope(model, family, site, zero) for site in sites]
    assert {site.name for site in sites} == set(NAMES)
    scale = max(map(abs, expected))
    assert scale > 0.05
    assert found == pytest.approx(expected, abs=1e-3 * scale)


@pytest.mark.parametrize("family", SHOWN)
@pytest.mark.parametrize("name", ["embed", "resid_pre"])
def test_21_integrated_over_the_line_between_the_embeddings_it_adds_up_to_the_difference(
    family: str, name: str
) -> None:
    model = build(family)
    sites = [(PatchSite(name, 0, (position,)),) for position in range(9)]
    # the mean over points is off by the square of their distance, times a curvature that the Gemmas have more of
    steps = {"gemma2": 256, "gemma3": 1024}.get(family, 64)
    found = Attribution(model, PAIR, sites, LD, steps=steps).scores().sum()
    change = ld(last_logits(model, PAIR.source)) - ld(last_logits(model, PAIR.target))
    assert float(found) == pytest.approx(change, rel=5e-4)


@pytest.mark.parametrize("family", SHOWN)
@pytest.mark.parametrize("name", NAMES)
def test_21_integrated_over_its_own_line_an_activation_adds_up_to_patching_all_of_it(family: str, name: str) -> None:
    model = build(family)
    sites = [(site,) for site in expand(model, [name], position_groups("each", 9), layers=[1])]
    found = Attribution(model, PAIR, sites, LD, steps=64, line="site").scores()
    whole = patch_scores(model, PAIR, [(PatchSite(name, 1, tuple(range(9))),)], 20, 30)
    values, _ = whole.all()
    assert float(found.sum()) == pytest.approx(float(values[0]) - whole.target, rel=2e-3, abs=1e-4)
    assert float(found.abs().max()) > 1e-3


@pytest.mark.parametrize("family", SHOWN)
@pytest.mark.parametrize("line", ["embed", "site"])
def test_integrated_attribution_is_the_mean_of_gradients_along_the_line(family: str, line: Line) -> None:
    model, layer, steps = build(family), 2, 3
    family_table = FAMILIES[family]
    site = PatchSite("resid", layer, (6, 8))
    (found,) = Attribution(model, PAIR, [(site,)], LD, steps=steps, line=line).scores().tolist()
    moved_layer = 0 if line == "embed" else layer
    block = model.module.get_submodule(family_table.block.format(moved_layer))
    ends: list[torch.Tensor] = []
    for ids in (PAIR.target, PAIR.source):
        handle = (
            block.register_forward_pre_hook(lambda _, args: ends.append(args[0].clone()))
            if line == "embed"
            else block.register_forward_hook(
                lambda _, args, out: ends.append((out[0] if isinstance(out, tuple) else out).clone())
            )
        )
        last_logits(model, ids)
        handle.remove()
    total = torch.zeros(2, 64, dtype=torch.float64)
    for step in range(steps):
        point = (ends[0] + (step + 0.5) / steps * (ends[1] - ends[0])).requires_grad_()
        states: list[torch.Tensor] = []
        if line == "embed":
            handle = block.register_forward_pre_hook(lambda _, args, point=point: (point, *args[1:]))
        else:
            handle = block.register_forward_hook(
                lambda _, args, out, point=point: (point, *out[1:]) if isinstance(out, tuple) else point
            )
        with hooked(model, family_table, "resid", layer, lambda state, states=states: states.append(state)):
            logits = model.module(torch.tensor([PAIR.target]), use_cache=False).logits[0, -1]
        handle.remove()
        (gradient,) = torch.autograd.grad(logits[20] - logits[30], [states[0] if line == "embed" else point])
        total += gradient[0, [6, 8]] / steps
    change = value_of(model, family, site, PAIR.source) - value_of(model, family, site, PAIR.target)
    # Gemma 3's norms compute in float32
    assert found == pytest.approx(float((change * total).sum()), rel=1e-5 if family == "gemma3" else 1e-6)


@pytest.mark.parametrize("shared", ["mlp", "self_attn"])
def test_layers_that_share_a_module_have_attributions_each_of_its_own_call(shared: str) -> None:
    name = {"mlp": "mlp", "self_attn": "attn"}[shared]
    model = adopt(sharing(shared), byte_tokenizer(), name="sharing")
    sites = [PatchSite(name, layer, (4, 6)) for layer in (1, 3)]
    found = Attribution(model, PAIR, [(site,) for site in sites], LD).scores().tolist()
    expected = [slope_at_call(model, f"model.layers.1.{shared}", call, (4, 6)) for call in (0, 1)]
    assert abs(expected[0] - expected[1]) > 1e-2
    assert found == pytest.approx(expected, abs=1e-3 * max(map(abs, expected)))
    scores, _ = patch_scores(model, PAIR, [(site,) for site in sites], 20, 30).all()
    assert float(scores[0]) != pytest.approx(float(scores[1]), abs=1e-3)
    for call, score in enumerate(scores.tolist()):
        values = values_at_call(model, f"model.layers.1.{shared}", call, (4, 6), PAIR.source)
        assert score == pytest.approx(
            written_at_call(model, f"model.layers.1.{shared}", call, (4, 6), values), rel=1e-6
        )


def sharing(part: str) -> torch.nn.Module:
    """A Llama in float64 whose layers 1 and 3 have one MLP or attention between them."""
    module = build.__wrapped__("llama").module
    setattr(module.model.layers[3], part, getattr(module.model.layers[1], part))
    return module


def at_call(model: Model, path: str, call: int, use: Callable[[torch.Tensor], None]) -> Any:
    """A hook that passes the result `(rows, positions, width)` of a module's call in the next forward to `use`."""
    calls = count()

    def after(_: Any, args: Any, output: Any) -> None:
        if next(calls) == call:
            use(output[0] if isinstance(output, tuple) else output)

    return model.module.get_submodule(path).register_forward_hook(after)


def values_at_call(
    model: Model, path: str, call: int, positions: tuple[int, ...], ids: tuple[int, ...]
) -> torch.Tensor:
    found: list[torch.Tensor] = []
    handle = at_call(model, path, call, lambda state: found.append(state[0, list(positions)].clone()))
    last_logits(model, ids)
    handle.remove()
    return found[0]


def written_at_call(model: Model, path: str, call: int, positions: tuple[int, ...], values: torch.Tensor) -> float:
    handle = at_call(model, path, call, lambda state: state[0].__setitem__(list(positions), values))
    logits = last_logits(model, PAIR.target)
    handle.remove()
    return ld(logits)


def slope_at_call(model: Model, path: str, call: int, positions: tuple[int, ...]) -> float:
    own, other = (values_at_call(model, path, call, positions, ids) for ids in (PAIR.target, PAIR.source))
    near, far = (
        written_at_call(model, path, call, positions, own + step * (other - own))
        - written_at_call(model, path, call, positions, own - step * (other - own))
        for step in (STEP, 2 * STEP)
    )
    return (8 * near - far) / (12 * STEP)


def test_a_module_that_is_called_twice_in_a_layer_is_taken_at_the_call_that_adds_to_the_stream() -> None:
    """XLNet's attention and MLP end in a dropout that they have used before."""
    model, every = build_kind("xlnet"), tuple(range(9))
    for name, layer in ((name, layer) for name in ("attn", "mlp") for layer in (0, 2)):
        sites = [(PatchSite(name, layer, (position,)),) for position in every]
        found = Attribution(model, PAIR, sites, LD, steps=128, line="site").scores()
        whole = patch_scores(model, PAIR, [(PatchSite(name, layer, every),)], 20, 30)
        change = float(whole.all()[0][0]) - whole.target
        assert abs(change) > 1e-2
        assert float(found.sum()) == pytest.approx(change, rel=1e-2, abs=1e-3)


def test_no_gradient_is_left_on_a_weight_and_none_is_needed_of_any() -> None:
    model = build("llama")
    hooks = [(*part._forward_hooks, *part._forward_pre_hooks) for part in model.module.modules()]
    sites = [(PatchSite("attn", 1, (4,)),)]
    first = Attribution(model, PAIR, sites, LD).scores()
    assert all(weight.grad is None for weight in model.module.parameters())
    model.module.requires_grad_(False)
    try:
        assert torch.equal(Attribution(model, PAIR, sites, LD).scores(), first)
    finally:
        model.module.requires_grad_(True)
    assert [(*part._forward_hooks, *part._forward_pre_hooks) for part in model.module.modules()] == hooks


def test_prompts_of_two_lengths_have_attributions_where_both_have_tokens_and_no_line_between() -> None:
    model, pair = build("gpt2"), PromptPair(tuple(prompt_ids(3, 6)), PAIR.target)
    sites = [(PatchSite("resid", 1, (position,)),) for position in range(9)]
    found = Attribution(model, pair, sites, LD).scores()
    assert found.isnan().tolist() == [True] * 3 + [False] * 6
    with pytest.raises(RequestError, match="6 and 9 tokens"):
        Attribution(model, pair, sites, LD, steps=4).scores()

"""Patching written out with plain hooks, one forward a site, by a table of where each family keeps its activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from selfie_tui.engine.model import Model
from selfie_tui.engine.patching.pair import PromptPair
from selfie_tui.engine.patching.sites import PatchSite
from tests.engine.sublayer_models import LAYOUTS

Tensor = torch.Tensor


@dataclass(frozen=True)
class Family:
    """Paths of the modules of a layer; `{}` stands for its number.

    `attn` and `mlp` are those whose outputs are added to the stream, `o` the one whose input is the heads' `z`, `qkv`
    those whose outputs are the projections: one that is fused, or three.
    """

    block: str
    attn: str
    mlp: str
    o: str
    qkv: tuple[str, ...]
    layout: str


LLAMA_LIKE = Family(
    "model.layers.{}", "self_attn", "mlp", "self_attn.o_proj",
    ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), "llama",
)  # fmt: skip

FAMILIES = {
    "gpt2": Family("transformer.h.{}", "attn", "mlp", "attn.c_proj", ("attn.c_attn",), "gpt2"),
    "llama": LLAMA_LIKE,
    "neox": Family(
        "gpt_neox.layers.{}", "attention", "mlp", "attention.dense", ("attention.query_key_value",), "gpt_neox"
    ),
    "gemma2": Family(
        LLAMA_LIKE.block,
        "post_attention_layernorm",
        "post_feedforward_layernorm",
        LLAMA_LIKE.o,
        LLAMA_LIKE.qkv,
        "llama",
    ),
    "gemma3": Family(
        LLAMA_LIKE.block,
        "post_attention_layernorm",
        "post_feedforward_layernorm",
        LLAMA_LIKE.o,
        LLAMA_LIKE.qkv,
        "llama",
    ),
    "qwen3": LLAMA_LIKE,
    "phi3": Family(LLAMA_LIKE.block, "self_attn", "mlp", LLAMA_LIKE.o, ("self_attn.qkv_proj",), "phi3"),
    "opt": Family(
        "model.decoder.layers.{}",
        "self_attn",
        "fc2",
        "self_attn.out_proj",
        ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        "opt",
    ),
    "bloom": Family(
        "transformer.h.{}",
        "self_attention.dense",
        "mlp.dense_4h_to_h",
        "self_attention.dense",
        ("self_attention.query_key_value",),
        "bloom",
    ),
    "falcon": Family(
        "transformer.h.{}",
        "self_attention",
        "mlp",
        "self_attention.dense",
        ("self_attention.query_key_value",),
        "falcon",
    ),
    "falcon-grouped": Family(
        "transformer.h.{}",
        "self_attention",
        "mlp",
        "self_attention.dense",
        ("self_attention.query_key_value",),
        "falcon-grouped",
    ),
    "mpt": Family("transformer.blocks.{}", "attn", "ffn.down_proj", "attn.out_proj", ("attn.Wqkv",), "gpt2"),
}

COLUMNS = LAYOUTS | {"opt": (LAYOUTS["llama"][0],) * 3}
"""The columns of `q`, `k` and `v` in what their projections give."""

Edit = Callable[[Tensor], None]


def place(family: Family, name: str) -> tuple[str, bool, list[list[int]] | None]:
    """The module of a site, whether its input is meant, and the columns of its heads."""
    if name in ("resid", "attn", "mlp"):
        return {"resid": "", "attn": family.attn, "mlp": family.mlp}[name], False, None
    if name == "o":
        return family.o, True, [list(range(start, start + 16)) for start in range(0, 64, 16)]
    number = "qkv".index(name)
    return family.qkv[number if len(family.qkv) == 3 else 0], False, COLUMNS[family.layout][number]


@contextmanager
def hooked(model: Model, family: Family, name: str, layer: int, use: Edit) -> Iterator[None]:
    """While open, forwards pass the tensor `(rows, positions, width)` of a site to `use`, which may write into it."""
    below, is_input, _ = place(family, name)
    module = model.module.get_submodule(".".join(filter(None, [family.block.format(layer), below])))

    def after(_: Any, args: Any, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) else output
        use(state if state.dim() == 3 else state.unsqueeze(0))  # OPT's MLP has rows and positions on one axis

    if is_input:
        handle = module.register_forward_pre_hook(lambda _, args: use(args[0]))
    else:
        handle = module.register_forward_hook(after)
    try:
        yield
    finally:
        handle.remove()


def last_logits(model: Model, ids: tuple[int, ...]) -> Tensor:
    """The logits `(vocabulary,)` after a prompt."""
    with torch.no_grad():
        logits: Tensor = model.module(torch.tensor([ids]), use_cache=False).logits[0, -1]
    return logits.double()


def answers(model: Model, pair: PromptPair) -> tuple[int, int]:
    """The tokens that two prompts tell apart most: what the source favours, and what the target favours."""
    change = last_logits(model, pair.source) - last_logits(model, pair.target)
    return int(change.argmax()), int(change.argmin())


def at(site: PatchSite, family: Family) -> Any:
    """The index of a site into the tensor `(rows, positions, width)` of its first row."""
    columns = place(family, site.name)[2]
    if columns is None:
        return 0, list(site.positions)
    chosen = columns if site.heads is None else [columns[head] for head in site.heads]
    return 0, torch.tensor(site.positions)[:, None], torch.tensor([each for head in chosen for each in head])


def patched_logits(
    model: Model,
    family: Family,
    pair: PromptPair,
    site: PatchSite,
    value: Callable[[Tensor], Tensor] = lambda source: source,
) -> Tensor:
    """The logits `(vocabulary,)` after the target with a site's values of the source, or what `value` makes of them."""
    where, found = at(site, family), list[Tensor]()
    with hooked(model, family, site.name, site.layer, lambda state: found.append(state[where].clone())):
        last_logits(model, pair.source)

    def write(state: Tensor) -> None:
        state[where] = value(found[0])

    with hooked(model, family, site.name, site.layer, write):
        return last_logits(model, pair.target)

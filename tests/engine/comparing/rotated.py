"""A Llama-like model in another basis: the same function, and states that are a rotation of the first model's."""

from __future__ import annotations

from copy import deepcopy

import torch
from transformers import AutoModelForCausalLM

from selfie_tui.engine.model import Model, adopt


def rotation(width: int, seed: int = 0) -> torch.Tensor:
    """A random orthogonal matrix `(width, width)` float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64))[0]


def rotated(model: Model, seed: int = 0) -> Model:
    """The same model with its stream turned; norms are folded into what reads them, as only those of ones commute."""
    turn = rotation(model.hidden, seed)
    config = deepcopy(model.module.config)
    config.tie_word_embeddings = False
    module = AutoModelForCausalLM.from_config(config).to(model.dtype).eval()
    given = {name: weight.double() for name, weight in model.module.state_dict().items()}
    head = given.get("lm_head.weight", given["model.embed_tokens.weight"])
    found = {"model.embed_tokens.weight": given["model.embed_tokens.weight"] @ turn}
    found["lm_head.weight"] = head * given["model.norm.weight"] @ turn
    for name, weight in given.items():
        layer = name.rsplit(".", 3)[0]
        if name.endswith("norm.weight"):
            found[name] = torch.ones_like(weight)
        elif name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight")):
            found[name] = weight * given[f"{layer}.input_layernorm.weight"] @ turn
        elif name.endswith(("gate_proj.weight", "up_proj.weight")):
            found[name] = weight * given[f"{layer}.post_attention_layernorm.weight"] @ turn
        elif name.endswith(("o_proj.weight", "down_proj.weight")):
            found[name] = turn.T @ weight
    lacking = module.load_state_dict({name: weight.to(model.dtype) for name, weight in found.items()}, strict=False)
    assert not lacking.missing_keys
    assert not lacking.unexpected_keys
    return adopt(module, model.tokenizer, name=f"{model.name}-rotated")

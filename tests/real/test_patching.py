"""Activation patching on the published model: two prompts of one length, against plain hooks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import selfie_tui
from selfie_tui import Sites
from selfie_tui.engine.model import Model

pytestmark = pytest.mark.real

CLEAN, CORRUPT = "The capital of France is the city of", "The capital of Italy is the city of"


def test_what_carries_the_country_is_its_token_at_first_and_the_last_one_in_the_end(smollm2: Model) -> None:
    model = smollm2
    layers = [0, 10, 20, model.layers - 1]
    sites = Sites(["resid", "mlp", "k"], layers=layers, seq_pos_type="each")
    out = selfie_tui.act_patch(model, sites, CLEAN, CORRUPT, "Paris", "Rome")
    ids = [model.tokenizer(text)["input_ids"] for text in (CLEAN, CORRUPT)]
    country = next(index for index, (one, other) in enumerate(zip(*ids, strict=True)) if one != other)
    resid = out["resid"]
    assert float(resid[0, country]) > 0.9
    assert float(resid[-1, -1]) == pytest.approx(1, abs=1e-2)
    assert resid[layers, :country].abs().max() == 0
    assert resid[1].isnan().all()

    answers = [model.tokenizer(f" {word}", add_special_tokens=False)["input_ids"][0] for word in ("Paris", "Rome")]
    kept: list[torch.Tensor] = []

    def write(_: Any, args: Any, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) else output
        if not kept:
            kept.append(state.clone())
        else:
            state[:, country] = kept[0][:, country]

    def difference(text: int) -> float:
        with torch.no_grad():
            logits = model.module(torch.tensor([ids[text]])).logits[0, -1].float()
        return float(logits[answers[0]] - logits[answers[1]])

    one, zero = difference(0), difference(1)
    handle = model.blocks[10].register_forward_hook(write)
    difference(0)
    patched = difference(1)
    handle.remove()
    assert one > zero
    assert float(resid[10, country]) == pytest.approx((patched - zero) / (one - zero), abs=1e-2)

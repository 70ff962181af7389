"""On the published model: named layers are those that are found, and its weights, states and lenses are looked at."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from selfie_tui.engine.finite import what_is_not_finite
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.model import Model, adopt
from selfie_tui.engine.verify import sample_ids, verify

pytestmark = pytest.mark.real


def test_named_layers_are_read_as_those_that_are_found(smollm2: Model) -> None:
    paths = [f"model.layers.{layer}" for layer in range(30)]
    named = verify(adopt(smollm2.module, smollm2.tokenizer, layer_paths=paths))
    assert (named.verdict, named.layers) == ("verified", 30)
    ids = named.tokenizer("The Eiffel Tower is in Paris")["input_ids"]
    found, expected = (model.read(ids, [0, 17, 29], [3]) for model in (named, smollm2))
    assert all(torch.equal(found[layer], expected[layer]) for layer in (0, 17, 29))


def test_a_weight_that_is_no_number_is_named(smollm2_file: Path, smollm2: Model) -> None:
    assert what_is_not_finite(smollm2, sample_ids(smollm2)) == ""
    model = load(smollm2_file, device="cpu", dtype="bf16")
    assert model.verdict == "verified"
    with torch.no_grad():
        model.module.model.layers[12].mlp.up_proj.weight[5, 7] = float("nan")
    assert verify(model).verdict == "the weight model.layers.12.mlp.up_proj.weight is not finite"
    assert model.layers == 30
